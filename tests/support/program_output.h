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

// Runs a program of the folder SETTLE_BIN to its end.
inline ProgramOutput OutputOf(const std::string& program, std::vector<std::string> arguments) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/output";
  arguments.insert(arguments.begin(), std::string(std::getenv("SETTLE_BIN")) + "/" + program);
  const int status = AwaitProcess(StartProcess({arguments, path}));
  ProgramOutput output;
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    output.text += line + "\n";
    output.lines.push_back(line);
  }
  return output;
}

}  // namespace settle::testing
