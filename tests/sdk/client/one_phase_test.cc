// The lone branch of a transaction that nobody else joined.
#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

class OnePhase : public ClientTest {
 protected:
  GlobalTransaction One() {
    GlobalTransaction transaction = Begin();
    Enlist(transaction, *bank_a_);
    return transaction;
  }
  void Decline(std::optional<wire::Ending> ending = std::nullopt) {
    fake_.on_one_phase = [ending](const wire::OnePhaseRequest&, wire::OnePhaseReply& reply) {
      reply.granted = false;
      if (ending) reply.__set_ending(*ending);
      return true;
    };
  }
};

TEST_F(OnePhase, CommitsWithoutPreparingAndReportsTheEnd) {
  Connect();
  EXPECT_TRUE(One().Commit().committed());
  EXPECT_EQ(bank_a_->Count("one-phase 1"), 1u);
  EXPECT_EQ(bank_a_->Count("prepare 1"), 0u);
  EXPECT_TRUE(fake_.Await("end 1=committed"));
}

TEST_F(OnePhase, IsNotTriedOnceTheContextWasHandedOut) {
  Connect();
  GlobalTransaction transaction = One();
  EXPECT_FALSE(transaction.context().empty());
  EXPECT_TRUE(transaction.Commit().committed());
  EXPECT_EQ(fake_.Count("one-phase 1"), 0u);
  EXPECT_EQ(bank_a_->Count("prepare 1"), 1u);
}

TEST_F(OnePhase, ABranchThatWroteNothingIsReadOnly) {
  bank_a_->on_evidence = [](const BranchKey&) -> Result<Evidence> {
    return Fail(ErrorCode::kNotFound, "wrote nothing");
  };
  Connect();
  EXPECT_TRUE(One().Commit().committed());
  EXPECT_EQ(fake_.Count("commit 1=read-only"), 1u);
  EXPECT_EQ(fake_.Count("one-phase 1"), 0u);
}

TEST_F(OnePhase, AResourceWithoutOnePhaseCommitIsPrepared) {
  bank_a_->on_evidence = [](const BranchKey&) -> Result<Evidence> {
    return Fail(ErrorCode::kRefused, "no one-phase commit");
  };
  Connect();
  EXPECT_TRUE(One().Commit().committed());
  EXPECT_EQ(fake_.Count("commit 1=commit"), 1u);
}

TEST_F(OnePhase, EvidenceThatCannotBeHadIsANoVote) {
  bank_a_->on_evidence = [](const BranchKey&) -> Result<Evidence> {
    return Fail(ErrorCode::kUnavailable, "server closed the connection");
  };
  Connect();
  const Ending ending = One().Commit();
  EXPECT_TRUE(ending.aborted());
  EXPECT_THAT(ending.reason, HasSubstr("server closed the connection"));
  EXPECT_EQ(fake_.Count("commit 1=no"), 1u);
  EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
}

TEST_F(OnePhase, NotGrantedMeansPrepareAndAskToCommit) {
  Decline();
  Connect();
  EXPECT_TRUE(One().Commit().committed());
  EXPECT_EQ(bank_a_->Count("one-phase 1"), 0u);
  EXPECT_EQ(fake_.Count("commit 1=commit"), 1u);
}

TEST_F(OnePhase, NotGrantedBecauseItEndedRollsBack) {
  Decline(WireEnding(wire::Outcome::ABORTED, wire::AbortCause::DEADLINE, "too late"));
  Connect();
  const Ending ending = One().Commit();
  EXPECT_EQ(ending.cause, AbortCause::kDeadline);
  EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
  EXPECT_EQ(bank_a_->Count("one-phase 1"), 0u);
}

TEST_F(OnePhase, ALostGrantIsAskedForAgain) {
  std::atomic<int> calls{0};
  fake_.on_one_phase = [&](const wire::OnePhaseRequest&, wire::OnePhaseReply&) {
    if (++calls == 1) FakeCoordinator::CutConnection();
    return true;
  };
  Connect();
  EXPECT_TRUE(One().Commit().committed());
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(bank_a_->Count("one-phase 1"), 1u);
}

TEST_F(OnePhase, WithoutAGrantNothingIsCommittedAndTheAbortIsCertain) {
  CoordinatorOptions options = fake_.Options({bank_a_});
  options.call_timeout = milliseconds(300);
  Connect(options);
  GlobalTransaction transaction = One();
  fake_.Stop();
  const Ending ending = transaction.Commit();
  EXPECT_TRUE(ending.aborted());
  EXPECT_EQ(ending.cause, AbortCause::kRolledBack);
  EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
  EXPECT_EQ(bank_a_->Count("one-phase 1"), 0u);
}

TEST_F(OnePhase, ALostReplyOfTheDatabaseIsSettledByProof) {
  bank_a_->on_one_phase = [](const BranchKey&) {
    return FinishResult{BranchEnd::kRetry, "server closed the connection"};
  };
  std::atomic<int> asked{0};
  bank_a_->on_prove = [&](const BranchKey&) {
    return ++asked < 2 ? FinishResult{BranchEnd::kRetry, "in progress"}
                       : FinishResult{BranchEnd::kCommitted, "pg_xact_status"};
  };
  Connect();
  EXPECT_TRUE(One().Commit().committed());
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(fake_.Await("end 1=committed"));
}

TEST_F(OnePhase, ProofOfARollbackIsAnAbort) {
  bank_a_->on_one_phase = [](const BranchKey&) {
    return FinishResult{BranchEnd::kAborted, "23505 duplicate key"};
  };
  Connect();
  const Ending ending = One().Commit();
  EXPECT_TRUE(ending.aborted());
  EXPECT_EQ(ending.cause, AbortCause::kRolledBack);
  EXPECT_EQ(ending.reason, "23505 duplicate key");
  EXPECT_TRUE(fake_.Await("end 1=aborted"));
}

TEST_F(OnePhase, WithoutProofInTimeItIsUnknownAndTheCoordinatorHasItProvedLater) {
  bank_a_->on_one_phase = [](const BranchKey&) -> FinishResult { throw std::runtime_error("x"); };
  std::atomic<bool> reachable{false};
  bank_a_->on_prove = [&](const BranchKey&) {
    return reachable ? FinishResult{BranchEnd::kCommitted, {}}
                     : FinishResult{BranchEnd::kRetry, "connection refused"};
  };
  Connect();
  GlobalTransaction transaction = One();
  const Ending ending = transaction.Commit({.wait_at_most = milliseconds(150)});
  EXPECT_EQ(ending.outcome, Outcome::kUnknown);
  EXPECT_THAT(ending.reason, HasSubstr("connection refused"));
  reachable = true;
  fake_.Send(wire::CommandKind::PROVE, {transaction.gtid(), 1}, "bank-a");
  EXPECT_TRUE(fake_.Await("end 1=committed"));
}

TEST_F(OnePhase, AHazardIsToldAsSuch) {
  bank_a_->on_one_phase = [](const BranchKey&) {
    return FinishResult{BranchEnd::kHazard, "fail-over without proof"};
  };
  Connect();
  EXPECT_EQ(One().Commit().outcome, Outcome::kHazard);
}

}  // namespace
}  // namespace settle::sdk
