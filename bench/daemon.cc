#include "bench/daemon.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "support/child_process.h"

namespace settle::bench {
namespace {

constexpr std::chrono::seconds kPatience{30};

// Polls what another process does, for which there is nothing to wait on.
template <typename Condition>
bool Await(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

pid_t StartDaemon(const std::string& directory) {
  return testing::StartProcess({.arguments = {SettledProgram(), "--log", directory + "/settle.db",
                                              "--listen", "127.0.0.1:0", "--ready-file",
                                              directory + "/ready", "--log-level", "warning",
                                              "--drain-timeout", "1s"},
                                .output_path = directory + "/settled.out",
                                .ends_with_starter = true});
}

}  // namespace

std::string SettledProgram() {
  const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "settled";
  if (::access(path.c_str(), X_OK) != 0) {
    throw Missing("there is no " + path.string() + ": build it, it belongs beside settle-bench");
  }
  return path;
}

Daemon::Daemon(const std::string& directory)
    : directory_(directory), process_(StartDaemon(directory)), port_(0) {
  try {
    port_ = AwaitReady();
  } catch (...) {
    ::kill(process_, SIGKILL);
    testing::AwaitProcess(process_);
    throw;
  }
}

Daemon::~Daemon() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  try {
    testing::AwaitProcess(process_);
  } catch (const std::exception&) {  // nobody else could have reaped it
  }
}

std::uint16_t Daemon::AwaitReady() {
  const std::string ready = directory_ + "/ready";
  const auto served = [&] { return std::filesystem::exists(ready); };
  if (!Await([&] { return served() || testing::HasEnded(process_); }) || !served()) {
    throw std::runtime_error("settled does not serve:\n" + Said());
  }
  std::ifstream file(ready);
  std::string address;
  std::getline(file, address);
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

void Daemon::Stop() {
  ::kill(process_, SIGTERM);
  if (!Await([&] { return testing::HasEnded(process_); })) {
    throw std::runtime_error("settled does not stop:\n" + Said());
  }
  const int status = testing::AwaitProcess(std::exchange(process_, -1));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error("settled ended with status " + std::to_string(status) + ":\n" +
                             Said());
  }
}

std::string Daemon::Said() const { return testing::TailOf(directory_ + "/settled.out"); }

}  // namespace settle::bench
