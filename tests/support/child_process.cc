#include "support/child_process.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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
[[noreturn]] void Become(const Launch& launch, char* const* arguments, char* const* environment) {
  const char* output = launch.output_path.empty() ? "/dev/null" : launch.output_path.c_str();
  const char* errors = launch.error_path.empty() ? output : launch.error_path.c_str();
  const int in = launch.input >= 0 ? launch.input : ::open("/dev/null", O_RDONLY);
  const int out = ::open(output, O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int err = ::open(errors, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (in < 0 || out < 0 || err < 0) ::_exit(126);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (launch.user.has_value()) {
    const bool changed = ::setgroups(0, nullptr) == 0 && ::setgid(launch.group) == 0 &&
                         ::setuid(*launch.user) == 0;
    if (!changed) ::_exit(126);
  }
  // After the change of user, which would undo it.
  if (launch.ends_with_starter) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(arguments[0], arguments, environment);
  ::_exit(127);
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The test's own environment with `added` over it.
std::vector<std::string> EnvironmentWith(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view variable(*one);
    const std::string_view name = variable.substr(0, variable.find('=') + 1);
    const bool replaced = std::any_of(added.begin(), added.end(), [&](const std::string& other) {
      return other.starts_with(name);
    });
    if (!replaced) all.emplace_back(variable);
  }
  return all;
}

// State and parent from /proc/<pid>/stat; false when there is no such process.
bool ReadStat(const std::string& pid, char& state, pid_t& parent) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text;
  // An error of reading, too, means that it is gone: getline takes it for the end of the file.
  std::getline(file, text, '\0');
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 4 > text.size()) return false;
  state = text[name_end + 2];
  parent = static_cast<pid_t>(std::atol(text.c_str() + name_end + 4));
  return true;
}

}  // namespace

pid_t StartProcess(const Launch& launch) {
  const std::vector<std::string> variables = EnvironmentWith(launch.environment);
  const std::vector<char*> arguments = Pointers(launch.arguments);
  const std::vector<char*> environment = Pointers(variables);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork: " + std::system_category().message(errno));
  if (child == 0) Become(launch, arguments.data(), environment.data());
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
