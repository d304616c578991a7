// Killed at every named place: the row decides, and what it says happens once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";

void ExpectKilled(const WorkerEnd& end) {
  ASSERT_TRUE(end.failpoint_fired) << end.output;
  ASSERT_TRUE(end.killed) << end.output;
}

// Whatever happened before, the decision now comes through exactly once, however often it is
// repeated.
void ExpectDecisionOnce(const BankFile& bank, Decision decision, const std::string& balances) {
  const auto resource = bank.Resource();
  const bool commit = decision == Decision::kCommit;
  const BranchEnd expected = commit ? BranchEnd::kCommitted : BranchEnd::kAborted;
  for (int i = 0; i < 2; ++i) {
    const FinishResult result = resource->Finish(Key(1), decision, {});
    EXPECT_EQ(result.end, expected) << result.detail;
  }
  EXPECT_EQ(bank.Balances(), balances);
  EXPECT_THAT(*resource->ScanPrepared(), IsEmpty());
  EXPECT_EQ(bank.Query("PRAGMA integrity_check"), "ok");
}

TEST(SqliteCrash, Q01_KilledBeforeThePrepareIsDurableNothingIsThere) {
  const BankFile bank;
  ExpectKilled(RunWorker({"prepare", bank.path(), "1", kTake10}, "sqlite.before_prepare"));
  const auto resource = bank.Resource();
  EXPECT_THAT(*resource->ScanPrepared(), IsEmpty());
  EXPECT_TRUE(resource->Open(Key(2)));
  ExpectDecisionOnce(bank, Decision::kAbort, "100 100");
}

TEST(SqliteCrash, Q01_KilledAfterThePrepareTheRowDecidesEitherWay) {
  for (const Decision decision : {Decision::kCommit, Decision::kAbort}) {
    const BankFile bank;
    ExpectKilled(RunWorker({"prepare", bank.path(), "1", kTake10}, "sqlite.after_prepare"));
    EXPECT_THAT(*bank.Resource()->ScanPrepared(), ElementsAre(Key(1).DatabaseName()));
    ExpectDecisionOnce(bank, decision, decision == Decision::kCommit ? "90 100" : "100 100");
  }
}

TEST(SqliteCrash, Q01_KilledInTheOwnersCommitAtEveryPlace) {
  for (const char* place :
       {"sqlite.before_finish", "sqlite.inside_finish", "sqlite.after_finish"}) {
    const BankFile bank;
    ExpectKilled(RunWorker({"transfer", bank.path(), "1", kTake10}, place));
    EXPECT_EQ(bank.Balances(), std::string(place) == "sqlite.after_finish" ? "90 100" : "100 100");
    ExpectDecisionOnce(bank, Decision::kCommit, "90 100");
  }
}

TEST(SqliteCrash, Q01_KilledInTheCommitByKeyAtEveryPlaceAndThenAgain) {
  const BankFile bank;
  ASSERT_THAT(RunWorker({"prepare", bank.path(), "1", kTake10}).output, HasSubstr("commit"));
  for (const char* place :
       {"sqlite.before_finish", "sqlite.inside_finish", "sqlite.inside_finish"}) {
    ExpectKilled(RunWorker({"commit", bank.path(), "1"}, place));
    EXPECT_EQ(bank.Balances(), "100 100");
    EXPECT_EQ(bank.Prepared(), Key(1).DatabaseName());
  }
  ExpectKilled(RunWorker({"commit", bank.path(), "1"}, "sqlite.after_finish"));
  EXPECT_EQ(bank.Balances(), "90 100");
  ExpectDecisionOnce(bank, Decision::kCommit, "90 100");
}

TEST(SqliteCrash, Q01_KilledInTheAbortByKeyAtEveryPlace) {
  const BankFile bank;
  ASSERT_THAT(RunWorker({"prepare", bank.path(), "1", kTake10}).output, HasSubstr("commit"));
  for (const char* place : {"sqlite.before_finish", "sqlite.inside_finish"}) {
    ExpectKilled(RunWorker({"abort", bank.path(), "1"}, place));
    EXPECT_EQ(bank.Prepared(), Key(1).DatabaseName());
  }
  ExpectKilled(RunWorker({"abort", bank.path(), "1"}, "sqlite.after_finish"));
  EXPECT_EQ(bank.Prepared(), "");
  ExpectDecisionOnce(bank, Decision::kAbort, "100 100");
}

TEST(SqliteCrash, P07_WhileTheOwnerLivesItsBranchIsItsOwnAndAfterItsDeathAnybodys) {
  const BankFile bank;
  const RunningWorker owner({"hold", bank.path(), "1", kTake10});
  owner.AwaitOutput("commit");
  EXPECT_EQ(bank.Resource(50ms)->Finish(Key(1), Decision::kCommit, {}).end, BranchEnd::kRetry);
  EXPECT_EQ(bank.Balances(), "100 100");
  owner.Kill();
  ExpectDecisionOnce(bank, Decision::kCommit, "90 100");
}

TEST(SqliteCrash, KilledInTheOnePhaseCommitTheMarkProvesWhatHappened) {
  for (const char* place :
       {"sqlite.before_finish", "sqlite.inside_finish", "sqlite.after_finish"}) {
    const BankFile bank;
    const WorkerEnd end = RunWorker({"one-phase", bank.path(), "1", kTake10}, place);
    ExpectKilled(end);
    const bool committed = std::string(place) == "sqlite.after_finish";
    const auto resource = bank.Resource();
    const Evidence evidence{*resource->Identify(), 0, "0"};
    EXPECT_EQ(end.output, "evidence " + evidence.database + " 0\n");
    EXPECT_EQ(resource->Prove(Key(1), evidence).end,
              committed ? BranchEnd::kCommitted : BranchEnd::kAborted);
    EXPECT_EQ(bank.Balances(), committed ? "90 100" : "100 100");
  }
}

}  // namespace
}  // namespace settle::testing
