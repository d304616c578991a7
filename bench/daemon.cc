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

constexpr std::chrono::seconds kPatience{30};  // with its end

// Polls what another process does, for which there is nothing to wait on.
template <typename Condition>
bool Await(std::chrono::seconds patience, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

std::string UnixAddress(const std::string& directory) { return "unix:" + directory + "/socket"; }

std::string ReadyFile(const std::string& directory) { return directory + "/ready"; }

pid_t StartDaemon(const std::string& directory, const std::vector<std::string>& more) {
  std::filesystem::remove(ReadyFile(directory));  // of one that was killed here
  std::vector<std::string> arguments{ProgramBeside("settled"),
                                     "--log",
                                     LogIn(directory),
                                     "--listen",
                                     "127.0.0.1:0",
                                     "--listen",
                                     UnixAddress(directory),
                                     "--ready-file",
                                     ReadyFile(directory),
                                     "--log-level",
                                     "warning",
                                     "--drain-timeout",
                                     "1s"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return testing::StartProcess({.arguments = std::move(arguments),
                                .output_path = directory + "/settled.out",
                                .ends_with_starter = true});
}

}  // namespace

std::string ProgramBeside(const std::string& name) {
  const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
  if (::access(path.c_str(), X_OK) != 0) {
    throw Missing("there is no " + path.string() + ": build it, it belongs beside settle-bench");
  }
  return path;
}

std::string LogIn(const std::string& directory) { return directory + "/settle.db"; }

Daemon::Daemon(const std::string& directory, const std::vector<std::string>& more,
               std::chrono::seconds patience)
    : directory_(directory), process_(StartDaemon(directory, more)), port_(0) {
  try {
    port_ = AwaitReady(patience);
  } catch (...) {
    Kill();
    throw;
  }
}

std::string Daemon::address() const { return UnixAddress(directory_); }

Daemon::~Daemon() {
  try {
    Kill();
  } catch (const std::exception&) {  // nobody else could have reaped it
  }
}

void Daemon::Kill() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  testing::AwaitProcess(std::exchange(process_, -1));
}

std::uint16_t Daemon::AwaitReady(std::chrono::seconds patience) {
  const std::string ready = ReadyFile(directory_);
  const auto served = [&] { return std::filesystem::exists(ready); };
  if (!Await(patience, [&] { return served() || testing::HasEnded(process_); }) || !served()) {
    throw std::runtime_error("settled does not serve:\n" + Said());
  }
  std::ifstream file(ready);
  std::string address;
  std::getline(file, address);
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

std::uint64_t Daemon::resident_bytes() const {
  std::ifstream file("/proc/" + std::to_string(process_) + "/statm");  // proc(5): in pages
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void Daemon::Stop() {
  ::kill(process_, SIGTERM);
  if (!Await(kPatience, [&] { return testing::HasEnded(process_); })) {
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
