// Every order in which things can happen to small sagas, crashes included, until no new state is
// found; and long random walks through larger ones. A broken rule is printed with what led to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>
#include <unordered_map>

#include "protocol/saga_event_parser.h"
#include "protocol/saga_world.h"
#include "saga_definition/check.h"

namespace settle::coordinator::saga {
namespace {

Definition Of(const std::vector<std::string>& steps) {
  Definition definition;
  definition.name = "small";
  for (const std::string& line : steps) definition.steps.push_back(*ParseStep("step " + line));
  EXPECT_TRUE(Check(definition)) << Check(definition).error().message;
  return definition;
}

struct Visit {
  const Visit* from = nullptr;
  std::string move;
  World world;
};

std::string PathTo(const Visit& visit) {
  return (visit.from == nullptr ? "" : PathTo(*visit.from)) + "\n  " + visit.move;
}

struct Explored {
  std::size_t states = 0;
  bool committed = false;
  bool aborted = false;
  std::string broken;  // empty: no rule was
};

Explored Explore(const Definition& definition, Flaw flaw, std::size_t states_max) {
  Explored explored;
  std::unordered_map<std::string, std::unique_ptr<Visit>> seen;
  std::deque<const Visit*> queue;
  const auto reach = [&](const Visit* from, const std::string& move, World world) {
    auto [entry, is_new] = seen.try_emplace(world.Key());
    if (!is_new) return;
    entry->second = std::make_unique<Visit>(Visit{from, move, std::move(world)});
    queue.push_back(entry->second.get());
  };
  reach(nullptr, "start", World(definition, flaw));
  while (!queue.empty() && seen.size() < states_max) {
    const Visit& visit = *queue.front();
    queue.pop_front();
    explored.committed |= visit.world.told() == Outcome::kCommitted;
    explored.aborted |= visit.world.told() == Outcome::kAborted;
    World healed = visit.world;
    const bool ends = healed.Heal();
    if (!ends || !healed.broken().empty()) {
      explored.broken = (ends ? healed.broken() : "it does not end") + " when healed after" +
                        PathTo(visit) + "\n  " + healed.Describe();
      break;
    }
    for (const Move& move : visit.world.Moves()) {
      World next = visit.world;
      next.Take(move);
      if (!next.broken().empty()) {
        explored.broken = next.broken() + " by" + PathTo(visit) + "\n  " + Describe(move) + "\n  " +
                          next.Describe();
        explored.states = seen.size();
        return explored;
      }
      reach(&visit, Describe(move), std::move(next));
    }
  }
  explored.states = seen.size();
  return explored;
}

struct Small {
  const char* name;
  Definition definition;
};

std::vector<Small> SmallSagas() {
  return {{"OneStep", Of({"a p/a"})},
          {"OneAfterTheOther", Of({"a p/a", "b q/b after a"})},
          {"Parallel", Of({"a p/a", "b q/b"})},
          {"LonePivot", Of({"p p/p pivot"})},
          {"PivotAfterAStep", Of({"a p/a", "p q/p after a pivot"})},
          {"StepThatNeedsNoUndoing", Of({"n p/n no-undo", "a q/a after n"})},
          {"PivotBesideAStep", Of({"p p/p pivot", "n q/n no-undo"})},
          {"AllKindsInARow", Of({"a p/a", "p q/p after a pivot", "n r/n after p no-undo"})},
          {"TwoBeforeThePivot", Of({"a p/a", "b q/b", "p r/p after a b pivot"})},
          {"NoUndoBetweenTwo", Of({"a p/a", "n q/n after a no-undo", "b r/b after n"})}};
}

class SagaExploration : public testing::TestWithParam<Small> {};

TEST_P(SagaExploration, M04_M07_NoOrderOfEventsBreaksARule) {
  const Explored explored = Explore(GetParam().definition, Flaw::kNone, 400'000);
  EXPECT_EQ(explored.broken, "");
  EXPECT_LT(explored.states, 400'000U) << "not everything was looked at";
  EXPECT_TRUE(explored.committed && explored.aborted) << "both endings must have been seen";
  EXPECT_GT(explored.states, 50U) << "the exploration is not exploring";
  RecordProperty("states", static_cast<int>(explored.states));
}

INSTANTIATE_TEST_SUITE_P(Protocol, SagaExploration, testing::ValuesIn(SmallSagas()),
                         [](const auto& test) { return test.param.name; });

// What each flaw breaks, by the rule that notices it.
TEST(SagaFlaws, EveryOneIsNoticed) {
  const std::vector<std::pair<Flaw, std::string>> flaws{
      {Flaw::kBeginNotForced, "a saga of which nothing is known took effect"},
      {Flaw::kAbortingNotForced, "but a step"},
      {Flaw::kEndNotForced, "the end was told"},
      {Flaw::kOnlyKnownDoneIsCompensated, "told aborted, but a step stands"},
      {Flaw::kPivotGivenUpWithoutFence, "told aborted, but a step stands"},
      {Flaw::kCompensatedInAnyOrder, "what it rests on is not"},
      {Flaw::kFenceLeavesNoRow, "told aborted, but a step stands"},
      {Flaw::kCompensationLeavesNoActionRow, "a step stands"},
      {Flaw::kBarrierForgetsItsRows, "a step took effect twice"},
  };
  for (const auto& [flaw, rule] : flaws) {
    std::string broken;
    for (const Small& small : SmallSagas()) {
      broken = Explore(small.definition, flaw, 50'000).broken;
      if (!broken.empty()) break;
    }
    EXPECT_THAT(broken, testing::HasSubstr(rule)) << "flaw " << static_cast<int>(flaw);
  }
}

// Up to six steps, each after some of the ones before it; those that a pivot may have in front of
// it can be undone, those beside and behind it need not be.
Definition RandomSaga(std::mt19937& random) {
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  Definition definition;
  definition.name = "random";
  const std::size_t steps = 2 + random() % 5;
  const std::size_t pivot = one_in(4) ? steps : random() % steps;
  for (std::size_t i = 0; i < steps; ++i) {
    StepDefinition step;
    step.name = std::string(1, static_cast<char>('a' + i));
    step.participant = step.action = step.name;
    for (std::size_t before = 0; before < i; ++before) {
      if (i == pivot || (before == pivot && one_in(2)) || one_in(3))
        step.after.push_back(definition.steps[before].name);
    }
    if (i == pivot) step.kind = StepKind::kPivot;
    if (i > pivot || one_in(6)) step.kind = i == pivot ? StepKind::kPivot : StepKind::kNoUndo;
    definition.steps.push_back(std::move(step));
  }
  return definition;
}

TEST(SagaWalks, RandomSagasEndAsTheyMust) {
  std::size_t committed = 0;
  std::size_t aborted = 0;
  for (unsigned seed = 1; seed <= 3'000; ++seed) {
    std::mt19937 random(seed);
    const Definition definition = RandomSaga(random);
    const Status checked = Check(definition);
    ASSERT_TRUE(checked) << checked.error().message;
    World world(definition, Flaw::kNone);
    std::string path;
    for (int i = 0; i < 120 && world.broken().empty(); ++i) {
      const std::vector<Move> moves = world.Moves();
      if (moves.empty()) break;  // it never began
      const Move& move = moves[random() % moves.size()];
      const bool rare = move.kind == Move::Kind::kCancel || move.kind == Move::Kind::kCrash ||
                        move.kind == Move::Kind::kDeliverCallThatFails;
      if (rare && random() % 8 != 0) continue;
      path += "\n  " + Describe(move);
      world.Take(move);
    }
    ASSERT_EQ(world.broken(), "") << "seed " << seed << path << "\n  " << world.Describe();
    ASSERT_TRUE(world.Heal()) << "seed " << seed << path << "\n  " << world.Describe();
    ASSERT_EQ(world.broken(), "") << "healed, seed " << seed << path << "\n  " << world.Describe();
    committed += world.told() == Outcome::kCommitted ? 1 : 0;
    aborted += world.told() == Outcome::kAborted ? 1 : 0;
  }
  EXPECT_GT(committed, 300U) << "hardly a walk commits";
  EXPECT_GT(aborted, 300U) << "hardly a walk aborts";
  RecordProperty("committed", static_cast<int>(committed));
  RecordProperty("aborted", static_cast<int>(aborted));
}

}  // namespace
}  // namespace settle::coordinator::saga
