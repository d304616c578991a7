// What a saga wants done. The engine performs effects in order and reports what comes of them as
// events.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "protocol/records.h"
#include "protocol/saga_events.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator::saga {
namespace effect {

// To any process of the participant. Answered by event::Answered, or after `timeout_ms` by
// event::StepTimerFired: the step has one timer, which this arms anew.
struct Call {
  ActionOp op = ActionOp::kAction;
  BranchNumber step = 0;
  std::string participant;
  std::string action;
  int attempt = 1;
  // JSON text, or empty where it is not known: of a compensation whose action's input depended on
  // results that were lost. The participant kept what the action ran with.
  std::string input;
  std::string result;  // of the action, for its compensation; JSON text, or empty: not known
  Milliseconds timeout_ms = 0;

  friend bool operator==(const Call&, const Call&) = default;
};

// Arms the step's timer anew.
struct Pause {
  BranchNumber step = 0;
  Milliseconds delay_ms = 0;
  std::int32_t jitter_percent = 0;  // a random part of it, at most so much, is added

  friend bool operator==(const Pause&, const Pause&) = default;
};
struct StopTimer {
  BranchNumber step = 0;

  friend bool operator==(const StopTimer&, const StopTimer&) = default;
};

// Only a forced one is answered, in order, by event::Persisted or event::PersistRefused.
struct Persist {
  SagaRecord record;
  Durability durability = Durability::kForce;

  friend bool operator==(const Persist&, const Persist&) = default;
};

// Counted from when the saga began.
struct ArmDeadline {
  Milliseconds deadline_ms = 0;

  friend bool operator==(const ArmDeadline&, const ArmDeadline&) = default;
};
struct StopDeadline {
  friend bool operator==(const StopDeadline&, const StopDeadline&) = default;
};

// After the log refused a record that must be written; `attempt` grows the delay.
struct ArmLogTimer {
  int attempt = 1;

  friend bool operator==(const ArmLogTimer&, const ArmLogTimer&) = default;
};

// The step does not get on and somebody should look; once until it does.
struct Alarm {
  BranchNumber step = 0;
  std::string what;

  friend bool operator==(const Alarm&, const Alarm&) = default;
};

// The saga is durable: it will end whoever crashes.
struct ReplyStarted {
  friend bool operator==(const ReplyStarted&, const ReplyStarted&) = default;
};
// It is certainly not in the log and never ran.
struct ReplyNotStarted {
  std::string reason;

  friend bool operator==(const ReplyNotStarted&, const ReplyNotStarted&) = default;
};
// To everyone who asked to cancel: too late.
struct RefuseCancel {
  std::string reason;

  friend bool operator==(const RefuseCancel&, const RefuseCancel&) = default;
};
// To the operator whose request is being handled.
struct Refuse {
  ErrorCode code = ErrorCode::kRefused;
  std::string message;

  friend bool operator==(const Refuse&, const Refuse&) = default;
};
// To the operator who did this to this step: it is durable / it was not done.
struct ReplyAct {
  BranchNumber step = 0;
  SagaAct act = SagaAct::kSkip;
  std::string not_done;  // why; empty: it was done

  friend bool operator==(const ReplyAct&, const ReplyAct&) = default;
};
// To everyone who asked to forget it: it is durable / it was not done.
struct ReplyForget {
  std::string not_done;  // why; empty: it was done

  friend bool operator==(const ReplyForget&, const ReplyForget&) = default;
};
// The final answer, to everyone.
struct ReplyEnded {
  Ending ending;

  friend bool operator==(const ReplyEnded&, const ReplyEnded&) = default;
};

// Ended, and nothing is left to be repaired: drop the saga.
struct Forget {
  friend bool operator==(const Forget&, const Forget&) = default;
};

}  // namespace effect

using Effect = std::variant<effect::Call, effect::Pause, effect::StopTimer, effect::Persist,
                            effect::ArmDeadline, effect::StopDeadline, effect::ArmLogTimer,
                            effect::Alarm, effect::ReplyStarted, effect::ReplyNotStarted,
                            effect::RefuseCancel, effect::Refuse, effect::ReplyAct,
                            effect::ReplyForget, effect::ReplyEnded, effect::Forget>;
using Effects = std::vector<Effect>;

}  // namespace settle::coordinator::saga
