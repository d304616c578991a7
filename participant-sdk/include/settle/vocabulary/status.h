// What a call that can fail gives back: a value, or an Error that says what to do about it.
//
//   settle::Result<settle::Gtid> gtid = settle::Gtid::Parse(text);
//   if (!gtid) return Fail(gtid.error());
//
// Endings of a transaction are not errors; they are values (outcome.h).
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace settle {

// The code tells the caller what to do next; the message says what happened.
enum class ErrorCode {
  kRetry,             // busy or briefly unavailable, nothing was done: repeat this call
  kRetryTransaction,  // the transaction is over, a new one may succeed
  kAskOutcome,        // the reply was lost: ask the outcome of the same gtid, never redo the work
  kRefused,           // the state does not allow it; repeating will not help
  kInvalid,           // the call itself is wrong: fix it
  kNotFound,          // no such transaction, branch, session or resource
  kUnavailable,       // the peer or database cannot be reached
  kWrongLog,          // the gtid belongs to the log of another coordinator
  kExpired,           // it ended, and its record was pruned: the answer is no longer known
  kStaleEpoch,        // sent by, or to, an earlier life of the coordinator
  kVersion,           // the two programs speak no common version
  kDenied,            // not allowed for this caller
  kCorrupt,           // durable data is damaged: nothing may be presumed from it
  kInternal,          // a defect or an unusable environment
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // one line: what happened and what state things are in
  std::string advice;   // one line: what to do next; may be empty
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> Fail(ErrorCode code, std::string message,
                                                std::string advice = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(advice)});
}
[[nodiscard]] inline tl::unexpected<Error> Fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

// The code as a lower-case word ("ask-outcome"), for people and for JSON.
const char* ToString(ErrorCode code);

// "message; advice".
std::string Describe(const Error& error);

}  // namespace settle
