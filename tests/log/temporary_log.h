// A log in a directory of the test's own, driven synchronously.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "log/sqlite_decision_log.h"
#include "support/temporary_directory.h"

namespace settle::coordinator {

using settle::testing::TemporaryDirectory;
using settle::testing::UseMemoryForDirectories;

struct Appended {
  AppendResult result = AppendResult::kUnknown;
  std::string reason;
};

// Throws std::runtime_error with the error in words.
std::unique_ptr<DecisionLog> OpenOrThrow(const std::string& path);
std::vector<Record> ReplayOrThrow(DecisionLog& log);

// Waits for the log's answer.
Appended AppendAndWait(DecisionLog& log, Record record, Durability durability = Durability::kForce);

// Appends all of them so that they are one group: holds the log's thread until the last one has
// queued.
std::vector<Appended> AppendAsOneGroup(DecisionLog& log, const std::vector<Record>& records);

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& bytes);

}  // namespace settle::coordinator
