// What a client was told, in its own file: durable before the client goes on, so that it can be
// held against the databases after any crash. A line for each transaction that was told an ending:
//
//   <gtid> <outcome> <amount> <reason>
//
// outcome is one of settle::Outcome's words. A transaction without a line was not told anything.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "settle/vocabulary/status.h"
#include "transfer.h"

namespace bank_transfer {

// Thread-safe; Write blocks for the disk.
class Notes {
 public:
  // Appends to `path`; an empty path writes nothing down.
  static settle::Result<std::unique_ptr<Notes>> Open(const std::string& path);
  ~Notes();
  Notes(const Notes&) = delete;
  Notes& operator=(const Notes&) = delete;

  settle::Status Write(const Told& told, int amount);

 private:
  explicit Notes(int file) : file_(file) {}
  std::mutex mutex_;
  const int file_;  // -1: none
};

// gtid to outcome. A last line that was cut by a crash counts for nothing.
settle::Result<std::map<std::string, std::string>> ReadNotes(const std::string& path);

}  // namespace bank_transfer
