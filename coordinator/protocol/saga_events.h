// What can happen to a saga. The machine knows the world by these alone.
#pragma once

#include <string>
#include <variant>

#include "saga_definition/definition.h"
#include "settle/vocabulary/action.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/outcome.h"

namespace settle::coordinator::saga {
namespace event {

// First of all, for a saga that was not restored.
struct Start {};

// A participant answered effect::Call. `attempt` is that of the call it answers.
struct Answered {
  BranchNumber step = 0;
  ActionOp op = ActionOp::kAction;
  int attempt = 1;
  Answer answer;
};

// effect::Call was not answered within its time-out, or effect::Pause is over.
struct StepTimerFired {
  BranchNumber step = 0;
  bool unserved = false;  // the call found no process to go to
};
// effect::ArmDeadline is over.
struct DeadlineReached {};
// effect::ArmLogTimer is over.
struct LogTimerFired {};

// A client or an operator wants the saga undone.
struct CancelRequested {
  AbortCause cause = AbortCause::kRequested;
  std::string reason;
};

// A process that serves the participant attached: what waits for it can be sent.
struct ParticipantReady {
  std::string participant;
};

// An operator's hand. `step` 0 is every step.
struct RetryRequested {
  BranchNumber step = 0;
};
struct SkipRequested {
  BranchNumber step = 0;
  std::string by;
  std::string reason;
};
struct InputSet {
  BranchNumber step = 0;
  std::string input;  // JSON text
  std::string by;
  std::string reason;
};

// A person has repaired what was skipped: the saga is kept no longer.
struct ForgetRequested {
  std::string by;
  std::string reason;
};

// The oldest forced record that the machine asked to persist and that was not answered yet is
// durable / was refused and is certainly not there.
struct Persisted {};
struct PersistRefused {
  std::string reason;
};

// The machine was rebuilt from the log at start.
struct Restored {};

}  // namespace event

using Event =
    std::variant<event::Start, event::Answered, event::StepTimerFired, event::DeadlineReached,
                 event::LogTimerFired, event::CancelRequested, event::ParticipantReady,
                 event::RetryRequested, event::SkipRequested, event::InputSet,
                 event::ForgetRequested, event::Persisted, event::PersistRefused, event::Restored>;

}  // namespace settle::coordinator::saga
