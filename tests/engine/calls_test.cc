// The engine's face: calls, completions, limits, waiters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/sessions.h"
#include "engine/shard.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

BranchVote CommitVote(BranchNumber number) {
  return {number, {Vote::kCommit, {"db", 1, "7"}, "", false}};
}

Answer<CommitAnswer> Commit(EngineUnderTest& under_test, CommitCall call) {
  Answer<CommitAnswer> answer;
  under_test.engine().Commit(std::move(call), answer.done());
  under_test.Run();
  return answer;
}

Answer<Ending> Abort(EngineUnderTest& under_test, AbortCall call) {
  Answer<Ending> answer;
  under_test.engine().Abort(std::move(call), answer.done());
  under_test.Run();
  return answer;
}

TEST(Engine, ACommitGoesFromBeginToTheEndInTheLog) {
  EngineUnderTest under_test;
  Participant a(under_test, {"bank-a"});
  Participant b(under_test, {"bank-b"});
  const Gtid gtid = under_test.Begin({0ms, "order 17", "shop"});
  EXPECT_EQ(a.Enlist(gtid, "bank-a"), 1U);
  EXPECT_EQ(b.Enlist(gtid, "bank-b"), 2U);
  const auto committed = Commit(under_test, {gtid, {}, Wait::kApplied, 0ms});
  EXPECT_THAT(a.TakeWords(), ElementsAre("prepare 1"));
  EXPECT_THAT(b.TakeWords(), ElementsAre("prepare 2"));
  a.Vote(gtid, 1);
  b.Vote(gtid, 2);
  EXPECT_THAT(a.TakeWords(), ElementsAre("commit 1"));
  EXPECT_THAT(b.TakeWords(), ElementsAre("commit 2"));
  EXPECT_FALSE(committed.came()) << "not every branch has carried it out";
  a.Finish(gtid, 1, BranchEnd::kCommitted);
  b.Finish(gtid, 2, BranchEnd::kCommitted);
  ASSERT_TRUE(committed.ok());
  EXPECT_EQ(committed->ending.outcome, Outcome::kCommitted);
  EXPECT_THAT(committed->unfinished, IsEmpty());
  EXPECT_EQ(committed.count(), 1U);
  const auto ends = under_test.log().Durable<EndRecord>();
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].summary.origin.owner, "shop");
  EXPECT_EQ(ends[0].summary.origin.comment, "order 17");
  EXPECT_THAT(under_test.ListOpen(), IsEmpty());
}

TEST(Engine, ACallerThatWaitsForTheDecisionIsToldWhenItIsDurable) {
  EngineUnderTest under_test;
  Participant a(under_test, {"bank-a"});
  Participant b(under_test, {"bank-b"});
  const Gtid gtid = under_test.Begin();
  a.Enlist(gtid, "bank-a");
  b.Enlist(gtid, "bank-b");
  under_test.log().held = true;
  const auto committed = Commit(under_test, {gtid, {CommitVote(1)}, Wait::kDecision, 0ms});
  b.Vote(gtid, 2);
  EXPECT_FALSE(committed.came());
  under_test.log().held = false;
  under_test.Run();
  ASSERT_TRUE(committed.ok());
  EXPECT_FALSE(committed->finish_here);
  EXPECT_THAT(committed->unfinished, ElementsAre(1U, 2U));
}

TEST(Engine, ACallerThatVotedForAllIsToldToFinishHereWhateverItWaitsFor) {
  for (const Wait wait : {Wait::kDecision, Wait::kApplied}) {
    EngineUnderTest under_test;
    Participant bank(under_test, {"bank-a"});
    const Gtid gtid = under_test.Begin();
    bank.Enlist(gtid, "bank-a");
    const auto committed = Commit(under_test, {gtid, {CommitVote(1)}, wait, 0ms});
    ASSERT_TRUE(committed.ok());
    EXPECT_TRUE(committed->finish_here);
    EXPECT_THAT(committed->unfinished, ElementsAre(1U));
    EXPECT_THAT(bank.TakeWords(), IsEmpty());
  }
}

TEST(Engine, C18_EveryoneWhoAsksIsToldTheOneDecision) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  under_test.log().held = true;
  const auto first = Commit(under_test, {gtid, {CommitVote(1)}, Wait::kDecision, 0ms});
  const auto second = Commit(under_test, {gtid, {CommitVote(1)}, Wait::kDecision, 0ms});
  const auto abort = Abort(under_test, {gtid, AbortCause::kRequested, "too late", {}});
  EXPECT_FALSE(first.came() || second.came() || abort.came()) << "only the log knows";
  under_test.log().held = false;
  under_test.Run();
  ASSERT_TRUE(first.ok() && second.ok() && abort.ok());
  EXPECT_TRUE(first->ending.committed());
  EXPECT_TRUE(second->ending.committed());
  EXPECT_TRUE(abort->committed());
}

TEST(Engine, AnAbortIsAnsweredAtOnceAndCarriedOutAfterwards) {
  EngineUnderTest under_test;
  Participant a(under_test, {"bank-a"});
  Participant b(under_test, {"bank-b"});
  const Gtid gtid = under_test.Begin();
  a.Enlist(gtid, "bank-a");
  b.Enlist(gtid, "bank-b");
  const auto aborted = Abort(under_test, {gtid, AbortCause::kRequested, "insufficient funds", {1}});
  ASSERT_TRUE(aborted.ok());
  EXPECT_EQ(aborted->reason, "insufficient funds");
  EXPECT_THAT(a.TakeWords(), IsEmpty()) << "it is rolled back already";
  EXPECT_THAT(b.TakeWords(), ElementsAre("abort 2"));
  const auto commit = Commit(under_test, {gtid, {}, Wait::kApplied, 0ms});
  ASSERT_TRUE(commit.ok());
  EXPECT_TRUE(commit->ending.aborted());
}

TEST(Engine, WhatIsNotRunningHereIsNotFound) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = Gtid::Make("k3m9qxw4c7ab", 1, 17, 7);
  EXPECT_EQ(Commit(under_test, {gtid, {}, Wait::kApplied, 0ms}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Abort(under_test, {gtid, AbortCause::kRequested, "", {}}).error().code,
            ErrorCode::kNotFound);
  Answer<Ending> outcome;
  under_test.engine().AskOutcome(gtid, outcome.done());
  Answer<OnePhaseAnswer> one_phase;
  under_test.engine().CommitOnePhase({gtid, 1, {}}, one_phase.done());
  Answer<BranchNumber> joined;
  under_test.engine().Enlist({gtid, "bank-a", bank.session(), "k1"}, joined.done());
  under_test.Run();
  EXPECT_EQ(outcome.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(one_phase.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(joined.error().code, ErrorCode::kNotFound);
}

TEST(Engine, C09_WhatEndedButIsNotWrittenYetIsStillAnswered) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  ASSERT_TRUE(Commit(under_test, {gtid, {CommitVote(1)}, Wait::kDecision, 0ms}).ok());
  under_test.log().held = true;
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  EXPECT_THAT(under_test.ListOpen(), IsEmpty());
  EXPECT_EQ(under_test.log().waiting(), 1U) << "its end is on its way";
  EXPECT_TRUE(under_test.AskOutcome(gtid).committed());
  const auto retried = Commit(under_test, {gtid, {CommitVote(1)}, Wait::kApplied, 0ms});
  ASSERT_TRUE(retried.ok());
  EXPECT_TRUE(retried->ending.committed());
  const auto abort = Abort(under_test, {gtid, AbortCause::kRequested, "", {}});
  ASSERT_TRUE(abort.ok());
  EXPECT_TRUE(abort->committed());
  EXPECT_EQ(under_test.Show(gtid).state, "done");
  Answer<BranchNumber> joined;
  under_test.engine().Enlist({gtid, "bank-a", bank.session(), "k2"}, joined.done());
  under_test.Run();
  EXPECT_EQ(joined.error().code, ErrorCode::kRefused);
}

TEST(Engine, OnePhaseIsGrantedOrTheEndingIsTold) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  Answer<OnePhaseAnswer> granted;
  under_test.engine().CommitOnePhase({gtid, 1, {"db", 1, "7"}}, granted.done());
  under_test.Run();
  ASSERT_TRUE(granted.ok());
  EXPECT_TRUE(granted->granted);
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  EXPECT_EQ(under_test.log().Durable<EndRecord>().size(), 1U);

  const Gtid late = under_test.Begin();
  bank.Enlist(late, "bank-a");
  Abort(under_test, {late, AbortCause::kRequested, "r", {}});
  Answer<OnePhaseAnswer> told;
  under_test.engine().CommitOnePhase({late, 1, {}}, told.done());
  under_test.Run();
  ASSERT_TRUE(told.ok());
  EXPECT_FALSE(told->granted);
  EXPECT_TRUE(told->ending.aborted());
}

TEST(Engine, OnePhaseOfABranchThatDoesNotExistIsTheCallersMistake) {
  EngineUnderTest under_test;
  const Gtid gtid = under_test.Begin();
  Answer<OnePhaseAnswer> answer;
  under_test.engine().CommitOnePhase({gtid, 1, {}}, answer.done());
  under_test.Run();
  ASSERT_EQ(answer.count(), 1U);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kInvalid);
}

TEST(Engine, OnePhaseAndCommitOfTheSameTransactionAreBothAnswered) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  under_test.log().held = true;
  Answer<OnePhaseAnswer> first;
  Answer<OnePhaseAnswer> repeated;
  under_test.engine().CommitOnePhase({gtid, 1, {}}, first.done());
  under_test.engine().CommitOnePhase({gtid, 1, {}}, repeated.done());
  const auto commit = Commit(under_test, {gtid, {}, Wait::kDecision, 0ms});
  under_test.log().held = false;
  under_test.Run();
  EXPECT_TRUE(first.ok() && first->granted);
  EXPECT_TRUE(repeated.ok() && repeated->granted);
  EXPECT_FALSE(commit.came()) << "the resource has not said";
  bank.Finish(gtid, 1, BranchEnd::kAborted);
  ASSERT_TRUE(commit.ok());
  EXPECT_EQ(commit->ending.cause, AbortCause::kRolledBack);
}

TEST(Engine, AnInvalidCommitChangesNothingAndIsAnsweredOnce) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  const auto invalid = Commit(under_test, {gtid, {CommitVote(2)}, Wait::kApplied, 0ms});
  ASSERT_EQ(invalid.count(), 1U);
  EXPECT_EQ(invalid.error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(Commit(under_test, {gtid, {CommitVote(1)}, Wait::kDecision, 0ms}).ok());
  under_test.Advance(31s);
  EXPECT_EQ(invalid.count(), 1U);
}

// Limits.

TEST(Engine, C22_AFullMailboxRefusesCallsByNameWhileStartedWorkEnds) {
  EngineUnderTest under_test({.shards = 1, .mailbox_max = 3});
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  const auto committed = Commit(under_test, {gtid, {}, Wait::kApplied, 0ms});
  EXPECT_THAT(bank.TakeWords(), ElementsAre("prepare 1"));
  std::vector<Answer<Begun>> begins(5);
  for (auto& begun : begins) under_test.engine().Begin({}, begun.done());
  EXPECT_FALSE(begins[2].came());
  ASSERT_TRUE(begins[3].came()) << "refused at once, on the caller's thread";
  EXPECT_EQ(begins[3].error().code, ErrorCode::kRetry);
  EXPECT_EQ(begins[4].error().code, ErrorCode::kRetry);
  bank.Vote(gtid, 1);  // what a participant says is never refused
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  ASSERT_TRUE(committed.ok());
  EXPECT_TRUE(begins[0].ok() && begins[1].ok() && begins[2].ok());
  EXPECT_FALSE(under_test.Begin().empty()) << "there is room again";
}

TEST(Engine, X03_OpenTransactionsAreLimited) {
  EngineUnderTest under_test({.shards = 2, .open_transactions_max = 2});
  const Gtid first = under_test.Begin();
  under_test.Begin();
  Answer<Begun> refused;
  under_test.engine().Begin({}, refused.done());
  under_test.Run();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  Abort(under_test, {first, AbortCause::kRequested, "r", {}});
  EXPECT_FALSE(under_test.Begin().empty());
}

TEST(Engine, X03_UndecidedTransactionsOfOneOwnerAreLimitedAndOthersAreServed) {
  EngineUnderTest under_test({.undecided_per_owner_max = 2});
  under_test.Begin({10s, "", "leaky\n"});
  const Gtid second = under_test.Begin({60s, "", "leaky\n"});
  Answer<Begun> refused;
  under_test.engine().Begin({0ms, "", "leaky\n"}, refused.done());
  under_test.Run();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  EXPECT_THAT(refused.error().message, HasSubstr("\"leaky\\x0a\" has 2 transactions"));
  EXPECT_THAT(refused.error().advice, HasSubstr("--max-undecided-per-owner"));
  EXPECT_FALSE(under_test.Begin({0ms, "", "shop"}).empty());

  under_test.Advance(11s);
  EXPECT_FALSE(under_test.Begin({0ms, "", "leaky\n"}).empty()) << "the deadline made room";
  EXPECT_TRUE(under_test.Begin({0ms, "", "leaky\n"}).empty());
  Participant bank(under_test, {"bank-a"});
  bank.Enlist(second, "bank-a");
  Commit(under_test, {second, {CommitVote(1)}, Wait::kDecision, 0ms});
  EXPECT_EQ(under_test.Show(second).state, "committing");
  EXPECT_FALSE(under_test.Begin({0ms, "", "leaky\n"}).empty()) << "what is decided counts no more";
}

TEST(Engine, X03_WhatAFullMailboxRefusesDoesNotCountAgainstItsOwner) {
  EngineUnderTest under_test({.shards = 1, .mailbox_max = 1, .undecided_per_owner_max = 2});
  std::vector<Answer<Begun>> begins(3);
  for (auto& begun : begins) under_test.engine().Begin({0ms, "", "shop"}, begun.done());
  EXPECT_THAT(begins[2].error().message, HasSubstr("queue is full"));
  under_test.Run();
  EXPECT_TRUE(begins[0].ok());
  EXPECT_FALSE(under_test.Begin({0ms, "", "shop"}).empty());
  EXPECT_TRUE(under_test.Begin({0ms, "", "shop"}).empty());
}

TEST(Engine, BranchesAreLimited) {
  EngineUnderTest under_test({.branches_max = 2});
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  EXPECT_EQ(bank.Enlist(gtid, "bank-a", "k1"), 1U);
  EXPECT_EQ(bank.Enlist(gtid, "bank-a", "k2"), 2U);
  EXPECT_EQ(bank.Enlist(gtid, "bank-a", "k1"), 1U) << "a repeated call is the same branch";
  EXPECT_EQ(bank.Enlist(gtid, "bank-a", "k3"), 0U);
}

TEST(Engine, GtidsAreNeverGivenOutTwice) {
  EngineUnderTest under_test({.shards = 3});
  std::vector<Gtid> gtids;
  for (int i = 0; i < 50; ++i) gtids.push_back(under_test.Begin());
  std::sort(gtids.begin(), gtids.end());
  EXPECT_EQ(std::unique(gtids.begin(), gtids.end()), gtids.end());
  EXPECT_EQ(under_test.engine().last_sequence(), 50U);
  EXPECT_EQ(gtids.front().epoch(), 2U);
  EXPECT_EQ(under_test.ListOpen().size(), 50U) << "all shards are listed";
  EXPECT_GT(under_test.ListOpen().front().gtid, under_test.ListOpen().back().gtid)
      << "newest first";
}

TEST(Engine, ATransactionRunsOnTheShardThatItsBeginnerDrives) {
  EngineUnderTest under_test({.shards = 3});
  for (const std::size_t shard : {2, 2, 0, 1}) {
    const std::size_t before = under_test.engine().shards()[shard]->running();
    Answer<Begun> begun;
    BeginCall call;
    call.shard = shard;
    under_test.engine().Begin(call, begun.done());
    under_test.Advance(1ms);
    EXPECT_EQ(under_test.engine().shards()[shard]->running(), before + 1);
  }
}

// Draining.

TEST(Engine, C11_DrainingRefusesNewTransactionsAndWaitsForUndecidedOnes) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  int drained = 0;
  under_test.engine().Drain([&] { ++drained; });
  under_test.Advance(1s);
  EXPECT_EQ(drained, 0);
  Answer<Begun> refused;
  under_test.engine().Begin({}, refused.done());
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  under_test.log().held = true;
  const auto committed = Commit(under_test, {gtid, {CommitVote(1)}, Wait::kDecision, 0ms});
  under_test.Advance(1s);
  EXPECT_EQ(drained, 0) << "the decision is not durable";
  under_test.log().held = false;
  under_test.Advance(1s);
  EXPECT_TRUE(committed.ok());
  EXPECT_EQ(drained, 1);
  under_test.Advance(1s);
  EXPECT_EQ(drained, 1);
}

TEST(Engine, AnEmptyEngineIsDrainedAtTheNextTick) {
  EngineUnderTest under_test;
  bool drained = false;
  under_test.engine().Drain([&] { drained = true; });
  under_test.Advance(200ms);
  EXPECT_TRUE(drained);
}

}  // namespace
}  // namespace settle::coordinator
