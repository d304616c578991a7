// The rules that everything else rests on, each in one place. The scripts show the whole of each
// situation.
#include "protocol/two_phase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/describe.h"

namespace settle::coordinator {

void PrintTo(const Effect& effect, std::ostream* out) { *out << Describe(effect); }

namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Not;
using testing::VariantWith;

using State = TwoPhase::State;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);
const Origin kOrigin{"shop", "order 17", 1'000'000};

auto Sends(CommandKind kind, BranchNumber branch) {
  return VariantWith<effect::Send>(
      AllOf(Field(&effect::Send::kind, kind), Field(&effect::Send::branch, branch)));
}
auto SendsAny(CommandKind kind) {
  return VariantWith<effect::Send>(Field(&effect::Send::kind, kind));
}
auto SendsAnything() { return VariantWith<effect::Send>(testing::_); }
auto PersistsCommit() {
  return VariantWith<effect::Persist>(
      Field(&effect::Persist::record, VariantWith<CommitRecord>(testing::_)));
}
auto PersistsAnything() { return VariantWith<effect::Persist>(testing::_); }
auto RepliesApplied(Outcome outcome) {
  return VariantWith<effect::ReplyApplied>(
      Field(&effect::ReplyApplied::ending, Field(&Ending::outcome, outcome)));
}
auto RepliesDecided() { return VariantWith<effect::ReplyDecided>(testing::_); }
auto Forgets() { return VariantWith<effect::Forget>(testing::_); }
auto Refuses(ErrorCode code) {
  return VariantWith<effect::Refuse>(Field(&effect::Refuse::code, code));
}

Evidence EvidenceOf(BranchNumber number) {
  return {"pg-" + std::to_string(number), 1, std::to_string(700 + number)};
}

event::Enlist EnlistBranch(BranchNumber number) {
  const std::string n = std::to_string(number);
  return {"bank-" + n, "pg-" + n, "session-" + n, "process-" + n, "key-" + n};
}

BranchVote VoteOf(BranchNumber number, Vote vote) {
  return {number, {vote, EvidenceOf(number), "", false}};
}

TwoPhase ActiveWith(BranchNumber branches) {
  TwoPhase transaction(kGtid, kOrigin, {});
  for (BranchNumber number = 1; number <= branches; ++number)
    transaction.Handle(EnlistBranch(number));
  return transaction;
}

TwoPhase PreparingWith(BranchNumber branches) {
  TwoPhase transaction = ActiveWith(branches);
  transaction.Handle(event::CommitRequested{});
  return transaction;
}

TwoPhase DecidingWith(const std::vector<Vote>& votes) {
  TwoPhase transaction = PreparingWith(static_cast<BranchNumber>(votes.size()));
  BranchNumber number = 0;
  for (const Vote vote : votes) transaction.Handle(event::Voted{VoteOf(++number, vote)});
  return transaction;
}

TwoPhase CommittingWith(const std::vector<Vote>& votes) {
  TwoPhase transaction = DecidingWith(votes);
  transaction.Handle(event::Persisted{});
  return transaction;
}

event::Finished FinishedAs(BranchNumber number, BranchEnd end) { return {number, {end, "why"}}; }

TEST(TwoPhase, CommitIsSentOnlyAfterTheDecisionIsDurable) {
  TwoPhase transaction = PreparingWith(2);
  EXPECT_THAT(transaction.Handle(event::Voted{VoteOf(1, Vote::kCommit)}), IsEmpty());
  const Effects on_last_vote = transaction.Handle(event::Voted{VoteOf(2, Vote::kCommit)});
  EXPECT_THAT(on_last_vote, Contains(PersistsCommit()));
  EXPECT_THAT(on_last_vote, Not(Contains(SendsAnything())));
  const Effects on_durable = transaction.Handle(event::Persisted{});
  EXPECT_THAT(on_durable, Contains(Sends(CommandKind::kCommit, 1)));
  EXPECT_THAT(on_durable, Contains(Sends(CommandKind::kCommit, 2)));
}

TEST(TwoPhase, NobodyIsToldOfACommitBeforeItIsDurable) {
  TwoPhase transaction = DecidingWith({Vote::kCommit, Vote::kCommit});
  EXPECT_EQ(transaction.ending().outcome, Outcome::kUndecided);
  EXPECT_THAT(transaction.Handle(event::CommitRequested{}), IsEmpty());
  EXPECT_THAT(transaction.Handle(event::AbortRequested{}), IsEmpty());
  EXPECT_THAT(transaction.Handle(event::RetryTimerFired{}), IsEmpty());
  EXPECT_THAT(transaction.Handle(event::Persisted{}), Contains(RepliesDecided()));
}

TEST(TwoPhase, NothingIsWrittenForAnAbort) {
  TwoPhase transaction = PreparingWith(2);
  transaction.Handle(event::Voted{VoteOf(1, Vote::kCommit)});
  EXPECT_THAT(transaction.Handle(event::VoteTimerFired{}), Not(Contains(PersistsAnything())));
  EXPECT_THAT(transaction.Handle(FinishedAs(1, BranchEnd::kAborted)),
              Not(Contains(PersistsAnything())));
  EXPECT_THAT(transaction.Handle(FinishedAs(2, BranchEnd::kAborted)), Contains(Forgets()));
}

TEST(TwoPhase, TheCommitRecordIsEnoughToFinishEveryBranch) {
  TwoPhase transaction = PreparingWith(2);
  transaction.Handle(event::Voted{VoteOf(1, Vote::kReadOnly)});
  const Effects effects = transaction.Handle(event::Voted{VoteOf(2, Vote::kCommit)});
  const CommitRecord expected{
      kGtid,
      kOrigin,
      0,
      {{1, "bank-1", Vote::kReadOnly, EvidenceOf(1)}, {2, "bank-2", Vote::kCommit, EvidenceOf(2)}}};
  EXPECT_THAT(effects, Contains(Effect(effect::Persist{expected})));
}

TEST(TwoPhase, EvidenceGoesWithTheCommandAfterARestartAsBefore) {
  const effect::Send before{CommandKind::kCommit, 1, "bank-1", "session-1", 1, EvidenceOf(1)};
  TwoPhase transaction = DecidingWith({Vote::kCommit});
  EXPECT_THAT(transaction.Handle(event::Persisted{}), Contains(Effect(before)));
  TwoPhase restored(CommitRecord{kGtid, kOrigin, 0, {{1, "bank-1", Vote::kCommit, EvidenceOf(1)}}},
                    {});
  const effect::Send after{CommandKind::kCommit, 1, "bank-1", "", 1, EvidenceOf(1)};
  EXPECT_THAT(restored.Handle(event::Restored{}), Contains(Effect(after)));
  EXPECT_EQ(restored.branches().front().identity, EvidenceOf(1).database);
  EXPECT_EQ(restored.origin(), kOrigin);
}

TEST(TwoPhase, AReadOnlyBranchHearsNothingAfterItsVote) {
  TwoPhase transaction = DecidingWith({Vote::kReadOnly, Vote::kCommit});
  for (const Event& event : std::vector<Event>{
           event::Persisted{}, event::RetryTimerFired{}, event::SessionLost{"session-1"},
           event::ResourceReady{"bank-1"}, event::FoundPrepared{1, "bank-1"}}) {
    const Effects effects = transaction.Handle(event);
    EXPECT_THAT(effects, Not(Contains(Sends(CommandKind::kCommit, 1)))) << Describe(event);
    EXPECT_THAT(effects, Not(Contains(SendsAny(CommandKind::kAbort)))) << Describe(event);
  }
}

TEST(TwoPhase, AnEndingIsDamagedAndKeptIfOneBranchEndedOtherwise) {
  TwoPhase transaction = CommittingWith({Vote::kCommit, Vote::kCommit});
  transaction.Handle(FinishedAs(1, BranchEnd::kCommitted));
  EXPECT_THAT(transaction.Handle(FinishedAs(2, BranchEnd::kAborted)),
              ElementsAre(PersistsAnything()));
  const Effects effects = transaction.Handle(event::Persisted{});
  EXPECT_THAT(effects, Contains(RepliesApplied(Outcome::kMixed)));
  EXPECT_THAT(effects, Not(Contains(Forgets())));
  EXPECT_EQ(transaction.state(), State::kDamaged);
}

// Whoever stops waiting in that moment would else be told that it is committed everywhere.
TEST(TwoPhase, ABranchWhoseDamageIsOnItsWayToTheLogIsNotApplied) {
  TwoPhase transaction = CommittingWith({Vote::kCommit, Vote::kCommit});
  transaction.Handle(FinishedAs(1, BranchEnd::kCommitted));
  transaction.Handle(FinishedAs(2, BranchEnd::kAborted));
  EXPECT_THAT(transaction.NotApplied(), ElementsAre(2));
  transaction.Handle(event::PersistRefused{"no space left"});
  EXPECT_THAT(transaction.NotApplied(), ElementsAre(2));
  transaction.Handle(event::RetryTimerFired{});
  EXPECT_THAT(transaction.NotApplied(), ElementsAre(2));
  transaction.Handle(event::Persisted{});
  EXPECT_EQ(transaction.state(), State::kDamaged);
  EXPECT_THAT(transaction.NotApplied(), IsEmpty());
}

TEST(TwoPhase, WhatBecameOfTheBranchesDecidesHowDamageIsCalled) {
  struct Case {
    BranchEnd first;
    BranchEnd second;
    Outcome after_commit;
  };
  for (const Case& one :
       {Case{BranchEnd::kAborted, BranchEnd::kAborted, Outcome::kHeuristicRollback},
        Case{BranchEnd::kAborted, BranchEnd::kCommitted, Outcome::kMixed},
        Case{BranchEnd::kHazard, BranchEnd::kCommitted, Outcome::kHazard},
        Case{BranchEnd::kHazard, BranchEnd::kAborted, Outcome::kHazard}}) {
    TwoPhase transaction = CommittingWith({Vote::kCommit, Vote::kCommit});
    transaction.Handle(FinishedAs(1, one.first));
    transaction.Handle(event::Persisted{});
    transaction.Handle(FinishedAs(2, one.second));
    transaction.Handle(event::Persisted{});
    EXPECT_EQ(transaction.ending().outcome, one.after_commit) << Describe(transaction);
  }
}

TEST(TwoPhase, TheReasonOfDamageNamesEveryDamagedBranch) {
  TwoPhase transaction = CommittingWith({Vote::kCommit, Vote::kCommit});
  transaction.Handle(FinishedAs(1, BranchEnd::kAborted));
  transaction.Handle(FinishedAs(2, BranchEnd::kHazard));
  transaction.Handle(event::Persisted{});
  transaction.Handle(event::Persisted{});
  EXPECT_EQ(transaction.ending().reason, "branch 1 in bank-1: why; branch 2 in bank-2: why");
}

TEST(TwoPhase, AForgottenTransactionEndsAsTheDamageThatItWasAndSaysByWhom) {
  TwoPhase transaction = CommittingWith({Vote::kCommit});
  transaction.Handle(FinishedAs(1, BranchEnd::kHazard));
  transaction.Handle(event::Persisted{});
  EXPECT_THAT(transaction.Handle(event::ForgetRequested{"ann", "compared"}),
              ElementsAre(PersistsAnything()));
  EXPECT_EQ(transaction.ending().reason, "branch 1 in bank-1: why") << "nobody forgot it yet";
  EXPECT_THAT(transaction.Handle(event::Persisted{}), ElementsAre(Forgets()));
  EXPECT_EQ(transaction.ending().outcome, Outcome::kHazard);
  EXPECT_EQ(transaction.ending().reason,
            "forgotten by ann: compared; damage: branch 1 in bank-1: why");
}

// The log stores no text beyond 64 KiB, and an end that cannot be stored would be kept for ever.
TEST(TwoPhase, TheReasonOfDamageIsBoundedHoweverManyBranchesHaveAReason) {
  TwoPhase transaction = CommittingWith(std::vector<Vote>(64, Vote::kCommit));
  for (BranchNumber number = 1; number <= 64; ++number) {
    transaction.Handle(event::Finished{number, {BranchEnd::kHazard, std::string(1000, 'x')}});
    transaction.Handle(event::Persisted{});
  }
  ASSERT_EQ(transaction.state(), State::kDamaged);
  EXPECT_LT(transaction.ending().reason.size(), 16U * 1024);
  EXPECT_EQ(transaction.branches().back().last_error, std::string(1000, 'x'));
}

TEST(TwoPhase, RetryIsNeverReadAsAnEnd) {
  TwoPhase transaction = CommittingWith({Vote::kCommit});
  EXPECT_THAT(transaction.Handle(FinishedAs(1, BranchEnd::kRetry)), IsEmpty());
  EXPECT_THAT(transaction.Unfinished(), ElementsAre(1U));
  EXPECT_EQ(transaction.branches().front().last_error, "why");
}

TEST(TwoPhase, TheBackOffGrowsWithEveryRetry) {
  TwoPhase transaction = CommittingWith({Vote::kCommit});
  for (int step = 2; step < 6; ++step) {
    EXPECT_THAT(transaction.Handle(event::RetryTimerFired{}),
                Contains(Effect(effect::ArmTimer{Timer::kRetry, step})));
  }
}

TEST(TwoPhase, PrepareGoesOnlyToTheSessionThatDidTheWork) {
  TwoPhase transaction = ActiveWith(2);
  const Effects effects = transaction.Handle(event::CommitRequested{});
  for (const Effect& effect : effects) {
    if (const auto* send = std::get_if<effect::Send>(&effect)) {
      EXPECT_EQ(send->session, "session-" + std::to_string(send->branch));
    }
  }
  EXPECT_THAT(effects, Contains(Sends(CommandKind::kPrepare, 1)));
}

TEST(TwoPhase, TheCallerFinishesItsBranchesOnlyIfItVotedForAllThatWrote) {
  const auto finish_here = [](std::vector<BranchVote> with_request, std::vector<BranchVote> later) {
    TwoPhase transaction = ActiveWith(2);
    transaction.Handle(event::CommitRequested{std::move(with_request)});
    for (const BranchVote& vote : later) transaction.Handle(event::Voted{vote});
    const Effects effects = transaction.Handle(event::Persisted{});
    return std::get<effect::ReplyDecided>(effects.front()).finish_here;
  };
  EXPECT_TRUE(finish_here({VoteOf(1, Vote::kCommit), VoteOf(2, Vote::kCommit)}, {}));
  EXPECT_TRUE(finish_here({VoteOf(1, Vote::kCommit), VoteOf(2, Vote::kReadOnly)}, {}));
  EXPECT_TRUE(finish_here({VoteOf(1, Vote::kCommit)}, {VoteOf(2, Vote::kReadOnly)}));
  EXPECT_FALSE(finish_here({VoteOf(1, Vote::kCommit)}, {VoteOf(2, Vote::kCommit)}));
  EXPECT_FALSE(finish_here({VoteOf(1, Vote::kReadOnly)}, {VoteOf(2, Vote::kCommit)}));
}

TEST(TwoPhase, L01_ADecisionThatCouldNotBeStoredIsAnAbortThatMayPass) {
  TwoPhase transaction = DecidingWith({Vote::kCommit, Vote::kCommit});
  const Effects effects = transaction.Handle(event::PersistRefused{"database or disk is full"});
  EXPECT_THAT(effects, Contains(RepliesApplied(Outcome::kAborted)));
  EXPECT_THAT(effects, Contains(Sends(CommandKind::kAbort, 1)));
  EXPECT_THAT(effects, Not(Contains(SendsAny(CommandKind::kCommit))));
  EXPECT_EQ(transaction.ending().cause, AbortCause::kLogRefused);
  EXPECT_TRUE(transaction.ending().retryable);
  EXPECT_NE(transaction.ending().reason.find("database or disk is full"), std::string::npos);
}

TEST(TwoPhase, OnlyAPassingCauseMakesAnAbortRetryable) {
  const auto after_no_vote = [](bool retryable) {
    TwoPhase transaction = PreparingWith(1);
    transaction.Handle(event::Voted{{1, {Vote::kNo, {}, "no", retryable}}});
    return transaction.ending();
  };
  EXPECT_TRUE(after_no_vote(true).retryable);
  EXPECT_FALSE(after_no_vote(false).retryable);
  TwoPhase asked = ActiveWith(1);
  asked.Handle(event::AbortRequested{AbortCause::kRequested, "r", {}});
  EXPECT_FALSE(asked.ending().retryable);
  TwoPhase late = ActiveWith(1);
  late.Handle(event::DeadlineReached{});
  EXPECT_TRUE(late.ending().retryable);
}

TEST(TwoPhase, AVoteTimeOutNamesWhoDidNotVote) {
  TwoPhase transaction = PreparingWith(3);
  transaction.Handle(event::Voted{VoteOf(2, Vote::kCommit)});
  transaction.Handle(event::VoteTimerFired{});
  EXPECT_EQ(transaction.ending().reason,
            "no vote came in time from branch 1 in bank-1, 3 in bank-3");
}

TEST(TwoPhase, OnePhaseIsGrantedOnlyWhenThatIsDurable) {
  TwoPhase transaction = ActiveWith(1);
  EXPECT_THAT(transaction.Handle(event::OnePhaseRequested{1, EvidenceOf(1)}),
              ElementsAre(PersistsAnything()));
  EXPECT_THAT(transaction.Handle(event::Persisted{}),
              Contains(VariantWith<effect::OnePhaseGranted>(testing::_)));
  EXPECT_EQ(transaction.ending().outcome, Outcome::kUndecided) << "its resource decides";
}

TEST(TwoPhase, OnePhaseIsNeverSettledByACommand) {
  TwoPhase transaction(
      OnePhaseRecord{kGtid, kOrigin, 0, {1, "bank-1", Vote::kCommit, EvidenceOf(1)}}, {});
  for (const Event& event : std::vector<Event>{
           event::Restored{}, event::RetryTimerFired{}, event::ResourceReady{"bank-1"},
           event::AbortRequested{}, event::CommitRequested{}, event::DeadlineReached{}}) {
    const Effects effects = transaction.Handle(event);
    EXPECT_THAT(effects, Not(Contains(SendsAny(CommandKind::kCommit)))) << Describe(event);
    EXPECT_THAT(effects, Not(Contains(SendsAny(CommandKind::kAbort)))) << Describe(event);
  }
  EXPECT_EQ(transaction.state(), State::kOnePhase);
}

TEST(TwoPhase, AHeuristicReadBackIsNotWrittenAgain) {
  const CommitRecord record{
      kGtid, kOrigin, 0, {{1, "bank-1", Vote::kCommit, {}}, {2, "bank-2", Vote::kCommit, {}}}};
  TwoPhase transaction(record,
                       {{kGtid, 1, BranchEnd::kAborted, "branch 1: rolled back by hand", 0}});
  EXPECT_THAT(transaction.Handle(event::Restored{}), Not(Contains(Sends(CommandKind::kCommit, 1))));
  EXPECT_THAT(transaction.Handle(FinishedAs(1, BranchEnd::kAborted)), IsEmpty());
  const Effects effects = transaction.Handle(FinishedAs(2, BranchEnd::kCommitted));
  EXPECT_THAT(effects, Not(Contains(PersistsAnything())));
  EXPECT_THAT(effects, Contains(RepliesApplied(Outcome::kMixed)));
}

TEST(TwoPhase, DamageOfAnAbortIsReadBackWithoutADecision) {
  TwoPhase transaction({{kGtid, 1, BranchEnd::kCommitted, "branch 1: committed by hand", 0}});
  EXPECT_EQ(transaction.state(), State::kDamaged);
  EXPECT_EQ(transaction.gtid(), kGtid);
  EXPECT_EQ(transaction.ending().outcome, Outcome::kHeuristicCommit);
  EXPECT_EQ(transaction.ending().reason, "branch 1: committed by hand");
}

TEST(TwoPhase, X03_BranchesAreLimited) {
  TwoPhase transaction(kGtid, kOrigin, {.branches_max = 1});
  transaction.Handle(EnlistBranch(1));
  EXPECT_THAT(transaction.Handle(EnlistBranch(2)), ElementsAre(Refuses(ErrorCode::kRefused)));
  EXPECT_THAT(transaction.Handle(EnlistBranch(1)), ElementsAre(Effect(effect::Enlisted{1})));
}

TEST(TwoPhase, EnlistingIsRefusedInEveryStateButActive) {
  std::vector<TwoPhase> transactions{PreparingWith(1), DecidingWith({Vote::kCommit}),
                                     CommittingWith({Vote::kCommit})};
  transactions.push_back(ActiveWith(1));
  transactions.back().Handle(event::DeadlineReached{});
  transactions.push_back(ActiveWith(1));
  transactions.back().Handle(event::OnePhaseRequested{1, {}});
  for (TwoPhase& transaction : transactions) {
    EXPECT_THAT(transaction.Handle(EnlistBranch(2)), ElementsAre(Refuses(ErrorCode::kRefused)))
        << Describe(transaction);
    EXPECT_EQ(transaction.branches().size(), 1U);
  }
}

}  // namespace
}  // namespace settle::coordinator
