// Commit by a last resource: bank-a decides, bank-b is prepared in its name.
#include <atomic>

#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LastResourceCommit : public ClientTest {
 protected:
  LastResourceCommit() {
    bank_a_->can_be_last = true;
    fake_.own_granted = 8;
  }
  GlobalTransaction Both(UseLastResource use = UseLastResource::kAlways) {
    BeginOptions options;
    options.last_resource = use;
    Result<GlobalTransaction> transaction = coordinator_->Begin(std::move(options));
    if (!transaction) throw std::runtime_error(Describe(transaction.error()));
    Enlist(*transaction, *bank_a_);
    Enlist(*transaction, *bank_b_);
    return *std::move(transaction);
  }
  // The coordinator ended it before it was asked for leave.
  void GiveNoLeave() {
    fake_.on_one_phase = [](const wire::OnePhaseRequest&, wire::OnePhaseReply& reply) {
      reply.granted = false;
      reply.__set_ending(
          WireEnding(wire::Outcome::ABORTED, wire::AbortCause::DEADLINE, "too late"));
      return true;
    };
  }
  std::vector<std::string> JournalOf(const FakeResource& bank) {
    std::vector<std::string> lines = bank.journal();
    std::erase(lines, "scan");
    return lines;
  }
};

TEST_F(LastResourceCommit, TheOthersArePreparedInItsNameAndItsCommitDecides) {
  bank_a_->on_one_phase = [&](const BranchKey& key) {
    EXPECT_TRUE(bank_b_->IsPrepared({key.gtid, 2}));
    EXPECT_EQ(fake_.Count("one-phase 1 2=commit own 1 bank-a own 2 bank-b"), 1u);
    return FinishResult{BranchEnd::kCommitted, {}};
  };
  Connect();
  const Ending ending = Both().Commit();
  EXPECT_TRUE(ending.committed()) << ending.reason;
  EXPECT_THAT(JournalOf(*bank_a_), ElementsAre("open 1", "one-phase 1"));
  EXPECT_THAT(JournalOf(*bank_b_),
              ElementsAre("open 2", "name after bank-a 1", "prepare 2", "commit 2"));
  EXPECT_TRUE(fake_.Await("end 1=committed"));
  EXPECT_TRUE(fake_.Await("end 2=committed"));
}

TEST_F(LastResourceCommit, ANoVoteOfAnotherRollsItBackUnasked) {
  bank_b_->on_prepare = [](const BranchKey&) {
    return VoteResult{Vote::kNo, {}, "40001 could not serialize", true};
  };
  Connect();
  EXPECT_EQ(Both().Commit().cause, AbortCause::kVotedNo);
  EXPECT_EQ(bank_a_->Count("one-phase 1"), 0u);
  EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
}

TEST_F(LastResourceCommit, WithoutLeaveNothingIsCommitted) {
  GiveNoLeave();
  Connect();
  GlobalTransaction transaction = Both();
  EXPECT_EQ(transaction.Commit().cause, AbortCause::kDeadline);
  EXPECT_EQ(bank_a_->Count("one-phase 1"), 0u);
  EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
  EXPECT_FALSE(bank_b_->IsPrepared({transaction.gtid(), 2}));
}

TEST_F(LastResourceCommit, ARefusedRequestForLeaveIsAnAbortOfAllThatItNumbered) {
  fake_.on_one_phase = [](const wire::OnePhaseRequest&, wire::OnePhaseReply&) -> bool {
    throw ServiceError(wire::ErrorCode::INVALID, "the session does not serve it");
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Ending ending = transaction.Commit();
  EXPECT_TRUE(ending.aborted());
  EXPECT_THAT(ending.reason, HasSubstr("the session does not serve it"));
  EXPECT_EQ(fake_.Count("abort 1 2"), 1u);
  EXPECT_FALSE(bank_b_->IsPrepared({transaction.gtid(), 2}));
}

TEST_F(LastResourceCommit, ItsRefusalRollsBackTheOthers) {
  bank_a_->on_one_phase = [](const BranchKey&) {
    return FinishResult{BranchEnd::kAborted, "23505 duplicate key"};
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Ending ending = transaction.Commit();
  EXPECT_EQ(ending.cause, AbortCause::kRolledBack);
  EXPECT_THAT(ending.reason, HasSubstr("23505 duplicate key"));
  EXPECT_FALSE(bank_b_->IsPrepared({transaction.gtid(), 2}));
  EXPECT_EQ(bank_b_->Count("commit 2"), 0u);
}

TEST_F(LastResourceCommit, P08_WhileItDoesNotSayWhatItDidTheOthersStayPrepared) {
  bank_a_->on_one_phase = [](const BranchKey&) {
    return FinishResult{BranchEnd::kRetry, "server closed the connection"};
  };
  std::atomic<bool> reachable{false};
  bank_a_->on_prove = [&](const BranchKey&) {
    return reachable ? FinishResult{BranchEnd::kCommitted, "pg_xact_status"}
                     : FinishResult{BranchEnd::kRetry, "connection refused"};
  };
  Connect();
  GlobalTransaction transaction = Both();
  const Ending ending = transaction.Commit({.wait_at_most = milliseconds(150)});
  EXPECT_EQ(ending.outcome, Outcome::kUnknown);
  EXPECT_THAT(ending.reason, HasSubstr("connection refused"));
  EXPECT_TRUE(bank_b_->IsPrepared({transaction.gtid(), 2}));
  EXPECT_EQ(bank_b_->Count("commit 2") + bank_b_->Count("abort 2"), 0u);
  reachable = true;
  fake_.Send(wire::CommandKind::PROVE, {transaction.gtid(), 1}, "bank-a");
  EXPECT_TRUE(fake_.Await("end 1=committed"));
  fake_.Send(wire::CommandKind::COMMIT, {transaction.gtid(), 2}, "bank-b");
  EXPECT_TRUE(fake_.Await("end 2=committed"));
}

TEST_F(LastResourceCommit, ALostReplyIsSettledByProof) {
  bank_a_->on_one_phase = [](const BranchKey&) {
    return FinishResult{BranchEnd::kRetry, "server closed the connection"};
  };
  std::atomic<int> asked{0};
  bank_a_->on_prove = [&](const BranchKey&) {
    return ++asked < 3 ? FinishResult{BranchEnd::kRetry, "in progress"}
                       : FinishResult{BranchEnd::kCommitted, "pg_xact_status"};
  };
  Connect();
  EXPECT_TRUE(Both().Commit().committed());
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(bank_b_->Count("commit 2"), 1u);
}

TEST_F(LastResourceCommit, WhereAnotherCannotBearItsNameAllArePreparedOrNone) {
  bank_b_->can_be_named = false;
  Connect();
  EXPECT_TRUE(Both(UseLastResource::kAuto).Commit().committed());
  EXPECT_EQ(fake_.Count("commit 1=commit 2=commit own 1 bank-a own 2 bank-b"), 1u);
  const Ending always = Both().Commit();
  EXPECT_TRUE(always.aborted());
  EXPECT_THAT(always.reason, HasSubstr("cannot be committed by a last resource"));
}

TEST_F(LastResourceCommit, OfWhatOthersMayHaveJoinedThereIsNone) {
  Connect();
  GlobalTransaction transaction = Both(UseLastResource::kAuto);
  EXPECT_FALSE(transaction.context().empty());
  EXPECT_TRUE(transaction.Commit().committed());
  EXPECT_EQ(bank_a_->Count("prepare 1"), 1u);
  EXPECT_EQ(bank_a_->Count("one-phase 1"), 0u);
}

TEST_F(LastResourceCommit, P15_AnOlderCoordinatorGivesNone) {
  fake_.knows_last_resources = false;
  Connect();
  EXPECT_TRUE(Both(UseLastResource::kAuto).Commit().committed());
  EXPECT_EQ(bank_a_->Count("prepare 1"), 1u);
  BeginOptions options;
  options.last_resource = UseLastResource::kAlways;
  const Result<GlobalTransaction> refused = coordinator_->Begin(std::move(options));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
}

}  // namespace
}  // namespace settle::sdk
