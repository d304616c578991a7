// Connections that are used again by the next branch, and branches that are prepared side by side.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "bank_file.h"

namespace settle::testing {
namespace {

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";

// Takes 10 by a branch of its own, from the beginning to the end.
BranchEnd Transfer(SqliteResource& resource, const BranchKey& key) {
  const auto branch = OpenAndRun(resource, key, {kTake10});
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  return branch->AwaitFinish(Decision::kCommit).end;
}

// A resource that counts the connections that it makes.
std::shared_ptr<SqliteResource> Counting(const BankFile& bank, std::atomic<int>& connections) {
  SqliteOptions options;
  options.name = "bank";
  options.path = bank.path();
  options.on_connect = [&connections](sqlite3*) { ++connections; };
  return SqliteResource::Make(options);
}

TEST(SqliteKeptConnection, BranchesOneAfterTheOtherUseOneConnection) {
  const BankFile bank;
  std::atomic<int> connections = 0;
  const auto resource = Counting(bank, connections);
  ASSERT_EQ(Transfer(*resource, Key(1)), BranchEnd::kCommitted);
  const int at_first = connections;
  for (unsigned i = 2; i < 6; ++i) {
    ASSERT_EQ(Transfer(*resource, Key(i)), BranchEnd::kCommitted);
  }
  EXPECT_EQ(OpenAndRun(*resource, Key(6), {"SELECT 1"})->AwaitPrepare().vote, Vote::kReadOnly);
  EXPECT_EQ(OpenAndRun(*resource, Key(7), {kTake10})->CommitOnePhase().end, BranchEnd::kCommitted);
  EXPECT_EQ(connections, at_first);
  EXPECT_EQ(bank.Balances(), "40 100");
}

TEST(SqliteKeptConnection, AConnectionThatTheApplicationHadIsNotUsedAgain) {
  const BankFile bank;
  std::atomic<int> connections = 0;
  const auto resource = Counting(bank, connections);
  ASSERT_EQ(Transfer(*resource, Key(1)), BranchEnd::kCommitted);
  const int before = connections;
  sqlite3_stmt* forgotten = nullptr;
  {
    const auto branch = OpenAndRun(*resource, Key(2), {kTake10});
    ASSERT_NE(branch->connection(), nullptr);
    ASSERT_EQ(sqlite3_prepare_v2(branch->connection(), kTake10, -1, &forgotten, nullptr),
              SQLITE_OK);
    ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
    ASSERT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  }
  ASSERT_EQ(Transfer(*resource, Key(3)), BranchEnd::kCommitted);
  EXPECT_EQ(connections, before + 1);
  EXPECT_NE(sqlite3_step(forgotten), SQLITE_DONE);
  sqlite3_finalize(forgotten);
  EXPECT_EQ(bank.Balances(), "70 100");
}

TEST(SqliteKeptConnection, AnAbortedBranchLeavesTheNextNothingOfItsOwn) {
  const BankFile bank;
  const auto resource = bank.Resource();
  {
    const auto branch = OpenAndRun(*resource, Key(1),
                                   {"SAVEPOINT mine", "PRAGMA defer_foreign_keys = ON", kTake10});
    branch->Fence();
  }
  {
    const auto branch = OpenAndRun(*resource, Key(2), {"SAVEPOINT mine", kTake10});
    EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  }
  const auto branch = OpenAndRun(*resource, Key(3), {});
  EXPECT_FALSE(branch->Execute("RELEASE mine"));
  const auto deferred = branch->Execute("PRAGMA defer_foreign_keys");
  ASSERT_TRUE(deferred) << Describe(deferred.error());
  EXPECT_EQ(deferred->rows.at(0).at(0), "0");
  const auto last = branch->Execute("SELECT last_insert_rowid()");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->rows.at(0).at(0), "0");
}

TEST(SqliteSideBySide, BranchesOfTwoFilesArePreparedAndFinishedAtTheSameTime) {
  const BankFile one;
  const BankFile two;
  const auto first = one.Resource();
  const auto second = two.Resource();
  for (unsigned i = 1; i <= 10; ++i) {
    const auto from = OpenAndRun(*first, Key(i, 1), {kTake10});
    const auto to = OpenAndRun(*second, Key(i, 2), {kTake10});
    from->StartPrepare();
    to->StartPrepare();
    ASSERT_EQ(from->AwaitPrepare().vote, Vote::kCommit);
    ASSERT_EQ(to->AwaitPrepare().vote, Vote::kCommit);
    from->StartFinish(Decision::kCommit);
    to->StartFinish(Decision::kCommit);
    ASSERT_EQ(from->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
    ASSERT_EQ(to->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  }
  EXPECT_EQ(one.Balances(), "0 100");
  EXPECT_EQ(two.Balances(), "0 100");
}

TEST(SqliteSideBySide, AStartedPrepareThatNobodyAwaitsEndsOneWayOrTheOther) {
  const BankFile one;
  const BankFile two;
  const auto first = one.Resource();
  auto second = two.Resource();
  {
    const auto from = OpenAndRun(*first, Key(1, 1), {kTake10});
    const auto to = OpenAndRun(*second, Key(1, 2), {kTake10});
    from->StartPrepare();
    to->StartPrepare();
    ASSERT_EQ(from->AwaitPrepare().vote, Vote::kCommit);
  }
  second = nullptr;  // waits for its thread
  const auto again = two.Resource();
  EXPECT_EQ(again->Finish(Key(1, 2), Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(two.Balances(), "100 100");
}

}  // namespace
}  // namespace settle::testing
