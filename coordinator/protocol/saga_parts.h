// Shared by the files of the saga's machine; of no use to anybody else.
#pragma once

#include <iterator>
#include <utility>

#include "protocol/saga_effects.h"

namespace settle::coordinator::saga {

inline void Add(Effects& effects, Effects more) {
  std::move(more.begin(), more.end(), std::back_inserter(effects));
}

}  // namespace settle::coordinator::saga
