// Between the moment that a branch is staged and the one in which its changes are applied, somebody
// else has the file's lock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";

// Does what it is given right after the connection's next commit, when its lock is free.
class AfterCommit {
 public:
  AfterCommit(sqlite3* db, std::function<void()> act) : act_(std::move(act)) {
    const auto run = [](void* self, sqlite3*, const char*, int) {
      auto& after = *static_cast<AfterCommit*>(self);
      if (!std::exchange(after.done_, true)) after.act_();
      return SQLITE_OK;
    };
    sqlite3_wal_hook(db, run, this);
  }
  bool done() const { return done_; }

 private:
  std::function<void()> act_;
  bool done_ = false;
};

TEST(SqliteTakeOver, ARowThatANoVoteHadToLeaveIsRemovedByItsName) {
  const BankFile bank;
  const auto resource = bank.Resource(20ms);
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  PlainConnection other(bank.path());
  const AfterCommit taken(branch->connection(),
                          [&] { EXPECT_EQ(other.Run("BEGIN IMMEDIATE"), ""); });
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_TRUE(taken.done());
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  EXPECT_EQ(resource->Finish(Key(1), Decision::kAbort, vote.evidence).end, BranchEnd::kRetry)
      << "the lock is not free yet, and the branch is not over";
  ASSERT_EQ(other.Run("ROLLBACK"), "");
  EXPECT_NE(bank.Prepared(), "");
  EXPECT_EQ(resource->Finish(Key(1), Decision::kAbort, vote.evidence).end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Prepared(), "");
  EXPECT_EQ(bank.Balances(), "100 100");
  EXPECT_EQ(OpenAndRun(*resource, Key(2), {kTake10})->AwaitPrepare().vote, Vote::kCommit);
}

TEST(SqliteTakeOver, WhatSomebodyElseAbortedMeanwhileVotesNo) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto elsewhere = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const AfterCommit aborted(branch->connection(), [&] {
    EXPECT_EQ(elsewhere->Finish(Key(1), Decision::kAbort, {}).end, BranchEnd::kAborted);
  });
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_TRUE(aborted.done());
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("ended the branch"));
  EXPECT_EQ(resource->Finish(Key(1), Decision::kAbort, vote.evidence).end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Notes(), "aborted");
  EXPECT_EQ(bank.Balances(), "100 100");
}

TEST(SqliteTakeOver, P06_ARowThatAHandRemovedMeanwhileVotesNo) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const AfterCommit removed(branch->connection(),
                            [&] { EXPECT_EQ(bank.Run("DELETE FROM settle_prepared"), ""); });
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
  ASSERT_TRUE(removed.done());
  EXPECT_EQ(bank.Balances(), "100 100");
}

TEST(SqliteTakeOver, MoreKindsOfUpdatesThanStatementsAreKeptAreDoneAllTheSame) {
  const BankFile bank;
  ASSERT_EQ(bank.Run("CREATE TABLE wide (id INTEGER PRIMARY KEY, a, b, c, d, e, f, g, h, i);"
                     "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 511)"
                     " INSERT INTO wide (id) SELECT k FROM n"),
            "");
  const auto resource = bank.Resource();
  for (std::uint64_t sequence = 1; sequence <= 2; ++sequence) {
    std::vector<std::string> updates;
    for (int bit = 0; bit < 9; ++bit) {
      updates.push_back("UPDATE wide SET " + std::string(1, static_cast<char>('a' + bit)) + " = " +
                        std::to_string(sequence) + " WHERE id & " + std::to_string(1 << bit));
    }
    const auto branch = OpenAndRun(*resource, Key(sequence), updates);
    ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
    ASSERT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
    EXPECT_EQ(bank.Query("SELECT count(*) FROM wide WHERE id & 5 = 5 AND a = c AND a = " +
                         std::to_string(sequence)),
              "128");
  }
}

}  // namespace
}  // namespace settle::testing
