// A decision log in memory that does what a test says.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "log/decision_log.h"

namespace settle::coordinator {

// Keeps records in memory. What was appended waits until Complete... says what became of it.
// Thread-safe.
class FakeLog : public DecisionLog {
 public:
  struct Verdict {
    AppendResult result = AppendResult::kDurable;
    std::string reason;
  };

  explicit FakeLog(LogIdentity identity = {"k3m9qxw4c7ab", 2}) : identity_(std::move(identity)) {}

  const LogIdentity& identity() const override { return identity_; }

  Status Replay(const std::function<void(std::uint64_t, Record)>& visit) override {
    if (corrupt) return Fail(ErrorCode::kCorrupt, "record 2 is damaged");
    std::uint64_t position = 0;
    for (const Record& record : durable_) visit(++position, record);
    return {};
  }

  void Append(Record record, Durability durability, AppendDone done) override {
    const std::lock_guard lock(mutex_);
    appended_.push_back({std::move(record), durability, std::move(done)});
  }

  Result<std::optional<TransactionSummary>> FindEnded(const Gtid& gtid) const override {
    const std::lock_guard lock(mutex_);
    if (unreadable) return Fail(ErrorCode::kUnavailable, "the log cannot be read");
    if (pruned.contains(gtid)) return Fail(ErrorCode::kExpired, "its record was pruned");
    const auto found = ended_.find(gtid);
    if (found == ended_.end()) return std::nullopt;
    return found->second;
  }

  Result<EndedPage> ListEnded(std::size_t most, const std::string& cursor) const override {
    const std::lock_guard lock(mutex_);
    EndedPage page;
    for (auto it = ended_.rbegin(); it != ended_.rend(); ++it) {
      if (!cursor.empty() && !(it->first < *Gtid::Parse(cursor))) continue;
      if (page.transactions.size() == most) {
        page.next_cursor =
            page.transactions.empty() ? cursor : page.transactions.back().gtid.text();
        return page;
      }
      page.transactions.push_back(it->second);
    }
    return page;
  }
  LogTotals totals() const override { return {}; }
  LogWrites writes() const override { return {}; }

  // By hand. False: nothing was appended.
  bool CompleteOne() {
    Pending pending;
    {
      const std::lock_guard lock(mutex_);
      if (appended_.empty()) return false;
      pending = std::move(appended_.front());
      appended_.pop_front();
    }
    const Verdict verdict = judge ? judge(pending.record) : Verdict{};
    if (verdict.result == AppendResult::kDurable) Keep(pending.record);
    if (pending.done) pending.done(verdict.result, verdict.reason);
    return true;
  }
  void CompleteAll() {
    while (CompleteOne()) continue;
  }

  // A record as an earlier life left it.
  void Keep(const Record& record) {
    const std::lock_guard lock(mutex_);
    durable_.push_back(record);
    if (const auto* end = std::get_if<EndRecord>(&record))
      ended_.insert_or_assign(end->summary.gtid, end->summary);
  }

  void Lose() {  // as when the process dies: what was not completed is not there
    const std::lock_guard lock(mutex_);
    appended_.clear();
  }

  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return appended_.size();
  }
  std::vector<Record> durable() const {
    const std::lock_guard lock(mutex_);
    return durable_;
  }
  template <typename T>
  std::vector<T> Durable() const {
    std::vector<T> all;
    for (const Record& record : durable()) {
      if (const auto* one = std::get_if<T>(&record)) all.push_back(*one);
    }
    return all;
  }

  bool held = false;     // EngineUnderTest::Run completes nothing meanwhile
  bool corrupt = false;  // Replay fails
  bool unreadable = false;
  std::set<Gtid> pruned;
  std::function<Verdict(const Record&)> judge;  // of what is completed; durable if none

 private:
  struct Pending {
    Record record;
    Durability durability = Durability::kForce;
    AppendDone done;
  };

  const LogIdentity identity_;
  mutable std::mutex mutex_;
  std::deque<Pending> appended_;
  std::vector<Record> durable_;
  std::map<Gtid, TransactionSummary> ended_;
};

}  // namespace settle::coordinator
