// The words of the `settle` command, a line each. None that is understood is carried out.
#include "cli/arguments.h"
#include "cli/run.h"
#include "target.h"

namespace settle::fuzz {
namespace {

using namespace cli;

void Run(std::string_view bytes) {
  const std::vector<std::string> words = Split(bytes, '\n');
  const Result<CommandLine> parsed = ParseCommandLine(words, {});
  if (parsed) return RequirePrintable(parsed->address.text());
  RequirePrintable(parsed.error());
  const Printed printed = cli::Run(words, {});
  Require(printed.exit != ExitCode::kOk, "what is not understood is no success");
  RequirePrintable(printed.out, true);
  RequirePrintable(printed.err, true);
}

}  // namespace

const Target kCommandLine{"command-line", "A03", 5000, &Run};

}  // namespace settle::fuzz
