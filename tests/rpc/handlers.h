// The handlers in front of a real engine, with a log in memory.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connected.h"
#include "engine/shard_threads.h"
#include "recording_observer.h"
#include "rpc/services.h"
#include "rpc/warn.h"

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

inline wire::PageRequest FirstPage() {
  wire::PageRequest request;
  request.most = 100;
  return request;
}

class Handlers : public ::testing::Test {
 protected:
  std::string Begin() {
    wire::BeginRequest request;
    request.timeout_ms = 0;
    request.comment = "order 7";
    request.owner = "shop";
    wire::BeginReply reply;
    coordinator_.begin_transaction(reply, request);
    EXPECT_EQ(reply.epoch, 4);
    return reply.gtid;
  }

  // A process that said that it answers questions.
  std::string AttachToAnswer(const std::string& resource) { return Attach(resource, true); }
  std::string Attach(const std::string& resource, bool answers_questions = false) {
    wire::AttachRequest request;
    request.version_low = request.version_high = 1;
    request.process = "shop@here:1";
    request.resources.resize(1);
    request.resources[0].name = resource;
    request.resources[0].identity = "test:" + resource;
    if (answers_questions) request.__set_answers_questions(true);
    wire::AttachReply reply;
    participant_.attach(reply, request);
    EXPECT_EQ(reply.log_id, "k3m9qxw4c7ab");
    return reply.session;
  }

  std::int32_t Enlist(const std::string& gtid, const std::string& session,
                      const std::string& resource) {
    wire::EnlistRequest request;
    request.gtid = gtid;
    request.session = session;
    request.resource = resource;
    request.request_key = resource;
    wire::EnlistReply reply;
    coordinator_.enlist(reply, request);
    return reply.branch;
  }

  wire::CommitReply Commit(const std::string& gtid, std::vector<std::int32_t> prepared = {}) {
    wire::CommitRequest request;
    request.gtid = gtid;
    request.wait = wire::Wait::DECISION;
    request.wait_ms = 10'000;
    for (const std::int32_t branch : prepared) {
      wire::BranchVote vote;
      vote.branch = branch;
      vote.vote = wire::Vote::COMMIT;
      vote.evidence.database = "test:orders";
      request.votes.push_back(vote);
    }
    wire::CommitReply reply;
    coordinator_.commit(reply, request);
    return reply;
  }

  void ReportCommitted(const std::string& session, const std::string& gtid, std::int32_t branch) {
    wire::ReportRequest request;
    request.session = session;
    request.ends.resize(1);
    request.ends[0].gtid = gtid;
    request.ends[0].branch = branch;
    request.ends[0].became = wire::BranchEnd::COMMITTED;
    participant_.report(request);
  }

  template <typename Call>
  wire::ServiceError ErrorOf(Call call) {
    try {
      call();
    } catch (const wire::ServiceError& error) {
      return error;
    }
    ADD_FAILURE() << "was not refused";
    return {};
  }

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

  // All services of one connection. Calls block.
  struct Services : Connected {
    Services(Handlers& test, const server::Caller& caller)
        : Services(test, std::make_shared<access::Visitor>(test.gate_, caller)) {}
    Services(Handlers& test, const std::shared_ptr<access::Visitor>& visitor)
        : Connected(test.parts_, test.loops_[0], visitor) {}
  };
  ShardThreads threads_{engine_};
  Running running_{loops_, pool_};
  Services services_{*this, server::Caller{.address = "127.0.0.1:40312"}};
  wire::CoordinatorServiceIf& coordinator_ = services_.coordinator;
  wire::ParticipantServiceIf& participant_ = services_.participant;
  wire::PeerServiceIf& peer_ = services_.peer;
  AdminHandler& admin_ = services_.admin;
};

}  // namespace settle::testing
