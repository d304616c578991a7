#include "cli/exit_code.h"

namespace settle::cli {

ExitCode ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRetry:
    case ErrorCode::kRetryTransaction:
    case ErrorCode::kRefused:
    case ErrorCode::kStaleEpoch:
    case ErrorCode::kDenied: return ExitCode::kRefused;
    case ErrorCode::kInvalid: return ExitCode::kUsage;
    case ErrorCode::kNotFound:
    case ErrorCode::kExpired: return ExitCode::kNotFound;
    case ErrorCode::kUnavailable: return ExitCode::kUnreachable;
    case ErrorCode::kWrongLog: return ExitCode::kWrongLog;
    case ErrorCode::kAskOutcome: return ExitCode::kUnknown;
    case ErrorCode::kCorrupt: return ExitCode::kDamaged;
    case ErrorCode::kVersion: return ExitCode::kOtherRelease;
    case ErrorCode::kInternal: return ExitCode::kInternal;
  }
  return ExitCode::kInternal;
}

}  // namespace settle::cli
