#include "end_to_end/cli.h"

#include "end_to_end/process.h"
#include "support/temporary_directory.h"

namespace settle::testing {

CliAnswer RunCli(const std::string& address, const std::vector<std::string>& words) {
  const TemporaryDirectory directory;
  Launch launch{.arguments = {Program("settle"), "--address", address, "--json"},
                .output_path = directory / "out",
                .error_path = directory / "err",
                .user = std::nullopt};
  launch.arguments.insert(launch.arguments.end(), words.begin(), words.end());
  Process process(launch);
  const auto ended = process.Wait();
  CliAnswer answer{ended ? ended->code.value_or(-1) : -1, process.Output(), process.Errors(), {}};
  answer.json = nlohmann::json::parse(answer.out, nullptr, /*allow_exceptions=*/false);
  return answer;
}

}  // namespace settle::testing
