// Random interleavings of calls and their copies, against a model and against what was answered.
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "sdk/barrier/barrier_test_base.h"

namespace settle::testing {
namespace {

using enum ActionOp;
using enum AnswerKind;

class BarrierRandom : public BarrierTest {};
SETTLE_FOR_EACH_DATABASE(BarrierRandom);

// What one step of one transaction should be, if calls come one after the other.
struct Model {
  bool action_ran = false;
  bool action_barred = false;
  bool compensated = false;
  bool undone = false;  // the compensation had something to do

  // With a business that answers done, or fails.
  Answer On(ActionOp op, bool business_fails) {
    if (op == kFence) {
      action_barred = action_barred || !action_ran;
      return {action_ran ? kDone : kSuppressed, action_ran ? "\"action\"" : ""};
    }
    if (op == kCompensate) {
      if (compensated) return {kDone, undone ? "\"compensate\"" : "{}"};
      if (action_ran && business_fails) return {kFailed, "not now"};
      compensated = true;
      undone = action_ran;
      action_barred = action_barred || !action_ran;
      return {kDone, undone ? "\"compensate\"" : "{}"};
    }
    if (action_barred) return {kSuppressed, ""};
    if (action_ran) return {kDone, "\"action\""};
    if (business_fails) return {kFailed, "not now"};
    action_ran = true;
    return {kDone, "\"action\""};
  }
};

Business Acts(bool fails) {
  return [fails](const ActionContext& call, Work& work) {
    const std::string word = ToString(call.op);
    const Answer done = Does(word, '"' + word + '"')(call, work);
    return fails ? Failed("not now") : done;
  };
}

TEST_P(BarrierRandom, M01_M02_M07_OneAfterTheOtherTheAnswersAndEffectsAreTheModels) {
  std::mt19937 random(20'26'11);
  std::map<BranchNumber, Model> steps;
  for (int i = 0; i < 400; ++i) {
    const BranchNumber step = 1 + random() % 60;
    const ActionOp op = std::array{kAction, kAction, kCompensate, kFence}[random() % 4];
    const bool fails = random() % 3 == 0;
    const Answer expected = steps[step].On(op, fails);
    const Answer answer = barrier_->Run(Call(op, 1, step), Acts(fails));
    ASSERT_EQ(answer.kind, expected.kind) << i << ": " << ToString(op) << ' ' << answer.text;
    if (answer.kind != kSuppressed) {
      ASSERT_EQ(answer.text, expected.text) << i;
    }
  }
  std::string effects;
  for (const auto& [step, model] : steps) {
    const std::string number = std::to_string(step);
    if (model.action_ran) effects += (effects.empty() ? "" : "; ") + number + " action";
    if (model.undone) effects += "; " + number + " compensate";
  }
  EXPECT_EQ(world_->Effects(), effects);
}

// Everybody calls everything at once, in barriers of their own, while rows are pruned.
TEST_P(BarrierRandom, M01_M02_M07_AtOnceTheEffectsAreWhatWasAnswered) {
  constexpr std::uint64_t kTransactions = 40;
  constexpr int kCallers = 4;
  struct Seen {
    std::atomic<int> action_done{0};
    std::atomic<int> fence_done{0};
    std::atomic<int> barred{0};  // suppressed before it was pruned
    std::atomic<int> compensated{0};
  };
  std::vector<Seen> seen(kTransactions + 1);
  std::atomic<std::uint64_t> ended{0};
  std::atomic<std::uint64_t> begun{0};
  const auto call = [&](AnyBarrier& barrier, std::mt19937& random, std::uint64_t sequence) {
    const ActionOp op = std::array{kAction, kAction, kCompensate, kFence}[random() % 4];
    const Answer answer = barrier.Run(Call(op, sequence, sequence), Acts(random() % 4 == 0));
    Seen& its = seen[sequence];
    if (answer.kind == kDone && op == kAction) ++its.action_done;
    if (answer.kind == kDone && op == kFence) ++its.fence_done;
    if (answer.kind == kDone && op == kCompensate) ++its.compensated;
    if (answer.kind == kSuppressed && answer.text.find("pruned") == std::string::npos) ++its.barred;
  };
  std::vector<std::jthread> callers;
  std::atomic<int> running{kCallers};
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      std::mt19937 random(static_cast<unsigned>(i));
      const auto barrier = world_->Open({.busy_timeout = std::chrono::seconds(60)});
      for (std::uint64_t front = 1; front <= kTransactions; ++front) {
        // The callers and the pruner keep step, so that it prunes while they call.
        if (front > begun) begun = front;
        while (ended + 12 < front) std::this_thread::yield();
        for (int j = 0; j < 6; ++j) {
          // Those at work, and late copies of those that ended.
          const std::uint64_t back = random() % std::min<std::uint64_t>(front, 8);
          call(*barrier, random, front - back);
        }
      }
      --running;
    });
  }
  std::jthread pruner([&] {
    const auto barrier = world_->Open({.busy_timeout = std::chrono::seconds(60)});
    while (running > 0) {
      if (begun <= ended + 8) {
        std::this_thread::yield();
        continue;
      }
      // As if the coordinator had said so: the mark is set first, so a late copy is late.
      const std::uint64_t mark = ++ended;
      const Status pruned = (**barrier).Prune({"k3m9qxw4c7ab", 2, mark});
      EXPECT_TRUE(pruned || pruned.error().code == ErrorCode::kRetry) << Describe(pruned.error());
    }
  });
  callers.clear();
  pruner.join();
  EXPECT_GE(ended, kTransactions - 12) << "nothing was pruned meanwhile";
  for (std::uint64_t sequence = 1; sequence <= kTransactions; ++sequence) {
    SCOPED_TRACE(sequence);
    const auto count = [&](const std::string& word) {
      return std::stoi(world_->Query("SELECT count(*) FROM effect WHERE word = '" + word +
                                     "' AND step = " + std::to_string(sequence)));
    };
    const Seen& its = seen[sequence];
    const int actions = count("action");
    const int compensations = count("compensate");
    EXPECT_LE(actions, 1);
    EXPECT_LE(compensations, actions) << "what never ran is never undone";
    if (its.action_done + its.fence_done > 0) {
      EXPECT_EQ(actions, 1);
    }
    if (its.barred > 0) {
      EXPECT_EQ(actions, 0) << "it was said that it can never run";
    }
    if (its.compensated > 0) {
      EXPECT_EQ(compensations, actions) << "done, and yet not undone";
    }
  }
}

}  // namespace
}  // namespace settle::testing
