// What can be found out of a coordinator that does not answer.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "settle/vocabulary/finding.h"

namespace settle::cli {

// Whether the address resolves, whether anything listens there, and what that speaks. `failure` is
// why the coordinator could not be asked. Blocking, for `patience` at each step.
std::vector<Finding> ExamineReach(const Address& address, const std::string& failure,
                                  std::chrono::milliseconds patience);

}  // namespace settle::cli
