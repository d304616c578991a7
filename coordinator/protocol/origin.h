// Where a transaction comes from, for people.
#pragma once

#include <cstdint>

#include "protocol/shared_text.h"

namespace settle::coordinator {

// Microseconds since 1970-01-01 UTC; for people, never for a decision.
using WallTime = std::int64_t;

// Who began the transaction and what they said of it.
struct Origin {
  SharedText owner;  // as they call themselves
  SharedText comment;
  WallTime began = 0;
  // What their connection proved of them: "cn:shop", "uid:1000". Empty: nothing, or it was begun
  // by a release that did not note it.
  SharedText identity{};
  SharedText trace_parent{};  // W3C traceparent of version 00; empty: none

  friend bool operator==(const Origin&, const Origin&) = default;
};

}  // namespace settle::coordinator
