#include "settle/vocabulary/failpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace settle {
namespace {

struct Plan {
  std::string name;
  std::string fired_path;
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
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();  // the signal is on its way; nothing after this place may happen
}

}  // namespace settle
