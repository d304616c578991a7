// Holding back what is new: durable, and never in the way of what is decided.
#include "engine/pauses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recovery/replay.h"
#include "support/service_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

PauseRecord Of(const std::string& name) {
  return {PauseScope::kParticipant, name, true, "alice", "its disk is full", 0};
}
PauseRecord OfAll(PauseScope scope = PauseScope::kEverythingNew) {
  return {scope, "", true, "alice", "an upgrade", 0};
}
PauseRecord Lifted(PauseRecord record) {
  record.paused = false;
  record.operator_name = "bob";
  return record;
}

struct PausesOfEngine : testing::Test {
  Result<PauseRecord> Set(const PauseRecord& record) { return Set(engine, record); }
  static Result<PauseRecord> Set(EngineUnderTest& which, const PauseRecord& record) {
    Answer<PauseRecord> set;
    which.engine().Pause(record, set.done());
    which.Run();
    if (set.ok()) return *set;
    return Fail(set.error());
  }
  Error EnlistError(Participant& bank, const Gtid& gtid, const std::string& key) {
    Answer<BranchNumber> joined;
    engine.engine().Enlist({gtid, "bank-b", bank.session(), key}, joined.done());
    engine.Run();
    return joined.error();
  }
  Error BeginError() {
    Answer<Begun> begun;
    engine.engine().Begin({}, begun.done());
    engine.Run();
    return begun.error();
  }
  // One step at "bank".
  Gtid StartSaga() {
    StartSagaCall call;
    saga::StepDefinition pay;
    pay.name = "pay";
    pay.participant = "bank";
    pay.action = "pay";
    pay.timeout_ms = 1'000;
    pay.retry.attempts_max = 2;
    call.definition = {"trip", 1, deadline_ms, {pay}};
    Answer<Begun> started;
    engine.engine().StartSaga(call, started.done());
    engine.Run();
    return started.ok() ? started->gtid : Gtid();
  }

  EngineUnderTest engine;
  std::int64_t deadline_ms = 0;
};

TEST_F(PausesOfEngine, APausedResourceTakesPartInNothingNewAndFinishesWhatIsDecided) {
  Participant bank(engine, {"bank-b"});
  const Gtid before = engine.Begin();
  ASSERT_EQ(bank.Enlist(before, "bank-b"), 1U);
  ASSERT_TRUE(Set(Of("bank-b")));
  const Gtid after = engine.Begin();
  const Error error = EnlistError(bank, after, "k9");
  EXPECT_EQ(error.code, ErrorCode::kRetry);
  EXPECT_THAT(error.message,
              StartsWith("bank-b is paused by alice since 2023-11-14T22:13:20Z: its disk is full"));
  EXPECT_THAT(error.advice, HasSubstr("'settle resume bank-b --reason ...'"));
  // The branch that had joined commits; a repetition of its enlist is no new one.
  EXPECT_EQ(bank.Enlist(before, "bank-b"), 1U);
  Answer<CommitAnswer> committed;
  engine.engine().Commit({before, {{1, {Vote::kCommit, {}, "", false}}}, Wait::kDecision, 0ms},
                         committed.done());
  engine.Run();
  EXPECT_TRUE(committed->ending.committed());
  bank.Finish(before, 1, BranchEnd::kCommitted);
  EXPECT_EQ(engine.AskOutcome(before).outcome, Outcome::kUnknown) << "ended: not running here";
  // Another resource is not concerned.
  Participant other(engine, {"bank-a"});
  EXPECT_EQ(other.Enlist(after, "bank-a"), 1U);

  ASSERT_TRUE(Set(Lifted(Of("bank-b"))));
  EXPECT_EQ(bank.Enlist(after, "bank-b"), 2U);
}

TEST_F(PausesOfEngine, NothingNewIsBegunWhileEverythingNewIsPausedOrDrained) {
  engine.Begin();
  for (const PauseScope scope : {PauseScope::kEverythingNew, PauseScope::kDrain}) {
    ASSERT_TRUE(Set(OfAll(scope)));
    const Error error = BeginError();
    EXPECT_EQ(error.code, ErrorCode::kRetry);
    EXPECT_THAT(error.message, AllOf(StartsWith("nothing new is begun: "), HasSubstr("by alice"),
                                     HasSubstr("an upgrade")));
    EXPECT_TRUE(StartSaga().empty());
    EXPECT_EQ(engine.engine().undecided(), 1U) << "what runs goes on";
    ASSERT_TRUE(Set(Lifted(OfAll(scope))));
    EXPECT_FALSE(engine.Begin().empty());
    engine.Advance(61s);  // the deadlines of those that were begun
    engine.Begin();
  }
}

TEST_F(PausesOfEngine, AStepIsHeldBackWithoutUsingUpItsAttemptsAndGoesOnWhenResumed) {
  Service bank(engine, {"bank"});
  ASSERT_TRUE(Set(Of("bank")));
  const Gtid gtid = StartSaga();
  for (int i = 0; i < 12; ++i) {  // many times its time-out, with two attempts
    engine.Advance(5s);
    EXPECT_THAT(bank.Take(), IsEmpty());
  }
  const TransactionSummary held = engine.Show(gtid);
  EXPECT_EQ(held.state, "running");
  EXPECT_EQ(held.branches.at(0).attempts, 0);
  EXPECT_THAT(held.branches.at(0).last_error, StartsWith("bank is paused by alice since "));
  ASSERT_TRUE(Set(Lifted(Of("bank"))));
  const std::vector<SagaCall> calls = bank.Take();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(engine.Show(gtid).branches.at(0).last_error, "");
  bank.ReportDone(calls[0]);
  EXPECT_THAT(engine.ListOpen(), IsEmpty());
}

TEST_F(PausesOfEngine, ADeadlineRunsOnAndWhatUndoesIsNeverHeldBack) {
  deadline_ms = 5'000;
  Service bank(engine, {"bank"});
  ASSERT_TRUE(Set(Of("bank")));
  const Gtid gtid = StartSaga();
  engine.Advance(6s);
  const std::vector<SagaCall> calls = bank.Take();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].op, ActionOp::kCompensate);
  EXPECT_EQ(engine.Show(gtid).state, "compensating");
}

TEST_F(PausesOfEngine, WhoWasFirstIsToldAndOnlyWhatIsPausedCanBeResumed) {
  EXPECT_EQ(Set(Lifted(Of("bank-b"))).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(Set(Of("bank-b")));
  PauseRecord again = Of("bank-b");
  again.operator_name = "bob";
  engine.Advance(10s);
  EXPECT_EQ(Set(again)->operator_name, "alice");
  EXPECT_EQ(Set(Lifted(Of("bank-b")))->operator_name, "alice") << "what was lifted";
  EXPECT_THAT(engine.log().Durable<PauseRecord>(), SizeIs(2));
  EXPECT_EQ(Set(Lifted(Of("bank-b"))).error().code, ErrorCode::kNotFound);
}

TEST_F(PausesOfEngine, ItHoldsOnceItIsDurableAndNotWhenTheLogRefusesIt) {
  engine.log().judge = [](const Record&) {
    return FakeLog::Verdict{AppendResult::kRefused, "no space"};
  };
  const Error error = Set(OfAll()).error();
  EXPECT_EQ(error.code, ErrorCode::kRetry);
  EXPECT_THAT(error.message, HasSubstr("no space"));
  EXPECT_FALSE(engine.Begin().empty());
  engine.log().judge = {};
  engine.log().held = true;
  Answer<PauseRecord> set;
  engine.engine().Pause(OfAll(), set.done());
  EXPECT_FALSE(engine.Begin().empty());
  EXPECT_FALSE(set.came());
  engine.log().CompleteAll();
  EXPECT_TRUE(set.ok());
  EXPECT_EQ(BeginError().code, ErrorCode::kRetry);
}

TEST_F(PausesOfEngine, ItHoldsInTheNextLifeToo) {
  ASSERT_TRUE(Set(Of("bank-b")));
  ASSERT_TRUE(Set(Of("bank-c")));
  ASSERT_TRUE(Set(Lifted(Of("bank-c"))));
  ASSERT_TRUE(Set(OfAll(PauseScope::kDrain)));
  EngineUnderTest next;
  for (const Record& record : engine.log().durable()) next.log().Keep(record);
  next.engine().Restore(*ReplayLog(next.log()));
  const std::vector<PauseRecord> pauses = next.engine().pauses().List();
  ASSERT_THAT(pauses, SizeIs(2));
  EXPECT_EQ(pauses[0].name, "bank-b");
  EXPECT_EQ(pauses[1].scope, PauseScope::kDrain);
  EXPECT_TRUE(next.Begin().empty());
  ASSERT_TRUE(Set(next, Lifted(OfAll(PauseScope::kDrain))));
  EXPECT_FALSE(next.Begin().empty());
}

}  // namespace
}  // namespace settle::coordinator
