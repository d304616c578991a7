// The checker itself: a canary of each kind must be caught.
#include "end_to_end/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::int64_t kOpening = kAccounts * kOpeningBalance;

std::vector<BankFacts> AfterOneTransfer() {
  return {{{{"t1", -10}}, kOpening - 10, {}, true}, {{{"t1", 10}}, kOpening + 10, {}, true}};
}

Notes Told(const std::string& gtid, std::vector<std::string> answers) {
  return {{{gtid, std::move(answers)}}};
}

TEST(Checker, AcceptsATransferThatWasToldAsItIs) {
  EXPECT_THAT(Violations(AfterOneTransfer(), Told("t1", {"committed"})), IsEmpty());
}

TEST(Checker, AcceptsThatUnknownTurnsOutEitherWay) {
  EXPECT_THAT(Violations(AfterOneTransfer(), Told("t1", {"unknown"})), IsEmpty());
  EXPECT_THAT(Violations(AfterOneTransfer(), Told("t2", {"unknown"})), IsEmpty());
  EXPECT_THAT(Violations(AfterOneTransfer(), Told("t2", {})), IsEmpty());
}

TEST(Checker, CatchesATransferInOneBankAlone) {
  auto banks = AfterOneTransfer();
  banks[0].transfers["t2"] = 0;
  EXPECT_THAT(Violations(banks, {}), ElementsAre(StartsWith("atomicity: t2")));
}

TEST(Checker, CatchesHalvesThatDoNotCancel) {
  auto banks = AfterOneTransfer();
  banks[0].transfers["t1"] = -11;
  EXPECT_THAT(Violations(banks, {}), ElementsAre(StartsWith("atomicity: the halves of t1")));
}

TEST(Checker, CatchesMoneyMadeOrLost) {
  auto banks = AfterOneTransfer();
  banks[1].total += 10;  // as by a branch that was applied twice
  EXPECT_THAT(Violations(banks, {}), ElementsAre(StartsWith("conservation:")));
}

TEST(Checker, CatchesALostCommit) {
  EXPECT_THAT(Violations(AfterOneTransfer(), Told("t2", {"committed"})),
              ElementsAre(StartsWith("durability: t2 was told committed")));
}

TEST(Checker, CatchesAnAbortThatTookEffect) {
  EXPECT_THAT(Violations(AfterOneTransfer(), Told("t1", {"aborted"})),
              ElementsAre(StartsWith("durability: t1 was told aborted")));
}

TEST(Checker, CatchesTwoDecisions) {
  EXPECT_THAT(Violations(AfterOneTransfer(), Told("t1", {"committed", "aborted"})),
              ElementsAre(StartsWith("one decision: t1"), StartsWith("durability: t1")));
}

TEST(Checker, CatchesAPreparedBranchThatIsLeft) {
  auto banks = AfterOneTransfer();
  banks[1].prepared.push_back("settle:t2:1");
  EXPECT_FALSE(IsQuiet(banks[1]));
  EXPECT_THAT(Violations(banks, {}), ElementsAre(StartsWith("no orphan: settle:t2:1")));
}

TEST(Checker, CatchesALockWithoutAnOwner) {
  auto banks = AfterOneTransfer();
  banks[0].writable = false;
  EXPECT_FALSE(IsQuiet(banks[0]));
  EXPECT_THAT(Violations(banks, {}), ElementsAre(StartsWith("no orphan: a lock")));
}

// The readers, on real databases: what is planted there must reach the checker.
class Readers : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kPostgres) cluster_ = MakeCluster();
    bank_ = cluster_ ? MakePostgresBank(*cluster_, "bank") : MakeSqliteBank(directory_ / "bank.db");
  }
  const TemporaryDirectory directory_;
  std::unique_ptr<PostgresCluster> cluster_;
  std::unique_ptr<Database> bank_;
};

TEST_P(Readers, SeeTransfersAndBalances) {
  bank_->Query("INSERT INTO transfer VALUES ('t1', -10)");
  bank_->Query("UPDATE account SET balance = balance - 10 WHERE id = 1");
  const BankFacts facts = ReadFacts(*bank_);
  EXPECT_THAT(facts.transfers, ElementsAre(std::pair<const std::string, std::int64_t>("t1", -10)));
  EXPECT_EQ(facts.total, kOpening - 10);
  EXPECT_TRUE(IsQuiet(facts));
}

TEST_P(Readers, SeeAPreparedBranchAndItsLocks) {
  if (GetParam() == Kind::kPostgres) {
    bank_->Query(
        "BEGIN; UPDATE account SET balance = 0 WHERE id = 1; "
        "PREPARE TRANSACTION 'settle:planted:1'");
  } else {
    bank_->Query(
        "CREATE TABLE settle_prepared (branch TEXT); "
        "INSERT INTO settle_prepared VALUES ('settle:planted:1'); "
        "CREATE TRIGGER guard BEFORE UPDATE ON account BEGIN "
        "SELECT RAISE(ABORT, 'in doubt'); END");
  }
  const BankFacts facts = ReadFacts(*bank_);
  EXPECT_THAT(facts.prepared, ElementsAre("settle:planted:1"));
  EXPECT_FALSE(facts.writable);
  EXPECT_EQ(facts.total, kOpening);
}

INSTANTIATE_TEST_SUITE_P(EveryKind, Readers, ::testing::Values(Kind::kPostgres, Kind::kSqlite));

TEST(Notes, HalfALastLineIsNoFact) {
  const TemporaryDirectory directory;
  const std::string path = directory / "notes";
  {
    NotesWriter notes(path);
    notes.Asked("t1");
    notes.Told("t1", "unknown");
    notes.Told("t1", "committed");
    notes.Asked("t2");
  }
  std::ofstream(path, std::ios::app) << "told t2 commit";
  const Notes notes = ReadNotes({path, directory / "missing"});
  EXPECT_THAT(notes.answers.at("t1"), ElementsAre("unknown", "committed"));
  EXPECT_THAT(notes.answers.at("t2"), IsEmpty());
}

}  // namespace
}  // namespace settle::testing
