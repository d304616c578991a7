// The life of a branch without faults: votes, decisions, repetitions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";

TEST(SqliteBranch, WhatAPreparedBranchChangedIsSeenOnlyAfterTheCommit) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  EXPECT_EQ(bank.Balances(), "100 100");
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_EQ(vote.evidence.database, *resource->Identify());
  EXPECT_EQ(bank.Balances(), "100 100");
  EXPECT_THAT(*resource->ScanPrepared(), ElementsAre(Key(1).DatabaseName()));
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 100");
  EXPECT_THAT(*resource->ScanPrepared(), IsEmpty());
  EXPECT_EQ(bank.Notes(), "committed");
}

TEST(SqliteBranch, AnAbortedBranchLeavesNothingButANote) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Balances(), "100 100");
  EXPECT_EQ(bank.Prepared(), "");
  EXPECT_EQ(bank.Notes(), "aborted");
}

// The logging last resource: the row's name says whom to ask, the note is the branch's own.
TEST(SqliteBranch, PreparedInTheNameOfALastResourceItIsFinishedByItsKeyAlone) {
  const LastResource last{9, "bank-z", {"postgresql:7301234567890123456:16384", 1, "701"}};
  for (const Decision decision : {Decision::kCommit, Decision::kAbort}) {
    const BankFile bank;
    const auto resource = bank.Resource();
    auto branch = OpenAndRun(*resource, Key(1), {kTake10});
    EXPECT_FALSE(branch->CanBeLast());
    ASSERT_TRUE(branch->PrepareInNameOf(last));
    const VoteResult vote = branch->AwaitPrepare();
    ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
    EXPECT_THAT(*resource->ScanPrepared(), ElementsAre(*NameInNameOf(Key(1), last)));
    EXPECT_TRUE(resource->Inspect(Key(1), vote.evidence, std::chrono::seconds(1))->prepared);
    branch.reset();
    const bool commit = decision == Decision::kCommit;
    const BranchEnd end = commit ? BranchEnd::kCommitted : BranchEnd::kAborted;
    EXPECT_EQ(bank.Resource()->Finish(Key(1), decision, vote.evidence).end, end);
    EXPECT_EQ(bank.Resource()->Finish(Key(1), decision, vote.evidence).end, end) << "by its note";
    EXPECT_THAT(*resource->ScanPrepared(), IsEmpty());
    EXPECT_EQ(bank.Balances(), commit ? "90 100" : "100 100");
  }
}

TEST(SqliteBranch, EveryKindOfChangeAndValueArrives) {
  const BankFile bank;
  bank.Run(
      "CREATE TABLE kind (a TEXT, b INTEGER, c REAL, d BLOB, e, PRIMARY KEY (a, b))"
      " WITHOUT ROWID;"
      "INSERT INTO kind VALUES ('old', 1, 1.5, x'00ff', NULL), ('gone', 2, 2.5, x'', 'x')");
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1),
                                 {"UPDATE kind SET c = -0.25, e = x'414200' WHERE a = 'old'",
                                  "DELETE FROM kind WHERE a = 'gone'",
                                  "INSERT INTO kind VALUES ('new', 3, NULL, NULL, 'text')",
                                  "UPDATE kind SET a = 'moved', b = 9 WHERE a = 'new'"});
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Query("SELECT a, b, c, quote(d), quote(e) FROM kind ORDER BY a"),
            "moved|9|NULL|NULL|'text' old|1|-0.25|X'00FF'|X'414200'");
}

TEST(SqliteBranch, P01_APrepareThatIsRepeatedGivesTheSameVoteAndOnePreparedRow) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const VoteResult first = branch->AwaitPrepare();
  EXPECT_EQ(branch->AwaitPrepare(), first);
  EXPECT_EQ(bank.Query("SELECT count(*) FROM settle_prepared"), "1");
}

TEST(SqliteBranch, P02_APrepareAfterAnAbortIsRefusedAlsoInAnotherResource) {
  const BankFile bank;
  const auto resource = bank.Resource();
  EXPECT_EQ(resource->Finish(Key(1), Decision::kAbort, {}).end, BranchEnd::kAborted);
  const auto elsewhere = bank.Resource();
  const auto late = elsewhere->Open(Key(1));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kRefused);
  EXPECT_THAT(late.error().message, HasSubstr("already ended here: aborted"));
}

TEST(SqliteBranch, P02_AnAbortByKeyKillsTheOpenBranchAndItsLatePrepareVotesNo) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  EXPECT_EQ(resource->Finish(Key(1), Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
  EXPECT_EQ(bank.Prepared(), "");
  EXPECT_TRUE(resource->Open(Key(2)));
}

TEST(SqliteBranch, P03_ACommitThatIsRepeatedInAnyWayTakesEffectOnce) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const Evidence evidence = branch->AwaitPrepare().evidence;
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(resource->Finish(Key(1), Decision::kCommit, evidence).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Resource()->Finish(Key(1), Decision::kCommit, evidence).end,
            BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 100");
}

TEST(SqliteBranch, P03_CommitsAtOnceByHandleAndByKeyTakeEffectOnce) {
  for (int round = 0; round < 20; ++round) {
    const BankFile bank;
    const auto resource = bank.Resource();
    const auto elsewhere = bank.Resource();
    auto branch = OpenAndRun(*resource, Key(1), {kTake10});
    const Evidence evidence = branch->AwaitPrepare().evidence;
    std::vector<BranchEnd> ends(3);
    std::thread by_handle([&] { ends[0] = branch->AwaitFinish(Decision::kCommit).end; });
    const auto finish_by_key = [&evidence](SqliteResource& in) {
      return in.Finish(Key(1), Decision::kCommit, evidence).end;
    };
    std::thread by_key([&] { ends[1] = finish_by_key(*resource); });
    std::thread by_other([&] { ends[2] = finish_by_key(*elsewhere); });
    by_handle.join();
    by_key.join();
    by_other.join();
    EXPECT_THAT(ends,
                ElementsAre(BranchEnd::kCommitted, BranchEnd::kCommitted, BranchEnd::kCommitted));
    EXPECT_EQ(bank.Balances(), "90 100");
  }
}

TEST(SqliteBranch, P04_AnAbortOfAnUnknownBranchIsDoneAndCanBeRepeated) {
  const BankFile bank;
  const auto resource = bank.Resource();
  EXPECT_EQ(resource->Finish(Key(7), Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(resource->Finish(Key(7), Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Notes(), "aborted");
}

TEST(SqliteBranch, AnAbortAfterTheCommitIsToldTheTruth) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  branch->AwaitPrepare();
  branch->AwaitFinish(Decision::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kCommitted);
  EXPECT_EQ(resource->Finish(Key(1), Decision::kAbort, {}).end, BranchEnd::kCommitted);
}

TEST(SqliteBranch, P11_ABranchThatWroteNothingIsReadOnlyAndReleased) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {"SELECT * FROM account"});
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kReadOnly);
  EXPECT_TRUE(resource->Open(Key(2)));
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
}

TEST(SqliteBranch, P11_ABranchWhoseChangesCancelOutIsReadOnly) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(
      *resource, Key(1), {"INSERT INTO account VALUES (3, 1)", "DELETE FROM account WHERE id = 3"});
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kReadOnly);
  EXPECT_EQ(bank.Balances(), "100 100");
}

TEST(SqliteBranch, ADroppedPreparedBranchStaysInDoubtAndIsFinishedByItsKey) {
  const BankFile bank;
  {
    const auto resource = bank.Resource();
    EXPECT_EQ(OpenAndRun(*resource, Key(1), {kTake10})->AwaitPrepare().vote, Vote::kCommit);
  }
  EXPECT_EQ(bank.Prepared(), Key(1).DatabaseName());
  EXPECT_EQ(bank.Resource()->Finish(Key(1), Decision::kCommit, {}).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 100");
}

TEST(SqliteBranch, ACommitBeforeTheVoteIsNotObeyed) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kRetry);
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
}

TEST(SqliteBranch, SavepointsOfTheApplicationWork) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1),
                                 {kTake10, "SAVEPOINT s", "DELETE FROM account", "ROLLBACK TO s",
                                  "UPDATE account SET balance = 1 WHERE id = 2"});
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 1");
}

TEST(SqliteBranch, ExecuteTakesNumberedParametersInAnyOrderAndGivesRowsAndCounts) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {});
  const auto update =
      branch->Execute("UPDATE account SET balance = balance + $2 WHERE id = $1", {"2", "11"});
  ASSERT_TRUE(update) << Describe(update.error());
  EXPECT_EQ(update->affected, 1);
  const auto select =
      branch->Execute("SELECT id, balance, NULL AS none FROM account WHERE id > ? - 1", {"2"});
  ASSERT_TRUE(select) << Describe(select.error());
  EXPECT_EQ(select->affected, 0);
  EXPECT_THAT(select->columns, ElementsAre("id", "balance", "none"));
  EXPECT_THAT(select->rows, ElementsAre(ElementsAre("2", "111", std::nullopt)));
  EXPECT_EQ(branch->Execute("SELECT $1", {}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(branch->Execute("SELECT :name", {"1"}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(branch->Execute("SELECT 1; SELECT 2").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(branch->Execute("SELEKT").error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(branch->Execute("SELECT 1; -- and that is all"))
      << "a comment is no second statement";
}

TEST(SqliteBranch, AFailedStatementLeavesTheBranchUsable) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const auto failed = branch->Execute("UPDATE account SET balance = -1 WHERE id = 2");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(failed.error().message, HasSubstr("CHECK constraint failed"));
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
}

TEST(SqliteBranch, OnePhaseCommitsTheWorkWithItsMark) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const auto evidence = branch->TakeEvidence();
  ASSERT_TRUE(evidence);
  EXPECT_THAT(evidence->database, StartsWith("sqlite:"));
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 100");
  EXPECT_EQ(resource->Prove(Key(1), *evidence).end, BranchEnd::kCommitted);
}

TEST(SqliteBranch, OnePhaseOfABranchThatWroteNothingReleasesIt) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {"SELECT 1"});
  const auto evidence = branch->TakeEvidence();
  ASSERT_FALSE(evidence);
  EXPECT_EQ(evidence.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(resource->Open(Key(2)));
}

}  // namespace
}  // namespace settle::testing
