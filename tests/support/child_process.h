// Programs that a test starts.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace settle::testing {

struct Launch {
  std::vector<std::string> arguments;      // the program first, found by PATH
  std::string output_path;                 // stdout and stderr are appended here; empty: /dev/null
  std::string error_path{};                // stderr is appended here instead
  std::vector<std::string> environment{};  // NAME=value, added to the test's own
  // Becomes this user first; only root can.
  std::optional<uid_t> user{};
  gid_t group = 0;
  int input = -1;  // becomes stdin; -1: /dev/null
  // Is killed when the thread that started it ends, however it ends.
  bool ends_with_starter = false;
};

// Returns the process id; the caller waits for it. Throws std::runtime_error.
pid_t StartProcess(const Launch& launch);

// Waits for its end; the status as waitpid gives it.
int AwaitProcess(pid_t process);

// Runs to the end; throws std::runtime_error with the output's tail unless it exits with 0.
void RunProcess(const Launch& launch);

// The processes whose parent is `parent`, and theirs.
std::vector<pid_t> DescendantsOf(pid_t parent);

// Whether it has ended, reaped or not.
bool HasEnded(pid_t process);

// The last lines of a file, for error messages.
std::string TailOf(const std::string& path);

}  // namespace settle::testing
