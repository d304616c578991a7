// What sagas are put through.
#include "crash_matrix/scenario.h"

namespace settle::crash_matrix {
namespace {

using coordinator::saga::StepKind;

constexpr auto kCommitted = Outcome::kCommitted;
constexpr auto kAborted = Outcome::kAborted;
constexpr auto kFails = AnswerKind::kFailed;
constexpr auto kThrows = AnswerKind::kUnknown;
constexpr int kForEver = 1'000'000;

const char* const kTurnsBack = "appends saga aborting record";
const char* const kFenced = "answer to fetch, fence";

// Flight and hotel side by side, then the payment as the pivot, then a mail.
std::vector<SagaStep> Trip() {
  return {
      {.name = "flight", .participant = "airline"},
      {.name = "hotel", .participant = "hotels"},
      {.name = "payment",
       .participant = "bank",
       .after = {"flight", "hotel"},
       .kind = StepKind::kPivot},
      {.name = "mail", .participant = "airline", .after = {"payment"}, .kind = StepKind::kNoUndo}};
}

// Three steps in a row that can all be undone.
std::vector<SagaStep> Row() {
  return {{.name = "flight", .participant = "airline"},
          {.name = "hotel", .participant = "hotels", .after = {"flight"}},
          {.name = "deposit", .participant = "bank", .after = {"hotel"}}};
}

std::vector<SagaStep> With(std::vector<SagaStep> steps, std::size_t step, ByPlan action,
                           ByPlan compensation = {}) {
  steps[step].action = action;
  steps[step].compensation = compensation;
  return steps;
}

std::vector<Scenario> Forward() {
  return {
      {.name = "saga-forward",
       .story = "three steps, one after the other",
       .saga = Saga{.steps = Row()},
       .ends = {{kCommitted}}},
      {.name = "saga-parallel-then-pivot",
       .story = "two steps side by side, a pivot, and what follows it",
       .saga = Saga{.steps = Trip()},
       .ends = {{kCommitted}}},
      {.name = "saga-handler-throws",
       .story = "a handler throws twice: its result is unknown, and it is called again",
       .saga = Saga{.steps = With(Row(), 1, {2, kThrows})},
       .ends = {{kCommitted}}},
      {.name = "saga-ongoing",
       .story = "a step takes its time, and is asked again",
       .saga = Saga{.steps = With(Row(), 1, {1, AnswerKind::kOngoing})},
       .ends = {{kCommitted}}},
      {.name = "saga-fails-after-the-pivot",
       .story = "what follows the pivot fails twice, and is repeated until it is done",
       .saga = Saga{.steps = With(Trip(), 3, {2, kFails})},
       .ends = {{kCommitted}}},
  };
}

std::vector<Scenario> Backward() {
  std::vector<SagaStep> gives_up = With(Row(), 2, {kForEver, kThrows});
  gives_up[2].attempts_max = 2;
  std::vector<SagaStep> late = With(Trip(), 1, {kForEver, kFails});
  late[0].first_call_lies = milliseconds(30);
  return {
      {.name = "saga-last-step-fails",
       .story = "the last of three steps fails: all are undone, in reverse order",
       .saga = Saga{.steps = With(Row(), 2, {kForEver, kFails})},
       .ends = {{kAborted, AbortCause::kStepFailed}},
       .shows = {kTurnsBack}},
      {.name = "saga-parallel-step-fails",
       .story = "one of two steps side by side fails while the other is at work",
       .saga = Saga{.steps = With(Trip(), 1, {kForEver, kFails})},
       .ends = {{kAborted, AbortCause::kStepFailed}},
       .shows = {kTurnsBack}},
      {.name = "saga-action-after-its-compensation",
       .story = "a step's call lies there until its compensation has been: it must not run",
       .saga = Saga{.steps = late},
       .ends = {{kAborted, AbortCause::kStepFailed}},
       .shows = {"undone {}"}},
      {.name = "saga-attempts-used-up",
       .story = "a step brings no result, as often as it may: it counts as failed",
       .saga = Saga{.steps = gives_up},
       .ends = {{kAborted, AbortCause::kStepFailed}},
       .shows = {"no result after 2 calls"}},
      {.name = "saga-pivot-fails",
       .story = "the pivot fails: it is fenced before anything is undone",
       .saga = Saga{.steps = With(Trip(), 2, {kForEver, kFails})},
       .ends = {{kAborted, AbortCause::kStepFailed}},
       .shows = {kFenced}},
      {.name = "saga-compensation-fails-again-and-again",
       .story = "a compensation fails twice, and is repeated until it is done",
       .saga = Saga{.steps = With(With(Row(), 0, {}, {2, kFails}), 2, {kForEver, kFails})},
       .ends = {{kAborted, AbortCause::kStepFailed}}},
  };
}

std::vector<Scenario> Interrupted() {
  std::vector<SagaStep> never_undone =
      With(With(Row(), 0, {}, {kForEver, kFails}), 2, {kForEver, kFails});
  return {
      {.name = "saga-deadline",
       .story = "the deadline passes while a step is at work",
       .saga = Saga{.steps = With(Row(), 1, {kForEver, kThrows}), .deadline = milliseconds(90)},
       .ends = {{kAborted, AbortCause::kDeadline}},
       .shows = {kTurnsBack}},
      {.name = "saga-cancelled",
       .story = "its client cancels it while a step is at work",
       .saga = Saga{.steps = With(Row(), 2, {5, kThrows}), .cancelled_after = milliseconds(60)},
       .ends = {{kAborted, AbortCause::kRequested}},
       .shows = {kTurnsBack}},
      {.name = "saga-cancelled-and-the-pivot-never-ran",
       .story = "its client cancels it while the pivot brings no result: it is fenced",
       .saga = Saga{.steps = With(Trip(), 2, {5, kThrows}), .cancelled_after = milliseconds(60)},
       .ends = {{kAborted, AbortCause::kRequested}},
       .shows = {kFenced, kTurnsBack}},
      {.name = "saga-cancelled-and-the-pivot-ran",
       .story = "an operator cancels it when the pivot is done and its answer lost: too late",
       .saga = Saga{.steps = Trip()},
       .incidents = {{"bank-db", "commits action", OperatorAborts{}},
                     {"bank-db", "commits action",
                      MessagesAreLost{"service-2", "coordinator", "report", 1}}},
       .ends = {{kCommitted}},
       .shows = {kFenced, "answers fence"}},
      {.name = "saga-skipped",
       .story = "an operator skips a compensation that is never done, and forgets the damage",
       .saga = Saga{.steps = never_undone},
       .incidents = {{"coordinator", kTurnsBack, OperatorSkips{"flight"}},
                     {"coordinator", "appends saga end record", OperatorForgets{}}},
       .ends = {{Outcome::kMixed, AbortCause::kStepFailed}},
       .shows = {"saga act record"}},
      {.name = "saga-log-refuses-to-turn-back",
       .story = "the disk is full when the saga turns back",
       .saga = Saga{.steps = With(Row(), 2, {kForEver, kFails})},
       .incidents = {{"coordinator", "appends saga step record: 2 done", DiskIsFull{}}},
       .ends = {{kAborted, AbortCause::kStepFailed}},
       .shows = {kTurnsBack}},
  };
}

}  // namespace

std::vector<Scenario> SagaScenarios() {
  std::vector<Scenario> scenarios;
  for (const auto& some : {Forward(), Backward(), Interrupted()})
    scenarios.insert(scenarios.end(), some.begin(), some.end());
  return scenarios;
}

}  // namespace settle::crash_matrix
