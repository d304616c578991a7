// Named places where a test can stop the process. Compiled to nothing unless the build option
// SETTLE_FAILPOINTS is on.
//
//   SETTLE_FAILPOINT=decision.durable:3       the third pass dies by SIGKILL
//   SETTLE_FAILPOINT_FIRED=/tmp/fired         a file that is created, synced, just before, so that
//                                             a test can assert that its fault really happened
//   SETTLE_FAILPOINT_HOW=freeze               SIGSTOP instead: it goes on after a SIGCONT
//   SETTLE_FAILPOINT_HOW=assertion            ends as when an assertion fails there
#pragma once

namespace settle {
// Thread-safe. Reads the environment variables once, at the first call.
void HitFailpoint(const char* name);
}  // namespace settle

#ifdef SETTLE_FAILPOINTS
#define SETTLE_FAILPOINT(name) ::settle::HitFailpoint(name)
#else
#define SETTLE_FAILPOINT(name) static_cast<void>(0)
#endif
