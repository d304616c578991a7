// Named places where a test can kill the process with SIGKILL. Compiled to nothing unless the build
// option SETTLE_FAILPOINTS is on.
//
//   SETTLE_FAILPOINT=decision.durable:3       the third pass dies
//   SETTLE_FAILPOINT_FIRED=/tmp/fired         a file that is created, synced, just before dying, so
//   that a
//                                             test can assert that its fault really happened
#pragma once

namespace settle {
// Thread-safe. Reads the two environment variables once, at the first call.
void HitFailpoint(const char* name);
}  // namespace settle

#ifdef SETTLE_FAILPOINTS
#define SETTLE_FAILPOINT(name) ::settle::HitFailpoint(name)
#else
#define SETTLE_FAILPOINT(name) static_cast<void>(0)
#endif
