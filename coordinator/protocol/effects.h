// What a machine wants done. The engine performs effects in order and reports what comes of them as
// events.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "protocol/events.h"
#include "protocol/records.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

enum class CommandKind { kPrepare = 1, kCommit = 2, kAbort = 3, kProve = 4 };

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

  friend bool operator==(const Send&, const Send&) = default;
};

// Answered by event::Persisted or event::PersistRefused.
struct Persist {
  Record record;

  friend bool operator==(const Persist&, const Persist&) = default;
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
    std::variant<effect::Send, effect::Persist, effect::ArmTimer, effect::CancelTimer,
                 effect::ReplyDecided, effect::ReplyApplied, effect::Enlisted,
                 effect::OnePhaseGranted, effect::OnePhaseDeclined, effect::Refuse, effect::Forget>;
using Effects = std::vector<Effect>;

}  // namespace settle::coordinator
