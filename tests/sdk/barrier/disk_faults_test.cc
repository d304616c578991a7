// The disk under a barrier fails in every way at every place of its calls, and the power at every
// moment: each effect happens once, what was told done is there, what was unknown comes again.
#include "support/disk_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <stdexcept>

#include "sdk/barrier/barrier_world.h"
#include "sdk/sqlite/bank_file.h"
#include "settle/sqlite_barrier.h"

namespace settle::testing {
namespace {

using enum ActionOp;
using enum AnswerKind;
using ::testing::AnyOf;
using namespace std::chrono_literals;

// The calls of one step, in the order in which a coordinator makes them: it repeats what is unknown
// before it goes on. Steps are told apart by their sequence.
struct Step {
  std::uint64_t sequence;
  std::vector<std::pair<ActionOp, AnswerKind>> calls;  // and what each is answered in the end
};
const std::vector<Step> kSteps{
    {1, {{kAction, kDone}}},
    {2, {{kAction, kDone}, {kCompensate, kDone}}},
    {3, {{kCompensate, kDone}, {kAction, kSuppressed}}},
    {4, {{kTry, kDone}, {kConfirm, kDone}}},
    {5, {{kTry, kDone}, {kCancel, kDone}}},
    {6, {{kFence, kSuppressed}, {kAction, kSuppressed}}},
};
constexpr const char* kEffects = "1|action 2|action 2|compensate 4|try 4|confirm 5|try 5|cancel";
// An action that is undone whatever became of it.
constexpr std::uint64_t kUndone = 7;

using Told = std::map<std::pair<std::uint64_t, ActionOp>, AnswerKind>;

class BarrierDisk : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    FaultyVfs::Installed();
    UseMemoryForDirectories();
  }
  BarrierDisk() {
    PlainConnection shop(before_ / "shop.db");
    shop.Query("PRAGMA journal_mode = WAL");
    shop.Run("CREATE TABLE effect (step INTEGER NOT NULL, word TEXT NOT NULL)");
    const auto installed = SqliteBarrier::Install(before_ / "shop.db");
    if (!installed) throw std::runtime_error(Describe(installed.error()));
  }
  std::string CopyInto(const TemporaryDirectory& directory) const {
    std::filesystem::copy_file(before_ / "shop.db", directory / "shop.db");
    return directory / "shop.db";
  }

  // By a barrier of its own, as by processes in turn.
  static AnswerKind Ask(const std::string& path, std::uint64_t sequence, ActionOp op) {
    const auto barrier = SqliteBarrier::Make({.path = path, .busy_timeout = 0ms});
    const auto step = static_cast<BranchNumber>(sequence);
    return barrier->Run(Call(op, sequence, step), Does(ToString(op))).kind;
  }

  static void Live(const std::string& path, Told& told) {
    for (const Step& step : kSteps) {
      for (const auto& [op, expected] : step.calls) {
        const AnswerKind answer = Ask(path, step.sequence, op);
        told[{step.sequence, op}] = answer;
        if (answer == kUnknown) break;
        EXPECT_EQ(answer, expected) << ToString(op) << " of " << step.sequence;
      }
    }
    told[{kUndone, kAction}] = Ask(path, kUndone, kAction);
    told[{kUndone, kCompensate}] = Ask(path, kUndone, kCompensate);
  }

  // The disk is well again, and everything is called once more: what was not done yet, and what
  // was.
  static void Heal(const std::string& path, const Told& told, const std::string& when) {
    {  // What was told is in the file already, whoever asks.
      PlainConnection shop(path);
      for (const auto& [call, answer] : told) {
        const bool noted = answer == kUnknown || shop.Query(
                                                     "SELECT count(*) FROM settle_barrier"
                                                     " WHERE sequence = " +
                                                     std::to_string(call.first)) != "0";
        EXPECT_TRUE(noted) << when << ": lost " << ToString(call.second) << " of " << call.first;
      }
    }
    for (const Step& step : kSteps) {
      for (const auto& [op, expected] : step.calls) {
        EXPECT_EQ(Ask(path, step.sequence, op), expected)
            << when << ": " << ToString(op) << " of " << step.sequence;
      }
    }
    EXPECT_EQ(Ask(path, kUndone, kCompensate), kDone) << when;
    const AnswerKind late = Ask(path, kUndone, kAction);
    EXPECT_THAT(late, AnyOf(kDone, kSuppressed)) << when;
    const auto before = told.find({kUndone, kAction});
    EXPECT_TRUE(before == told.end() || before->second != kDone || late == kDone) << when;
    const char* const undone = late == kDone ? " 7|action 7|compensate" : "";
    PlainConnection shop(path);
    EXPECT_EQ(shop.Query("SELECT step, word FROM effect ORDER BY step, rowid"),
              std::string(kEffects) + undone)
        << when;
    EXPECT_EQ(shop.Query("PRAGMA integrity_check"), "ok") << when;
  }

  FaultyVfs& vfs_ = FaultyVfs::Installed();
  const TemporaryDirectory before_;
};

TEST_F(BarrierDisk, WithoutAnyFaultEveryCallIsAnsweredAtOnce) {
  const TemporaryDirectory directory;
  const std::string path = CopyInto(directory);
  Told told;
  Live(path, told);
  ASSERT_EQ(told.size(), 13u);
  for (const auto& [call, answer] : told) EXPECT_NE(answer, kUnknown) << call.first;
  Heal(path, told, "without a fault");
}

class EveryDiskFaultOfABarrier : public BarrierDisk,
                                 public ::testing::WithParamInterface<DiskFault> {};

TEST_P(EveryDiskFaultOfABarrier, M01_M02_AtEveryPlaceOfACallItIsUnknownOrDoneOnce) {
  const int places = AtEveryPlace(GetParam(), [this](const FaultyVfs::Plan& plan) {
    const TemporaryDirectory directory;
    const std::string path = CopyInto(directory);
    Told told;
    vfs_.Arm(plan);
    Live(path, told);
    const bool fired = vfs_.Disarm();
    Heal(path, told, "at " + std::to_string(plan.at) + (plan.for_ever ? " and for ever" : ""));
    return fired;
  });
  EXPECT_GT(places, 6) << "hardly any such operation was met";
}

INSTANTIATE_TEST_SUITE_P(Sqlite, EveryDiskFaultOfABarrier, ::testing::ValuesIn(ToldDiskFaults()),
                         NameOfFault);

TEST_F(BarrierDisk, M01_M09_PowerLostAtEveryMomentLeavesWhatWasToldDone) {
  const auto life = [this](Told& told) {
    const TemporaryDirectory directory;
    const std::string path = CopyInto(directory);
    // Somebody else has the file open: else the end of each barrier would make durable what its
    // call had not.
    PlainConnection reader(path);
    reader.Query("SELECT count(*) FROM effect");
    Live(path, told);
  };
  const auto heal = [](const TemporaryDirectory& after, const Told& told, const std::string& when) {
    Heal(after / "shop.db", told, when);
  };
  EXPECT_GT(AtEveryPowerFailure<Told>(vfs_, life, heal), 40);
}

}  // namespace
}  // namespace settle::testing
