// One line for people of every event, record, effect and machine. The scripts in
// tests/protocol/scripts are written in these words, so they are changed with care.
//
//   vote 2 no "serialization failure" retryable
//   send commit 1 bank-a any-session attempt 2
//   preparing: 1 prepared, 2 preparing
#pragma once

#include <string>

#include "protocol/effects.h"
#include "protocol/events.h"
#include "protocol/records.h"
#include "protocol/two_phase.h"

namespace settle::coordinator {

const char* ToString(CommandKind kind);
const char* ToString(Timer timer);

std::string Describe(const Event& event);
std::string Describe(const Record& record);
std::string Describe(const Effect& effect);
// JSON as it is, as far as it can be shown on one line; its quotes are not escaped.
std::string DescribeJson(const std::string& text);
// "committed"; "aborted (voted-no, retryable) \"reason\"".
std::string Describe(const Ending& ending);
// The state and every branch's state; counts of attempts are left out.
std::string Describe(const TwoPhase& machine);

}  // namespace settle::coordinator
