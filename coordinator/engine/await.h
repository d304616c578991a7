// Waiting for a completion, for callers that have a thread to spend.
#pragma once

#include <future>
#include <memory>

#include "engine/engine.h"

namespace settle::coordinator {

//   Result<Begun> begun = Await<Begun>([&](auto done) { engine.Begin(call, done); });
//
// Blocking; never on a shard's thread. An engine that is torn down meanwhile gives kAskOutcome.
template <typename T, typename Call>
Result<T> Await(Call call) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = promise->get_future();
  call(Completion<T>([promise](Result<T> result) { promise->set_value(std::move(result)); }));
  promise.reset();  // the completion holds the only one now: if it is dropped, get() throws
  try {
    return future.get();
  } catch (const std::future_error&) {
    return Fail(ErrorCode::kAskOutcome, "the coordinator stopped before it could answer",
                "ask for the outcome once it is back");
  }
}

}  // namespace settle::coordinator
