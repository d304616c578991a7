#include "support/child_process.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <system_error>

namespace settle::testing {
namespace {

// Between fork and exec of a program that has threads: system calls only.
[[noreturn]] void Become(const Launch& launch, char* const* arguments) {
  const char* output = launch.output_path.empty() ? "/dev/null" : launch.output_path.c_str();
  const int in = launch.input >= 0 ? launch.input : ::open("/dev/null", O_RDONLY);
  const int out = ::open(output, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (in < 0 || out < 0) ::_exit(126);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (launch.user.has_value()) {
    const bool changed = ::setgroups(0, nullptr) == 0 && ::setgid(launch.group) == 0 &&
                         ::setuid(*launch.user) == 0;
    if (!changed) ::_exit(126);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvp(arguments[0], arguments);
  ::_exit(127);
}

// State and parent from /proc/<pid>/stat; false when there is no such process.
bool ReadStat(const std::string& pid, char& state, pid_t& parent) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 4 > text.size()) return false;
  state = text[name_end + 2];
  parent = static_cast<pid_t>(std::atol(text.c_str() + name_end + 4));
  return true;
}

}  // namespace

pid_t StartProcess(const Launch& launch) {
  std::vector<char*> arguments;
  for (const std::string& argument : launch.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork: " + std::system_category().message(errno));
  if (child == 0) Become(launch, arguments.data());
  return child;
}

int AwaitProcess(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0) {
    if (errno == EINTR) continue;
    throw std::runtime_error("waitpid: " + std::system_category().message(errno));
  }
  return status;
}

void RunProcess(const Launch& launch) {
  const int status = AwaitProcess(StartProcess(launch));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw std::runtime_error(launch.arguments.front() + " ended with status " +
                           std::to_string(status) + ":\n" + TailOf(launch.output_path));
}

std::vector<pid_t> DescendantsOf(pid_t parent) {
  std::multimap<pid_t, pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    char state = 0;
    pid_t its_parent = 0;
    if (std::isdigit(static_cast<unsigned char>(name[0])) == 0) continue;
    if (ReadStat(name, state, its_parent)) children.emplace(its_parent, std::atoi(name.c_str()));
  }
  std::vector<pid_t> found{parent};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [first, last] = children.equal_range(found[i]);
    for (auto it = first; it != last; ++it) found.push_back(it->second);
  }
  found.erase(found.begin());
  return found;
}

bool HasEnded(pid_t process) {
  char state = 0;
  pid_t parent = 0;
  return !ReadStat(std::to_string(process), state, parent) || state == 'Z' || state == 'X';
}

std::string TailOf(const std::string& path) {
  constexpr std::size_t kMost = 4000;
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.size() > kMost ? text.substr(text.size() - kMost) : text;
}

}  // namespace settle::testing
