#include "end_to_end/in_doubt_log.h"

#include <atomic>
#include <memory>
#include <stdexcept>

#include "log/sqlite_decision_log.h"

namespace settle::testing {
namespace {

using namespace coordinator;

std::unique_ptr<DecisionLog> Open(const std::string& path) {
  auto log = OpenSqliteDecisionLog({.path = path});
  if (!log) throw std::runtime_error(Describe(log.error()));
  return *std::move(log);
}

}  // namespace

void WriteLog(const std::string& path, const std::vector<Record>& records) {
  std::unique_ptr<DecisionLog> log = Open(path);
  std::atomic<std::size_t> durable{0};
  for (const Record& record : records) {
    log->Append(record, Durability::kForce, [&durable](AppendResult result, const std::string&) {
      if (result == AppendResult::kDurable) ++durable;
    });
  }
  log.reset();  // waits until all is written
  if (durable != records.size()) throw std::runtime_error("the log refused a record");
}

std::vector<Gtid> MakeGtids(const std::string& path, std::size_t count) {
  const LogIdentity identity = Open(path)->identity();
  std::vector<Gtid> gtids;
  for (std::size_t i = 1; i <= count; ++i) {
    gtids.push_back(Gtid::Make(identity.log_id, identity.epoch, i, 7));
  }
  return gtids;
}

CommitRecord Decided(const Gtid& gtid, const std::vector<std::string>& resources) {
  CommitRecord record{gtid, {"shop", "left in doubt", 1}, 2, {}};
  for (const std::string& resource : resources) {
    const auto number = static_cast<BranchNumber>(record.branches.size() + 1);
    record.branches.push_back(
        {number, resource, Vote::kCommit, {"fake:" + resource, 1, std::to_string(number)}});
  }
  return record;
}

}  // namespace settle::testing
