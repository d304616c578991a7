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

// `state`, one line for people, is made only when the fact does not hold. In the simulator's copies
// a planted bug is to be found by what it does to the world and not by an assertion. Used in .cc
// files only, as SETTLE_PLANTED_BUG.
#ifdef SETTLE_PLANTED_BUGS
#include "vocabulary/planted_bug.h"
#define SETTLE_ASSERT(fact, state)                        \
  ((fact) || !SETTLE_PLANTED_BUG(kNone)                   \
       ? static_cast<void>(0)                             \
       : ::settle::AssertionFailed(#fact, __FILE__, __LINE__, (state)))
#else
#define SETTLE_ASSERT(fact, state) \
  ((fact) ? static_cast<void>(0) : ::settle::AssertionFailed(#fact, __FILE__, __LINE__, (state)))
#endif
