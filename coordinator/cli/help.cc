#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

std::string Synopsis(const Verb& verb) {
  std::string text = verb.name;
  for (const std::string& operand : verb.operands) text += " " + operand;
  for (const VerbOption& option : verb.options) {
    const std::string shown = "--" + option.name + (option.value.empty() ? "" : " " + option.value);
    text += option.required ? " " + shown : " [" + shown + "]";
  }
  return text;
}

constexpr const char* kCommonOptions =
    "Options of every verb\n"
    "  --address ADDRESS       where the coordinator listens, HOST:PORT or unix:/PATH; else "
    "SETTLE_ADDRESS,\n"
    "                          else 127.0.0.1:7420\n"
    "  --tls-ca FILE           PEM: who may have signed its certificate; else SETTLE_TLS_CA\n"
    "  --tls-certificate FILE  PEM: who you are; else SETTLE_TLS_CERTIFICATE\n"
    "  --tls-key FILE          PEM: the certificate's key; else SETTLE_TLS_KEY\n"
    "  --tls-server-name NAME  what its certificate names, if not the host of its address\n"
    "  --timeout TIME          wait so long for it: 500ms, 5s (the default), 2m\n"
    "  --json                  one JSON document on standard output, errors included\n"
    "  --help, --version\n";

constexpr const char* kExitCodes =
    "Exit codes\n"
    "   0  done\n"
    "   1  the coordinator refused: the state, the caller or the moment does not allow it\n"
    "   2  the command line is wrong; nothing was done\n"
    "   3  no such transaction or resource, or no record of it any more; barrier check: no tables\n"
    "   4  no coordinator, or no database, answers at that address\n"
    "   5  the gtid belongs to the log of another coordinator\n"
    "   6  in-doubt --check: something is in doubt; agent --once: something is left\n"
    "   7  the request was sent and its reply lost: it may or may not have been done\n"
    "   8  saga --wait: it has ended, and was undone or is damaged\n"
    "   9  saga --wait: it had not ended when the wait was over, and goes on\n"
    "  10  doctor: there is a warning or a problem\n"
    "  65  the decision log, or the file of a backup of one, is damaged or is none\n"
    "  66  a newer release made the file, or the coordinator is of a release without this\n"
    "  70  a defect, or an environment that cannot be used\n";

Result<Answer> Run(const Given& given, Surroundings&) {
  if (given.operands.empty()) return Answer{.text = Usage(), .json = {{"help", Usage()}}};
  std::string name;
  for (const std::string& word : given.operands) name += (name.empty() ? "" : " ") + word;
  for (const Verb* verb : Verbs()) {
    if (verb->name == name) return Answer{.text = Usage(*verb), .json = {{"help", Usage(*verb)}}};
  }
  return Fail(ErrorCode::kInvalid, "there is no verb \"" + Escaped(name) + "\"",
              "see 'settle help'");
}

}  // namespace

std::string Release() { return "settle " SETTLE_RELEASE; }

std::string Usage() {
  std::string text =
      "settle [OPTIONS] VERB ...\n"
      "Shows what a Settle coordinator is doing, and resolves what is in doubt.\n\nVerbs\n";
  for (const Verb* verb : Verbs())
    text += fmt::format("  {}\n      {}\n", Synopsis(*verb), verb->summary);
  return text + "\n" + kCommonOptions + "\n" + kExitCodes;
}

std::string Usage(const Verb& verb) {
  std::string text = fmt::format("settle {}\n{}\n", Synopsis(verb), verb.summary);
  std::vector<std::pair<std::string, std::string>> options;
  for (const VerbOption& option : verb.options) {
    options.emplace_back("  --" + option.name + (option.value.empty() ? "" : " " + option.value),
                         option.help);
  }
  if (!options.empty()) text += "\n" + Fields(options, Paint{});
  if (!verb.details.empty()) text += "\n" + verb.details + "\n";
  return text + "\n" + kCommonOptions;
}

const Verb kHelp{.name = "help",
                 .operands = {"[VERB...]"},
                 .options = {},
                 .summary = "this text, or that of one verb",
                 .details = "",
                 .run = Run};

}  // namespace settle::cli
