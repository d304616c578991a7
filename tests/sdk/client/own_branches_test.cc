// Branches that the process which began the transaction numbers itself: nobody is asked for them.
#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

class OwnBranches : public ClientTest {
 protected:
  OwnBranches() { fake_.own_granted = 8; }
  std::size_t Calls() {
    std::size_t calls = 0;
    for (const std::string& line : fake_.heard()) {
      const bool other = line.starts_with("attach") || line.starts_with("end ");
      calls += other ? 0 : 1;
    }
    return calls;
  }
};

TEST_F(OwnBranches, ATransactionOfOneProcessIsTwoCalls) {
  Connect();
  const Ending ending = Both().Commit();
  EXPECT_TRUE(ending.committed()) << ending.reason;
  EXPECT_EQ(fake_.Count("commit 1=commit 2=commit own 1 bank-a own 2 bank-b"), 1u);
  EXPECT_EQ(Calls(), 2u) << testing::PrintToString(fake_.heard());
  EXPECT_TRUE(fake_.Await("end 1=committed"));
  EXPECT_TRUE(fake_.Await("end 2=committed"));
}

TEST_F(OwnBranches, BeyondWhatWasGrantedEachIsEnlisted) {
  fake_.own_granted = 1;
  Connect();
  EXPECT_TRUE(Both().Commit().committed());
  EXPECT_EQ(fake_.Count("enlist bank-b"), 1u);
  EXPECT_EQ(fake_.Count("commit 1=commit 2=commit own 1 bank-a"), 1u);
}

TEST_F(OwnBranches, P15_AnOlderCoordinatorGrantsNone) {
  fake_.own_granted = 0;
  Connect();
  EXPECT_TRUE(Both().Commit().committed());
  EXPECT_EQ(fake_.Count("commit 1=commit 2=commit"), 1u);
  EXPECT_EQ(fake_.Count("enlist bank-a"), 1u);
}

TEST_F(OwnBranches, ALoneOneIsNamedWithTheRequestForLeave) {
  Connect();
  GlobalTransaction transaction = Begin();
  Enlist(transaction, *bank_a_);
  EXPECT_TRUE(transaction.Commit().committed());
  EXPECT_EQ(fake_.Count("one-phase 1 own bank-a"), 1u);
}

TEST_F(OwnBranches, ANoVoteNamesAllOfThem) {
  bank_b_->on_prepare = [](const BranchKey&) {
    return VoteResult{Vote::kNo, {}, "40001 could not serialize", true};
  };
  Connect();
  EXPECT_EQ(Both().Commit().cause, AbortCause::kVotedNo);
  EXPECT_EQ(fake_.Count("commit 2=no 1=no own 1 bank-a own 2 bank-b"), 1u);
}

TEST_F(OwnBranches, P12_AnAbortOfThemAllRollsBackWhatIsOpenAndLetsNoMoreBeOpened) {
  Connect();
  GlobalTransaction transaction = Begin();
  Enlist(transaction, *bank_a_);
  fake_.SendToAll(wire::CommandKind::ABORT, {transaction.gtid(), 0}, "");
  ASSERT_TRUE(bank_a_->Await("fence 1"));
  Result<std::shared_ptr<FakeBranch>> late = transaction.Enlist(*bank_b_);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kRetryTransaction);
  fake_.on_commit = [](const wire::CommitRequest&, wire::CommitReply& reply) {
    reply.ending = WireEnding(wire::Outcome::ABORTED, wire::AbortCause::DEADLINE, "late");
    return true;
  };
  EXPECT_TRUE(transaction.Commit().aborted());
}

TEST_F(OwnBranches, P12_AnAbortOfThemAllIsOfThatTransactionAlone) {
  Connect();
  GlobalTransaction other = Both();
  GlobalTransaction transaction = Begin();
  Enlist(transaction, *bank_a_);
  fake_.SendToAll(wire::CommandKind::ABORT, {transaction.gtid(), 0}, "");
  ASSERT_TRUE(bank_a_->Await("fence 1"));
  EXPECT_TRUE(other.Commit().committed());
}

TEST_F(OwnBranches, ARefusedCommitIsAbortedAndNothingStaysPrepared) {
  fake_.on_commit = [](const wire::CommitRequest&, wire::CommitReply&) -> bool {
    throw ServiceError(wire::ErrorCode::INVALID, "the session does not serve it");
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Gtid gtid = transaction.gtid();
  const Ending ending = transaction.Commit();
  EXPECT_TRUE(ending.aborted()) << ending.reason;
  EXPECT_THAT(ending.reason, HasSubstr("the session does not serve it"));
  EXPECT_FALSE(bank_a_->IsPrepared({gtid, 1}));
  EXPECT_FALSE(bank_b_->IsPrepared({gtid, 2}));
}

TEST_F(OwnBranches, ThreePhaseTransactionsHaveNone) {
  Connect();
  BeginOptions options;
  options.protocol = Protocol::kThreePhase;
  Result<GlobalTransaction> transaction = coordinator_->Begin(std::move(options));
  ASSERT_TRUE(transaction);
  Enlist(*transaction, *bank_a_);
  EXPECT_EQ(fake_.Count("enlist bank-a"), 1u);
}

TEST_F(OwnBranches, EndsThatNobodyWaitsForGoTogether) {
  std::atomic<int> reports{0};
  std::atomic<int> ends{0};
  fake_.on_report = [&](const wire::ReportRequest& request) {
    ++reports;
    ends += static_cast<int>(request.ends.size());
  };
  Connect();
  constexpr int kTransactions = 50;
  for (int i = 0; i < kTransactions; ++i) ASSERT_TRUE(Both().Commit().committed());
  EXPECT_TRUE(Eventually([&] { return ends == 2 * kTransactions; })) << ends;
  EXPECT_LT(reports, kTransactions) << "each transaction was reported by itself";
}

}  // namespace
}  // namespace settle::sdk
