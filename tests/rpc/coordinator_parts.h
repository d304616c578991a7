// A coordinator, but for its port: the handlers' parts over a real engine, with a log in memory.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "recording_observer.h"
#include "rpc/services.h"
#include "rpc/warn.h"
#include "server/loop.h"
#include "server/pool.h"

namespace settle::testing {

using namespace coordinator;

class MemoryLog : public DecisionLog {
 public:
  const LogIdentity& identity() const override { return identity_; }
  Status Replay(const std::function<void(std::uint64_t, Record)>&) override { return {}; }
  void Append(Record record, Durability, AppendDone done) override {
    if (const auto* end = std::get_if<EndRecord>(&record)) {
      const std::scoped_lock lock(mutex_);
      ended_[end->summary.gtid] = end->summary;
    }
    done(AppendResult::kDurable, "");
  }
  Result<std::optional<TransactionSummary>> FindEnded(const Gtid& gtid) const override {
    if (broken) throw std::runtime_error("the log\x1b is on fire");
    const std::scoped_lock lock(mutex_);
    const auto found = ended_.find(gtid);
    if (found == ended_.end()) return std::optional<TransactionSummary>();
    return std::optional(found->second);
  }
  Result<EndedPage> ListEnded(std::size_t, const std::string&) const override {
    EndedPage page;
    const std::scoped_lock lock(mutex_);
    for (auto it = ended_.rbegin(); it != ended_.rend(); ++it)
      page.transactions.push_back(it->second);
    return page;
  }
  void AppendAudit(AuditRow row, Durability, AuditDone done) override {
    std::uint64_t number = 0;
    {
      const std::scoped_lock lock(mutex_);
      if (!audit_refused) {
        audit_.push_back(std::move(row));
        number = audit_.size();
      }
    }
    if (number == 0) return done(AppendResult::kRefused, "no space", 0);
    done(AppendResult::kDurable, "", number);
  }
  Result<AuditPage> ListAudit(const AuditQuery& query) const override {
    const std::scoped_lock lock(mutex_);
    AuditPage page;
    for (std::size_t i = audit_.size(); i > 0; --i) {
      if (query.below != 0 && i >= query.below) continue;
      if ((page.more = page.entries.size() == query.most)) break;
      page.entries.push_back({i, audit_[i - 1], 0, "asked"});
    }
    return page;
  }
  AuditTotals audit_totals() const override { return {audit().size(), 5, "row 3 is missing"}; }
  std::vector<AuditRow> audit() const {
    const std::scoped_lock lock(mutex_);
    return audit_;
  }

  LogTotals totals() const override { return {1, 2, 3}; }
  LogWrites writes() const override { return {9, 5, 4}; }

  std::atomic<bool> broken = false;
  std::atomic<bool> audit_refused = false;

 private:
  const LogIdentity identity_{"k3m9qxw4c7ab", 4, {}, Seals({{3, {7}}, {4, {1, 2, 3}}})};
  mutable std::mutex mutex_;
  std::map<Gtid, TransactionSummary> ended_;
  std::vector<AuditRow> audit_;
};

class SteadyClock : public Clock {
 public:
  Instant Now() const override { return std::chrono::steady_clock::now(); }
  WallTime WallNow() const override { return 1'700'000'000'000'000; }
};

class CountedIds : public Ids {
 public:
  std::uint32_t Tail() override { return 0xabcd0000 + ++count_; }
  std::string SessionName() override { return "session-" + std::to_string(++count_); }
  double Jitter() override { return 0.5; }

 private:
  std::atomic<std::uint32_t> count_{0};
};

// Nothing of it runs by itself: its owner drives the engine's shard and starts the loop.
class CoordinatorParts {
 protected:
  MemoryLog log_;
  SteadyClock clock_;
  CountedIds ids_;
  RecordingObserver observer_;
  Settings settings_;
  Engine engine_{settings_, log_, clock_, ids_, observer_};
  Inquiry inquiry_{engine_, log_, clock_, observer_,
                   [](const std::function<void()>& task) { task(); }};
  Views views_{engine_, log_, inquiry_, clock_};
  Audit audit_{log_, clock_, observer_};
  Doctor doctor_{{.release = "1.2.3", .address = "127.0.0.1:7420"},
                 [] { return std::nullopt; },
                 engine_,
                 log_,
                 inquiry_,
                 clock_};
  // What is denied is told to the observer.
  access::Gate gate_{access::Policy::WithoutRules(0), WarnAbout(observer_)};

  server::Pool pool_{2};
  server::Loops loops_{1};
  std::vector<std::unique_ptr<Calls>> calls_ = [this] {
    std::vector<std::unique_ptr<Calls>> of_loops;
    of_loops.push_back(std::make_unique<Calls>(loops_[0]));
    return of_loops;
  }();
  ServiceParts parts_{gate_,
                      observer_,
                      [this](std::function<void()> task) { pool_.Post(std::move(task)); },
                      calls_,
                      {{"1.2.3", std::chrono::seconds(30)}, engine_, inquiry_, audit_},
                      {"1.2.3", engine_, log_, views_, doctor_, audit_, observer_}};
};

}  // namespace settle::testing
