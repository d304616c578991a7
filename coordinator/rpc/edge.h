// The edge between values and Thrift's exceptions. A handler's body runs in AtTheEdge and throws
// nothing but wire::ServiceError, which is part of the contract.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "engine/ports.h"
#include "rpc/wire.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {

template <typename T>
T Need(Result<T> result) {
  if (!result) throw ToWire(result.error());
  return *std::move(result);
}
inline void Need(const Status& status) {
  if (!status) throw ToWire(status.error());
}

template <typename Body>
auto AtTheEdge(Observer& observer, const char* call, Body body) {
  try {
    return body();
  } catch (const wire::ServiceError&) {
    throw;
  } catch (const std::exception& error) {
    const std::string what =
        std::string(call) + " failed inside the coordinator: " + Escaped(error.what());
    observer.Event(Observer::Level::kError, {}, what);
    throw ToWire(Error{ErrorCode::kInternal, what,
                       "ask the outcome before doing anything again; report this"});
  }
}

}  // namespace settle::coordinator
