// What a program of the build said, and how it ended.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace settle::testing {

struct ProgramOutput {
  int exit_code = -1;  // -1: a signal ended it
  std::vector<std::string> lines;
  std::string text;  // stdout and stderr
};

// Runs a program, found by PATH, to its end.
inline ProgramOutput OutputOfWords(std::vector<std::string> words,
                                   std::vector<std::string> environment = {}) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/output";
  Launch launch{std::move(words), path};
  launch.environment = std::move(environment);
  const int status = AwaitProcess(StartProcess(launch));
  ProgramOutput output;
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    output.text += line + "\n";
    output.lines.push_back(line);
  }
  return output;
}

// The same of a program of the folder SETTLE_BIN.
inline ProgramOutput OutputOf(const std::string& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::string(std::getenv("SETTLE_BIN")) + "/" + program);
  return OutputOfWords(std::move(arguments));
}

}  // namespace settle::testing
