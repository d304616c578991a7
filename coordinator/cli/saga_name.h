// "NAME" or "NAME@VERSION" of a stored definition.
#pragma once

#include <cstdint>
#include <string>

#include "settle/vocabulary/status.h"

namespace settle::cli {

struct SagaName {
  std::string name;
  std::int32_t version = 0;  // 0: the highest
};

[[nodiscard]] Result<SagaName> ParseSagaName(const std::string& text);

}  // namespace settle::cli
