// Transactions that try, confirm and cancel in services: what the log, the clock, the callers and
// the participants see of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/service_under_test.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const BranchVote kPrepared{1, {Vote::kCommit, {"db", 1, "7"}, "", false}};

struct Reservations : testing::Test {
  Answer<TryAnswer> Try(const Gtid& gtid, const std::string& key = "t1",
                        const std::string& participant = "inventory",
                        std::chrono::milliseconds wait = 10s) {
    Answer<TryAnswer> answer;
    under_test.engine().Try({gtid, participant, "reserve", R"({"n":2})", key, wait}, answer.done());
    under_test.Run();
    return answer;
  }
  Answer<CommitAnswer> Commit(const Gtid& gtid, std::vector<BranchVote> votes = {},
                              Wait wait = Wait::kApplied) {
    Answer<CommitAnswer> answer;
    under_test.engine().Commit({gtid, std::move(votes), wait, 0ms}, answer.done());
    under_test.Run();
    return answer;
  }
  Ending Abort(const Gtid& gtid) {
    Answer<Ending> answer;
    under_test.engine().Abort({gtid, AbortCause::kRequested, "no", {}}, answer.done());
    under_test.Run();
    return answer.ok() ? *answer : Ending{};
  }
  Answer<std::monostate> Act(const SagaActCall& call) {
    Answer<std::monostate> answer;
    under_test.engine().ActOnSaga(call, answer.done());
    under_test.Run();
    return answer;
  }
  Gtid Reserved(Service& service) {
    const Gtid gtid = under_test.Begin({0ms, "", "shop"});
    Try(gtid);
    service.ReportDone(service.Take().at(0));
    return gtid;
  }
  int Alarms() const {
    int alarms = 0;
    for (const auto& entry : under_test.observer().entries())
      alarms += entry.what.find("does not get on") != std::string::npos;
    return alarms;
  }

  mutable EngineUnderTest under_test;
};

TEST_F(Reservations, ATryIsCalledOnceItIsRegisteredDurablyAndAnsweredWithItsResult) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin({0ms, "", "shop"});
  under_test.log().held = true;
  const auto tried = Try(gtid);
  EXPECT_THAT(inventory.Take(), IsEmpty()) << "it is not registered yet";
  under_test.log().held = false;
  under_test.Run();
  const std::vector<SagaCall> calls = inventory.Take();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].op, ActionOp::kTry);
  EXPECT_EQ(calls[0].action, "reserve");
  EXPECT_EQ(calls[0].input, R"({"n":2})");
  EXPECT_EQ(calls[0].epoch, 2U);
  EXPECT_EQ(calls[0].timeout, 30s);
  EXPECT_FALSE(tried.came());
  inventory.Report(calls[0], {AnswerKind::kDone, R"({"left":3})", 0});
  ASSERT_TRUE(tried.ok());
  EXPECT_EQ(tried->branch, 1U);
  EXPECT_EQ(tried->kind, AnswerKind::kDone);
  EXPECT_EQ(tried->text, R"({"left":3})");
  const auto registered = under_test.log().Durable<RegisteredRecord>();
  ASSERT_EQ(registered.size(), 1U);
  EXPECT_EQ(registered[0].origin.owner, "shop");
  EXPECT_GT(registered[0].at, 0);
}

TEST_F(Reservations, ACommitConfirmsBesideADatabaseBranchAndWaitsForBoth) {
  Participant bank(under_test, {"bank"});
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin({});
  EXPECT_EQ(bank.Enlist(gtid, "bank"), 1U);
  Try(gtid);
  inventory.Report(inventory.Take().at(0), {AnswerKind::kDone, R"({"left":3})", 0});
  under_test.log().held = true;
  const auto committed = Commit(gtid, {kPrepared});
  EXPECT_THAT(inventory.Take(), IsEmpty()) << "the decision is not durable";
  under_test.log().held = false;
  under_test.Run();
  const SagaCall confirm = inventory.Take().at(0);
  EXPECT_EQ(confirm.op, ActionOp::kConfirm);
  EXPECT_EQ(confirm.input, R"({"n":2})");
  EXPECT_EQ(confirm.result, R"({"left":3})");
  EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1")) << "the caller does not finish it alone";
  inventory.ReportDone(confirm);
  EXPECT_FALSE(committed.came());
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  ASSERT_TRUE(committed.ok());
  EXPECT_EQ(committed->ending.outcome, Outcome::kCommitted);
  EXPECT_FALSE(committed->finish_here);
  const auto ends = under_test.log().Durable<EndRecord>();
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].summary.branches[1].state, "confirmed");
  EXPECT_EQ(ends[0].summary.branches[1].identity, "action reserve");
  EXPECT_THAT(under_test.ListOpen(), IsEmpty());
}

TEST_F(Reservations, OnePhaseIsDeclined) {
  Participant bank(under_test, {"bank"});
  const Gtid gtid = under_test.Begin({});
  bank.Enlist(gtid, "bank");
  Try(gtid);
  Answer<OnePhaseAnswer> answer;
  under_test.engine().CommitOnePhase({gtid, 1, {"db", 1, "7"}}, answer.done());
  under_test.Run();
  ASSERT_TRUE(answer.ok());
  EXPECT_FALSE(answer->granted);
  EXPECT_EQ(answer->ending.outcome, Outcome::kUndecided);
  EXPECT_THAT(under_test.log().Durable<OnePhaseRecord>(), IsEmpty());
}

TEST_F(Reservations, ABusinessFailureIsToldAndTheCommitAborts) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin({});
  const auto tried = Try(gtid);
  inventory.Report(inventory.Take().at(0), {AnswerKind::kFailed, "sold out", 0});
  ASSERT_TRUE(tried.ok());
  EXPECT_EQ(tried->kind, AnswerKind::kFailed);
  EXPECT_EQ(tried->text, "sold out");
  const auto committed = Commit(gtid);
  ASSERT_TRUE(committed.ok());
  EXPECT_EQ(committed->ending.outcome, Outcome::kAborted);
  EXPECT_EQ(committed->ending.reason, "branch 1 in inventory voted no: sold out");
  EXPECT_EQ(inventory.Take().at(0).op, ActionOp::kCancel);
}

TEST_F(Reservations, TheSameKeyIsTheSameBranchAndWaitsForTheSameAnswer) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin({});
  const auto first = Try(gtid);
  const auto again = Try(gtid);
  const std::vector<SagaCall> calls = inventory.Take();
  ASSERT_EQ(calls.size(), 1U);
  inventory.ReportDone(calls[0]);
  EXPECT_EQ(first->branch, 1U);
  EXPECT_EQ(again->branch, 1U);
  const auto late = Try(gtid);
  ASSERT_TRUE(late.ok());
  EXPECT_EQ(late->kind, AnswerKind::kDone);
  EXPECT_EQ(Try(gtid, "t1", "hotels").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(Try(gtid, "t2", "hotels").count(), 0U) << "another branch; nobody serves it";
  EXPECT_EQ(under_test.log().Durable<RegisteredRecord>().size(), 2U);
}

TEST_F(Reservations, AWaitThatIsOverIsAnsweredWithOngoingAndTheTryGoesOn) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin({});
  const auto tried = Try(gtid, "t1", "inventory", 1s);
  const SagaCall call = inventory.Take().at(0);
  inventory.Report(call, {AnswerKind::kUnknown, "restarting", 0});
  under_test.Advance(1s);
  ASSERT_TRUE(tried.ok());
  EXPECT_EQ(tried->kind, AnswerKind::kOngoing);
  EXPECT_EQ(tried->text, "restarting");
  const auto again = Try(gtid);
  inventory.ReportDone(inventory.Take().at(0));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->kind, AnswerKind::kDone);
  EXPECT_EQ(tried.count(), 1U);
}

TEST_F(Reservations, AParticipantThatNobodyServesIsNamedToWhoeverTriesAndToOperators) {
  const Gtid gtid = under_test.Begin({});
  const auto tried = Try(gtid, "t1", "inventory", 1s);
  EXPECT_EQ(under_test.Show(gtid).branches[0].last_error, "no process serves inventory");
  EXPECT_EQ(under_test.Show(gtid).branches[0].attempts, 0) << "nobody was there to be called";
  under_test.Advance(1s);
  ASSERT_TRUE(tried.ok());
  EXPECT_EQ(tried->kind, AnswerKind::kOngoing);
  EXPECT_EQ(tried->text, "no process serves inventory");
  Abort(gtid);
  EXPECT_EQ(under_test.Show(gtid).branches[0].last_error, "no process serves inventory");
  Service inventory(under_test, {"inventory"});
  EXPECT_EQ(under_test.Show(gtid).branches[0].last_error, "");
  EXPECT_EQ(under_test.Show(gtid).branches[0].attempts, 1);
  inventory.ReportDone(inventory.Take().at(0));
  EXPECT_THAT(under_test.ListOpen(), IsEmpty());
}

TEST_F(Reservations, WhoeverWaitsWhenTheTransactionIsAbortedIsToldSo) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin({5s, "", "shop"});
  const auto tried = Try(gtid, "t1", "inventory", 60s);
  const SagaCall call = inventory.Take().at(0);
  under_test.Advance(5s);
  EXPECT_EQ(tried.error().code, ErrorCode::kRetryTransaction);
  EXPECT_THAT(tried.error().message, HasSubstr("was aborted before the try was answered"));
  EXPECT_EQ(Try(gtid).error().code, ErrorCode::kRefused);
  inventory.ReportDone(call);  // late, and without effect
  EXPECT_EQ(under_test.Show(gtid).branches.at(0).state, "cancelling");
  inventory.ReportDone(inventory.Take().at(0));
  EXPECT_EQ(under_test.log().Durable<EndRecord>().at(0).summary.ending.cause,
            AbortCause::kDeadline);
}

TEST_F(Reservations, WhatMakesNoSenseIsRefused) {
  const Gtid gtid = under_test.Begin({});
  Answer<TryAnswer> no_json;
  under_test.engine().Try({gtid, "inventory", "reserve", "{", "t1", 1s}, no_json.done());
  under_test.Run();
  EXPECT_EQ(no_json.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(Try(Gtid::Make("k3m9qxw4c7ab", 2, 99, 1)).error().code, ErrorCode::kNotFound);
  Abort(gtid);
  EXPECT_EQ(Try(gtid).error().code, ErrorCode::kNotFound) << "it ended and is in the log";
}

TEST_F(Reservations, AnswersOfOthersCountForNothing) {
  Service inventory(under_test, {"inventory"});
  Service hotels(under_test, {"hotels"});
  const Gtid gtid = under_test.Begin({});
  const auto tried = Try(gtid);
  const SagaCall call = inventory.Take().at(0);
  hotels.ReportDone(call);
  EXPECT_TRUE(under_test.observer().Saw("which is no reservation of its participants"));
  SagaCall other = call;
  other.key.number = 2;
  inventory.ReportDone(other);
  EXPECT_FALSE(tried.came());
  inventory.ReportDone(call);
  EXPECT_TRUE(tried.ok());
}

TEST_F(Reservations, M09_AnUnansweredConfirmIsCalledAgainAfterItsTimeoutAndAtAReturnOfTheService) {
  auto inventory = std::make_unique<Service>(under_test, std::vector<std::string>{"inventory"});
  const Gtid gtid = Reserved(*inventory);
  const auto committed = Commit(gtid);
  inventory->Take();
  for (int i = 0; i < 5; ++i) {  // it fetches often enough to be taken for alive
    under_test.Advance(5s);
    EXPECT_THAT(inventory->TakeWords(), IsEmpty());
  }
  under_test.Advance(5s);
  EXPECT_THAT(inventory->TakeWords(), ElementsAre("confirm 1 attempt 2"));
  inventory->Detach();
  EXPECT_EQ(under_test.Show(gtid).branches.at(0).state, "confirming");
  Service returned(under_test, {"inventory"});
  const SagaCall again = returned.Take().at(0);
  EXPECT_EQ(again.op, ActionOp::kConfirm);
  returned.ReportDone(again);
  EXPECT_TRUE(committed.ok());
}

TEST_F(Reservations, M09_AConfirmThatIsRefusedIsNoHotLoopRaisesOneAlarmAndNeverCancels) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = Reserved(inventory);
  const auto committed = Commit(gtid, {}, Wait::kDecision);
  EXPECT_EQ(committed->ending.outcome, Outcome::kCommitted);
  int calls = 0;
  for (int second = 0; second < 600; ++second) {
    for (const SagaCall& call : inventory.Take()) {
      EXPECT_EQ(call.op, ActionOp::kConfirm);
      inventory.Report(call, {AnswerKind::kFailed, "the shelf is empty", 0});
      ++calls;
    }
    under_test.Advance(900ms);
  }
  EXPECT_GT(calls, 50);
  EXPECT_LT(calls, 75) << "one in about ten seconds";
  EXPECT_EQ(Alarms(), 1);
  const TransactionSummary shown = under_test.Show(gtid);
  EXPECT_EQ(shown.state, "committing");
  EXPECT_EQ(shown.branches.at(0).last_error, "the shelf is empty");
}

TEST_F(Reservations, M09_AnOperatorSkipsWhatDoesNotGetOnAndThatIsDamage) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = Reserved(inventory);
  Abort(gtid);
  EXPECT_EQ(inventory.Take().at(0).op, ActionOp::kCancel);
  EXPECT_EQ(Act({gtid, 1, SagaAct::kSetInput, "{}", "ann", "r"}).error().code, ErrorCode::kRefused);
  EXPECT_EQ(Act({gtid, 2, SagaAct::kSkip, "", "ann", "r"}).error().code, ErrorCode::kInvalid);
  under_test.log().held = true;
  const auto skipped = Act({gtid, 1, SagaAct::kSkip, "", "ann", "the service is gone"});
  EXPECT_FALSE(skipped.came()) << "it is not durable";
  EXPECT_EQ(Act({gtid, 1, SagaAct::kSkip, "", "bob", "r"}).error().code, ErrorCode::kRefused);
  under_test.log().held = false;
  under_test.Run();
  EXPECT_TRUE(skipped.ok());
  EXPECT_EQ(under_test.Show(gtid).state, "damaged");
  EXPECT_EQ(under_test.Show(gtid).ending.outcome, Outcome::kHazard);
  EXPECT_THAT(under_test.Show(gtid).ending.reason, HasSubstr("its cancel was skipped by ann"));
}

TEST_F(Reservations, L01_ATryThatTheLogHasNoRoomForIsNotCalled) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin({});
  under_test.log().judge = [](const Record&) {
    return FakeLog::Verdict{AppendResult::kRefused, "disk full"};
  };
  const auto tried = Try(gtid);
  EXPECT_EQ(tried.error().code, ErrorCode::kRetryTransaction);
  EXPECT_THAT(tried.error().message, HasSubstr("disk full"));
  EXPECT_THAT(inventory.Take(), IsEmpty());
  EXPECT_EQ(Commit(gtid)->ending.outcome, Outcome::kAborted);
}

// The next start would cancel it again, when its participant may have forgotten it.
TEST_F(Reservations, L01_AnEndThatTheLogHasNoRoomForIsWrittenLaterAlsoOfAnAbort) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = Reserved(inventory);
  bool full = true;
  under_test.log().judge = [&](const Record&) {
    return full ? FakeLog::Verdict{AppendResult::kRefused, "disk full"} : FakeLog::Verdict{};
  };
  Abort(gtid);
  inventory.ReportDone(inventory.Take().at(0));
  EXPECT_THAT(under_test.log().Durable<EndRecord>(), IsEmpty());
  EXPECT_EQ(under_test.AskOutcome(gtid).outcome, Outcome::kAborted);
  full = false;
  under_test.Advance(1s);
  EXPECT_EQ(under_test.log().Durable<EndRecord>().size(), 1U);
}

struct RestoredReservations : Reservations {
  void Restore(RestoredTransaction transaction) {
    under_test.engine().Restore({{std::move(transaction)}, {}, {}});
    under_test.Run();
  }
  const Gtid gtid = Gtid::Make("k3m9qxw4c7ab", 1, 7, 1);
  const RegisteredRecord registered{gtid, {"shop", "", 1}, 2, "inventory", "reserve", "{}", 2};
};

TEST_F(RestoredReservations, WhatWasNotDecidedIsAbortedAndCancelledAndADatabaseBranchOfItToo) {
  Restore({.decision = {}, .heuristics = {}, .registered = {registered}});
  EXPECT_EQ(under_test.AskOutcome(gtid).outcome, Outcome::kAborted);
  EXPECT_EQ(under_test.AskOutcome(gtid).cause, AbortCause::kPresumed);
  EXPECT_EQ(under_test.Show(gtid).origin.owner, "shop");
  EXPECT_EQ(Commit(gtid)->ending.outcome, Outcome::kAborted);
  Participant bank(under_test, {"bank"});
  under_test.engine().FoundPrepared({gtid, 1}, "bank", {}, {}, [](Result<std::monostate>) {});
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1"));
  Service inventory(under_test, {"inventory"});
  const SagaCall cancel = inventory.Take().at(0);
  EXPECT_EQ(cancel.op, ActionOp::kCancel);
  EXPECT_EQ(cancel.input, "{}");
  EXPECT_EQ(cancel.result, "") << "nobody knows it any more";
  inventory.ReportDone(cancel);
  EXPECT_THAT(under_test.log().Durable<EndRecord>(), IsEmpty()) << "a branch is still prepared";
  bank.Finish(gtid, 1, BranchEnd::kAborted);
  EXPECT_EQ(under_test.log().Durable<EndRecord>().size(), 1U);
}

TEST_F(RestoredReservations, WhatWasForgottenEndsWithAllItsBranches) {
  RegisteredRecord skipped = registered;
  skipped.branch = 1;
  Restore({.decision = {},
           .heuristics = {{gtid, 1, BranchEnd::kHazard, "skipped", 3}},
           .registered = {skipped, registered},
           .forgotten = ForgetRecord{
               gtid, {Outcome::kHazard, AbortCause::kNone, "", false}, "eve", "paid", 4}});
  const auto ends = under_test.log().Durable<EndRecord>();
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].summary.branches.at(0).state, "hazard");
  EXPECT_EQ(ends[0].summary.branches.at(1).state, "cancelled");
}

TEST_F(RestoredReservations, WhatWasDecidedIsConfirmed) {
  const CommitRecord decision{
      gtid,
      {"shop", "", 1},
      3,
      {{1, "bank", Vote::kCommit, {"db:bank", 1, "7"}}, {2, "inventory", Vote::kCommit, {}}}};
  Restore({.decision = decision, .heuristics = {}, .registered = {registered}});
  Service inventory(under_test, {"inventory"});
  EXPECT_THAT(inventory.TakeWords(), ElementsAre("confirm 2 attempt 2"));
  const TransactionSummary shown = under_test.Show(gtid);
  EXPECT_EQ(shown.branches.at(0).state, "committing");
  EXPECT_EQ(shown.branches.at(1).state, "confirming");
}

}  // namespace
}  // namespace settle::coordinator
