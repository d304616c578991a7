// Sagas through the engine's face: participants that attach, fetch calls and report answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/service_under_test.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

saga::StepDefinition Step(const std::string& name, const std::string& participant) {
  saga::StepDefinition step;
  step.name = name;
  step.participant = participant;
  step.action = "do";
  return step;
}

// Flight, then payment as the pivot.
StartSagaCall Trip() {
  StartSagaCall call;
  call.definition = {"trip", 1, 0, {Step("flight", "airline"), Step("payment", "bank")}};
  call.definition.steps[1].after = {"flight"};
  call.definition.steps[1].kind = saga::StepKind::kPivot;
  call.owner = "shop";
  return call;
}

Gtid Start(EngineUnderTest& under_test, const StartSagaCall& call = Trip()) {
  Answer<Begun> started;
  under_test.engine().StartSaga(call, started.done());
  under_test.Run();
  return started.ok() ? started->gtid : Gtid();
}

TEST(SagaCalls, ASagaRunsOverTheParticipantsThatFetchAndReport) {
  EngineUnderTest under_test;
  Service airline(under_test, {"airline"});
  Service bank(under_test, {"bank"});
  const Gtid gtid = Start(under_test);
  Answer<SagaEnd> ended;
  under_test.engine().AwaitSaga(gtid, 1h, ended.done());
  EXPECT_THAT(bank.Take(), IsEmpty());
  const std::vector<SagaCall> calls = airline.Take();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].action, "do");
  EXPECT_EQ(calls[0].epoch, 2U);
  airline.ReportDone(calls[0]);
  EXPECT_EQ(under_test.Show(gtid).state, "running");
  EXPECT_EQ(under_test.AskOutcome(gtid).outcome, Outcome::kUndecided);
  EXPECT_EQ(under_test.ListOpen().size(), 1U);
  bank.ReportDone(bank.Take().at(0));
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->ending.outcome, Outcome::kCommitted);
  EXPECT_EQ(ended->results.at("flight"), "{}");
  EXPECT_THAT(under_test.ListOpen(), IsEmpty());
}

TEST(SagaCalls, AParticipantThatNobodyServesIsNamedAtOnce) {
  EngineUnderTest under_test;
  const Gtid gtid = Start(under_test);
  EXPECT_EQ(under_test.Show(gtid).branches[0].last_error, "no process serves airline");
  EXPECT_EQ(under_test.Show(gtid).branches[1].last_error, "") << "it is not its turn";
  Service airline(under_test, {"airline"});
  EXPECT_EQ(under_test.Show(gtid).branches[0].last_error, "");
  EXPECT_EQ(under_test.Show(gtid).branches[0].attempts, 1);
  airline.ReportDone(airline.Take().at(0));
  EXPECT_EQ(under_test.Show(gtid).branches[0].last_error, "");
  EXPECT_EQ(under_test.Show(gtid).branches[1].last_error, "no process serves bank");
}

TEST(SagaCalls, AStepThatNobodyEverServedFailsForThatReason) {
  EngineUnderTest under_test;
  StartSagaCall call = Trip();
  call.definition.steps[0].retry.attempts_max = 1;
  const Gtid gtid = Start(under_test, call);
  under_test.Advance(std::chrono::milliseconds(call.definition.steps[0].timeout_ms));
  std::vector<std::string> timeline;
  for (const TimelineEntry& entry : under_test.Show(gtid).timeline) timeline.push_back(entry.what);
  EXPECT_THAT(timeline,
              testing::Contains("turns back: step flight failed: no result after 1 calls; the last "
                                "one: no process serves airline"));
}

TEST(SagaCalls, WhatDoesNotMakeSenseIsRefused) {
  EngineUnderTest under_test;
  StartSagaCall call = Trip();
  call.definition.steps[0].after = {"payment"};
  Answer<Begun> started;
  under_test.engine().StartSaga(call, started.done());
  EXPECT_EQ(started.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(started.error().message, HasSubstr("wait for each other"));
  EXPECT_FALSE(Service(under_test, {"air line"}).attached());
}

TEST(SagaCalls, C22_SagasCountAsOpenTransactions) {
  EngineUnderTest under_test({.shards = 1, .open_transactions_max = 2});
  EXPECT_FALSE(Start(under_test).empty());
  EXPECT_FALSE(Start(under_test).empty());
  Answer<Begun> started;
  under_test.engine().StartSaga(Trip(), started.done());
  EXPECT_EQ(started.error().code, ErrorCode::kRetry);
  Answer<Begun> begun;
  under_test.engine().Begin({}, begun.done());
  EXPECT_EQ(begun.error().code, ErrorCode::kRetry);
}

TEST(SagaCalls, ACallWaitsForTheFirstProcessThatServesItsParticipant) {
  EngineUnderTest under_test;
  Start(under_test);
  under_test.Advance(1s);
  Service airline(under_test, {"airline", "bank"});
  EXPECT_THAT(airline.TakeWords(), ElementsAre("action 1 attempt 2"));
}

TEST(SagaCalls, ACallThatWasNotFetchedIsReplacedByANewerOne) {
  EngineUnderTest under_test;
  Service airline(under_test, {"airline"});
  const Gtid gtid = Start(under_test);
  under_test.engine().Hurry(gtid, [](Result<Hurried>) {});
  under_test.engine().Hurry(gtid, [](Result<Hurried>) {});
  under_test.Run();
  EXPECT_THAT(airline.TakeWords(), ElementsAre("action 1 attempt 3"));
  EXPECT_THAT(airline.TakeWords(), IsEmpty());
}

TEST(SagaCalls, ABatchThatWasNotConfirmedComesAgain) {
  EngineUnderTest under_test;
  Service airline(under_test, {"airline"});
  Start(under_test);
  Answer<CommandBatch> lost;
  under_test.engine().Fetch({"s1", 0, 100, 0ms}, lost.done());
  under_test.Run();
  EXPECT_EQ(lost->calls.size(), 1U);
  EXPECT_THAT(airline.TakeWords(), ElementsAre("action 1 attempt 1"));
}

TEST(SagaCalls, ABatchHoldsNoMoreThanWasAskedForAndFitsTheWire) {
  EngineUnderTest under_test;
  Service airline(under_test, {"airline"});
  StartSagaCall call;
  call.definition = {"many", 1, 0, {}};
  for (int i = 0; i < 20; ++i) {
    call.definition.steps.push_back(Step("step-" + std::to_string(i), "airline"));
    call.definition.steps.back().input = R"([{"$input": "/x"}, {"$input": "/x"}, {"$input": "/x"},
                                            {"$input": "/x"}, {"$input": "/x"}, {"$input": "/x"}])";
  }
  call.input = R"({"x": ")" + std::string(60'000, 'x') + "\"}";
  ASSERT_FALSE(Start(under_test, call).empty());
  EXPECT_EQ(airline.Take(3).size(), 3U);
  EXPECT_EQ(airline.Take().size(), 11U) << "of 360 kB each, within 4 MB";
  EXPECT_EQ(airline.Take().size(), 6U);
}

TEST(SagaCalls, WhenOneProcessIsGoneAnotherOfItsNameIsCalled) {
  EngineUnderTest under_test;
  Service first(under_test, {"airline"});
  Start(under_test);
  EXPECT_EQ(first.Take().size(), 1U);
  first.Detach();
  Service second(under_test, {"airline"});
  EXPECT_THAT(second.TakeWords(), ElementsAre("action 1 attempt 2"));
}

TEST(SagaCalls, ACallThatALostProcessTookAlongIsMadeAtAnotherAtOnce) {
  EngineUnderTest under_test;
  Service first(under_test, {"airline"});
  Service second(under_test, {"airline"});
  Start(under_test);
  const bool first_has_it = first.Take().size() == 1;
  EXPECT_EQ(second.Take().size(), first_has_it ? 0U : 1U);
  (first_has_it ? first : second).Detach();
  EXPECT_THAT((first_has_it ? second : first).TakeWords(), ElementsAre("action 1 attempt 2"));
}

TEST(SagaCalls, X02_AnotherParticipantsAnswerCountsForNothing) {
  EngineUnderTest under_test;
  Service airline(under_test, {"airline"});
  Service bank(under_test, {"bank"});
  const Gtid gtid = Start(under_test);
  const SagaCall call = airline.Take().at(0);
  bank.ReportDone(call);
  EXPECT_EQ(under_test.Show(gtid).branches[0].state, "running");
  airline.ReportDone(call);
  EXPECT_EQ(under_test.Show(gtid).branches[0].state, "done");
}

TEST(SagaCalls, AbortCancelsASagaAndCommitIsNotForIt) {
  EngineUnderTest under_test;
  Service airline(under_test, {"airline"});
  const Gtid gtid = Start(under_test);
  Answer<CommitAnswer> commit;
  under_test.engine().Commit({gtid, {}}, commit.done());
  Answer<Ending> aborted;
  under_test.engine().Abort({gtid, AbortCause::kOperator, "wrong order", {}}, aborted.done());
  under_test.Run();
  EXPECT_EQ(commit.error().code, ErrorCode::kRefused);
  airline.ReportDone(airline.Take().back());
  ASSERT_TRUE(aborted.ok());
  EXPECT_EQ(aborted->cause, AbortCause::kOperator);
}

TEST(SagaCalls, AStuckStepIsSkippedAndTheDamageForgotten) {
  EngineUnderTest under_test;
  Service airline(under_test, {"airline"});
  const Gtid gtid = Start(under_test);
  airline.ReportDone(airline.Take().at(0));
  under_test.engine().Abort({gtid, AbortCause::kOperator, "wrong", {}}, [](Result<Ending>) {});
  under_test.Run();
  Service bank(under_test, {"bank"});
  const SagaCall fence = bank.Take().back();
  EXPECT_EQ(fence.op, ActionOp::kFence);
  bank.Report(fence, {AnswerKind::kSuppressed, "fenced", 0});
  airline.Report(airline.Take().at(0), {AnswerKind::kFailed, "no", 0});
  Answer<std::monostate> skipped;
  under_test.engine().ActOnSaga({gtid, 1, SagaAct::kSkip, "", "ann", "by hand"}, skipped.done());
  under_test.Run();
  EXPECT_TRUE(skipped.ok());
  EXPECT_EQ(under_test.Show(gtid).state, "damaged");
  Answer<std::monostate> forgotten;
  under_test.engine().Forget({gtid, "ann", "repaired"}, forgotten.done());
  under_test.Run();
  EXPECT_TRUE(forgotten.ok());
  EXPECT_THAT(under_test.ListOpen(), IsEmpty());
}

TEST(SagaCalls, M04_ARestoredSagaGoesOnAndAQuarantinedOneIsShown) {
  const Gtid gtid = Gtid::Make("k3m9qxw4c7ab", 1, 5, 7);
  const Gtid broken = Gtid::Make("k3m9qxw4c7ab", 1, 6, 7);
  EngineUnderTest under_test;
  RestoredState state;
  state.sagas.push_back({{gtid, {"shop", "", 0}, "", Trip().definition, "{}"},
                         {SagaStepRecord{gtid, 1, ActionOp::kAction, "{}"}}});
  state.sagas.push_back({{broken, {}, "", {}, ""}, {}, "its definition cannot run"});
  under_test.engine().Restore(std::move(state));
  Service bank(under_test, {"bank"});
  bank.ReportDone(bank.Take().back());
  EXPECT_EQ(under_test.log().FindEnded(gtid)->value().ending.outcome, Outcome::kCommitted);
  EXPECT_EQ(under_test.Show(broken).state, "quarantined");
  EXPECT_EQ(under_test.AskOutcome(broken).outcome, Outcome::kUnknown);
  EXPECT_EQ(under_test.ListOpen().size(), 1U);
}

}  // namespace
}  // namespace settle::coordinator
