// A saga as a pure machine: events in, effects out. No clock, thread or I/O inside.
//
//   saga::Machine machine({gtid, origin, request_key, definition, input});
//   saga::Effects effects = machine.Handle(saga::event::Start{});
//
// Calls are made at least once; that each takes effect once is the participant's barrier. Three
// records are forced whatever the number of steps: begin before the first call, aborting before the
// first compensation, end before the final answer. The state table, with what a crash in each state
// means, is in docs/protocols.md.
// Sources: Garcia-Molina, Salem, "Sagas", SIGMOD 1987, section 4 (the log; compensations in reverse
// order); Mehrotra, Rastogi, Silberschatz, Korth, "A Transaction Model for Multidatabase Systems",
// ICDCS 1992 (compensatable, pivot and retriable steps).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/records.h"
#include "protocol/saga_effects.h"
#include "protocol/saga_events.h"

namespace settle::coordinator::saga {

// After so many calls in a row without a result somebody is told.
inline constexpr int kAlarmAfter = 5;

class Machine {
 public:
  enum class State {
    kBeginning,     // the begin record is on its way to the disk; nothing was sent
    kRunning,       // forward
    kFencing,       // to be undone, unless the pivot turns out to have run; nothing else is sent
    kStopping,      // the aborting record is on its way to the disk; nothing is sent
    kCompensating,  // backward
    kEnding,        // the end record is on its way to the disk; nobody was told
    kDamaged,       // ended with steps that were skipped; kept until a person forgets it
    kForgetting,    // that a person forgets it is on its way to the disk
    kDone,
  };

  enum class StepState {
    kWaiting,  // for its predecessors; or was not sent when the saga was stopped
    kRunning,  // its action was called
    kDone,
    kFailed,
    kFencing,  // the pivot: has it run, and if not, it never shall
    kFenced,   // it never shall
    kToUndo,   // waits until its successors are undone
    kUndoing,  // its compensation was called
    kUndone,
    kSkipping,  // an operator's word is on its way to the disk
    kSkipped,
  };

  enum class Waits { kForNothing, kForAnswer, kBackOff, kPoll };

  struct Step {
    BranchNumber number = 0;
    StepState state = StepState::kWaiting;
    Waits waits = Waits::kForNothing;
    bool maybe_sent = false;  // its action, in this life of the coordinator or an earlier one
    int attempts = 0;         // calls of what is outstanding
    int fruitless = 0;        // the last of them that brought no result
    bool alarmed = false;     // somebody was told of that
    std::string result;       // of the action, JSON text; empty: not known
    std::string input;        // set by an operator, instead of the definition's
    std::string last_error;
  };

  // `begin.definition` satisfies Check (saga_definition/check.h). Send event::Start first.
  explicit Machine(SagaBeginRecord begin);
  // From the log, at start: `later` are its other records, in order. Send event::Restored first.
  Machine(SagaBeginRecord begin, const std::vector<SagaRecord>& later);

  Effects Handle(const Event& event);

  const Gtid& gtid() const { return begin_.gtid; }
  const SagaBeginRecord& begin() const { return begin_; }
  State state() const { return state_; }
  const std::vector<Step>& steps() const { return steps_; }
  const StepDefinition& definition(const Step& step) const;
  // The point of no return is behind it.
  bool past_pivot() const { return past_pivot_; }
  // How it ended; kUndecided before that is durable.
  const Ending& ending() const { return ending_; }
  // Why it is being undone; kUndecided while it is not.
  const Ending& abort() const { return abort_; }

 private:
  Effects On(const event::Start&);
  Effects On(const event::Answered& event);
  Effects On(const event::StepTimerFired& event);
  Effects On(const event::DeadlineReached&);
  Effects On(const event::LogTimerFired&);
  Effects On(const event::CancelRequested& event);
  Effects On(const event::ParticipantReady& event);
  Effects On(const event::RetryRequested& event);
  Effects On(const event::SkipRequested& event);
  Effects On(const event::InputSet& event);
  Effects On(const event::ForgetRequested& event);
  Effects On(const event::Persisted&);
  Effects On(const event::PersistRefused& event);
  Effects On(const event::Restored&);

  Effects OnDurable(const SagaBeginRecord&);
  Effects OnDurable(const SagaStepRecord&) { return {}; }  // lazy: never waited for
  Effects OnDurable(const SagaAbortingRecord& record);
  Effects OnDurable(const SagaActRecord& record);
  Effects OnDurable(const SagaEndRecord& record);
  Effects OnDurable(const ForgetRecord& record);
  Effects OnRefused(const SagaBeginRecord&, const std::string& reason);
  Effects OnRefused(const SagaStepRecord&, const std::string&) { return {}; }
  Effects OnRefused(const SagaAbortingRecord&, const std::string& reason);
  Effects OnRefused(const SagaActRecord& record, const std::string& reason);
  Effects OnRefused(const SagaEndRecord&, const std::string& reason);
  Effects OnRefused(const ForgetRecord&, const std::string& reason);

  // Forward.
  Effects Advance();
  Effects AdvanceForward();
  Effects AnsweredAction(Step& step, const event::Answered& event);
  Effects TakeDone(Step& step, const std::string& result);
  Effects Fail(Step& step, const std::string& reason);
  Effects Suppressed(Step& step);

  // Backward.
  Effects StartAbort(Ending ending);
  Effects AnsweredFence(Step& pivot, const event::Answered& event);
  Effects PivotHasRun(Step& pivot, const std::string& result);
  Effects Stop();
  Effects AdvanceBackward();
  Effects AnsweredCompensation(Step& step, const event::Answered& event);
  Effects End();

  // Calls.
  Effects Begin(Step& step, StepState state);
  Effects Send(Step& step);
  Effects SendOutstanding(const std::function<bool(const Step&)>& wanted);
  // Of the newest call: an older one's says nothing of it, and no answer counts twice.
  static bool IsAwaited(const Step& step, const event::Answered& event);
  static bool IsNews(const Step& step, const event::Answered& event);
  Effects Fruitless(Step& step, const std::string& why);
  Effects Stuck(Step& step, const std::string& why);
  Effects BackOff(Step& step);
  Effects Poll(Step& step, Milliseconds after_ms);
  Result<std::string> InputOf(const Step& step) const;
  bool IsOutstanding(const Step& step) const;
  std::optional<std::string> WhyNoAct(const Step* step) const;

  void TakeDefinition();
  void Take(const SagaBeginRecord&) {}
  void Take(const SagaStepRecord& record);
  void Take(const SagaAbortingRecord& record);
  void Take(const SagaActRecord& record);
  void Take(const SagaEndRecord& record);
  void Take(const ForgetRecord& record);
  Step* Find(BranchNumber number);
  const std::string& NameOf(const Step& step) const { return definition(step).name; }
  effect::Persist Force(SagaRecord record);

  SagaBeginRecord begin_;
  State state_ = State::kBeginning;
  std::vector<Step> steps_;
  std::vector<std::vector<std::size_t>> before_;  // positions of a step's direct predecessors
  std::vector<std::size_t> order_;                // positions, predecessors first
  bool past_pivot_ = false;
  Ending abort_{Outcome::kUndecided, AbortCause::kNone, "", false};
  Ending ending_{Outcome::kUndecided, AbortCause::kNone, "", false};
  std::optional<Ending> cancel_;     // asked for while it was beginning
  std::vector<std::string> damage_;  // what was skipped, in words
  std::vector<SagaRecord> writing_;   // forced records that the log has not answered, in order
  int refusals_ = 0;                 // by the log, of the record that must be written now
};

const char* ToString(Machine::State state);
const char* ToString(Machine::StepState state);

}  // namespace settle::coordinator::saga
