// A log that was restored from a backup never presumes abort of what the lost records may have
// decided, and lets nothing go on that may have gone on otherwise there.
#include "recovery/loss.h"

#include "inquiry_under_test.h"
#include "support/service_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Restored from a backup of epoch 5; now in epoch 2000.
const LogIdentity kRestored{kLog, 2'000, {{5, 1'999, 1'700'000'000'000'000}}};

Gtid Of(Epoch epoch, std::uint64_t sequence = 17) { return Gtid::Make(kLog, epoch, sequence, 7); }

RestoredTransaction Registered(const Gtid& gtid) {
  RestoredTransaction transaction;
  transaction.registered.push_back({gtid, {}, 1, "inventory", "reserve", "{}", 2});
  return transaction;
}
RestoredTransaction PreCommitted(const Gtid& gtid) {
  RestoredTransaction transaction;
  transaction.pre_commit = PreCommitRecord{gtid, {}, 2, {}, {}};
  return transaction;
}
RestoredSaga Saga(const Gtid& gtid, std::vector<SagaRecord> later = {}) {
  RestoredSaga saga;
  saga.begin.gtid = gtid;
  saga.later = std::move(later);
  return saga;
}

TEST(Loss, WhatWasDecidedInTheBackupGoesOn) {
  RestoredTransaction transaction;
  transaction.decision = CommitRecord{Of(5), {}, 0, {}};
  EXPECT_EQ(FindLoss(transaction, kRestored), "");
  transaction.decision = OnePhaseRecord{Of(5), {}, 0, {}};
  EXPECT_EQ(FindLoss(transaction, kRestored), "");
  transaction = PreCommitted(Of(5));
  transaction.decision = QuorumAbortRecord{Of(5), 0, {}, ""};
  EXPECT_EQ(FindLoss(transaction, kRestored), "");
}

TEST(Loss, ReservationsThatMayHaveBeenCommittedSinceAreNotCancelled) {
  EXPECT_THAT(FindLoss(Registered(Of(5)), kRestored), HasSubstr("may have been committed since"));
  EXPECT_EQ(FindLoss(Registered(Of(4)), kRestored), "") << "every start cancels these";
  EXPECT_EQ(FindLoss(Registered(Of(2'000)), kRestored), "");
}

TEST(Loss, AnUndecidedThreePhaseCommitIsLeftToItsSitesHoweverOldItIs) {
  for (const Epoch epoch : {1, 4, 5, 1'999}) {
    EXPECT_THAT(FindLoss(PreCommitted(Of(epoch)), kRestored), HasSubstr("promises were lost"));
  }
  EXPECT_EQ(FindLoss(PreCommitted(Of(2'000)), kRestored), "");
}

TEST(Loss, ASagaThatWentForwardIsLeftAloneAndOneThatTurnedBackGoesOn) {
  const Ending cancelled{Outcome::kAborted, AbortCause::kRequested, "", false};
  EXPECT_THAT(FindLoss(Saga(Of(5)), kRestored), HasSubstr("nobody undoes"));
  EXPECT_THAT(FindLoss(Saga(Of(2)), kRestored), HasSubstr("2023-11-14T22:13:20Z"));
  EXPECT_EQ(FindLoss(Saga(Of(5), {SagaAbortingRecord{Of(5), cancelled, 0, {1}}}), kRestored), "");
  EXPECT_EQ(FindLoss(Saga(Of(5), {SagaEndRecord{Of(5), cancelled, 0}}), kRestored), "");
  EXPECT_EQ(FindLoss(Saga(Of(2'000)), kRestored), "");
}

TEST(Loss, ALogThatLostNothingLosesNothing) {
  const LogIdentity log{kLog, 9};
  EXPECT_EQ(FindLoss(Registered(Of(5)), log), "");
  EXPECT_EQ(FindLoss(PreCommitted(Of(5)), log), "");
  EXPECT_EQ(FindLoss(Saga(Of(5)), log), "");
}

class AfterARestore : public testing::Test {
 protected:
  void Start() { under_test_.engine().Restore(*ReplayLog(under_test_.log())); }
  void Settle() {
    under_test_.Run();
    for (const auto& task : std::exchange(off_shard_, {})) task();
    under_test_.Run();
  }
  Ending Ask(const Gtid& gtid) {
    Answer<Ending> ending;
    inquiry_.AskOutcome(gtid, ending.done());
    Settle();
    EXPECT_TRUE(ending.ok());
    return ending.ok() ? *ending : Ending{};
  }
  void Find(const Gtid& gtid) {
    inquiry_.Found("bank-a", BranchKey{gtid, 1}.DatabaseName());
    Settle();
  }

  EngineUnderTest under_test_{{}, kRestored};
  std::vector<std::function<void()>> off_shard_;
  Inquiry inquiry_{under_test_.engine(), under_test_.log(), under_test_.clock(),
                   under_test_.observer(),
                   [this](std::function<void()> task) { off_shard_.push_back(std::move(task)); }};
};

TEST_F(AfterARestore, WhatHasNoRecordInALostEpochIsUnknownAndElsewherePresumedAborted) {
  Start();
  for (const Epoch epoch : {5, 6, 1'999}) {
    const Ending ending = Ask(Of(epoch));
    EXPECT_EQ(ending.outcome, Outcome::kUnknown) << epoch;
    EXPECT_THAT(ending.reason, AllOf(HasSubstr("restored from the backup"), HasSubstr("by hand")));
  }
  EXPECT_EQ(Ask(Of(4)).outcome, Outcome::kAborted);
}

TEST_F(AfterARestore, APreparedBranchOfALostEpochIsLeftAloneAndListedWithWhatToDo) {
  Participant bank(under_test_, {"bank-a"});
  Start();
  Find(Of(5));
  Find(Of(1'999));
  EXPECT_THAT(bank.Take(), IsEmpty());
  const std::vector<Stray> strays = inquiry_.Strays();
  ASSERT_EQ(strays.size(), 2U);
  EXPECT_THAT(strays[0].why, HasSubstr("whether it was committed is not known here"));
  Find(Of(4));
  const auto commands = bank.Take();
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(commands[0].kind, CommandKind::kAbort);
}

// Its key is lost as well, and whoever began it is to hear that, and not that it is another's.
TEST_F(AfterARestore, X02_WhoBeganATransactionOfAnEpochThatWasLostWholeIsToldSo) {
  for (const char* identity : {"", "cn:shop", "uid:1000"}) {
    for (const Epoch epoch : {6, 1'999})
      EXPECT_TRUE(under_test_.engine().Began(Of(epoch), identity)) << epoch << identity;
    // The copy has what was written in its own epoch, so that may run here.
    for (const Epoch epoch : {4, 5, 2'000})
      EXPECT_EQ(under_test_.engine().Began(Of(epoch), identity), *identity == '\0') << epoch;
  }
}

TEST_F(AfterARestore, ItsWitnessPromisesNothingOfWhatItHasLost) {
  Start();
  const auto answer = inquiry_.AskWitness(Of(5));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kRefused);
  EXPECT_EQ(inquiry_.AskWitness(Of(4))->state, SiteState::kAborted);
}

TEST_F(AfterARestore, ACommitThatTheBackupHasIsDrivenAgain) {
  const Gtid gtid = Of(5, 3);
  under_test_.log().Keep(
      CommitRecord{gtid, {}, 0, {{1, "bank-a", Vote::kCommit, {"db:bank-a", 1, "701"}}}});
  Start();
  Participant bank(under_test_, {"bank-a"});
  under_test_.Advance(1s);
  const auto commands = bank.Take();
  ASSERT_FALSE(commands.empty());
  EXPECT_EQ(commands[0].kind, CommandKind::kCommit);
  EXPECT_EQ(commands[0].key.gtid, gtid);
  EXPECT_EQ(commands[0].epoch, 2'000U);
}

TEST_F(AfterARestore, WhatMayHaveGoneOnIsQuarantinedInWordsThatSayWhy) {
  under_test_.log().Keep(
      RegisteredRecord{Of(5, 4), {"shop", "order", 1}, 1, "inventory", "reserve", "{}", 2});
  Start();
  EXPECT_EQ(Ask(Of(5, 4)).outcome, Outcome::kUnknown);
  EXPECT_THAT(Ask(Of(5, 4)).reason, HasSubstr("had reservations and was undecided then"));
  Answer<OpenCounts> counts;
  under_test_.engine().CountOpen(counts.done());
  under_test_.Run();
  EXPECT_THAT(counts->by_state, ElementsAre(testing::Pair("quarantined", 1U)));
}

// Since the backup it was cancelled, its step undone, and its client told that. Its barrier answers
// a repeated call with what the action answered, whatever was undone since.
const Gtid kTrip = Of(5, 8);

void KeepATripThatWentForward(FakeLog& log) {
  SagaBeginRecord begin;
  begin.gtid = kTrip;
  begin.definition = {"trip", 1, 0, {}};
  for (const char* name : {"flight", "hotel"}) {
    saga::StepDefinition step;
    step.name = name;
    step.participant = "agency";
    step.action = name;
    if (!begin.definition.steps.empty()) step.after = {"flight"};
    begin.definition.steps.push_back(step);
  }
  log.Keep(begin);
  log.Keep(SagaStepRecord{kTrip, 1, ActionOp::kAction, "{}"});
}

// The damage that the rule prevents, as a log shows it that does not know what it lost: the hotel
// is booked again, and it ends as committed with a flight that was given back.
TEST(WithoutTheRule, ASagaThatWasUndoneSinceTheBackupGoesForwardAndIsToldToHaveCommitted) {
  EngineUnderTest ignorant({}, {kLog, 2'000});
  KeepATripThatWentForward(ignorant.log());
  ignorant.engine().Restore(*ReplayLog(ignorant.log()));
  Service agency(ignorant, {"agency"});
  const std::vector<SagaCall> calls = agency.Take();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].op, ActionOp::kAction);
  EXPECT_EQ(calls[0].key, (BranchKey{kTrip, 2}));
  agency.ReportDone(calls[0]);
  ignorant.Run();
  const auto ended = ignorant.log().FindEnded(kTrip);
  ASSERT_TRUE(ended && *ended);
  EXPECT_TRUE((*ended)->ending.committed());
}

TEST_F(AfterARestore, ASagaThatWentForwardIsQuarantinedAndNothingOfItIsCalledOrEnded) {
  KeepATripThatWentForward(under_test_.log());
  Start();
  Service agency(under_test_, {"agency"});
  under_test_.Advance(60s);
  EXPECT_THAT(agency.Take(), IsEmpty());
  const Ending ending = Ask(kTrip);
  EXPECT_EQ(ending.outcome, Outcome::kUnknown);
  EXPECT_THAT(ending.reason, AllOf(HasSubstr("restored from the backup"),
                                   HasSubstr("to call its next step could do what nobody undoes")));
  Answer<TransactionSummary> shown;
  under_test_.engine().Show(kTrip, shown.done());
  under_test_.Run();
  ASSERT_TRUE(shown.ok());
  EXPECT_EQ(shown->state, "quarantined");
}

TEST_F(AfterARestore, TheMarkStaysBelowWhatWasLostUntilSomebodyHasLookedAfterIt) {
  EXPECT_EQ(under_test_.engine().ended_through(), (EndedThrough{5, 0}));
  Settings settings;
  settings.losses_settled = 1'999;
  EngineUnderTest settled(settings, kRestored);
  EXPECT_EQ(settled.engine().ended_through(), (EndedThrough{2'000, 0}));
  settings.losses_settled = 1'998;
  EngineUnderTest not_yet(settings, kRestored);
  EXPECT_EQ(not_yet.engine().UnsettledLoss(), 5U);
}

}  // namespace
}  // namespace settle::coordinator
