// What is told when the coordinator does not answer, or answers what cannot be believed.
#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

class LostReply : public ClientTest {};

TEST_F(LostReply, P16_ALostReplyIsAskedAgainOnANewConnectionAndGivesTheSameOutcome) {
  std::atomic<int> calls{0};
  fake_.on_commit = [&](const wire::CommitRequest&, wire::CommitReply&) {
    if (++calls == 1) FakeCoordinator::CutConnection();
    return true;
  };
  Connect();
  EXPECT_TRUE(Both().Commit().committed());
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(bank_a_->Count("commit 1"), 1u);
}

TEST_F(LostReply, ARestartedCoordinatorThatRemembersTheDecisionIsBelieved) {
  std::atomic<int> calls{0};
  fake_.on_commit = [&](const wire::CommitRequest&, wire::CommitReply&) {
    if (++calls == 1) FakeCoordinator::CutConnection();
    return true;
  };
  Connect();
  GlobalTransaction transaction = Both();
  fake_.on_hello = [](wire::HelloReply& reply) { reply.epoch = 2; };
  EXPECT_TRUE(transaction.Commit().committed());
  EXPECT_EQ(coordinator_->epoch(), 2u);
}

TEST_F(LostReply, ALostReplyThatStaysLostIsUnknownAndNeverAborted) {
  fake_.on_commit = [&](const wire::CommitRequest&, wire::CommitReply&) {
    FakeCoordinator::CutConnection();
    return true;
  };
  CoordinatorOptions options = fake_.Options({bank_a_, bank_b_});
  options.call_timeout = milliseconds(400);
  Connect(options);
  GlobalTransaction transaction = Both();
  const Gtid gtid = transaction.gtid();
  const Ending ending = transaction.Commit();
  EXPECT_EQ(ending.outcome, Outcome::kUnknown);
  EXPECT_THAT(ending.reason, HasSubstr("AskOutcome"));
  EXPECT_GE(fake_.Count("commit 1=commit 2=commit"), 2u);
  // Prepared they stay, until the coordinator says what it decided.
  EXPECT_TRUE(bank_a_->IsPrepared({gtid, 1}));
  fake_.Send(wire::CommandKind::COMMIT, {gtid, 1}, "bank-a");
  fake_.Send(wire::CommandKind::COMMIT, {gtid, 2}, "bank-b");
  EXPECT_TRUE(fake_.Await("end 1=committed"));
  EXPECT_TRUE(fake_.Await("end 2=committed"));
  EXPECT_FALSE(bank_a_->IsPrepared({gtid, 1}));
}

TEST_F(LostReply, ACoordinatorThatIsGoneLeavesTheOutcomeUnknownAndTheBranchesPrepared) {
  CoordinatorOptions options = fake_.Options({bank_a_, bank_b_});
  options.call_timeout = milliseconds(400);
  Connect(options);
  GlobalTransaction transaction = Both();
  fake_.Stop();
  EXPECT_EQ(transaction.Commit().outcome, Outcome::kUnknown);
  EXPECT_TRUE(bank_a_->IsPrepared({transaction.gtid(), 1}));
  EXPECT_EQ(transaction.Abort().outcome, Outcome::kUnknown);
  EXPECT_TRUE(bank_a_->IsPrepared({transaction.gtid(), 1}));
}

TEST_F(LostReply, ARefusedCommitIsAbortedAndThatAnswerCounts) {
  fake_.on_commit = [](const wire::CommitRequest&, wire::CommitReply&) -> bool {
    throw ServiceError(wire::ErrorCode::INVALID, "what is this");
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Ending ending = transaction.Commit();
  EXPECT_EQ(ending.outcome, Outcome::kAborted);
  EXPECT_THAT(ending.reason, HasSubstr("what is this"));
  EXPECT_FALSE(bank_a_->IsPrepared({transaction.gtid(), 1}));
}

TEST_F(LostReply, ARefusalThatDecidesNothingIsUnknown) {
  fake_.on_commit = [](const wire::CommitRequest&, wire::CommitReply&) -> bool {
    throw ServiceError(wire::ErrorCode::INVALID, "what is this");
  };
  fake_.on_abort = [](const wire::AbortRequest&) {
    throw ServiceError(wire::ErrorCode::INVALID, "nor this");
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Ending ending = transaction.Commit();
  EXPECT_EQ(ending.outcome, Outcome::kUnknown);
  EXPECT_THAT(ending.reason, HasSubstr("what is this"));
  EXPECT_TRUE(bank_a_->IsPrepared({transaction.gtid(), 1}));
}

TEST_F(LostReply, L10_ARepeatedCommitThatHearsExpiredIsNeitherCommittedNorAborted) {
  std::atomic<int> calls{0};
  fake_.on_commit = [&](const wire::CommitRequest&, wire::CommitReply&) -> bool {
    if (++calls == 1) FakeCoordinator::CutConnection();
    throw ServiceError(wire::ErrorCode::EXPIRED, "its record was pruned");
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Ending ending = transaction.Commit();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(ending.outcome, Outcome::kExpired);
  EXPECT_THAT(ending.reason, HasSubstr("its record was pruned"));
  EXPECT_TRUE(bank_a_->IsPrepared({transaction.gtid(), 1})) << "nobody may guess";
}

TEST_F(LostReply, BackPressureIsWaitedOut) {
  std::atomic<int> calls{0};
  fake_.on_commit = [&](const wire::CommitRequest&, wire::CommitReply&) {
    if (++calls < 3) throw ServiceError(wire::ErrorCode::RETRY, "mailbox full");
    return true;
  };
  Connect();
  EXPECT_TRUE(Both().Commit().committed());
  EXPECT_EQ(calls, 3);
}

TEST_F(LostReply, AnUndecidedAnswerIsUnknown) {
  fake_.on_commit = [](const wire::CommitRequest&, wire::CommitReply& reply) {
    reply.ending = WireEnding(wire::Outcome::UNDECIDED);
    return true;
  };
  Connect();
  EXPECT_EQ(Both().Commit().outcome, Outcome::kUnknown);
}

TEST_F(LostReply, N05_AnOutcomeThatTheContractDoesNotKnowIsNeverTakenForCommitted) {
  fake_.on_commit = [](const wire::CommitRequest&, wire::CommitReply& reply) {
    reply.ending.outcome = static_cast<wire::Outcome::type>(0);
    return true;
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Ending ending = transaction.Commit();
  EXPECT_EQ(ending.outcome, Outcome::kUnknown);
  EXPECT_THAT(ending.reason, HasSubstr("outcome 0"));
  EXPECT_TRUE(bank_a_->IsPrepared({transaction.gtid(), 1}));
}

TEST_F(LostReply, APresumedAbortRollsTheBranchesBack) {
  fake_.on_commit = [](const wire::CommitRequest&, wire::CommitReply& reply) {
    reply.ending = WireEnding(wire::Outcome::ABORTED, wire::AbortCause::PRESUMED, "no record");
    return true;
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Ending ending = transaction.Commit();
  EXPECT_EQ(ending.outcome, Outcome::kAborted);
  EXPECT_EQ(ending.cause, AbortCause::kPresumed);
  EXPECT_FALSE(bank_a_->IsPrepared({transaction.gtid(), 1}));
  EXPECT_FALSE(bank_b_->IsPrepared({transaction.gtid(), 2}));
}

}  // namespace
}  // namespace settle::sdk
