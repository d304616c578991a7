// Statements that are queued: they travel together, with the prepare behind them, and nothing that
// goes wrong among them is committed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <chrono>
#include <thread>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using std::chrono_literals::operator""ms;

constexpr const char* kTake = "UPDATE account SET balance = balance - 10 WHERE id = $1";

std::shared_ptr<PostgresBranch> Opened(World& world) { return *world.bank->Open(world.NextKey()); }

// Its number.
std::size_t Queued(PostgresBranch& branch, const std::string& sql, const std::string& account = {},
                   std::optional<std::int64_t> affected = std::nullopt) {
  std::vector<std::optional<std::string>> parameters;
  if (!account.empty()) parameters.emplace_back(account);
  const Result<std::size_t> number = branch.Queue(sql, parameters, affected);
  EXPECT_TRUE(number) << Describe(number.error());
  return number.value_or(0);
}

void ExpectNothingLeft(const World& world) {
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.OpenCount(), 0);
  EXPECT_EQ(world.Balance(1), 100);
  EXPECT_EQ(world.Balance(2), 100);
}

TEST(PostgresQueue, WhatIsQueuedIsSentWithThePrepare) {
  World world;
  auto branch = Opened(world);
  const std::size_t first = Queued(*branch, kTake, "1", 1);
  const std::size_t second = Queued(*branch,
                                    "UPDATE account SET balance = 7 WHERE id = 2 "
                                    "RETURNING balance, id");
  EXPECT_EQ(world.OpenCount(), 0) << "something was sent already";
  EXPECT_THAT(branch->Answer(first).error().message, HasSubstr("not been sent"));
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_FALSE(vote.evidence.local_transaction.empty());
  EXPECT_EQ(world.PreparedCount(), 1);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(1), 90);
  EXPECT_EQ(world.Balance(2), 7);
  EXPECT_EQ(branch->Answer(first)->affected, 1);
  EXPECT_THAT(branch->Answer(second)->rows.at(0), ElementsAre("7", "2"));
  EXPECT_EQ(branch->Answer(2).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(branch->Queue(kTake, {"1"}).error().code, ErrorCode::kRefused);
}

TEST(PostgresQueue, G01_AStatementThatFailsIsANoVoteWithItsWords) {
  World world;
  auto branch = Opened(world);
  Queued(*branch, kTake, "1", 1);
  const std::size_t wrong = Queued(*branch, "UPDATE account SET balance = -1 WHERE id = 2");
  const std::size_t behind = Queued(*branch, kTake, "2");
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_FALSE(vote.retryable);
  EXPECT_THAT(vote.reason, AllOf(HasSubstr("23514"), HasSubstr("balance_check")));
  EXPECT_EQ(branch->last_sqlstate(), "23514");
  EXPECT_EQ(branch->Answer(0)->affected, 1);
  EXPECT_THAT(branch->Answer(wrong).error().message, HasSubstr("balance_check"));
  EXPECT_THAT(branch->Answer(behind).error().message, HasSubstr("was not run"));
  ExpectNothingLeft(world);
}

// The evidence rides behind and fails with the same state when it finds another role.
TEST(PostgresQueue, ADivisionByZeroOfTheApplicationIsCalledByItsName) {
  World world;
  auto branch = Opened(world);
  Queued(*branch, "UPDATE account SET balance = 1 / 0");
  EXPECT_THAT(branch->AwaitPrepare().reason, AllOf(HasSubstr("22012"), HasSubstr("zero")));
}

TEST(PostgresQueue, OtherRowsThanExpectedAreANoVoteBeforeAnythingIsCommitted) {
  World world;
  auto branch = Opened(world);
  Queued(*branch, kTake, "1", 1);
  const std::size_t none = Queued(*branch, kTake, "99", 1);
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_FALSE(vote.retryable);
  EXPECT_THAT(vote.reason, HasSubstr("statement 1 (UPDATE 0) affected 0 rows instead of 1"));
  EXPECT_EQ(branch->Answer(none)->affected, 0);
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  ExpectNothingLeft(world);
}

TEST(PostgresQueue, OtherRowsThanExpectedAreForgivenByNoSavepoint) {
  World world;
  auto branch = Opened(world);
  Queued(*branch, kTake, "99", 1);
  const Result<Rows> rows = branch->Execute("SAVEPOINT s");
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("0 rows instead of 1"));
  EXPECT_FALSE(branch->Execute("ROLLBACK TO SAVEPOINT s"));
  EXPECT_FALSE(branch->Flush());
  EXPECT_EQ(branch->connection(), nullptr);
  EXPECT_THAT(branch->AwaitPrepare().reason, HasSubstr("0 rows instead of 1"));
  ExpectNothingLeft(world);
}

TEST(PostgresQueue, AOnePhaseCommitIsHeldToTheExpectationToo) {
  World world;
  auto wrong = Opened(world);
  Queued(*wrong, kTake, "1", 2);
  const Result<Evidence> refused = wrong->TakeEvidence();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("1 rows instead of 2"));
  wrong.reset();
  ExpectNothingLeft(world);
  auto right = Opened(world);
  Queued(*right, kTake, "1", 1);
  ASSERT_TRUE(right->TakeEvidence());
  EXPECT_EQ(right->CommitOnePhase().end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(1), 90);
}

TEST(PostgresQueue, ExecuteFlushAndConnectionSendWhatIsQueuedFirst) {
  World world;
  auto branch = Opened(world);
  const auto balance = [&] { return branch->Execute("SELECT balance FROM account WHERE id = 1"); };
  Queued(*branch, kTake, "1");
  EXPECT_EQ(balance()->rows.at(0).at(0), "90");
  const std::size_t flushed = Queued(*branch, kTake, "1");
  ASSERT_TRUE(branch->Flush());
  EXPECT_EQ(branch->Answer(flushed)->affected, 1);
  ASSERT_TRUE(branch->Flush()) << "of nothing";
  EXPECT_EQ(balance()->rows.at(0).at(0), "80");
  const std::size_t lent = Queued(*branch, kTake, "1");
  PGconn* const connection = branch->connection();
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(branch->Answer(lent)->affected, 1);
  PQclear(PQexec(connection, "UPDATE account SET balance = balance - 1 WHERE id = 1"));
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(1), 69);
}

TEST(PostgresQueue, AFailureIsToldByTheExecuteThatFlushesItAndByFlush) {
  World world;
  for (const bool by_execute : {true, false}) {
    auto branch = Opened(world);
    Queued(*branch, "UPDATE account SET balance = -1");
    const ErrorCode code =
        by_execute ? branch->Execute("SELECT 1").error().code : branch->Flush().error().code;
    EXPECT_EQ(code, ErrorCode::kRefused);
    EXPECT_EQ(branch->last_sqlstate(), "23514");
    EXPECT_THAT(branch->AwaitPrepare().reason, HasSubstr("23514"));
  }
  ExpectNothingLeft(world);
}

TEST(PostgresQueue, NothingThatControlsTheTransactionCanBeQueued) {
  World world;
  auto branch = Opened(world);
  for (const char* sql :
       {"COMMIT", "commit and chain", "END", ";ROLLBACK", "/* a /* nested */ one */ abort",
        "-- a line\n\tRollback Transaction And Chain", "PREPARE TRANSACTION 'x'", "SAVEPOINT s",
        "RELEASE s", "BEGIN", "START TRANSACTION"}) {
    EXPECT_EQ(branch->Queue(sql).error().code, ErrorCode::kRefused) << sql;
  }
  for (const std::string& sql : {std::string(), std::string("SELECT \0", 8)}) {
    EXPECT_EQ(branch->Queue(sql).error().code, ErrorCode::kInvalid);
  }
  Queued(*branch, kTake, "1", 1);
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit) << "none of it counts";
}

TEST(PostgresQueue, P11_WhatOnlyReadsIsReadOnlyAndAWriteHiddenInAFunctionIsNot) {
  World world;
  auto reads = Opened(world);
  const std::size_t number = Queued(*reads, "SELECT balance FROM account WHERE id = 1");
  EXPECT_EQ(reads->AwaitPrepare().vote, Vote::kReadOnly);
  EXPECT_EQ(reads->Answer(number)->rows.at(0).at(0), "100");
  world.Query(
      "CREATE FUNCTION spend() RETURNS int LANGUAGE sql AS "
      "'UPDATE account SET balance = balance - 10 WHERE id = 1 RETURNING balance'");
  auto hides = Opened(world);
  Queued(*hides, "SELECT spend()");
  ASSERT_EQ(hides->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(hides->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(1), 90);
}

TEST(PostgresQueue, WhatWaitsForALockMayTakeLongerThanAReply) {
  World world;
  const auto holder = world.Working();
  PostgresOptions options;
  options.reply_timeout = 300ms;
  auto bank = world.Resource(options);
  auto branch = *bank->Open(world.NextKey());
  Queued(*branch, kTake, "1", 1);
  branch->StartPrepare();
  ASSERT_TRUE(world.AwaitEvent("transactionid"));
  VoteResult vote;
  std::thread voter([&] { vote = branch->AwaitPrepare(); });
  EXPECT_TRUE(WaitUntil([&] {
    return world.Query(
               "SELECT count(*) FROM pg_locks "
               "WHERE NOT granted AND waitstart < clock_timestamp() - interval '600 ms'") == "1";
  })) << "it was given up";
  holder->Fence();
  voter.join();
  EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
}

TEST(PostgresQueue, P13_FenceEndsWhatWaitsForALockInFrontOfThePrepare) {
  World world;
  const auto holder = world.Working();
  auto branch = Opened(world);
  Queued(*branch, kTake, "1", 1);
  branch->StartPrepare();
  ASSERT_TRUE(world.AwaitEvent("transactionid"));
  VoteResult vote;
  std::thread voter([&] { vote = branch->AwaitPrepare(); });
  branch->Fence();
  voter.join();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("rolled back before it was prepared"));
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.OpenCount(), 1) << "that of the holder alone";
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
}

TEST(PostgresQueue, G04_AConnectionThatIsLostInTheMiddleIsARetryableNoVote) {
  World world;
  const auto holder = world.Working();
  auto branch = Opened(world);
  const std::size_t number = Queued(*branch, kTake, "1", 1);
  branch->StartPrepare();
  ASSERT_TRUE(world.AwaitEvent("transactionid"));
  world.Query(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
      "WHERE wait_event = 'transactionid'");
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  EXPECT_EQ(branch->Answer(number).error().code, ErrorCode::kRetryTransaction);
  EXPECT_EQ(world.PreparedCount(), 0);
}

TEST(PostgresQueue, P07_AProcessThatDiesBeforeThePrepareLeavesNothing) {
  World world;
  world.DieAt("postgres.before_prepare", "queued");
  EXPECT_TRUE(WaitUntil([&] { return world.OpenCount() == 0; }));
  ExpectNothingLeft(world);
}

TEST(PostgresQueue, P07_AProcessThatDiesBeforeItsVoteLeavesABranchThatAnotherRollsBack) {
  World world;
  world.DieAt("postgres.after_prepare", "queued");
  EXPECT_EQ(world.PreparedCount(), 1);
  EXPECT_THAT(*world.bank->ScanPrepared(), ElementsAre(world.key.DatabaseName()));
  EXPECT_EQ(world.bank->Finish(world.key, Decision::kAbort, {}).end, BranchEnd::kAborted);
  ExpectNothingLeft(world);
}

// Each statement holds until both are under way: one after the other they would never end.
TEST(PostgresQueue, BranchesDoTheirWorkAtTheSameTime) {
  World world;
  world.cluster.CreateDatabase("other");
  world.MakeMeetingPlace("bank", "NOT DEFERRABLE");
  world.MakeMeetingPlace("other", "NOT DEFERRABLE");
  auto other = world.Resource({.name = "other", .dsn = world.cluster.Dsn("other")});
  const std::vector<std::shared_ptr<PostgresBranch>> branches{*world.bank->Open(world.NextKey()),
                                                              *other->Open(world.NextKey())};
  for (const auto& branch : branches) Queued(*branch, "INSERT INTO meeting VALUES (1)", {}, 1);
  for (const auto& branch : branches) branch->StartPrepare();
  for (const auto& branch : branches) {
    const VoteResult vote = branch->AwaitPrepare();
    EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  }
  EXPECT_EQ(world.PreparedCount(), 2);
}

TEST(PostgresQueue, AStatementTimeoutHoldsForEachOfThem) {
  World world;
  PostgresOptions options;
  options.statement_timeout = 50ms;
  auto branch = *world.Resource(options)->Open(world.NextKey());
  Queued(*branch, kTake, "1", 1);
  Queued(*branch, "SELECT pg_sleep(20)");
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  EXPECT_THAT(vote.reason, HasSubstr("57014"));
  ExpectNothingLeft(world);
}

}  // namespace
}  // namespace settle::testing
