#include "settle/vocabulary/failpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include "vocabulary/assertion.h"

namespace settle {
namespace {

struct Plan {
  std::string name;
  std::string fired_path;
  std::string how = "kill";
  std::atomic<int> passes_left{0};

  Plan() {
    const char* where = std::getenv("SETTLE_FAILPOINT");
    const char* fired = std::getenv("SETTLE_FAILPOINT_FIRED");
    if (where == nullptr) return;
    name = where;
    passes_left = 1;
    if (const std::size_t colon = name.rfind(':'); colon != std::string::npos) {
      passes_left = std::atoi(name.c_str() + colon + 1);
      name.resize(colon);
    }
    if (fired != nullptr) fired_path = fired;
    if (const char* given = std::getenv("SETTLE_FAILPOINT_HOW")) how = given;
  }
};

}  // namespace

void HitFailpoint(const char* name) {
  static Plan plan;
  if (plan.name != name || plan.passes_left.fetch_sub(1) != 1) return;
  if (!plan.fired_path.empty()) {
    const int file = ::open(plan.fired_path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file >= 0) {
      ::fsync(file);
      ::close(file);
    }
  }
  if (plan.how == "assertion") {
    AssertionFailed("this place is not reached", __FILE__, __LINE__, name);
  }
  if (plan.how == "freeze") {
    // To this thread: a signal to the process may be taken by another one, and this one would go on
    // for a while.
    ::raise(SIGSTOP);
    return;  // somebody sent SIGCONT
  }
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();  // the signal is on its way; nothing after this place may happen
}

}  // namespace settle
