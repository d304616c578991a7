// What the SDK refuses ends the measurement.
#pragma once

#include <stdexcept>
#include <utility>

#include "settle/vocabulary/status.h"

namespace settle::bench {

// Throws std::runtime_error with the error in words.
template <typename T>
T OrThrow(Result<T> result) {
  if (!result) throw std::runtime_error(Describe(result.error()));
  return *std::move(result);
}

}  // namespace settle::bench
