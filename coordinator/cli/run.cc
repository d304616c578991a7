#include "cli/run.h"

#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/arguments.h"
#include "cli/json.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

// With --json a program reads standard output and nothing else, so errors are there too.
Printed Show(const Error& error, bool json) {
  const ExitCode exit = ExitCodeOf(error.code);
  if (json) return {.out = DumpLine(ToJson(error)), .err = {}, .exit = exit};
  std::string text = "settle: " + Printable(error.message) + "\n";
  if (!error.advice.empty()) text += "        " + Printable(error.advice) + "\n";
  return {.out = {}, .err = std::move(text), .exit = exit};
}

Printed Say(const std::string& name, const std::string& text, bool json) {
  const std::string line = text.ends_with('\n') ? text : text + "\n";
  return {.out = json ? Dump(Json{{name, text}}) : line, .err = {}, .exit = ExitCode::kOk};
}

Result<Answer> Do(const CommandLine& line, const Environment& environment) {
  AdminClient client(line.address, line.timeout.value_or(kDefaultTimeout), line.tls);
  Surroundings around{.client = client,
                      .now_us = environment.now_us,
                      .paint = {environment.colours && !line.json},
                      .json = line.json,
                      .terminal = environment.terminal,
                      .address = line.address.text(),
                      .tls = line.tls,
                      .reached_by = line.reached_by,
                      .timeout = line.timeout,
                      .print = environment.print,
                      .progress = line.json || !environment.progress ? [](const std::string&) {}
                                                                     : environment.progress};
  return line.verb->run(line.given, around);
}

Printed RunPrinting(const std::vector<std::string>& words, const Environment& environment) {
  const bool json = AsksForJson(words);
  try {
    Defaults defaults{.tls = environment.default_tls};
    if (!environment.default_address.empty()) defaults.address = environment.default_address;
    const Result<CommandLine> line = ParseCommandLine(words, defaults);
    if (!line) return Show(line.error(), json);
    if (line->version) return Say("version", Release(), line->json);
    if (line->help)
      return Say("help", line->verb != nullptr ? Usage(*line->verb) : Usage(), line->json);
    const Result<Answer> answer = Do(*line, environment);
    if (!answer) return Show(answer.error(), line->json);
    if (answer->printed) return {.out = {}, .err = {}, .exit = answer->exit};
    return {.out = line->json ? Dump(answer->json) : answer->text, .err = {}, .exit = answer->exit};
  } catch (const std::exception& defect) {
    return Show(
        {ErrorCode::kInternal, fmt::format("unexpected: {}", defect.what()), "please report this"},
        json);
  }
}

}  // namespace

Printed Run(const std::vector<std::string>& words, const Environment& given) {
  std::string kept;
  Environment environment = given;
  if (!environment.print) {
    environment.print = [&kept](const std::string& text) {
      kept += text;
      return true;
    };
  }
  Printed printed = RunPrinting(words, environment);
  printed.out.insert(0, kept);
  return printed;
}

}  // namespace settle::cli
