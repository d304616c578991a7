// The disk fails in every way at every place of a branch's life, and the power at every moment.
// A vote of yes is kept, what was told committed is there once, what was told aborted is not, and
// nothing is half there.
#include "support/disk_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "sdk/sqlite/bank_file.h"

namespace settle::testing {
namespace {

using namespace std::chrono_literals;

// What a coordinator would know of a branch: whether it voted yes, what was decided, what it heard.
struct Known {
  bool voted_yes = false;
  Decision decision = Decision::kAbort;
  std::optional<BranchEnd> end{};

  friend bool operator==(const Known&, const Known&) = default;
};
using Told = std::map<std::uint64_t, Known>;  // by sequence

constexpr std::uint64_t kBranches = 4;
// Moves 10 from one account to the other, and leaves a row large enough for pages of its own.
std::vector<std::string> WorkOf(std::uint64_t sequence) {
  return {"UPDATE account SET balance = balance - 10 WHERE id = 1",
          "UPDATE account SET balance = balance + 10 WHERE id = 2",
          "INSERT INTO paper VALUES (" + std::to_string(sequence) + ", hex(zeroblob(3000)))"};
}
// Of the branches that vote yes every second is committed.
Decision DecisionOf(std::uint64_t sequence) {
  return sequence % 2 == 1 ? Decision::kCommit : Decision::kAbort;
}

class DiskFaults : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  DiskFaults() {
    const BankFile bank(before_ / "bank.db");
    bank.Run("CREATE TABLE paper (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    // The tables of Settle and the guards are there, and the file is in WAL mode.
    OpenAndRun(*bank.Resource(), Key(100), {})->Fence();
  }

  // A file as the program finds it.
  static std::string Copy(const TemporaryDirectory& from, const TemporaryDirectory& to) {
    std::filesystem::copy_file(from / "bank.db", to / "bank.db");
    return to / "bank.db";
  }

  // Branch after branch, some of them by a second process of the name; told as it goes.
  static void Live(const std::string& path, Told& told) {
    const BankFile bank(path, BankFile::Existing{});
    for (std::uint64_t i = 1; i <= kBranches; ++i) {
      const auto resource = bank.Resource(0ms);
      auto branch = Worked(*resource, i);
      if (branch == nullptr) continue;
      const bool yes = branch->AwaitPrepare().vote == Vote::kCommit;
      told[i].voted_yes = yes;
      if (yes) told[i].decision = DecisionOf(i);
      if (i == kBranches) return;  // in doubt when the program ends
      const Decision decision = told[i].decision;
      FinishResult result;
      if (i <= 2) {
        result = branch->AwaitFinish(decision);
      } else {  // its process has died
        branch.reset();
        result = bank.Resource(0ms)->Finish(Key(i), decision, {});
      }
      if (result.end != BranchEnd::kRetry) told[i].end = result.end;
    }
  }

  // Null when its work could not be done.
  static std::shared_ptr<SqliteBranch> Worked(SqliteResource& resource, std::uint64_t sequence) {
    const auto branch = resource.Open(Key(sequence));
    if (!branch) return nullptr;
    for (const std::string& statement : WorkOf(sequence)) {
      if (!(*branch)->Execute(statement)) return nullptr;
    }
    return *branch;
  }

  // The disk is well again: the scan reports, the coordinator repeats what it decided.
  static void Heal(const std::string& path, const Told& told, const std::string& when) {
    const BankFile bank(path, BankFile::Existing{});
    const auto resource = bank.Resource(0ms);
    const auto scanned = resource->ScanPrepared();
    ASSERT_TRUE(scanned) << when << ": " << Describe(scanned.error());
    std::size_t committed = 0;
    for (std::uint64_t i = 1; i <= kBranches; ++i) {
      const auto found = told.find(i);
      const Known known = found == told.end() ? Known{} : found->second;
      const bool in_doubt = std::count(scanned->begin(), scanned->end(), Key(i).DatabaseName()) > 0;
      const BranchEnd wanted =
          known.decision == Decision::kCommit ? BranchEnd::kCommitted : BranchEnd::kAborted;
      EXPECT_TRUE(!known.voted_yes || in_doubt || Noted(bank, i))
          << when << ": the vote of branch " << i << " was not kept";
      EXPECT_TRUE(!known.end || *known.end == wanted)
          << when << ": branch " << i << " is " << ToString(*known.end);
      for (int repeated = 0; repeated < 2; ++repeated) {
        const FinishResult ended = resource->Finish(Key(i), known.decision, {});
        EXPECT_EQ(ended.end, wanted) << when << ", branch " << i << ": " << ended.detail;
      }
      const bool effect =
          bank.Query("SELECT count(*) FROM paper WHERE id = " + std::to_string(i)) == "1";
      EXPECT_EQ(effect, wanted == BranchEnd::kCommitted) << when << ", branch " << i;
      committed += effect ? 1 : 0;
    }
    EXPECT_EQ(bank.Prepared(), "") << when;
    EXPECT_EQ(bank.Balances(),
              std::to_string(100 - 10 * committed) + " " + std::to_string(100 + 10 * committed))
        << when;
    EXPECT_EQ(bank.Query("PRAGMA integrity_check"), "ok") << when;
  }
  static bool Noted(const BankFile& bank, std::uint64_t sequence) {
    return bank.Query("SELECT count(*) FROM settle_outcome WHERE branch = '" +
                      Key(sequence).DatabaseName() + "'") == "1";
  }

  FaultyVfs& vfs_ = FaultyVfs::Installed();
  const TemporaryDirectory before_;
};

TEST_F(DiskFaults, WithoutAnyFaultEveryBranchVotesYesAndEndsAsDecided) {
  const TemporaryDirectory directory;
  const std::string path = Copy(before_, directory);
  Told told;
  Live(path, told);
  ASSERT_EQ(told.size(), kBranches);
  for (const auto& [sequence, known] : told) {
    EXPECT_TRUE(known.voted_yes) << sequence;
    EXPECT_EQ(known.end.has_value(), sequence != kBranches) << sequence;
  }
  Heal(path, told, "without a fault");
}

class EveryDiskFault : public DiskFaults, public ::testing::WithParamInterface<DiskFault> {};

TEST_P(EveryDiskFault, Q01_AtEveryPlaceOfABranchLosesNoVoteAndAppliesOnce) {
  const int places = AtEveryPlace(GetParam(), [this](const FaultyVfs::Plan& plan) {
    const TemporaryDirectory directory;
    const std::string path = Copy(before_, directory);
    Told told;
    vfs_.Arm(plan);
    Live(path, told);
    const bool fired = vfs_.Disarm();
    Heal(path, told, "at " + std::to_string(plan.at) + (plan.for_ever ? " and for ever" : ""));
    return fired;
  });
  EXPECT_GT(places, 6) << "hardly any such operation was met";
}

INSTANTIATE_TEST_SUITE_P(Sqlite, EveryDiskFault, ::testing::ValuesIn(ToldDiskFaults()),
                         NameOfFault);

// What is staged has a checksum, and what it is applied to must be what it was. Untouched rows are
// SQLite's own to guard.
TEST_F(DiskFaults, Q01_ABitThatFlipsInAReadNeverMakesACommitOfSomethingElse) {
  const TemporaryDirectory prepared;
  {
    const BankFile bank(Copy(before_, prepared), BankFile::Existing{});
    ASSERT_EQ(Worked(*bank.Resource(), 1)->AwaitPrepare().vote, Vote::kCommit);
  }
  int flips = 0;
  int found_out = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    FaultyVfs::Plan plan{.operations = FaultyVfs::kRead, .flips = seed};
    for (bool fired = true; fired; ++plan.at) {
      const std::string when = "seed " + std::to_string(seed) + ", read " + std::to_string(plan.at);
      const TemporaryDirectory directory;
      const BankFile bank(Copy(prepared, directory), BankFile::Existing{});
      vfs_.Arm(plan);
      const BranchEnd told = bank.Resource(0ms)->Finish(Key(1), Decision::kCommit, {}).end;
      fired = vfs_.Disarm();
      flips += fired ? 1 : 0;
      found_out += told == BranchEnd::kCommitted ? 0 : 1;
      EXPECT_NE(told, BranchEnd::kAborted) << when;
      const FinishResult again = bank.Resource(0ms)->Finish(Key(1), Decision::kCommit, {});
      // Otherwise the bit has been written back, and the file is refused.
      EXPECT_TRUE(told != BranchEnd::kCommitted || again.end != BranchEnd::kAborted) << when;
      EXPECT_TRUE(again.end != BranchEnd::kCommitted || bank.Balances() == "90 110") << when;
    }
  }
  std::cout << "[  places  ] " << flips << " bits flipped, " << found_out << " found out\n";
  EXPECT_GT(found_out, 0);
}

TEST_F(DiskFaults, Q01_PowerLostAtEveryMomentOfABranchKeepsItsVoteAndItsEnd) {
  const auto life = [this](Told& told) {
    const TemporaryDirectory directory;
    Live(Copy(before_, directory), told);
  };
  // By its new place in the file system it is another file, which nobody asks about here.
  const auto heal = [](const TemporaryDirectory& after, const Told& told, const std::string& when) {
    Heal(after / "bank.db", told, when);
  };
  EXPECT_GT(AtEveryPowerFailure<Told>(vfs_, life, heal), 50);
}

}  // namespace
}  // namespace settle::testing
