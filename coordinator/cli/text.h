// Words for people: what came from outside made printable, times, ages, the names of wire values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "settle/vocabulary/status.h"
#include "wire/admin_types.h"

namespace settle::cli {

// Text from outside, safe for a terminal: UTF-8 stays, while control characters, characters that
// reorder or hide text, and bytes that are not UTF-8 become \xNN. Escaping twice changes nothing.
std::string Printable(std::string_view text);

// Whether Printable leaves it as it is.
bool IsPrintable(std::string_view text);

// "2026-07-31T09:00:00.000001Z". Microseconds since 1970-01-01 UTC; any value, also one from a
// broken peer; empty for 0, which stands for a time that is not known.
std::string Rfc3339(std::int64_t at_us);

// "850 ms", "12 s", "3 m 12 s", "5 h 2 m", "9 d 4 h"; less than nothing is "0 ms".
std::string Age(std::chrono::milliseconds age);
// The age at `now_us` of what happened at `at_us`, both in microseconds since 1970-01-01 UTC; empty
// for 0, which stands for a time that is not known.
std::string Since(std::int64_t at_us, std::int64_t now_us);

// The words of settle/vocabulary; "unrecognised" for a value this program does not know.
const char* Word(wire::Outcome::type outcome);
const char* Word(wire::AbortCause::type cause);
ErrorCode CodeOf(wire::ErrorCode::type code);

// How it is brought to its decision: "2pc", "3pc", "saga"; empty when nothing is recorded of it.
const char* ProtocolOf(const wire::TransactionView& transaction);

// "aborted (voted-no): duplicate key", for one line.
std::string EndingText(const wire::Ending& ending);
// "postgresql:73…:16384, timeline 1, transaction 744"; empty without evidence.
std::string EvidenceText(const wire::Evidence& evidence);

// Colours and bold, on a terminal only.
struct Paint {
  bool on = false;
  std::string Bold(const std::string& text) const;
  std::string Alarm(const std::string& text) const;
};

}  // namespace settle::cli
