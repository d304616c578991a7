// Named places where a test can do harm to the process. Compiled to nothing unless the build option
// SETTLE_FAILPOINTS is on. docs/failpoints.md lists them; a test holds the list against the places.
//
//   SETTLE_FAILPOINT=engine.decided:3         harm is done at the third pass of that place
//   SETTLE_FAILPOINT_FIRED=/tmp/fired         a file that is created, synced, just before, so that
//                                             a test can assert that its fault really happened
//   SETTLE_FAILPOINT_PASSES=/tmp/passes       gets a line, the place's name, at every pass of any
//   SETTLE_FAILPOINT_HOW=kill                 dies by SIGKILL; this one, if it is not set
//   SETTLE_FAILPOINT_HOW=freeze               SIGSTOP instead: it goes on after a SIGCONT
//   SETTLE_FAILPOINT_HOW=assertion            ends as when an assertion fails there
//   SETTLE_FAILPOINT_HOW=delay                the thread sleeps there for 300 ms
//   SETTLE_FAILPOINT_HOW=error                fails there, where SETTLE_FAILPOINT_FAILS stands
//   SETTLE_FAILPOINT_HOW=torn                 dies with half of what is written there in the file,
//                                             where SETTLE_FAILPOINT_TEARS stands
#pragma once

#include <string>

namespace settle {

// Thread-safe. Reads the environment variables once, at the first call.
void HitFailpoint(const char* name);

// The same; true: the caller is to fail as if what it is about to do had failed.
[[nodiscard]] bool FailpointFails(const char* name);

// Stands around something that writes to a file and syncs it, of which nobody hears before its end.
// Where a tear is asked for, the process dies there with the first half of the bytes that were
// changed, as a crash of the machine may leave them. The file must be this process's alone.
class FailpointTear {
 public:
  FailpointTear(const char* name, const char* path);
  ~FailpointTear();
  FailpointTear(const FailpointTear&) = delete;
  FailpointTear& operator=(const FailpointTear&) = delete;

 private:
  const char* path_ = nullptr;  // null: nothing is torn
  std::string before_;
};

}  // namespace settle

#ifdef SETTLE_FAILPOINTS
#define SETTLE_FAILPOINT(name) ::settle::HitFailpoint(name)
#define SETTLE_FAILPOINT_FAILS(name) ::settle::FailpointFails(name)
#define SETTLE_FAILPOINT_TEARS(name, path) const ::settle::FailpointTear failpoint_tear(name, path)
#else
#define SETTLE_FAILPOINT(name) static_cast<void>(0)
#define SETTLE_FAILPOINT_FAILS(name) false
#define SETTLE_FAILPOINT_TEARS(name, path) static_cast<void>(0)
#endif
