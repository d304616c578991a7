// The checker itself: a canary of each kind, planted in real databases, must be caught.
#include "checker/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>

#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::int64_t kOpening = kAccounts * kOpeningBalance;

// Two banks and the service s, in which one of each kind went well: the transfer t1, the saga g1
// that committed and g2 that was undone, the order o1 that was paid and o2 that was cancelled.
class Healthy {
 public:
  Healthy() {
    for (const char* name : {"a", "b", "s"}) {
      banks_[name] = MakeSqliteBank(directory_ / (std::string(name) + ".db"));
    }
    Move("a", "t1", -10);
    Move("b", "t1", 10);
    for (int step = 1; step <= kSagaSteps; ++step) Do("g1", step, "action", step % 2 ? -5 : 5);
    Do("g2", 1, "action", -5);
    Do("g2", 2, "action", 5);
    Do("g2", 2, "compensate", -5);
    Do("g2", 1, "compensate", 5);
    Do("o1", 1, "try", -7);
    Move("a", "o1", 7);
    Do("o1", 1, "confirm", 0);
    Do("o2", 1, "try", -7);
    Do("o2", 1, "cancel", 7);
    Note(
        "asked t1 2pc a b\ntold t1 committed\nasked g1 saga\ntold g1 committed\nasked g2 saga\n"
        "told g2 aborted\nasked o1 tcc a\ntold o1 committed\nasked o2 tcc a\ntold o2 aborted\n");
  }

  void Move(const std::string& bank, const std::string& gtid, int amount) {
    Run(bank, "INSERT INTO transfer VALUES ('" + gtid + "', " + std::to_string(amount) + ")");
    Pay(bank, amount);
  }
  void Do(const std::string& gtid, int step, const std::string& op, int amount) {
    Run("s", "INSERT INTO effect (gtid, step, op, amount) VALUES ('" + gtid + "', " +
                 std::to_string(step) + ", '" + op + "', " + std::to_string(amount) + ")");
    Pay("s", amount);
  }
  void Pay(const std::string& bank, int amount) {
    Run(bank, "UPDATE account SET balance = balance + " + std::to_string(amount) + " WHERE id = 1");
  }
  void Run(const std::string& bank, const std::string& sql) { banks_.at(bank)->Query(sql); }
  void Note(const std::string& lines) {
    std::ofstream(directory_ / "notes", std::ios::app) << lines;
  }
  std::vector<std::string> Violations() const {
    std::vector<BankFacts> facts;
    for (const auto& [name, bank] : banks_) facts.push_back(ReadFacts(*bank, name));
    return settle::testing::Violations(facts, ReadNotes({directory_ / "notes"}));
  }
  // What the program says of the same, and its exit code.
  std::pair<int, std::string> Program() const {
    std::vector<std::string> words{std::string(std::getenv("SETTLE_BIN")) + "/settle-check"};
    for (const auto& [name, bank] : banks_) {
      words.insert(words.end(), {"--bank", name + "=" + bank->Dsn()});
    }
    words.insert(words.end(), {"--notes", directory_ / "notes"});
    const int status =
        AwaitProcess(StartProcess({.arguments = words, .output_path = directory_ / "out"}));
    std::ifstream out(directory_ / "out");
    return {WEXITSTATUS(status), {std::istreambuf_iterator<char>(out), {}}};
  }

 private:
  const TemporaryDirectory directory_;
  std::map<std::string, std::unique_ptr<Database>> banks_;
};

struct Canary {
  const char* name;
  void (*plant)(Healthy&);
  const char* caught;  // a part of the sentence that must be among the violations
};
void PrintTo(const Canary& canary, std::ostream* out) { *out << canary.name; }

constexpr std::array kCanaries{
    Canary{"ATransferInOneBankAlone",
           [](Healthy& h) {
             h.Move("a", "t2", 0);
             h.Note("asked t2 2pc a b\n");
           },
           "atomicity: t2 took effect in 1 of 2 banks"},
    Canary{"HalvesThatDoNotCancel",
           [](Healthy& h) { h.Run("a", "UPDATE transfer SET amount = -11 WHERE gtid = 't1'"); },
           "atomicity: the halves of t1 differ by -1"},
    Canary{
        "PaidAndNotConfirmed",
        [](Healthy& h) { h.Run("s", "DELETE FROM effect WHERE gtid = 'o1' AND op = 'confirm'"); },
        "atomicity: o1 is paid, and its reservation 1 in s not confirmed"},
    Canary{"ConfirmedAndNotPaid",
           [](Healthy& h) { h.Run("a", "DELETE FROM transfer WHERE gtid = 'o1'"); },
           "atomicity: o1 is not paid, and its reservation 1 in s is confirmed"},
    Canary{"ALostCommit", [](Healthy& h) { h.Note("asked t2 3pc a b\ntold t2 committed\n"); },
           "durability: t2 was told committed and is in 0 of 2 banks"},
    Canary{"ALostSaga", [](Healthy& h) { h.Note("asked g3 saga\ntold g3 committed\n"); },
           "durability: g3 was told committed and its saga is not"},
    Canary{"AnAbortThatTookEffect",
           [](Healthy& h) { h.Note("asked t1 2pc a b\ntold t1 aborted\n"); },
           "durability: t1 was told aborted and is in 2 banks"},
    Canary{"AnEffectThatNobodyAskedFor",
           [](Healthy& h) {
             h.Move("a", "t2", -1);
             h.Move("b", "t2", 1);
           },
           "durability: t2 took effect and nobody had asked for it"},
    Canary{"AStepDoneTwice", [](Healthy& h) { h.Do("g1", 2, "action", 5); },
           "once: action of g1 branch 2 took effect 2 times in s"},
    Canary{"ACompensationWithoutItsStep", [](Healthy& h) { h.Do("g3", 1, "compensate", 0); },
           "order: compensate of g3 branch 1 took effect in s without what it belongs to"},
    Canary{"AConfirmBesideItsCancel", [](Healthy& h) { h.Do("o2", 1, "confirm", 0); },
           "order: o2 branch 1 in s is confirmed and cancelled"},
    Canary{"StepsInTheWrongOrder",
           [](Healthy& h) {
             h.Run("s", "UPDATE effect SET id = id + 100 WHERE gtid = 'g1' AND step = 1");
           },
           "order: action of g1 step 2 came before that of step 1 in s"},
    Canary{"CompensationsInTheWrongOrder",
           [](Healthy& h) {
             h.Run(
                 "s",
                 "UPDATE effect SET id = 100 WHERE gtid = 'g2' AND op = 'compensate' AND step = 2");
           },
           "order: compensate of g2 step 1 came before that of step 2 in s"},
    Canary{"ASagaThatCommittedWithoutAStep",
           [](Healthy& h) { h.Run("s", "DELETE FROM effect WHERE gtid = 'g1' AND step = 2"); },
           "saga: g1 committed with 3 of 4 steps done and 0 undone"},
    Canary{"ASagaThatIsHalfUndone",
           [](Healthy& h) {
             h.Run("s", "DELETE FROM effect WHERE gtid = 'g2' AND op = 'compensate' AND step = 1");
           },
           "saga: g2 stopped with 2 steps done and 1 undone"},
    Canary{"APivotUndone", [](Healthy& h) { h.Do("g1", kSagaPivot, "compensate", 0); },
           "pivot: step 3 of g1 was undone"},
    Canary{"APivotThatStandsAlone",
           [](Healthy& h) { h.Run("s", "DELETE FROM effect WHERE gtid = 'g1' AND step = 4"); },
           "pivot: g1 is past it and did not go on to its end"},
    Canary{"TwoDecisions", [](Healthy& h) { h.Note("told t1 aborted\n"); },
           "one decision: t1 was told committed and aborted"},
    Canary{"DamageThatNobodyDid", [](Healthy& h) { h.Note("told t1 mixed\n"); },
           "heuristics: t1 was told mixed and nobody forced it"},
    Canary{"AForcedDecisionThatIsForgotten",
           [](Healthy& h) { h.Note("forced t1\naccepted t1 commit\n"); },
           "heuristics: t1 was forced to commit and nothing is shown of that"},
    Canary{"AForcedDecisionThatTurned",
           [](Healthy& h) { h.Note("forced t1\naccepted t1 abort\nshown t1 committed\n"); },
           "heuristics: t1 was forced to abort and is shown as committed"},
    Canary{"DamageThatIsNotShown",
           [](Healthy& h) {
             h.Note("asked t2 3pc a b\nforced t2\naccepted t2 commit\nshown t2 committed\n");
           },
           "heuristics: t2 is shown as committed and is in 0 of 2 banks"},
    Canary{"HalfOfWhatWasForced",
           [](Healthy& h) {
             h.Move("a", "t2", 0);
             h.Note("asked t2 3pc a b\nforced t2\naccepted t2 commit\nshown t2 committed\n");
           },
           "atomicity: t2 took effect in 1 of 2 banks"},
    Canary{"ALostCommitThatWasForced",
           [](Healthy& h) {
             h.Note("asked t2 3pc a b\nforced t2\ntold t2 committed\nshown t2 committed\n");
           },
           "durability: t2 was told committed and is in 0 of 2 banks"},
    Canary{"ABranchAppliedTwice", [](Healthy& h) { h.Pay("b", 10); },
           "ledger: b holds 10020 and its rows say 10010"},
    Canary{"MoneyMade", [](Healthy& h) { h.Pay("b", 10); }, "conservation: 30010 instead of 30000"},
    Canary{"APreparedBranchThatIsLeft",
           [](Healthy& h) {
             h.Run("b",
                   "CREATE TABLE settle_prepared (branch TEXT); INSERT INTO settle_prepared VALUES "
                   "('settle:t2:1')");
           },
           "no orphan: settle:t2:1 is still prepared in b"},
    Canary{"ALockWithoutAnOwner",
           [](Healthy& h) {
             h.Run("b",
                   "CREATE TRIGGER guard BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'in "
                   "doubt'); END");
           },
           "no orphan: a lock keeps writers out of b"},
    Canary{"AReservationThatIsHeld", [](Healthy& h) { h.Do("o3", 1, "try", 0); },
           "no orphan: the reservation of o3 branch 1 in s is held"},
};

TEST(Checker, AcceptsWhatIsAsItWasTold) {
  Healthy world;
  EXPECT_THAT(world.Violations(), IsEmpty());
  EXPECT_THAT(world.Program().second, HasSubstr("3 banks, 5 transactions noted, 0 violations"));
  EXPECT_EQ(world.Program().first, 0);
}

TEST(Checker, AcceptsThatUnknownTurnsOutEitherWay) {
  Healthy world;
  world.Note("told t1 unknown\nasked t2 2pc a b\ntold t2 unknown\nasked t3\n");
  EXPECT_THAT(world.Violations(), IsEmpty());
}

TEST(Checker, AcceptsTheDamageThatAPersonNotedThatTheyDid) {
  Healthy world;
  world.Move("a", "t2", -10);
  world.Note("asked t2 2pc a b\ntold t2 mixed\nforced t2\n");
  EXPECT_THAT(world.Violations(), IsEmpty());
}

TEST(Checker, AcceptsAForcedDecisionThatEndedSo) {
  Healthy world;
  world.Note("forced t1\naccepted t1 commit\nshown t1 committed\n");
  world.Note("asked t2 3pc a b\nforced t2\naccepted t2 abort\nshown t2 aborted\n");
  EXPECT_THAT(world.Violations(), IsEmpty());
}

// Its client was told the decision, and the sites had come to the other one by themselves.
TEST(Checker, AcceptsThatAForcedDecisionIsShownAsTheDamageThatItDid) {
  Healthy world;
  world.Note("asked t2 3pc a b\nforced t2\naccepted t2 commit\ntold t2 committed\n");
  world.Note("shown t2 heuristic-rollback\nforced t1\naccepted t1 abort\ntold t1 aborted\n");
  world.Note("shown t1 heuristic-commit\nasked t3 3pc a b\nforced t3\nshown t3 mixed\n");
  world.Move("b", "t3", 10);
  EXPECT_THAT(world.Violations(), IsEmpty());
}

TEST(Checker, HasACanaryForEachOfItsQueries) {
  std::set<std::string> sentences;
  for (const Canary& canary : kCanaries) sentences.insert(canary.caught);
  EXPECT_GE(sentences.size(), Invariants().size());
  for (const Invariant& invariant : Invariants()) {
    EXPECT_THAT(sentences, Contains(StartsWith(std::string(invariant.name) + ":")));
  }
}

class Planted : public ::testing::TestWithParam<Canary> {};

TEST_P(Planted, IsCaught) {
  Healthy world;
  GetParam().plant(world);
  EXPECT_THAT(world.Violations(), Contains(GetParam().caught));
  const auto [code, said] = world.Program();
  EXPECT_EQ(code, 1);
  EXPECT_THAT(said, HasSubstr(GetParam().caught));
}

INSTANTIATE_TEST_SUITE_P(Canaries, Planted, ::testing::ValuesIn(kCanaries),
                         [](const auto& test) { return std::string(test.param.name); });

// The readers, on real databases: what is planted there must reach the checker.
class Readers : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kPostgres) cluster_ = std::make_unique<PostgresCluster>();
    bank_ = cluster_ ? MakePostgresBank(*cluster_, "bank") : MakeSqliteBank(directory_ / "bank.db");
  }
  const TemporaryDirectory directory_;
  std::unique_ptr<PostgresCluster> cluster_;
  std::unique_ptr<Database> bank_;
};

TEST_P(Readers, SeeTransfersEffectsAndBalances) {
  bank_->Query("INSERT INTO transfer VALUES ('t1', -10)");
  bank_->Query("INSERT INTO effect (gtid, step, op, amount) VALUES ('g1', 2, 'action', 7)");
  bank_->Query("INSERT INTO effect (gtid, step, op, amount) VALUES ('g1', 1, 'action', 7)");
  bank_->Query("UPDATE account SET balance = balance - 10 WHERE id = 1");
  const BankFacts facts = ReadFacts(*OpenBank(bank_->Dsn()), "bank");
  EXPECT_THAT(facts.transfers, ElementsAre(std::pair<const std::string, std::int64_t>("t1", -10)));
  ASSERT_EQ(facts.effects.size(), 2u);
  EXPECT_EQ(facts.effects[0].step, 2);
  EXPECT_LT(facts.effects[0].id, facts.effects[1].id);
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
  const BankFacts facts = ReadFacts(*bank_, "bank");
  EXPECT_THAT(facts.prepared, ElementsAre("settle:planted:1"));
  EXPECT_FALSE(facts.writable);
  EXPECT_FALSE(IsQuiet(facts));
  EXPECT_EQ(facts.total, kOpening);
}

INSTANTIATE_TEST_SUITE_P(EveryKind, Readers, ::testing::Values(Kind::kPostgres, Kind::kSqlite));

TEST(Notes, HalfALastLineIsNoFact) {
  const TemporaryDirectory directory;
  const std::string path = directory / "notes";
  {
    NotesWriter notes(path);
    notes.Asked("t1", {"2pc", {"a", "b"}});
    notes.Told("t1", "unknown");
    notes.Told("t1", "committed");
    notes.Forced("t1");
    notes.Forced("t3");
    notes.Refused("t3");
    notes.Accepted("t1", "commit");
    notes.Shown("t1", "mixed");
    notes.Shown("t1", "hazard");
    notes.Asked("t2");
  }
  std::ofstream(path, std::ios::app) << "told t2 commit";
  const Notes notes = ReadNotes({path, directory / "missing"});
  EXPECT_THAT(notes.answers.at("t1"), ElementsAre("unknown", "committed"));
  EXPECT_EQ(notes.asked.at("t1").protocol, "2pc");
  EXPECT_THAT(notes.asked.at("t1").banks, ElementsAre("a", "b"));
  EXPECT_THAT(notes.forced, ElementsAre("t1"));
  EXPECT_EQ(notes.accepted.at("t1"), "commit");
  EXPECT_EQ(notes.shown.at("t1"), "hazard");
  EXPECT_THAT(notes.answers.at("t2"), IsEmpty());
}

}  // namespace
}  // namespace settle::testing
