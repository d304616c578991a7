// What the `settle` command tells a script by its exit code. Part of its contract: docs/settle.md.
#pragma once

#include "settle/vocabulary/status.h"

namespace settle::cli {

enum class ExitCode {
  kOk = 0,
  kRefused = 1,  // the coordinator would not: the state, the caller or the moment does not allow it
  kUsage = 2,    // the command line is wrong; nothing was sent, or the coordinator called it wrong
  kNotFound = 3,     // no such transaction or resource, or its record was pruned
  kUnreachable = 4,  // no coordinator answered at that address
  kWrongLog = 5,     // the gtid belongs to the log of another coordinator
  kInDoubt = 6,      // `in-doubt --check`: something is in doubt; `agent --once`: something is left
  kUnknown = 7,      // the request was sent and its reply lost: it may or may not have been done
  kEndedOtherwise = 8,  // `saga ... --wait`: it has ended, and not as committed
  kNotEnded = 9,        // `saga ... --wait`: it had not ended when the wait was over; it goes on
  kUnsound = 10,        // `doctor`: there is a warning or a problem
  kDamaged = 65,        // the file of a log or backup is damaged, or is none
  kOtherRelease = 66,   // a newer release made the file, or the coordinator does not offer this
  kInternal = 70,       // a defect, or an unusable environment
};

ExitCode ExitCodeOf(ErrorCode code);

}  // namespace settle::cli
