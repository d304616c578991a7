// Errors, as services say them to each other.
#include "transport/wire_values.h"

namespace settle::sdk {
namespace {

Result<ErrorCode> CodeFromWire(wire::ErrorCode::type code) {
  switch (code) {
    case wire::ErrorCode::RETRY: return ErrorCode::kRetry;
    case wire::ErrorCode::RETRY_TRANSACTION: return ErrorCode::kRetryTransaction;
    case wire::ErrorCode::ASK_OUTCOME: return ErrorCode::kAskOutcome;
    case wire::ErrorCode::REFUSED: return ErrorCode::kRefused;
    case wire::ErrorCode::INVALID: return ErrorCode::kInvalid;
    case wire::ErrorCode::NOT_FOUND: return ErrorCode::kNotFound;
    case wire::ErrorCode::UNAVAILABLE: return ErrorCode::kUnavailable;
    case wire::ErrorCode::WRONG_LOG: return ErrorCode::kWrongLog;
    case wire::ErrorCode::EXPIRED: return ErrorCode::kExpired;
    case wire::ErrorCode::STALE_EPOCH: return ErrorCode::kStaleEpoch;
    case wire::ErrorCode::VERSION: return ErrorCode::kVersion;
    case wire::ErrorCode::DENIED: return ErrorCode::kDenied;
    case wire::ErrorCode::CORRUPT: return ErrorCode::kCorrupt;
    case wire::ErrorCode::INTERNAL: return ErrorCode::kInternal;
  }
  return Strange("error code " + std::to_string(static_cast<int>(code)));
}

wire::ErrorCode::type CodeToWire(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRetry: return wire::ErrorCode::RETRY;
    case ErrorCode::kRetryTransaction: return wire::ErrorCode::RETRY_TRANSACTION;
    case ErrorCode::kAskOutcome: return wire::ErrorCode::ASK_OUTCOME;
    case ErrorCode::kRefused: return wire::ErrorCode::REFUSED;
    case ErrorCode::kInvalid: return wire::ErrorCode::INVALID;
    case ErrorCode::kNotFound: return wire::ErrorCode::NOT_FOUND;
    case ErrorCode::kUnavailable: return wire::ErrorCode::UNAVAILABLE;
    case ErrorCode::kWrongLog: return wire::ErrorCode::WRONG_LOG;
    case ErrorCode::kExpired: return wire::ErrorCode::EXPIRED;
    case ErrorCode::kStaleEpoch: return wire::ErrorCode::STALE_EPOCH;
    case ErrorCode::kVersion: return wire::ErrorCode::VERSION;
    case ErrorCode::kDenied: return wire::ErrorCode::DENIED;
    case ErrorCode::kCorrupt: return wire::ErrorCode::CORRUPT;
    case ErrorCode::kInternal: return wire::ErrorCode::INTERNAL;
  }
  return wire::ErrorCode::INTERNAL;
}

}  // namespace

Error FromWire(const wire::ServiceError& error) {
  Result<ErrorCode> code = CodeFromWire(error.code);
  if (!code) return code.error();
  return {*code, OneLine(error.message, kTextMost),
          error.__isset.advice ? OneLine(error.advice, kTextMost) : std::string()};
}

wire::ServiceError ToWire(const Error& error) {
  wire::ServiceError out;
  out.code = CodeToWire(error.code);
  out.message = OneLine(error.message, kTextMost);
  if (!error.advice.empty()) out.__set_advice(OneLine(error.advice, kTextMost));
  return out;
}

}  // namespace settle::sdk
