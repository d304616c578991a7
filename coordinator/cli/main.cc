#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cli/run.h"

namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool Write(std::FILE* file, const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
}

// One line, written over and over.
void ShowProgress(const std::string& text) { Write(stderr, "\r\033[K" + text); }

}  // namespace

int main(int argc, char** argv) {
  using std::chrono::duration_cast;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const settle::cli::Environment environment{
      .default_address = Variable("SETTLE_ADDRESS"),
      .now_us = duration_cast<std::chrono::microseconds>(now).count(),
      .colours =
          isatty(STDOUT_FILENO) != 0 && Variable("NO_COLOR").empty() && Variable("TERM") != "dumb",
      .terminal = isatty(STDOUT_FILENO) != 0,
      .print = [](const std::string& text) { return Write(stdout, text); },
      .progress = isatty(STDERR_FILENO) != 0 ? &ShowProgress : nullptr,
      .default_tls = {.ca = Variable("SETTLE_TLS_CA"),
                      .certificate = Variable("SETTLE_TLS_CERTIFICATE"),
                      .key = Variable("SETTLE_TLS_KEY")}};
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const settle::cli::Printed printed = settle::cli::Run(words, environment);
  // An answer that could not be written was not given: say so by the exit code.
  if (!Write(stdout, printed.out) || !Write(stderr, printed.err)) {
    return static_cast<int>(settle::cli::ExitCode::kInternal);
  }
  return static_cast<int>(printed.exit);
}
