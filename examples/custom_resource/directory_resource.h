// A directory of files under global transactions: the files that a branch writes appear in it when
// the transaction commits, and never otherwise.
//
//   auto invoices = std::make_shared<DirectoryResource>("invoices", "/srv/invoices");
//   ... given to Coordinator::Connect, then within a global transaction:
//   auto branch = transaction->Enlist(*invoices);
//   (*branch)->Write("17.txt", "ten chairs");
//
// What is known of a branch is one entry of the subdirectory .settle, and its name says how the
// branch stands. It moves on by a rename, which a crash does not halve:
//
//   <branch>.staging/    being written: nothing is promised
//   <branch>.prepared/   whole and durable: it voted commit
//   <branch>.committed/  empty: its files are in their places. It is the proof, so it stays; who
//                        removes old ones turns "committed" into a hazard for a late question
//
// Needs a local file system that renames atomically. Whoever reads sees each file whole, the old
// one or the new one, but may see some of a branch's files before the others.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "settle/resource.h"

class DirectoryResource;

// Used by one thread at a time, except for Fence. It keeps the files in memory until prepare, so
// there is nothing to undo when it is dropped.
class DirectoryBranch : public settle::Branch {
 public:
  DirectoryBranch(std::shared_ptr<DirectoryResource> directory, settle::BranchKey key);

  // Replaces the file if there is one. kInvalid: `name` is no plain file name, or begins with a
  // dot. kRefused: the branch is over.
  [[nodiscard]] settle::Status Write(const std::string& name, std::string content);

  settle::VoteResult AwaitPrepare() override;
  settle::FinishResult AwaitFinish(settle::Decision decision) override;
  void Fence() override;

 private:
  const std::shared_ptr<DirectoryResource> directory_;
  const settle::BranchKey key_;
  std::mutex mutex_;  // of what follows
  bool over_ = false;
  std::map<std::string, std::string> files_;
  settle::VoteResult vote_;
};

// Thread-safe, and safe with other processes that serve the same directory.
class DirectoryResource : public settle::Resource,
                          public std::enable_shared_from_this<DirectoryResource> {
 public:
  using BranchType = DirectoryBranch;

  DirectoryResource(std::string name, std::filesystem::path directory);
  [[nodiscard]] settle::Result<std::shared_ptr<DirectoryBranch>> Open(const settle::BranchKey& key);

  const std::string& name() const override { return name_; }
  [[nodiscard]] settle::Result<std::string> Identify() override;
  settle::FinishResult Finish(const settle::BranchKey& key, settle::Decision decision,
                              const settle::Evidence& evidence) override;
  [[nodiscard]] settle::Result<std::vector<std::string>> ScanPrepared() override;

  settle::VoteResult Prepare(const settle::BranchKey& key,
                             const std::map<std::string, std::string>& files);

 private:
  std::filesystem::path Entry(const settle::BranchKey& key, const char* standing) const;
  std::string Identity() const;

  const std::string name_;
  const std::filesystem::path directory_;
  const std::filesystem::path state_;  // .settle
};
