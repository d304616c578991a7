// Facts that hold whatever a peer, a file or a person does, checked in every build.
//
//   SETTLE_ASSERT(branch.voted, Describe(*this));
//
// A process that finds one broken stops at once: what it believes may not be acted on, and its next
// start knows only what is durable. What comes from outside is never asserted but refused by name.
#pragma once

#include <string>

namespace settle {

// Says on standard error what does not hold, where, and the state of things, then ends the process
// with SIGABRT: no destructor runs, nobody is answered.
[[noreturn]] void AssertionFailed(const char* fact, const char* file, int line,
                                  const std::string& state);

}  // namespace settle

// `state`, one line for people, is made only when the fact does not hold.
#define SETTLE_ASSERT(fact, state) \
  ((fact) ? static_cast<void>(0) : ::settle::AssertionFailed(#fact, __FILE__, __LINE__, (state)))
