// Where a transaction comes from, for people.
#pragma once

#include <cstdint>
#include <string>

namespace settle::coordinator {

// Microseconds since 1970-01-01 UTC; for people, never for a decision.
using WallTime = std::int64_t;

// Who began the transaction and what they said of it.
struct Origin {
  std::string owner;
  std::string comment;
  WallTime began = 0;

  friend bool operator==(const Origin&, const Origin&) = default;
};

}  // namespace settle::coordinator
