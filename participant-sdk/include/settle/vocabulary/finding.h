// What an examination of a part of a deployment found: `settle doctor` shows these, and
// docs/doctor.md says of each code what it means and what to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace settle {

// How much an operator should care. A sound deployment has nothing above kNote.
enum class Severity {
  kOk,       // looked at, and as it should be
  kNote,     // worth knowing; nothing needs to be done
  kWarning,  // works now; a fault that is likely enough will do damage, or stop work
  kProblem,  // the promise is weakened, or work stands still, now
};

const char* ToString(Severity severity);  // "ok", "note", "warning", "problem"

struct Finding {
  std::string code;  // of docs/doctor.md: [a-z0-9-], begins with the part it is about
  Severity severity = Severity::kOk;
  std::string what;    // one line, with the figures
  std::string advice;  // one line: what to do, with the command where there is one; may be empty
};

struct Examination {
  std::vector<Finding> findings;
  // The clock of what was examined, in microseconds since 1970-01-01 UTC, read while it was asked;
  // 0: it has none. Only whoever asked can compare it with another clock.
  std::int64_t clock_us = 0;
};

}  // namespace settle
