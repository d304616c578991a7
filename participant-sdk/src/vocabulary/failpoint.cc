#include "settle/vocabulary/failpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "vocabulary/assertion.h"

namespace settle {
namespace {

constexpr std::chrono::milliseconds kDelay{300};

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Plan {
  std::string name = Variable("SETTLE_FAILPOINT");
  const std::string fired_path = Variable("SETTLE_FAILPOINT_FIRED");
  const std::string passes_path = Variable("SETTLE_FAILPOINT_PASSES");
  const std::string how = Variable("SETTLE_FAILPOINT_HOW");
  std::atomic<int> passes_left{1};

  Plan() {
    if (const std::size_t colon = name.rfind(':'); colon != std::string::npos) {
      passes_left = std::atoi(name.c_str() + colon + 1);
      name.resize(colon);
    }
  }

  // One write, so that lines of threads do not mix, and a kill leaves all of them.
  void Note(const char* place) const {
    if (passes_path.empty()) return;
    const int file = ::open(passes_path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) return;
    const std::string line = std::string(place) + "\n";
    static_cast<void>(!::write(file, line.data(), line.size()));
    ::close(file);
  }
  void Fire() const {
    if (fired_path.empty()) return;
    const int file = ::open(fired_path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) return;
    ::fsync(file);
    ::close(file);
  }
};

Plan& ThePlan() {
  static Plan plan;
  return plan;
}

// Whether harm is to be done at this pass.
bool Passes(const char* name) {
  Plan& plan = ThePlan();
  plan.Note(name);
  return plan.name == name && plan.passes_left.fetch_sub(1) == 1;
}

[[noreturn]] void Die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();  // the signal is on its way; nothing after this place may happen
}

void DoHarm(const char* name) {
  const Plan& plan = ThePlan();
  if (plan.how == "error" || plan.how == "torn") return;  // this place knows of no such thing
  plan.Fire();
  if (plan.how == "assertion") {
    AssertionFailed("this place is not reached", __FILE__, __LINE__, name);
  }
  if (plan.how == "delay") return std::this_thread::sleep_for(kDelay);
  // To this thread: a signal to the process may be taken by another one, and this one would go on
  // for a while.
  if (plan.how == "freeze") return static_cast<void>(::raise(SIGSTOP));
  Die();
}

std::string Contents(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

void HitFailpoint(const char* name) {
  if (Passes(name)) DoHarm(name);
}

bool FailpointFails(const char* name) {
  if (!Passes(name)) return false;
  const Plan& plan = ThePlan();
  if (plan.how == "error") plan.Fire();
  if (plan.how != "error") DoHarm(name);
  return plan.how == "error";
}

FailpointTear::FailpointTear(const char* name, const char* path) {
  if (!Passes(name)) return;
  if (ThePlan().how == "torn") {
    path_ = path;
    before_ = Contents(path);
  } else {
    DoHarm(name);
  }
}

FailpointTear::~FailpointTear() {
  if (path_ == nullptr) return;
  const std::string after = Contents(path_);
  const std::size_t common = std::min(before_.size(), after.size());
  std::size_t first = 0;
  while (first < common && before_[first] == after[first]) ++first;
  std::size_t last = after.size();
  while (last <= common && last > first && before_[last - 1] == after[last - 1]) --last;
  if (first == last) return;  // nothing was written: nothing fires, and a test notices
  const std::size_t middle = first + (last - first) / 2;
  const int file = ::open(path_, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (common > middle) {
    const auto at = static_cast<::off_t>(middle);
    static_cast<void>(!::pwrite(file, before_.data() + middle, common - middle, at));
  }
  if (after.size() > common)
    static_cast<void>(!::ftruncate(file, static_cast<::off_t>(std::max(middle, common))));
  ::close(file);
  // SQLite's index of a -wal file is memory that the machine loses with its power, and it would say
  // that what is torn was synced.
  if (const std::string wal = path_; wal.ends_with("-wal"))
    ::unlink((wal.substr(0, wal.size() - 4) + "-shm").c_str());
  ThePlan().Fire();
  Die();
}

}  // namespace settle
