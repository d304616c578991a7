// Commit and abort by the process that began the transaction.
#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

class Commit : public ClientTest {};

TEST_F(Commit, PreparesAsksAndFinishesEveryBranchInOneRoundTrip) {
  Connect();
  const Ending ending = Both().Commit();
  EXPECT_TRUE(ending.committed()) << ending.reason;
  EXPECT_EQ(fake_.Count("commit 1=commit 2=commit"), 1u);
  EXPECT_THAT(bank_a_->journal(), testing::Contains("commit 1"));
  EXPECT_THAT(bank_b_->journal(), testing::Contains("commit 2"));
  EXPECT_TRUE(fake_.Await("end 1=committed"));
  EXPECT_TRUE(fake_.Await("end 2=committed"));
}

TEST_F(Commit, AllBranchesPrepareAtTheSameTime) {
  std::atomic<int> started{0};
  int seen_by_first_vote = 0;
  bank_a_->on_start_prepare = bank_b_->on_start_prepare = [&] { ++started; };
  bank_a_->on_prepare = [&](const BranchKey&) {
    seen_by_first_vote = started;
    return VoteResult{Vote::kCommit, {"fake", 1, "1"}, {}, false};
  };
  Connect();
  EXPECT_TRUE(Both().Commit().committed());
  EXPECT_EQ(seen_by_first_vote, 2);
}

TEST_F(Commit, WithoutBranchesIsAskedOfTheCoordinator) {
  Connect();
  EXPECT_TRUE(Begin().Commit().committed());
  EXPECT_EQ(fake_.Count("commit"), 1u);
}

TEST_F(Commit, CalledAgainGivesTheSameEnding) {
  Connect();
  GlobalTransaction transaction = Both();
  const Ending first = transaction.Commit();
  EXPECT_EQ(transaction.Commit(), first);
  EXPECT_EQ(transaction.Abort(), first);
  EXPECT_EQ(fake_.Count("commit 1=commit 2=commit"), 1u);
}

TEST_F(Commit, ANoVoteRollsBackEverythingHereAndTellsTheReason) {
  bank_b_->on_prepare = [](const BranchKey&) {
    return VoteResult{Vote::kNo, {}, "40001 could not serialize", true};
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Gtid gtid = transaction.gtid();
  const Ending ending = transaction.Commit();
  EXPECT_EQ(ending.outcome, Outcome::kAborted);
  EXPECT_EQ(ending.cause, AbortCause::kVotedNo);
  EXPECT_THAT(ending.reason, HasSubstr("40001 could not serialize"));
  EXPECT_FALSE(bank_a_->IsPrepared({gtid, 1}));
  // The cause goes first; what was rolled back here needs no command any more.
  EXPECT_EQ(fake_.Count("commit 2=no 1=no"), 1u);
}

TEST_F(Commit, ANoVoteIsCertainlyAnAbortEvenIfTheCoordinatorCannotBeTold) {
  bank_b_->on_prepare = [](const BranchKey&) {
    return VoteResult{Vote::kNo, {}, "53200 prepared slots exhausted", true};
  };
  Connect();
  GlobalTransaction transaction = Both();
  fake_.Stop();
  const Ending ending = transaction.Commit();
  EXPECT_EQ(ending.outcome, Outcome::kAborted);
  EXPECT_TRUE(ending.retryable);
  EXPECT_THAT(ending.reason, HasSubstr("53200 prepared slots exhausted"));
  EXPECT_THAT(ending.reason, HasSubstr("not told"));
}

TEST_F(Commit, ASiblingThatCouldNotBeRolledBackHereIsLeftToTheCoordinatorsAbort) {
  bank_b_->on_prepare = [](const BranchKey&) { return VoteResult{Vote::kNo, {}, "no", false}; };
  bank_a_->on_finish = [](const BranchKey&, Decision) {
    return FinishResult{BranchEnd::kRetry, "connection lost"};
  };
  bank_a_->on_finish_by_key = [](const BranchKey&, Decision) {
    return FinishResult{BranchEnd::kRetry, "connection refused"};
  };
  Connect();
  EXPECT_TRUE(Both().Commit().aborted());
  EXPECT_EQ(fake_.Count("commit 2=no 1=commit"), 1u);
}

TEST_F(Commit, P11_ReadOnlyBranchesAreOutOfPhaseTwo) {
  bank_b_->on_prepare = [](const BranchKey&) { return VoteResult{Vote::kReadOnly, {}, {}, false}; };
  Connect();
  EXPECT_TRUE(Both().Commit().committed());
  EXPECT_EQ(fake_.Count("commit 1=commit 2=read-only"), 1u);
  EXPECT_EQ(bank_b_->Count("commit 2"), 0u);
}

TEST_F(Commit, P14_AnExceptionWhilePreparingIsANoVoteAndTheBranchIsRolledBackEitherWay) {
  bank_b_->on_prepare = [](const BranchKey&) -> VoteResult { throw std::runtime_error("boom"); };
  Connect();
  const Ending ending = Both().Commit();
  EXPECT_TRUE(ending.aborted());
  EXPECT_THAT(ending.reason, HasSubstr("boom"));
  EXPECT_EQ(bank_b_->Count("fence 2"), 1u);
  EXPECT_EQ(bank_b_->Count("abort 2 by key"), 1u);
}

TEST_F(Commit, P14_AnExceptionWhileFinishingIsNotKnownAndTriedAgain) {
  bank_b_->on_finish = [](const BranchKey&, Decision) -> FinishResult { throw 42; };
  Connect();
  GlobalTransaction transaction = Both();
  std::thread coordinator([&] {
    if (fake_.Await("end 2=retry")) {
      fake_.Send(wire::CommandKind::COMMIT, {transaction.gtid(), 2}, "bank-b");
    }
  });
  EXPECT_TRUE(transaction.Commit().committed());
  coordinator.join();
  EXPECT_EQ(bank_b_->Count("commit 2 by key"), 1u);
}

TEST_F(Commit, P05_ABranchThatSomeoneRolledBackMakesItMixedAndTheSiblingStillCommits) {
  bank_a_->on_finish = [](const BranchKey&, Decision) {
    return FinishResult{BranchEnd::kAborted, "pg_xact_status says aborted"};
  };
  Connect();
  const Ending ending = Both().Commit();
  EXPECT_EQ(ending.outcome, Outcome::kMixed);
  EXPECT_THAT(ending.reason, HasSubstr("branch 1 in bank-a"));
  EXPECT_EQ(bank_b_->Count("commit 2"), 1u);
  EXPECT_TRUE(fake_.Await("end 1=aborted"));
}

TEST_F(Commit, ABranchThatCannotBeReachedIsNamedAndTheOutcomeIsCommitted) {
  bank_b_->on_finish = [](const BranchKey&, Decision) {
    return FinishResult{BranchEnd::kRetry, "connection refused"};
  };
  Connect();
  const Clock::time_point start = Clock::now();
  const Ending ending = Both().Commit({.wait_at_most = milliseconds(200)});
  EXPECT_GE(Clock::now() - start, milliseconds(200));
  EXPECT_LT(Clock::now() - start, seconds(2));
  EXPECT_TRUE(ending.committed());
  EXPECT_EQ(ending.reason, "committed; branch 2 in bank-b not applied yet: connection refused");
  EXPECT_TRUE(fake_.Await("end 2=retry"));
}

TEST_F(Commit, WaitingForTheDecisionOnlyReturnsBeforeTheBranchesAreFinished) {
  std::promise<void> go;
  std::shared_future<void> released = go.get_future().share();
  bank_a_->on_finish = bank_b_->on_finish = [released](const BranchKey&, Decision) {
    released.wait();
    return FinishResult{BranchEnd::kCommitted, {}};
  };
  Connect();
  EXPECT_TRUE(Both().Commit({.wait = Wait::kDecision}).committed());
  EXPECT_EQ(fake_.Count("end 1=committed"), 0u);
  go.set_value();
  EXPECT_TRUE(fake_.Await("end 1=committed"));
  EXPECT_TRUE(fake_.Await("end 2=committed"));
}

TEST_F(Commit, C17_OneDatabaseThatHangsDoesNotHoldUpAnother) {
  std::promise<void> go;
  std::shared_future<void> released = go.get_future().share();
  bank_a_->on_finish = [released](const BranchKey&, Decision) {
    released.wait();
    return FinishResult{BranchEnd::kCommitted, {}};
  };
  Connect();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Both().Commit({.wait = Wait::kDecision}).committed());
  EXPECT_TRUE(Eventually([&] { return fake_.Count("end 2=committed") == 5; }));
  EXPECT_EQ(fake_.Count("end 1=committed"), 0u);
  go.set_value();
}

TEST_F(Commit, WithBranchesElsewhereTheCoordinatorCommandsTheBranchesHere) {
  fake_.on_commit = [&](const wire::CommitRequest& request, wire::CommitReply& reply) {
    const Gtid gtid = *Gtid::Parse(request.gtid);
    reply.finish_here = false;
    fake_.Send(wire::CommandKind::COMMIT, {gtid, 1}, "bank-a");
    fake_.Send(wire::CommandKind::COMMIT, {gtid, 2}, "bank-b");
    return fake_.Await("end 1=committed") && fake_.Await("end 2=committed");
  };
  Connect();
  EXPECT_TRUE(Both().Commit().committed());
  EXPECT_EQ(bank_a_->Count("commit 1") + bank_a_->Count("commit 1 by key"), 1u);
}

// It may have been decided to abort, and a sibling was committed by hand or given up.
TEST_F(Commit, OfADamagedTransactionNothingIsFinishedHereWithoutACommand) {
  fake_.on_commit = [&](const wire::CommitRequest& request, wire::CommitReply& reply) {
    reply.finish_here = false;
    reply.ending.outcome = wire::Outcome::HAZARD;
    const Gtid gtid = *Gtid::Parse(request.gtid);
    fake_.Send(wire::CommandKind::ABORT, {gtid, 1}, "bank-a");
    fake_.Send(wire::CommandKind::ABORT, {gtid, 2}, "bank-b");
    return true;
  };
  Connect();
  EXPECT_EQ(Both().Commit().outcome, Outcome::kHazard);
  EXPECT_TRUE(fake_.Await("end 1=aborted") && fake_.Await("end 2=aborted"));
  EXPECT_EQ(bank_a_->Count("commit 1") + bank_b_->Count("commit 2"), 0u);
}

TEST_F(Commit, BranchesElsewhereThatAreNotAppliedYetAreNamed) {
  fake_.on_commit = [](const wire::CommitRequest&, wire::CommitReply& reply) {
    reply.finish_here = false;
    reply.unfinished = {3};
    return true;
  };
  Connect();
  const Ending ending = Both().Commit();
  EXPECT_TRUE(ending.committed());
  EXPECT_THAT(ending.reason, HasSubstr("branch 3 not applied yet"));
}

TEST_F(Commit, ABranchAbortedByTheCoordinatorBeforeCommitMakesTheVoteNo) {
  Connect();
  GlobalTransaction transaction = Both();
  fake_.Send(wire::CommandKind::ABORT, {transaction.gtid(), 1}, "bank-a");
  ASSERT_TRUE(fake_.Await("end 1=aborted"));
  EXPECT_TRUE(transaction.Commit().aborted());
  EXPECT_EQ(fake_.Count("commit 1=no 2=no"), 1u);
  EXPECT_EQ(bank_a_->Count("prepare 1"), 0u);
}

TEST_F(Commit, ABranchThatCouldNotBeOpenedDoomsTheTransaction) {
  bank_b_->on_open = [](const BranchKey&) {
    return Fail(ErrorCode::kUnavailable, "too many connections");
  };
  Connect();
  GlobalTransaction transaction = Begin();
  Enlist(transaction, *bank_a_);
  EXPECT_FALSE(transaction.Enlist(*bank_b_));
  const Ending ending = transaction.Commit();
  EXPECT_TRUE(ending.aborted());
  EXPECT_THAT(ending.reason, HasSubstr("too many connections"));
}

TEST_F(Commit, AbortRollsBackHereBeforeItTellsTheCoordinator) {
  Connect();
  GlobalTransaction transaction = Both();
  fake_.on_abort = [&](const wire::AbortRequest&) {
    EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
    EXPECT_EQ(bank_b_->Count("fence 2"), 1u);
  };
  EXPECT_TRUE(transaction.Abort("changed my mind").aborted());
  EXPECT_EQ(fake_.Count("abort 1 2"), 1u);
  EXPECT_EQ(fake_.LastReason(), "changed my mind");
}

TEST_F(Commit, AbortIsCertainWithoutTheCoordinator) {
  Connect();
  GlobalTransaction transaction = Both();
  fake_.Stop();
  const Ending ending = transaction.Abort();
  EXPECT_TRUE(ending.aborted());
  EXPECT_THAT(ending.reason, HasSubstr("not told"));
}

TEST_F(Commit, ALostEnlistReplyIsRepeatedAndGetsTheSameBranch) {
  std::atomic<int> calls{0};
  fake_.on_enlist = [&](const wire::EnlistRequest&) {
    if (++calls == 1) FakeCoordinator::CutConnection();
  };
  Connect();
  GlobalTransaction transaction = Begin();
  EXPECT_EQ(Enlist(transaction, *bank_a_)->key().number, 1u);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(Enlist(transaction, *bank_a_)->key().number, 2u);
}

TEST_F(Commit, AResourceThatWasNotGivenToConnectIsRefused) {
  Connect(fake_.Options({bank_a_}));
  GlobalTransaction transaction = Begin();
  const auto branch = transaction.Enlist(*bank_b_);
  ASSERT_FALSE(branch);
  EXPECT_EQ(branch.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(branch.error().message, HasSubstr("bank-b"));
}

TEST_F(Commit, AskOutcomeTellsWhatBecameOfIt) {
  Connect();
  GlobalTransaction transaction = Both();
  ASSERT_TRUE(transaction.Commit().committed());
  EXPECT_TRUE(coordinator_->AskOutcome(transaction.gtid()).committed());
  fake_.on_outcome = [](const std::string&, wire::Ending&) -> bool {
    throw ServiceError(wire::ErrorCode::EXPIRED, "pruned");
  };
  EXPECT_EQ(coordinator_->AskOutcome(transaction.gtid()).outcome, Outcome::kExpired);
  fake_.Stop();
  EXPECT_EQ(coordinator_->AskOutcome(transaction.gtid()).outcome, Outcome::kUnknown);
}

}  // namespace
}  // namespace settle::sdk
