// The handlers in front of a real engine, with a log in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "engine/shard_threads.h"
#include "recording_observer.h"
#include "rpc/admin_handler.h"
#include "rpc/coordinator_handler.h"
#include "rpc/participant_handler.h"

namespace settle::testing {
namespace {

using namespace coordinator;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
  LogTotals totals() const override { return {1, 2, 3}; }

  std::atomic<bool> broken = false;

 private:
  const LogIdentity identity_{"k3m9qxw4c7ab", 4};
  mutable std::mutex mutex_;
  std::map<Gtid, TransactionSummary> ended_;
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

  std::string Attach(const std::string& resource) {
    wire::AttachRequest request;
    request.version_low = request.version_high = 1;
    request.process = "shop@here:1";
    request.resources.resize(1);
    request.resources[0].name = resource;
    request.resources[0].identity = "test:" + resource;
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
  Calls calls_;
  CoordinatorHandler coordinator_{
      {"1.2.3", std::chrono::seconds(30)}, engine_, inquiry_, calls_, observer_};
  ParticipantHandler participant_{engine_, inquiry_, calls_, observer_};
  AdminHandler admin_{"1.2.3", engine_, views_, calls_, observer_};
  ShardThreads threads_{engine_};
};

TEST_F(Handlers, HelloSaysWhoseLogThisIs) {
  wire::HelloRequest request;
  request.version_low = 1;
  request.version_high = 3;
  wire::HelloReply reply;
  coordinator_.hello(reply, request);
  EXPECT_EQ(reply.version, 1);
  EXPECT_EQ(reply.log_id, "k3m9qxw4c7ab");
  EXPECT_EQ(reply.epoch, 4);
  EXPECT_EQ(reply.release, "1.2.3");
}

TEST_F(Handlers, ATransactionWhoseBranchesTheCallerPreparedCommitsInOneCall) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  ASSERT_EQ(Enlist(gtid, session, "orders"), 1);
  const wire::CommitReply reply = Commit(gtid, {1});
  EXPECT_EQ(reply.ending.outcome, wire::Outcome::COMMITTED);
  EXPECT_TRUE(reply.finish_here);
  ReportCommitted(session, gtid, 1);
}

TEST_F(Handlers, C09_ACommitThatIsRepeatedAfterTheEndHearsTheSameEnding) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  Commit(gtid, {1});
  ReportCommitted(session, gtid, 1);
  // Until the end is written and after it: the same answer, whoever gives it.
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(Commit(gtid, {1}).ending.outcome, wire::Outcome::COMMITTED);
    wire::Ending ending;
    coordinator_.outcome(ending, gtid);
    ASSERT_EQ(ending.outcome, wire::Outcome::COMMITTED);
  }
  ASSERT_TRUE(*log_.FindEnded(*Gtid::Parse(gtid)));
}

TEST_F(Handlers, AnAbortThatComesTooLateHearsThatItIsCommitted) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  Commit(gtid, {1});
  wire::AbortRequest request;
  request.gtid = gtid;
  wire::Ending ending;
  coordinator_.abort(ending, request);
  EXPECT_EQ(ending.outcome, wire::Outcome::COMMITTED);
  ReportCommitted(session, gtid, 1);
}

TEST_F(Handlers, AnAbortedTransactionStaysAbortedForEveryLaterCall) {
  const std::string gtid = Begin();
  wire::AbortRequest request;
  request.gtid = gtid;
  request.reason = "changed\nher mind";
  wire::Ending ending;
  coordinator_.abort(ending, request);
  EXPECT_EQ(ending.outcome, wire::Outcome::ABORTED);
  EXPECT_EQ(ending.cause, wire::AbortCause::REQUESTED);
  EXPECT_EQ(ending.reason, "changed her mind");
  EXPECT_EQ(Commit(gtid).ending.outcome, wire::Outcome::ABORTED);
  wire::OnePhaseRequest one_phase;
  one_phase.gtid = gtid;
  one_phase.branch = 1;
  wire::OnePhaseReply reply;
  coordinator_.commit_one_phase(reply, one_phase);
  EXPECT_FALSE(reply.granted);
  EXPECT_EQ(reply.ending.outcome, wire::Outcome::ABORTED);
}

TEST_F(Handlers, AGtidOfAnotherLogIsRefusedAsSuch) {
  const std::string foreign = Gtid::Make("zzzzzzzzzzzz", 1, 1, 1).text();
  const auto error = ErrorOf([&] { Commit(foreign); });
  EXPECT_EQ(error.code, wire::ErrorCode::WRONG_LOG);
  EXPECT_THAT(error.message, HasSubstr("zzzzzzzzzzzz"));
}

TEST_F(Handlers, C19_AnEnlistAfterTheEndIsRefusedByName) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  wire::AbortRequest abort;
  abort.gtid = gtid;
  wire::Ending ending;
  coordinator_.abort(ending, abort);
  const auto error = ErrorOf([&] { Enlist(gtid, session, "orders"); });
  EXPECT_THAT(error.code, ::testing::AnyOf(wire::ErrorCode::REFUSED, wire::ErrorCode::NOT_FOUND));
}

TEST_F(Handlers, AnExceptionInsideBecomesAnErrorThatSaysToAskTheOutcome) {
  log_.broken = true;
  const std::string gtid = Gtid::Make("k3m9qxw4c7ab", 1, 1, 1).text();
  wire::TransactionView view;
  const auto error = ErrorOf([&] { admin_.show(view, gtid); });
  EXPECT_EQ(error.code, wire::ErrorCode::INTERNAL);
  EXPECT_THAT(error.message, HasSubstr("the log\\x1b is on fire"));
  EXPECT_THAT(error.advice, HasSubstr("ask the outcome"));
  EXPECT_TRUE(observer_.AwaitOneWith("on fire"));
}

TEST_F(Handlers, AFetchBringsTheCommandsThatThePreparationNeeds) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  wire::CommitRequest commit;
  commit.gtid = gtid;
  commit.wait = wire::Wait::DECISION;
  commit.wait_ms = 1;  // nobody votes yet
  wire::CommitReply undecided;
  coordinator_.commit(undecided, commit);
  EXPECT_EQ(undecided.ending.outcome, wire::Outcome::UNDECIDED);
  wire::FetchRequest request;
  request.session = session;
  request.most = 10;
  request.wait_ms = 5'000;
  wire::CommandBatch batch;
  participant_.fetch(batch, request);
  EXPECT_EQ(batch.number, 1);
  ASSERT_EQ(batch.commands.size(), 1u);
  EXPECT_EQ(batch.commands[0].kind, wire::CommandKind::PREPARE);
  EXPECT_EQ(batch.commands[0].gtid, gtid);
  EXPECT_EQ(batch.commands[0].epoch, 4);
}

TEST_F(Handlers, CallsOfALostSessionAreToldToAttachAgain) {
  wire::FetchRequest request;
  request.session = "gone";
  request.most = 1;
  wire::CommandBatch batch;
  EXPECT_EQ(ErrorOf([&] { participant_.fetch(batch, request); }).code, wire::ErrorCode::NOT_FOUND);
  wire::ReportRequest report;
  report.session = "gone";
  EXPECT_EQ(ErrorOf([&] { participant_.report(report); }).code, wire::ErrorCode::NOT_FOUND);
}

TEST_F(Handlers, C14_ABranchOfAnotherLogThatAScanFoundIsLeftAloneAndListed) {
  const std::string session = Attach("orders");
  wire::ReportRequest report;
  report.session = session;
  report.found.resize(1);
  report.found[0].resource = "orders";
  report.found[0].database_name = BranchKey{Gtid::Make("zzzzzzzzzzzz", 1, 1, 1), 1}.DatabaseName();
  participant_.report(report);
  wire::InDoubtReply reply;
  admin_.in_doubt(reply);
  ASSERT_EQ(reply.strays.size(), 1u);
  EXPECT_EQ(reply.strays[0].database_name, report.found[0].database_name);
  EXPECT_THAT(reply.strays[0].why, HasSubstr("zzzzzzzzzzzz"));
}

TEST_F(Handlers, OperatorsSeeOpenTransactionsAndCanAbortUndecidedOnes) {
  const std::string gtid = Begin();
  wire::StatusReply status;
  admin_.status(status);
  EXPECT_EQ(status.open["active"], 1);
  EXPECT_EQ(status.release, "1.2.3");
  wire::ListRequest list;
  list.which = "open";
  list.most = 10;
  wire::ListReply listed;
  admin_.list_transactions(listed, list);
  ASSERT_EQ(listed.transactions.size(), 1u);
  EXPECT_EQ(listed.transactions[0].gtid, gtid);
  EXPECT_THAT(listed.transactions[0].timeline, IsEmpty());
  wire::ResolveRequest resolve;
  resolve.gtid = gtid;
  resolve.to = "abort";
  resolve.operator_name = "ada";
  resolve.reason = "stuck";
  wire::TransactionView view;
  admin_.resolve(view, resolve);
  EXPECT_EQ(view.ending.outcome, wire::Outcome::ABORTED);
  EXPECT_EQ(view.ending.cause, wire::AbortCause::OPERATOR);
  wire::ForgetRequest forget;
  forget.gtid = gtid;
  forget.operator_name = "ada";
  forget.reason = "mistaken for another";
  try {
    admin_.forget(view, forget);
    ADD_FAILURE() << "an aborted transaction is nothing to forget";
  } catch (const wire::ServiceError& error) {
    EXPECT_EQ(error.code, wire::ErrorCode::REFUSED);
    EXPECT_THAT(error.message, HasSubstr("only what is damaged can be forgotten"));
  }
}

TEST_F(Handlers, P09_AnotherDatabaseUnderANameIsRefusedUntilAnOperatorAcceptsIt) {
  Attach("orders");
  wire::AttachRequest request;
  request.version_low = request.version_high = 1;
  request.resources.resize(1);
  request.resources[0].name = "orders";
  request.resources[0].identity = "test:restored";
  wire::AttachReply reply;
  EXPECT_EQ(ErrorOf([&] { participant_.attach(reply, request); }).code, wire::ErrorCode::REFUSED);
  std::vector<wire::ParticipantView> participants;
  admin_.participants(participants);
  ASSERT_EQ(participants.size(), 1u);
  EXPECT_EQ(participants[0].refused_identity, "test:restored");
  EXPECT_EQ(ErrorOf([&] { admin_.accept_identity("orders", "test:restored", "ada", ""); }).code,
            wire::ErrorCode::INVALID);
  admin_.accept_identity("orders", "test:restored", "ada", "restored from backup");
  participant_.attach(reply, request);
  EXPECT_FALSE(reply.session.empty());
}

}  // namespace
}  // namespace settle::testing
