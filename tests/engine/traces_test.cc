// The W3C traceparent that a transaction is begun with, on its way to whoever works for it, into
// the records and into the log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recovery/replay.h"
#include "support/service_under_test.h"

namespace settle::coordinator {
namespace {

using testing::SizeIs;

const std::string kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

BeginCall Traced() {
  BeginCall call;
  call.trace_parent = kTrace;
  return call;
}

std::vector<std::string> TracesOf(const std::vector<Command>& commands) {
  std::vector<std::string> traces;
  for (const Command& command : commands) traces.push_back(command.trace_parent);
  return traces;
}

TEST(Traces, GoWithPrepareAndCommitAndIntoTheRecords) {
  EngineUnderTest under_test;
  Participant a(under_test, {"a"});
  Participant b(under_test, {"b"});
  const Gtid gtid = under_test.Begin(Traced());
  a.Enlist(gtid, "a");
  b.Enlist(gtid, "b");
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, [](const auto&) {});
  EXPECT_EQ(TracesOf(a.Take()), std::vector{kTrace});
  a.Vote(gtid, 1);
  b.Vote(gtid, 2);
  EXPECT_EQ(TracesOf(a.Take()), std::vector{kTrace});
  ASSERT_THAT(under_test.log().Durable<CommitRecord>(), SizeIs(1));
  EXPECT_EQ(under_test.log().Durable<CommitRecord>()[0].origin.trace_parent, kTrace);
  a.Finish(gtid, 1, BranchEnd::kCommitted);
  b.Finish(gtid, 2, BranchEnd::kAborted);
  EXPECT_EQ(under_test.Show(gtid).origin.trace_parent, kTrace);
  int lines = 0;
  for (const auto& entry : under_test.observer().entries()) {
    EXPECT_EQ(entry.gtid, gtid) << entry.what;
    EXPECT_EQ(entry.trace_parent, kTrace) << entry.what;
    ++lines;
  }
  EXPECT_GT(lines, 0) << "a heuristic is told";
}

TEST(Traces, GoWithAnAbort) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"a"});
  const Gtid gtid = under_test.Begin(Traced());
  bank.Enlist(gtid, "a");
  under_test.engine().Abort({gtid, AbortCause::kRequested, "no", {}}, [](const auto&) {});
  EXPECT_EQ(TracesOf(bank.Take()), std::vector{kTrace});
}

TEST(Traces, OutliveTheCoordinator) {
  EngineUnderTest under_test;
  CommitRecord commit;
  commit.gtid = Gtid::Make("k3m9qxw4c7ab", 1, 5, 5);
  commit.origin = {"shop", "order 17", 7, {}, kTrace};
  commit.branches = {{1, "a", Vote::kCommit, {"db", 1, "7"}}};
  RestoredState state;
  state.open.push_back({.decision = commit, .heuristics = {}});
  under_test.engine().Restore(std::move(state));
  Participant bank(under_test, {"a"});
  EXPECT_EQ(TracesOf(bank.Take()), std::vector{kTrace});
}

TEST(Traces, ThatAreNoneAreNowhere) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "a");
  under_test.engine().Abort({gtid, AbortCause::kRequested, "no", {}}, [](const auto&) {});
  EXPECT_EQ(TracesOf(bank.Take()), std::vector<std::string>{""});
}

TEST(Traces, OfASagaGoWithItsCalls) {
  EngineUnderTest under_test;
  Service airline(under_test, {"airline"});
  StartSagaCall call;
  saga::StepDefinition step;
  step.name = step.participant = step.action = "airline";
  call.definition = {"trip", 1, 0, {step}};
  call.trace_parent = kTrace;
  under_test.engine().StartSaga(call, [](const auto&) {});
  const std::vector<SagaCall> calls = airline.Take();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].trace_parent, kTrace);
  ASSERT_THAT(under_test.log().Durable<SagaBeginRecord>(), SizeIs(1));
  EXPECT_EQ(under_test.log().Durable<SagaBeginRecord>()[0].origin.trace_parent, kTrace);
  airline.Report(calls[0], {AnswerKind::kFailed, "no seat", 0});
  const std::vector<SagaCall> undone = airline.Take();
  ASSERT_THAT(undone, SizeIs(1));
  EXPECT_EQ(undone[0].trace_parent, kTrace);
}

TEST(Traces, OfATransactionGoToWhereItReserves) {
  EngineUnderTest under_test;
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin(Traced());
  under_test.engine().Try({gtid, "inventory", "reserve", "{}", "t", 10s}, [](const auto&) {});
  const std::vector<SagaCall> calls = inventory.Take();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].trace_parent, kTrace);
  ASSERT_THAT(under_test.log().Durable<RegisteredRecord>(), SizeIs(1));
  EXPECT_EQ(under_test.log().Durable<RegisteredRecord>()[0].origin.trace_parent, kTrace);
}

}  // namespace
}  // namespace settle::coordinator
