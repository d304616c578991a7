// Transfers between two files by processes that are killed at random places. An oracle that only
// knows what was decided finishes them; no money may be made or lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <random>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::IsEmpty;

class Rounds {
 public:
  explicit Rounds(std::uint32_t seed) : random_(seed) {}

  // At least so many, and more while hardly any of them was left alone enough to commit.
  void Run(int rounds) {
    for (int round = 1; round <= rounds || (committed_ <= 5 && round <= 5 * rounds); ++round) {
      Transfer(static_cast<std::uint64_t>(round));
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  int kills() const { return kills_; }
  int committed() const { return committed_; }

 private:
  int Pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  WorkerEnd MaybeKilled(const std::vector<std::string>& arguments,
                        const std::vector<std::string>& places) {
    const int place = Pick(static_cast<int>(places.size()) + 1);
    const bool kill = place < static_cast<int>(places.size());
    WorkerEnd end = RunWorker(arguments, kill ? places[static_cast<std::size_t>(place)] : "");
    if (end.killed) ++kills_;
    return end;
  }

  void Transfer(std::uint64_t sequence) {
    const int amount = 1 + Pick(3);
    const int back = Pick(2);
    bool all_voted = true;
    for (int i = 0; i < 2; ++i) {
      const std::string sign = i == back ? " + " : " - ";
      const WorkerEnd end = MaybeKilled(
          {"prepare", banks_[i].path(), std::to_string(sequence),
           "UPDATE account SET balance = balance" + sign + std::to_string(amount) +
               " WHERE id = 1"},
          {"sqlite.before_prepare", "sqlite.after_prepare"});
      all_voted = all_voted && end.output.starts_with("commit");
    }
    const bool commit = all_voted && Pick(4) > 0;
    if (commit) Expected(back, amount);
    for (int i = 0; i < 2; ++i) Drive(banks_[i], sequence, commit ? "commit" : "abort");
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(banks_[i].Query("SELECT balance FROM account WHERE id = 1"),
                std::to_string(expected_[i]))
          << "transfer " << sequence;
    }
  }

  void Expected(int receiver, int amount) {
    ++committed_;
    expected_[receiver] += amount;
    expected_[1 - receiver] -= amount;
  }

  // Phase two, again and again until a process lives to tell.
  void Drive(const BankFile& bank, std::uint64_t sequence, const std::string& decision) {
    for (;;) {
      const WorkerEnd end =
          MaybeKilled({decision, bank.path(), std::to_string(sequence)},
                      {"sqlite.before_finish", "sqlite.inside_finish", "sqlite.after_finish"});
      if (end.killed) continue;
      ASSERT_TRUE(end.output.starts_with(decision == "commit" ? "committed" : "aborted"))
          << end.output;
      return;
    }
  }

  std::mt19937 random_;
  std::array<BankFile, 2> banks_;
  std::array<int, 2> expected_{100, 100};
  int kills_ = 0;
  int committed_ = 0;
};

TEST(SqliteRounds, Q01_AHundredTransfersWithRandomKillsConserveTheMoney) {
  const char* given = std::getenv("SETTLE_SEED");
  const auto seed = given != nullptr
                        ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
                        : std::random_device{}();
  SCOPED_TRACE("replay with SETTLE_SEED=" + std::to_string(seed));
  Rounds rounds(seed);
  rounds.Run(100);
  EXPECT_GT(rounds.kills(), 50) << "the faults did not fire";
  EXPECT_GT(rounds.committed(), 5);
}

}  // namespace
}  // namespace settle::testing
