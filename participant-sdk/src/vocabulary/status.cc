#include "settle/vocabulary/status.h"

namespace settle {

const char* ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRetry: return "retry";
    case ErrorCode::kRetryTransaction: return "retry-transaction";
    case ErrorCode::kAskOutcome: return "ask-outcome";
    case ErrorCode::kRefused: return "refused";
    case ErrorCode::kInvalid: return "invalid";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kWrongLog: return "wrong-log";
    case ErrorCode::kExpired: return "expired";
    case ErrorCode::kStaleEpoch: return "stale-epoch";
    case ErrorCode::kVersion: return "version";
    case ErrorCode::kDenied: return "denied";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kInternal: return "internal";
  }
  return "unrecognised";
}

std::string Describe(const Error& error) {
  return error.advice.empty() ? error.message : error.message + "; " + error.advice;
}

}  // namespace settle
