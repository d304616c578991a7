#include "client/sagas.h"

#include <algorithm>
#include <utility>

#include "settle/vocabulary/failpoint.h"

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;
// How long one call waits for a saga's end: a lost connection is noticed soon after.
constexpr milliseconds kWaitMost{20'000};
constexpr milliseconds kReplyMargin{5'000};
constexpr std::size_t kCommentMost = 1000;
constexpr std::size_t kRequestKeyMost = 64;

// Not the process: a saga outlives it, and another process of the application may repeat a start.
std::string OwnerOf(const Program& program) {
  return program.options.application.empty() ? "unnamed" : program.options.application;
}

// What is waited for, and how long it is worth while to try to ask.
Patience For(milliseconds wait) { return {wait, wait + kReplyMargin}; }

}  // namespace

Result<Gtid> StartSaga(Program& program, StartSagaCall call, const StartSagaOptions& options) {
  if (options.comment.size() > kCommentMost || options.request_key.size() > kRequestKeyMost) {
    return Fail(ErrorCode::kInvalid,
                "a comment of more than 1000 bytes, or a request key of more than 64");
  }
  call.input = options.input.json();
  call.comment = options.comment;
  call.owner = OwnerOf(program);
  call.trace_parent = options.trace_parent;
  // The same in every attempt: one whose reply was lost has started it.
  call.request_key = options.request_key.empty() ? program.NextRequestKey() : options.request_key;
  Result<Begun> begun = program.pool.Call<Begun>(
      program.Brief(), [&](Link& link, Instant by) { return link.StartSaga(call, by); });
  if (!begun) return Fail(std::move(begun).error());
  // Crash here: it runs to its end by itself; a repeated start with its key finds it.
  SETTLE_FAILPOINT("client.saga_started");
  return std::move(begun->gtid);
}

Status DefineSaga(Program& program, const std::string& document) {
  const DefineSagaCall call{document, OwnerOf(program)};
  return program.pool.Call<void>(program.Brief(),
                                 [&](Link& link, Instant by) { return link.DefineSaga(call, by); });
}

Result<SagaEnding> AwaitSaga(Program& program, const Gtid& gtid, milliseconds at_most) {
  const Instant until = FromNow(at_most);
  Pacer pacer;
  for (;;) {
    const Instant asked = Clock::now();
    const auto left =
        std::max(std::chrono::ceil<milliseconds>(until - Clock::now()), milliseconds(0));
    const AwaitSagaCall call{gtid, std::min(left, kWaitMost)};
    Result<SagaEnding> awaited = program.pool.Call<SagaEnding>(
        For(call.wait), [&](Link& link, Instant by) { return link.AwaitSaga(call, by); });
    const bool over = Clock::now() >= until;
    if (awaited && (over || awaited->ending.outcome != Outcome::kUndecided)) return awaited;
    if (awaited) {
      pacer.Pause(asked, call.wait, until);
      continue;
    }
    if (over || !IsPassing(awaited.error().code)) {
      Error why = std::move(awaited).error();
      // Asking has no effect, so nothing is in doubt.
      if (why.code == ErrorCode::kAskOutcome) why.code = ErrorCode::kUnavailable;
      return Fail(std::move(why));
    }
  }
}

Result<Ending> CancelSaga(Program& program, const Gtid& gtid, const std::string& reason) {
  const AbortCall call{gtid, reason, {}};
  return program.pool.Call<Ending>(program.Long(),
                                   [&](Link& link, Instant by) { return link.Abort(call, by); });
}

}  // namespace settle::sdk
