// kill -9 at every named place inside Run: whatever was left, the effect happens once.
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "sdk/barrier/barrier_test_base.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using enum ActionOp;
using enum AnswerKind;

constexpr const char* kPlaces[] = {"barrier.before_insert", "barrier.after_insert",
                                   "barrier.after_business", "barrier.before_commit",
                                   "barrier.after_commit"};

// Neither action nor compensation has run before, and whose turn it is dies there.
class BarrierCrash : public BarrierTest {
 protected:
  // A call in a process of its own, which is killed at the place.
  void Kill(const std::string& op, std::uint64_t sequence, const std::string& place) {
    const TemporaryDirectory directory;
    const int status = AwaitProcess(StartProcess(
        {.arguments = {std::string(std::getenv("SETTLE_BIN")) + "/settle_barrier_worker",
                       world_->target(), op, std::to_string(sequence)},
         .output_path = directory / "output",
         .environment = {"SETTLE_FAILPOINT=" + place,
                         "SETTLE_FAILPOINT_FIRED=" + (directory / "fired")}}));
    EXPECT_TRUE(std::filesystem::exists(directory / "fired")) << op << " never came to " << place;
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << TailOf(directory / "output");
  }

  std::string EffectsOf(std::uint64_t sequence) {
    const std::string where = " WHERE sequence = " + std::to_string(sequence);
    return world_->Query("SELECT count(*) FROM settle_barrier" + where) + " rows; " +
           world_->Effects();
  }
};
SETTLE_FOR_EACH_DATABASE(BarrierCrash);

TEST_P(BarrierCrash, M01_OfAnActionKilledAnywhereTheEffectHappensOnce) {
  std::uint64_t sequence = 0;
  for (const char* place : kPlaces) {
    SCOPED_TRACE(place);
    Kill("action", ++sequence, place);
    const bool committed = std::string(place) == "barrier.after_commit";
    EXPECT_THAT(barrier_->Run(Call(kAction, sequence), Does("action", R"({"by": "test"})")),
                IsDone(committed ? R"({"by": "worker"})" : R"({"by": "test"})"));
    EXPECT_THAT(barrier_->Run(Call(kAction, sequence), MustNotRun()), Is(kDone));
    EXPECT_EQ(EffectsOf(sequence), "1 rows; 1 action");
    world_->Query("DELETE FROM effect");
  }
}

TEST_P(BarrierCrash, M02_OfACompensationKilledAnywhereAfterItsActionTheEffectHappensOnce) {
  std::uint64_t sequence = 0;
  for (const char* place : kPlaces) {
    SCOPED_TRACE(place);
    ASSERT_THAT(barrier_->Run(Call(kAction, ++sequence), Does("action")), IsDone());
    Kill("compensate", sequence, place);
    EXPECT_THAT(barrier_->Run(Call(kCompensate, sequence), Does("compensate")), Is(kDone));
    EXPECT_THAT(barrier_->Run(Call(kAction, sequence), MustNotRun()), IsDone());
    EXPECT_EQ(EffectsOf(sequence), "2 rows; 1 action; 1 compensate");
    world_->Query("DELETE FROM effect");
  }
}

TEST_P(BarrierCrash, M02_OfAnEmptyCompensationKilledAnywhereNothingHappensAndTheActionIsTooLate) {
  std::uint64_t sequence = 0;
  for (const char* place : kPlaces) {
    if (std::string(place) == "barrier.after_business") continue;  // it has none
    SCOPED_TRACE(place);
    Kill("compensate", ++sequence, place);
    EXPECT_THAT(barrier_->Run(Call(kCompensate, sequence), MustNotRun()), IsDone());
    EXPECT_THAT(barrier_->Run(Call(kAction, sequence), MustNotRun()), Is(kSuppressed));
    EXPECT_EQ(EffectsOf(sequence), "2 rows; ");
  }
}

TEST_P(BarrierCrash, M02_AnActionKilledAnywhereAndThenCompensatedLeavesNothingOrIsUndone) {
  std::uint64_t sequence = 0;
  for (const char* place : kPlaces) {
    SCOPED_TRACE(place);
    Kill("action", ++sequence, place);
    EXPECT_THAT(barrier_->Run(Call(kCompensate, sequence), Does("compensate")), IsDone());
    const bool committed = std::string(place) == "barrier.after_commit";
    EXPECT_EQ(EffectsOf(sequence), committed ? "2 rows; 1 action; 1 compensate" : "2 rows; ");
    EXPECT_THAT(barrier_->Run(Call(kAction, sequence), MustNotRun()),
                Is(committed ? kDone : kSuppressed));
    world_->Query("DELETE FROM effect");
  }
}

TEST_P(BarrierCrash, M07_AFenceKilledAnywhereDecidesTheSameWhenItComesAgain) {
  std::uint64_t sequence = 0;
  for (const char* place : {"barrier.before_insert", "barrier.after_insert",
                            "barrier.before_commit", "barrier.after_commit"}) {
    SCOPED_TRACE(place);
    Kill("fence", ++sequence, place);
    EXPECT_THAT(barrier_->Run(Call(kFence, sequence), MustNotRun()), Is(kSuppressed));
    EXPECT_THAT(barrier_->Run(Call(kAction, sequence), MustNotRun()), Is(kSuppressed));
  }
}

}  // namespace
}  // namespace settle::testing
