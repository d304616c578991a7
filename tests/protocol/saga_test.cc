// The rules that everything else rests on, each in one place. The scripts show the whole of each
// situation.
#include "protocol/saga.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/saga_describe.h"

namespace settle::coordinator::saga {

void PrintTo(const Effect& effect, std::ostream* out) { *out << Describe(effect); }

namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Not;
using testing::VariantWith;

using State = Machine::State;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);

StepDefinition Step(const std::string& name, const std::vector<std::string>& after = {}) {
  StepDefinition step;
  step.name = name;
  step.participant = name + "s";
  step.action = "do";
  step.after = after;
  return step;
}

StepDefinition Pivot(const std::string& name, const std::vector<std::string>& after = {}) {
  StepDefinition step = Step(name, after);
  step.kind = StepKind::kPivot;
  return step;
}

Machine RunningWith(const std::vector<StepDefinition>& steps) {
  Machine machine({kGtid, {}, "", {"trip", 1, 0, steps}, "{}"});
  machine.Handle(event::Start{});
  machine.Handle(event::Persisted{});
  return machine;
}

event::Answered AnswerOf(BranchNumber step, ActionOp op, AnswerKind kind) {
  return {step, op, 1, {kind, kind == AnswerKind::kDone ? "{}" : "why", 0}};
}
event::Answered Done(BranchNumber step) {
  return AnswerOf(step, ActionOp::kAction, AnswerKind::kDone);
}
event::Answered Failed(BranchNumber step) {
  return AnswerOf(step, ActionOp::kAction, AnswerKind::kFailed);
}
event::Answered Undone(BranchNumber step) {
  return AnswerOf(step, ActionOp::kCompensate, AnswerKind::kDone);
}

auto Calls(ActionOp op, BranchNumber step) {
  return VariantWith<effect::Call>(
      AllOf(Field(&effect::Call::op, op), Field(&effect::Call::step, step)));
}
auto CallsAnything() { return VariantWith<effect::Call>(testing::_); }
template <typename Record>
auto Persists(Durability durability) {
  return VariantWith<effect::Persist>(
      AllOf(Field(&effect::Persist::record, VariantWith<Record>(testing::_)),
            Field(&effect::Persist::durability, durability)));
}
auto RepliesEnded() { return VariantWith<effect::ReplyEnded>(testing::_); }

TEST(Saga, NothingIsCalledBeforeTheBeginIsDurable) {
  Machine machine({kGtid, {}, "", {"trip", 1, 0, {Step("flight")}}, "{}"});
  const Effects started = machine.Handle(event::Start{});
  EXPECT_THAT(started, ElementsAre(Persists<SagaBeginRecord>(Durability::kForce)));
  EXPECT_THAT(machine.Handle(event::RetryRequested{0}), Not(Contains(CallsAnything())));
  EXPECT_THAT(machine.Handle(event::Persisted{}), Contains(Calls(ActionOp::kAction, 1)));
}

TEST(Saga, NothingIsUndoneBeforeTheAbortingRecordIsDurable) {
  Machine machine = RunningWith({Step("flight"), Step("hotel")});
  const Effects failed = machine.Handle(Failed(2));
  EXPECT_THAT(failed, Contains(Persists<SagaAbortingRecord>(Durability::kForce)));
  EXPECT_THAT(failed, Not(Contains(CallsAnything())));
  const Effects durable = machine.Handle(event::Persisted{});
  EXPECT_THAT(durable, Contains(Calls(ActionOp::kCompensate, 1)));
  EXPECT_THAT(durable, Contains(Calls(ActionOp::kCompensate, 2)));
}

TEST(Saga, NobodyIsToldTheEndBeforeItIsDurable) {
  Machine machine = RunningWith({Step("flight")});
  const Effects done = machine.Handle(Done(1));
  EXPECT_THAT(done, Contains(Persists<SagaEndRecord>(Durability::kForce)));
  EXPECT_THAT(done, Not(Contains(RepliesEnded())));
  EXPECT_EQ(machine.ending().outcome, Outcome::kUndecided);
  EXPECT_THAT(machine.Handle(event::Persisted{}), Contains(RepliesEnded()));
  EXPECT_EQ(machine.ending().outcome, Outcome::kCommitted);
}

TEST(Saga, ThreeRecordsAreForcedWhateverTheNumberOfSteps) {
  for (const int steps : {1, 3, 60}) {
    std::vector<StepDefinition> definitions;
    for (int i = 0; i < steps; ++i) definitions.push_back(Step("step-" + std::to_string(i)));
    definitions.push_back(Step("last", {"step-0"}));
    Machine machine({kGtid, {}, "", {"many", 1, 0, definitions}, "{}"});
    int forced = 0;
    const auto handle = [&](const Event& event) {
      for (const Effect& effect : machine.Handle(event)) {
        const auto* persist = std::get_if<effect::Persist>(&effect);
        forced += persist != nullptr && persist->durability == Durability::kForce ? 1 : 0;
      }
    };
    handle(event::Start{});
    handle(event::Persisted{});
    for (BranchNumber step = 1; step <= definitions.size() - 1; ++step) handle(Done(step));
    handle(Failed(static_cast<BranchNumber>(definitions.size())));
    handle(event::Persisted{});
    for (auto step = static_cast<BranchNumber>(definitions.size()); step >= 1; --step)
      handle(Undone(step));
    handle(event::Persisted{});
    EXPECT_EQ(machine.state(), State::kDone);
    EXPECT_EQ(forced, 3);
  }
}

TEST(Saga, AStepWaitsForAllItsPredecessors) {
  Machine machine = RunningWith({Step("flight"), Step("hotel"), Step("car", {"flight", "hotel"})});
  EXPECT_THAT(machine.Handle(Done(1)), Not(Contains(CallsAnything())));
  EXPECT_THAT(machine.Handle(Done(2)), Contains(Calls(ActionOp::kAction, 3)));
}

TEST(Saga, AnUnknownResultStartsNoAbort) {
  Machine machine = RunningWith({Step("flight")});
  for (int attempt = 1; attempt <= 1'000; ++attempt) {
    machine.Handle(event::Answered{1, ActionOp::kAction, attempt, {}});
    machine.Handle(event::StepTimerFired{1});
  }
  EXPECT_EQ(machine.state(), State::kRunning);
}

TEST(Saga, M05_WhatMayHaveBeenSentIsUndoneTheFailedAndTheUnansweredIncluded) {
  Machine machine =
      RunningWith({Step("flight"), Step("hotel"), Step("car"), Step("last", {"car"})});
  machine.Handle(Done(1));
  machine.Handle(Failed(2));
  const Effects effects = machine.Handle(event::Persisted{});
  EXPECT_THAT(effects, Contains(Calls(ActionOp::kCompensate, 1)));
  EXPECT_THAT(effects, Contains(Calls(ActionOp::kCompensate, 2)));
  EXPECT_THAT(effects, Contains(Calls(ActionOp::kCompensate, 3)));
  EXPECT_THAT(effects, Not(Contains(Calls(ActionOp::kCompensate, 4))));
}

TEST(Saga, M04_AfterACrashEveryStepWithoutARecordMayHaveBeenSent) {
  Machine before = RunningWith({Step("flight"), Step("hotel", {"flight"})});
  Machine machine(before.begin(), {});
  machine.Handle(event::Restored{});
  const Effects effects = machine.Handle(event::CancelRequested{AbortCause::kRequested, "why"});
  const auto* persist = std::get_if<effect::Persist>(&effects.back());
  ASSERT_NE(persist, nullptr);
  EXPECT_THAT(std::get<SagaAbortingRecord>(persist->record).compensate, ElementsAre(1, 2));
}

TEST(Saga, M07_APivotThatMayHaveBeenSentIsFencedBeforeAnythingIsUndone) {
  for (const Event& reason :
       std::vector<Event>{event::DeadlineReached{}, Failed(2),
                          event::CancelRequested{AbortCause::kOperator, "why"}}) {
    Machine machine = RunningWith({Step("flight"), Pivot("payment", {"flight"})});
    machine.Handle(Done(1));
    const Effects effects = machine.Handle(reason);
    EXPECT_THAT(effects, Contains(Calls(ActionOp::kFence, 2)));
    EXPECT_THAT(effects, Not(Contains(Persists<SagaAbortingRecord>(Durability::kForce))));
    EXPECT_EQ(machine.state(), State::kFencing);
  }
}

TEST(Saga, M07_NoNumberOfSilentFencesIsAnAnswer) {
  Machine machine = RunningWith({Pivot("payment")});
  machine.Handle(event::DeadlineReached{});
  for (int i = 0; i < 1'000; ++i) machine.Handle(event::StepTimerFired{1});
  EXPECT_EQ(machine.state(), State::kFencing);
}

TEST(Saga, OnceThePivotIsDoneNothingTurnsTheSagaBack) {
  Machine machine = RunningWith({Pivot("payment"), Step("ticket", {"payment"})});
  machine.Handle(Done(1));
  EXPECT_THAT(machine.Handle(event::DeadlineReached{}), IsEmpty());
  EXPECT_THAT(machine.Handle(event::CancelRequested{AbortCause::kOperator, "why"}),
              ElementsAre(VariantWith<effect::RefuseCancel>(testing::_)));
  machine.Handle(Failed(2));
  for (int i = 0; i < 100; ++i) machine.Handle(event::StepTimerFired{2});
  EXPECT_EQ(machine.state(), State::kRunning);
}

TEST(Saga, M03_ACompensationThatFailsAThousandTimesBacksOffAndIsNeverDone) {
  Machine machine = RunningWith({Step("flight")});
  machine.Handle(event::CancelRequested{AbortCause::kRequested, "why"});
  machine.Handle(event::Persisted{});
  int alarms = 0;
  Milliseconds pauses = 0;
  for (int attempt = 1; attempt <= 1'000; ++attempt) {
    const event::Answered failed{1, ActionOp::kCompensate, attempt, {AnswerKind::kFailed, "no", 0}};
    for (const Effect& effect : machine.Handle(failed)) {
      alarms += std::holds_alternative<effect::Alarm>(effect) ? 1 : 0;
      if (const auto* pause = std::get_if<effect::Pause>(&effect)) {
        EXPECT_LE(pause->delay_ms, 60'000);
        pauses += pause->delay_ms;
      }
    }
    EXPECT_THAT(machine.Handle(event::StepTimerFired{1}),
                ElementsAre(Calls(ActionOp::kCompensate, 1)));
  }
  EXPECT_EQ(alarms, 1);
  EXPECT_GT(pauses, 990 * 60'000) << "a hot loop";
  EXPECT_EQ(machine.state(), State::kCompensating);
}

TEST(Saga, M08_ARestoredSagaKeepsTheDefinitionItBeganWith) {
  Machine before = RunningWith({Step("flight"), Step("hotel", {"flight"})});
  Machine machine(before.begin(), {SagaStepRecord{kGtid, 1, ActionOp::kAction, "{}"}});
  EXPECT_THAT(machine.Handle(event::Restored{}), ElementsAre(Calls(ActionOp::kAction, 2)));
  EXPECT_EQ(machine.begin(), before.begin());
}

TEST(Saga, RecordsThatNameNoStepOfItsOwnAreLeftAlone) {
  Machine before = RunningWith({Step("flight")});
  Machine machine(before.begin(), {SagaStepRecord{kGtid, 9, ActionOp::kAction, "{}"},
                                   SagaStepRecord{kGtid, 0, ActionOp::kCompensate, ""},
                                   SagaActRecord{kGtid, 7, SagaAct::kSkip, "", "eve", "why", 0},
                                   SagaAbortingRecord{kGtid, {}, 0, {1, 5}}});
  EXPECT_THAT(machine.Handle(event::Restored{}), ElementsAre(Calls(ActionOp::kCompensate, 1)));
}

std::vector<Milliseconds> PausesOf(const RetryPolicy& retry, int count) {
  StepDefinition step = Step("flight");
  step.retry = retry;
  Machine machine = RunningWith({step});
  std::vector<Milliseconds> pauses;
  for (int i = 0; i < count; ++i) {
    for (const Effect& effect : machine.Handle(event::StepTimerFired{1})) {
      if (const auto* pause = std::get_if<effect::Pause>(&effect))
        pauses.push_back(pause->delay_ms);
    }
    machine.Handle(event::StepTimerFired{1});
  }
  return pauses;
}

TEST(Saga, PausesGrowByTheFactorUpToTheMaximum) {
  EXPECT_THAT(PausesOf({0, 100, 350, 150}, 5), ElementsAre(100, 150, 225, 338, 350));
  EXPECT_THAT(PausesOf({0, 5, 1'000, 100}, 3), ElementsAre(5, 5, 5)) << "the factor says so";
}

// Whole milliseconds must not eat what a factor adds to a short pause: that would be a hot loop.
TEST(Saga, ShortPausesGrowToo) {
  EXPECT_THAT(PausesOf({0, 1, 1'000, 110}, 6), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(PausesOf({0, 1, 1'000, 101}, 500).back(), 1'000);
}

// Else the log could never store the end of a saga that many people have helped.
TEST(Saga, TheEndsReasonStaysShortHoweverMuchWasSkipped) {
  const std::string long_reason(1'000, 'x');
  std::vector<StepDefinition> steps;
  std::vector<SagaRecord> later{
      SagaAbortingRecord{kGtid, {Outcome::kAborted, AbortCause::kRequested, "", false}, 0, {}}};
  for (BranchNumber number = 1; number <= 100; ++number) {
    steps.push_back(Step("s" + std::to_string(number)));
    std::get<SagaAbortingRecord>(later.front()).compensate.push_back(number);
    later.emplace_back(SagaActRecord{kGtid, number, SagaAct::kSkip, "", "eve", long_reason, 0});
  }
  Machine machine(RunningWith(steps).begin(), later);
  const Effects effects = machine.Handle(event::Restored{});
  ASSERT_THAT(effects, ElementsAre(Persists<SagaEndRecord>(Durability::kForce)));
  const auto& persist = std::get<effect::Persist>(effects.front());
  const Ending& ending = std::get<SagaEndRecord>(persist.record).ending;
  EXPECT_EQ(ending.outcome, Outcome::kMixed);
  EXPECT_THAT(ending.reason, testing::HasSubstr("step s1 was skipped by eve"));
  EXPECT_LT(ending.reason.size(), 16U * 1024);
}

}  // namespace
}  // namespace settle::coordinator::saga
