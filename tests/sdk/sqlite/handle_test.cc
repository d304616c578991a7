// The handle: dead means dead, whoever holds the raw connection.
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";
// Runs for many minutes unless it is stopped.
constexpr char kEndless[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000)"
    " INSERT INTO account SELECT i + 100, 1 FROM n WHERE i % 1000000000 = 0";

int RunRaw(sqlite3* raw, const char* sql) {
  return sqlite3_exec(raw, sql, nullptr, nullptr, nullptr);
}

TEST(SqliteHandle, P13_WorkAfterTheAbortIsRefusedAndNothingRunsOutside) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  sqlite3* raw = branch->connection();
  sqlite3_stmt* compiled = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(raw, kTake10, -1, &compiled, nullptr), SQLITE_OK);
  branch->Fence();
  const auto refused = branch->Execute(kTake10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  EXPECT_EQ(branch->connection(), nullptr);
  EXPECT_NE(RunRaw(raw, kTake10), SQLITE_OK);
  EXPECT_NE(RunRaw(raw, "SELECT 1"), SQLITE_OK);
  EXPECT_NE(sqlite3_step(compiled), SQLITE_DONE) << "a statement compiled before";
  sqlite3_finalize(compiled);
  sqlite3_set_authorizer(raw, nullptr, nullptr);
  EXPECT_NE(RunRaw(raw, kTake10), SQLITE_OK) << "even without the authorizer";
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
  EXPECT_EQ(bank.Balances(), "100 100");
  EXPECT_TRUE(resource->Open(Key(2)));
}

TEST(SqliteHandle, P13_AfterPrepareTheRawConnectionAddsNothingToWhatIsCommitted) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  sqlite3* raw = branch->connection();
  sqlite3_stmt* compiled = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(raw, "INSERT INTO account VALUES (9, 9)", -1, &compiled, nullptr),
            SQLITE_OK);
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_NE(sqlite3_step(compiled), SQLITE_DONE);
  EXPECT_NE(RunRaw(raw, "ROLLBACK"), SQLITE_OK);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_NE(sqlite3_step(compiled), SQLITE_DONE);
  sqlite3_finalize(compiled);
  EXPECT_EQ(bank.Balances(), "90 100");
}

TEST(SqliteHandle, P13_WhatSqliteRolledBackOnItsOwnIsNotContinuedOutsideTheTransaction) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  sqlite3* raw = branch->connection();
  const auto failed = branch->Execute("INSERT OR ROLLBACK INTO account VALUES (1, 5)");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kRetryTransaction);
  EXPECT_NE(RunRaw(raw, "INSERT INTO account VALUES (8, 8)"), SQLITE_OK);
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
  EXPECT_EQ(bank.Balances(), "100 100");
}

TEST(SqliteHandle, P13_ARollbackThroughTheRawConnectionLeavesNothingToRunOutside) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  sqlite3* raw = branch->connection();
  ASSERT_NE(RunRaw(raw, "INSERT OR ROLLBACK INTO account VALUES (1, 5)"), SQLITE_OK);
  ASSERT_NE(sqlite3_get_autocommit(raw), 0);
  EXPECT_NE(RunRaw(raw, "INSERT INTO account VALUES (8, 8)"), SQLITE_OK);
  sqlite3_set_authorizer(raw, nullptr, nullptr);
  EXPECT_NE(RunRaw(raw, "INSERT INTO account VALUES (8, 8)"), SQLITE_OK)
      << "the commit hook refuses";
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("rolled the branch back"));
  EXPECT_EQ(bank.Balances(), "100 100");
}

TEST(SqliteHandle, P14_DroppedWithoutPrepareItIsRolledBackAndTheLockIsFree) {
  const BankFile bank;
  const auto resource = bank.Resource();
  try {
    const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
    throw std::runtime_error("user code");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(bank.Balances(), "100 100");
  EXPECT_EQ(bank.Run(kTake10), "");
}

TEST(SqliteHandle, P14_AForkedChildTouchesNothing) {
  const BankFile bank;
  auto resource = bank.Resource();
  auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const pid_t child = ::fork();
  if (child == 0) {
    int wrong = 0;
    if (branch->Execute("SELECT 1")) wrong |= 1;
    if (branch->connection() != nullptr) wrong |= 2;
    if (branch->AwaitPrepare().vote != Vote::kNo) wrong |= 4;
    if (resource->Open(Key(2))) wrong |= 8;
    if (resource->Identify()) wrong |= 16;
    if (resource->Finish(Key(1), Decision::kAbort, {}).end != BranchEnd::kRetry) wrong |= 32;
    branch->Fence();
    branch.reset();
    resource.reset();
    ::_exit(wrong);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 100");
}

TEST(SqliteHandle, P14_TwoThreadsOnOneHandleAreSerialised) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {});
  const auto work = [&branch] {
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(branch->Execute("UPDATE account SET balance = balance + 1 WHERE id = 1"));
    }
  };
  std::thread one(work);
  std::thread two(work);
  one.join();
  two.join();
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "300 100");
}

TEST(SqliteHandle, FenceStopsAStatementThatIsRunningAndReleasesTheLock) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  std::atomic<bool> started{false};
  // Tells from inside that the statement runs.
  sqlite3_create_function(
      branch->connection(), "tell", 0, SQLITE_UTF8, &started,
      [](sqlite3_context* context, int, sqlite3_value**) {
        *static_cast<std::atomic<bool>*>(sqlite3_user_data(context)) = true;
        sqlite3_result_int(context, 0);
      },
      nullptr, nullptr);
  auto running = std::async(std::launch::async, [&] {
    return branch->Execute(std::string(kEndless) + " AND tell() = 0 OR tell() = 1");
  });
  while (!started) std::this_thread::yield();
  branch->Fence();
  EXPECT_FALSE(running.get());
  EXPECT_TRUE(resource->Open(Key(2)));
  EXPECT_EQ(bank.Balances(), "100 100");
}

TEST(SqliteHandle, FenceStopsAStatementOnTheRawConnectionToo) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  sqlite3* raw = branch->connection();
  auto running = std::async(std::launch::async, [raw] { return RunRaw(raw, kEndless); });
  branch->Fence();  // before, while or after it compiles: it must not go on
  EXPECT_NE(running.get(), SQLITE_OK);
  EXPECT_EQ(bank.Balances(), "100 100");
}

TEST(SqliteHandle, FenceAfterPrepareLeavesTheBranchInDoubt) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  branch->Fence();
  EXPECT_EQ(bank.Prepared(), Key(1).DatabaseName());
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
}

TEST(SqliteHandle, AHalfReadStatementOfTheApplicationDoesNotPreventThePrepare) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  sqlite3_stmt* half_read = nullptr;
  sqlite3_prepare_v2(branch->connection(), "SELECT * FROM account", -1, &half_read, nullptr);
  ASSERT_EQ(sqlite3_step(half_read), SQLITE_ROW);
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  sqlite3_finalize(half_read);
  EXPECT_EQ(bank.Balances(), "90 100");
}

TEST(SqliteHandle, AStatementThatOutlivesItsBranchIsHarmless) {
  const BankFile bank;
  const auto resource = bank.Resource();
  sqlite3_stmt* forgotten = nullptr;
  {
    const auto branch = OpenAndRun(*resource, Key(1), {});
    sqlite3_prepare_v2(branch->connection(), kTake10, -1, &forgotten, nullptr);
  }
  EXPECT_NE(sqlite3_step(forgotten), SQLITE_DONE);
  sqlite3_finalize(forgotten);
  EXPECT_EQ(bank.Balances(), "100 100");
}

}  // namespace
}  // namespace settle::testing
