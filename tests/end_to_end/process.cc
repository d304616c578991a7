#include "end_to_end/process.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace settle::testing {
namespace {

Launch Bound(Launch launch) {
  launch.ends_with_starter = true;
  return launch;
}

}  // namespace

std::string ToString(const Ended& ended) {
  if (ended.code) return "exit " + std::to_string(*ended.code);
  return "signal " + std::to_string(ended.signal.value_or(0));
}

std::string Program(const std::string& name) {
  const char* folder = std::getenv("SETTLE_BIN");
  if (folder == nullptr) {
    throw std::runtime_error("SETTLE_BIN must name the folder of the build's programs");
  }
  return std::string(folder) + "/" + name;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Process::Process(Launch launch) : launch_(Bound(std::move(launch))), id_(StartProcess(launch_)) {}

Process::~Process() { Kill(); }

void Process::Reap(int flags) {
  if (ended_) return;
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = ::waitpid(id_, &status, flags);
  } while (reaped < 0 && errno == EINTR);
  if (reaped != id_) return;
  ended_ = Ended{};
  if (WIFEXITED(status)) ended_->code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended_->signal = WTERMSIG(status);
}

bool Process::running() {
  Reap(WNOHANG);
  return !ended_;
}

bool Process::frozen() const {
  const std::string stat = ReadFile("/proc/" + std::to_string(id_) + "/stat");
  const std::size_t name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat.compare(name_end + 2, 1, "T") == 0;
}

void Process::Signal(int signal) const {
  if (!ended_) ::kill(id_, signal);
}

void Process::Kill() {
  Signal(SIGKILL);
  Reap(0);
}

std::optional<Ended> Process::Wait(std::chrono::milliseconds bound) {
  static_cast<void>(WaitUntil([this] { return !running(); }, bound));
  return ended_;
}

std::string Process::Output() const { return ReadFile(launch_.output_path); }

std::string Process::Errors() const { return ReadFile(launch_.error_path); }

}  // namespace settle::testing
