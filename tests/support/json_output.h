// What `settle --json` printed, held against docs/settle.schema.json and the exit codes of
// docs/settle.md by json_output.py.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/program_output.h"

namespace settle::testing {

struct JsonOutput {
  std::vector<std::string> words;  // of the command line, --json or not
  int code = -1;                   // of exit
  std::string out;
  std::string err;
};

// The checker with `words` and the file as its input; what it printed, or why it could not.
inline std::vector<std::string> RunJsonChecker(std::vector<std::string> words,
                                               const std::string& input) {
  const char* const source = std::getenv("SETTLE_SOURCE");
  const std::string root = source != nullptr ? source : ".";
  words.insert(words.begin(),
               {"/usr/bin/python3", root + "/tests/support/json_output.py", root + "/docs"});
  const TemporaryDirectory directory;
  Launch launch{std::move(words), directory / "wrong"};
  launch.input = ::open(input.c_str(), O_RDONLY | O_CLOEXEC);
  const int status = AwaitProcess(StartProcess(launch));
  ::close(launch.input);
  std::vector<std::string> wrong;
  std::ifstream file(directory / "wrong");
  for (std::string line; std::getline(file, line);) wrong.push_back(line);
  if (status != 0) wrong.emplace_back("the checker failed (Debian: python3-jsonschema)");
  return wrong;
}

// One line for each thing that is wrong, which begins with the place in `outputs` and a colon. By
// one process for all.
inline std::vector<std::string> WrongIn(const std::vector<JsonOutput>& outputs) {
  if (outputs.empty()) return {};
  const TemporaryDirectory directory;
  std::ofstream file(directory / "outputs");
  for (const JsonOutput& output : outputs) {
    const nlohmann::json line{
        {"words", output.words}, {"code", output.code}, {"out", output.out}, {"err", output.err}};
    // A byte that is not UTF-8 stays wrong: it becomes a character that is not ASCII.
    file << line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << "\n";
  }
  file.close();
  return RunJsonChecker({"outputs"}, directory / "outputs");
}

}  // namespace settle::testing
