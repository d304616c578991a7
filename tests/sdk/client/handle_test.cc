// What a handle may do, and when it is dead: destructors, threads, forks, joined transactions.
#include <sys/wait.h>
#include <unistd.h>

#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

class Handle : public ClientTest {};
class Joined : public ClientTest {};

TEST_F(Handle, P14_DroppedWithoutCommitIsAborted) {
  Connect();
  { GlobalTransaction transaction = Both(); }
  EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
  EXPECT_EQ(bank_b_->Count("fence 2"), 1u);
  EXPECT_EQ(fake_.Count("abort 1 2"), 1u);
}

TEST_F(Handle, P14_AnExceptionInTheApplicationAborts) {
  Connect();
  try {
    GlobalTransaction transaction = Both();
    throw std::runtime_error("the application failed");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
  EXPECT_EQ(fake_.Count("abort 1 2"), 1u);
}

TEST_F(Handle, ADestructorIsBoundedWhenTheCoordinatorHangs) {
  Connect();
  std::promise<void> go;
  std::shared_future<void> released = go.get_future().share();
  fake_.on_abort = [released](const wire::AbortRequest&) { released.wait(); };
  const Clock::time_point start = Clock::now();
  { GlobalTransaction transaction = Both(); }
  EXPECT_LT(Clock::now() - start, milliseconds(1'900));
  EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
  go.set_value();
}

TEST_F(Handle, MovingATransactionOntoAnotherAbortsTheOtherOne) {
  Connect();
  GlobalTransaction transaction = Both();
  transaction = Begin();
  EXPECT_EQ(fake_.Count("abort 1 2"), 1u);
  EXPECT_TRUE(transaction.Commit().committed());
}

TEST_F(Handle, AMovedFromTransactionRefusesEverything) {
  Connect();
  GlobalTransaction transaction = Begin();
  GlobalTransaction moved = std::move(transaction);
  EXPECT_THAT(transaction.Commit().reason, HasSubstr("moved from"));
  EXPECT_FALSE(transaction.Enlist(*bank_a_));
  EXPECT_TRUE(transaction.gtid().empty());
}

TEST_F(Handle, P14_ASecondThreadIsRefusedAndSaysSo) {
  std::promise<void> inside;
  std::promise<void> go;
  fake_.on_commit = [&](const wire::CommitRequest&, wire::CommitReply&) {
    inside.set_value();
    go.get_future().wait();
    return true;
  };
  Connect();
  GlobalTransaction transaction = Both();
  auto first = std::async(std::launch::async, [&] { return transaction.Commit(); });
  inside.get_future().wait();
  const Ending second = transaction.Commit();
  EXPECT_EQ(second.outcome, Outcome::kUndecided);
  EXPECT_THAT(second.reason, HasSubstr("another thread"));
  EXPECT_EQ(transaction.Enlist(*bank_a_).error().code, ErrorCode::kRefused);
  EXPECT_EQ(transaction.Abort().outcome, Outcome::kUndecided);
  go.set_value();
  EXPECT_TRUE(first.get().committed());
}

TEST_F(Handle, P14_InAForkedChildItIsDeadAndItsDestructorDoesNothing) {
  Connect();
  auto transaction = std::make_unique<GlobalTransaction>(Both());
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = transaction->Commit().outcome == Outcome::kUndecided &&
                         !transaction->Enlist(*bank_a_) && !transaction->Leave();
    transaction.reset();
    coordinator_.reset();
    ::_exit(refused && bank_a_->Count("fence 1") == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(bank_a_->Count("fence 1"), 0u);
  EXPECT_TRUE(transaction->Commit().committed());
}

TEST_F(Handle, P13_AfterTheGlobalAbortTheBranchHandleIsDead) {
  Connect();
  GlobalTransaction transaction = Begin();
  const std::shared_ptr<FakeBranch> branch = Enlist(transaction, *bank_a_);
  EXPECT_TRUE(branch->Work());
  fake_.Send(wire::CommandKind::ABORT, {transaction.gtid(), 1}, "bank-a");
  ASSERT_TRUE(fake_.Await("end 1=aborted"));
  EXPECT_FALSE(branch->Work());
}

TEST_F(Handle, P02_ABranchAbortedWhileItIsBeingOpenedComesBackDead) {
  Connect();
  GlobalTransaction transaction = Begin();
  bank_a_->on_open = [&](const BranchKey& key) -> Status {
    fake_.Send(wire::CommandKind::ABORT, key, "bank-a");
    EXPECT_TRUE(fake_.Await("end 1=aborted"));
    return {};
  };
  EXPECT_FALSE(Enlist(transaction, *bank_a_)->Work());
  EXPECT_TRUE(transaction.Commit().aborted());
}

TEST_F(Joined, PreparesOnCommandAfterLeaveAndCommitsOnCommand) {
  Connect();
  GlobalTransaction transaction = JoinNew();
  Enlist(transaction, *bank_a_);
  const BranchKey key{transaction.gtid(), 1};
  ASSERT_TRUE(transaction.Leave());
  fake_.Send(wire::CommandKind::PREPARE, key, "bank-a");
  ASSERT_TRUE(fake_.Await("vote 1=commit"));
  EXPECT_TRUE(bank_a_->IsPrepared(key));
  fake_.Send(wire::CommandKind::COMMIT, key, "bank-a");
  EXPECT_TRUE(fake_.Await("end 1=committed"));
  EXPECT_EQ(bank_a_->Count("commit 1"), 1u);
}

TEST_F(Joined, OutlivesItsHandleOnceLeft) {
  Connect();
  BranchKey key;
  {
    GlobalTransaction transaction = JoinNew();
    Enlist(transaction, *bank_a_);
    key = {transaction.gtid(), 1};
    ASSERT_TRUE(transaction.Leave());
  }
  EXPECT_EQ(bank_a_->Count("fence 1"), 0u);
  fake_.Send(wire::CommandKind::PREPARE, key, "bank-a");
  EXPECT_TRUE(fake_.Await("vote 1=commit"));
}

TEST_F(Joined, DroppedWithoutLeaveVotesNoAtOnceAndWhenAsked) {
  Connect();
  BranchKey key;
  {
    GlobalTransaction transaction = JoinNew();
    Enlist(transaction, *bank_a_);
    key = {transaction.gtid(), 1};
  }
  EXPECT_EQ(bank_a_->Count("fence 1"), 1u);
  EXPECT_TRUE(fake_.Await("vote 1=no"));
  EXPECT_THAT(fake_.LastReason(), HasSubstr("without Leave()"));
  fake_.Send(wire::CommandKind::PREPARE, key, "bank-a");
  EXPECT_TRUE(Eventually([&] { return fake_.Count("vote 1=no") == 2; }));
  EXPECT_EQ(bank_a_->Count("prepare 1"), 0u);
}

TEST_F(Joined, APrepareBeforeLeaveIsRefusedAndTheHandleDies) {
  Connect();
  GlobalTransaction transaction = JoinNew();
  const std::shared_ptr<FakeBranch> branch = Enlist(transaction, *bank_a_);
  fake_.Send(wire::CommandKind::PREPARE, branch->key(), "bank-a");
  EXPECT_TRUE(fake_.Await("vote 1=no"));
  EXPECT_FALSE(branch->Work());
  const Status left = transaction.Leave();
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code, ErrorCode::kRetryTransaction);
}

TEST_F(Joined, CannotCommitAndAfterLeaveCannotAbort) {
  Connect();
  GlobalTransaction transaction = JoinNew();
  Enlist(transaction, *bank_a_);
  EXPECT_EQ(transaction.Commit().outcome, Outcome::kUndecided);
  EXPECT_EQ(bank_a_->Count("prepare 1"), 0u);
  ASSERT_TRUE(transaction.Leave());
  EXPECT_TRUE(transaction.Leave());
  EXPECT_EQ(transaction.Abort().outcome, Outcome::kUndecided);
  EXPECT_FALSE(transaction.Enlist(*bank_b_));
}

TEST_F(Joined, MayAbortBeforeItLeaves) {
  Connect();
  GlobalTransaction transaction = JoinNew();
  Enlist(transaction, *bank_a_);
  EXPECT_TRUE(transaction.Abort("the callee failed").aborted());
  EXPECT_EQ(fake_.Count("abort 1"), 1u);
}

TEST_F(Joined, ALeaveByTheProcessThatBeganIsRefused) {
  Connect();
  GlobalTransaction transaction = Begin();
  EXPECT_EQ(transaction.Leave().error().code, ErrorCode::kRefused);
}

TEST_F(Joined, AContextOfAnotherLogIsRefused) {
  Connect();
  const Gtid other = Gtid::Make("zzzzzzzzzzzz", 1, 1, 1);
  EXPECT_EQ(coordinator_->Join("settle1;" + other.text()).error().code, ErrorCode::kWrongLog);
  EXPECT_EQ(coordinator_->Join("hello").error().code, ErrorCode::kInvalid);
}

TEST_F(Joined, ABranchThatCouldNotBeOpenedVotesNoAtOnce) {
  bank_a_->on_open = [](const BranchKey&) { return Fail(ErrorCode::kUnavailable, "down"); };
  Connect();
  GlobalTransaction transaction = JoinNew();
  EXPECT_FALSE(transaction.Enlist(*bank_a_));
  EXPECT_TRUE(fake_.Await("vote 1=no"));
  EXPECT_FALSE(transaction.Leave());
}

}  // namespace
}  // namespace settle::sdk
