// A SQLite file with accounts, a resource on it, and a view from outside.
#pragma once

#include <sqlite3.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "settle/sqlite_resource.h"
#include "support/temporary_directory.h"

namespace settle::testing {

// Branch `number` of the transaction with this sequence.
BranchKey Key(std::uint64_t sequence, BranchNumber number = 1);

// A connection that knows nothing of Settle.
class PlainConnection {
 public:
  explicit PlainConnection(const std::string& path, int busy_timeout_ms = 0);
  ~PlainConnection();
  PlainConnection(const PlainConnection&) = delete;
  PlainConnection& operator=(const PlainConnection&) = delete;

  sqlite3* raw() const { return db_; }
  // Empty, or SQLite's error message.
  std::string Run(const std::string& sql);
  // Rows as "a|b", joined by spaces. Throws.
  std::string Query(const std::string& sql);

 private:
  sqlite3* db_ = nullptr;
};

class BankFile {
 public:
  // account (id 1 and 2, balance 100 each), with an INTEGER PRIMARY KEY.
  BankFile();
  // In a directory that the caller keeps.
  explicit BankFile(std::string path);
  // One that is there.
  struct Existing {};
  BankFile(std::string path, Existing) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::shared_ptr<SqliteResource> Resource(
      std::chrono::milliseconds busy_timeout = std::chrono::seconds(5),
      const std::string& name = "bank") const;
  std::string Run(const std::string& sql) const { return PlainConnection(path_, 2'000).Run(sql); }
  std::string Query(const std::string& sql) const {
    return PlainConnection(path_, 2'000).Query(sql);
  }
  std::string Balances() const { return Query("SELECT balance FROM account ORDER BY id"); }
  std::string Prepared() const { return Query("SELECT branch FROM settle_prepared"); }
  std::string Notes() const {
    return Query("SELECT outcome FROM settle_outcome ORDER BY position");
  }

 private:
  void MakeAccounts() const;

  std::unique_ptr<TemporaryDirectory> directory_;
  std::string path_;
};

// Opens a branch and runs the statements; throws if anything is refused.
std::shared_ptr<SqliteBranch> OpenAndRun(SqliteResource& resource, const BranchKey& key,
                                         const std::vector<std::string>& statements);

// The program settle_sqlite_worker, killed at `failpoint` unless that is empty.
struct WorkerEnd {
  bool killed = false;          // by SIGKILL
  bool failpoint_fired = false;
  int exit_code = -1;
  std::string output;
};
WorkerEnd RunWorker(const std::vector<std::string>& arguments, const std::string& failpoint = {});

// The same, left running.
class RunningWorker {
 public:
  explicit RunningWorker(const std::vector<std::string>& arguments);
  ~RunningWorker();
  RunningWorker(const RunningWorker&) = delete;
  RunningWorker& operator=(const RunningWorker&) = delete;

  // Blocks until its output begins so; throws if it ends before.
  void AwaitOutput(const std::string& beginning) const;
  void Kill() const;

 private:
  TemporaryDirectory directory_;
  pid_t process_;
};

}  // namespace settle::testing
