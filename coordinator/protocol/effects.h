// What a machine wants done. The engine performs effects in order and reports what comes of them as
// events.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/events.h"
#include "protocol/records.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

enum class CommandKind {
  kPrepare = 1,
  kCommit = 2,
  kAbort = 3,
  kProve = 4,
  // Of three-phase commit.
  kElect = 5,
  kPreCommit = 6,
  kPreAbort = 7,
};

enum class Timer { kVote, kRetry };

namespace effect {

// To the session that owns the branch if `session` is named, else to any session of the resource.
struct Send {
  CommandKind kind = CommandKind::kPrepare;
  BranchNumber branch = 0;
  std::string resource;
  SessionId session;
  int attempt = 1;
  Evidence evidence;
  // Of three-phase commit; empty for any other.
  Roster sites{};                      // of kPrepare
  Ballot ballot{};                     // of all but kPrepare and kProve
  std::vector<BranchNumber> quorum{};  // of kCommit and kAbort
  std::string prepared{};              // of a stray: the name that it is prepared under

  friend bool operator==(const Send&, const Send&) = default;
};

// To the session that the transaction was begun with: every branch of it that is open or prepared
// there is to be rolled back, known here or not. Nobody answers.
struct AbortOwn {
  SessionId session;

  friend bool operator==(const AbortOwn&, const AbortOwn&) = default;
};

// To any process of the participant. Answered by event::Answered, or after the time-out of calls by
// event::CallTimerFired: the branch has one such timer, which this arms anew.
struct Call {
  ActionOp op = ActionOp::kTry;
  BranchNumber branch = 0;
  std::string participant;
  std::string action;
  int attempt = 1;
  std::string input;   // of the try; JSON text
  std::string result;  // of the try, for its confirm or cancel; JSON text, or empty: not known

  friend bool operator==(const Call&, const Call&) = default;
};

// Arms the branch's timer anew.
struct Pause {
  BranchNumber branch = 0;
  int fruitless = 1;               // calls in a row: grows the delay
  std::int64_t poll_after_ms = 0;  // not 0: the participant named the delay

  friend bool operator==(const Pause&, const Pause&) = default;
};
struct StopCall {
  BranchNumber branch = 0;  // its timer

  friend bool operator==(const StopCall&, const StopCall&) = default;
};

// The branch does not get on and somebody should look; once until it does.
struct Alarm {
  BranchNumber branch = 0;
  std::string what;

  friend bool operator==(const Alarm&, const Alarm&) = default;
};

// Answered, in order, by event::Persisted or event::PersistRefused.
struct Persist {
  Record record;

  friend bool operator==(const Persist&, const Persist&) = default;
};

// Written with whatever is written next, and answered by nothing: it may be lost.
struct PersistLazily {
  Record record;

  friend bool operator==(const PersistLazily&, const PersistLazily&) = default;
};

// Arms the timer anew; `attempt` grows the retry's delay.
struct ArmTimer {
  Timer timer = Timer::kRetry;
  int attempt = 1;

  friend bool operator==(const ArmTimer&, const ArmTimer&) = default;
};

struct CancelTimer {
  Timer timer = Timer::kRetry;

  friend bool operator==(const CancelTimer&, const CancelTimer&) = default;
};

// The decision may be told. `finish_here`: the caller voted for every branch and finishes them
// itself.
struct ReplyDecided {
  Ending ending;
  bool finish_here = false;

  friend bool operator==(const ReplyDecided&, const ReplyDecided&) = default;
};

// Every branch has ended; the final answer.
struct ReplyApplied {
  Ending ending;

  friend bool operator==(const ReplyApplied&, const ReplyApplied&) = default;
};

// To whoever asked for the event being handled.
struct Enlisted {
  BranchNumber branch = 0;

  friend bool operator==(const Enlisted&, const Enlisted&) = default;
};
// The try whose asking is being handled is this branch.
struct TryAccepted {
  BranchNumber branch = 0;

  friend bool operator==(const TryAccepted&, const TryAccepted&) = default;
};
// To everyone who waits for this try: it is in the branch's vote and result.
struct TryAnswered {
  BranchNumber branch = 0;

  friend bool operator==(const TryAnswered&, const TryAnswered&) = default;
};
// To the operators who skipped this branch: it is durable.
struct Skipped {
  BranchNumber branch = 0;

  friend bool operator==(const Skipped&, const Skipped&) = default;
};
// To the operators who asked for it: that it will be done is durable.
struct HeuristicRecorded {
  friend bool operator==(const HeuristicRecorded&, const HeuristicRecorded&) = default;
};
// To whoever asked by event::PeerCalled: it is durable.
struct AnswerPeer {
  std::uint64_t call = 0;
  SiteAnswer answer;

  friend bool operator==(const AnswerPeer&, const AnswerPeer&) = default;
};
struct OnePhaseGranted {
  friend bool operator==(const OnePhaseGranted&, const OnePhaseGranted&) = default;
};
// There are other branches: prepare and ask to commit.
struct OnePhaseDeclined {
  friend bool operator==(const OnePhaseDeclined&, const OnePhaseDeclined&) = default;
};
struct Refuse {
  ErrorCode code = ErrorCode::kRefused;
  std::string message;

  friend bool operator==(const Refuse&, const Refuse&) = default;
};

// Ended: write the lazy end, then drop the transaction.
struct Forget {
  friend bool operator==(const Forget&, const Forget&) = default;
};

}  // namespace effect

using Effect =
    std::variant<effect::Send, effect::AbortOwn, effect::Call, effect::Pause, effect::StopCall,
                 effect::Alarm, effect::Persist, effect::PersistLazily, effect::ArmTimer,
                 effect::CancelTimer, effect::ReplyDecided, effect::ReplyApplied, effect::Enlisted,
                 effect::TryAccepted, effect::TryAnswered, effect::Skipped,
                 effect::HeuristicRecorded, effect::AnswerPeer, effect::OnePhaseGranted,
                 effect::OnePhaseDeclined, effect::Refuse, effect::Forget>;
using Effects = std::vector<Effect>;

}  // namespace settle::coordinator
