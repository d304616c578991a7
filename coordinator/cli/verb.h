// One verb of the `settle` command, as a value: what its command line looks like, what its help
// says, and the function that does it. Each verb has a file; verbs.cc lists them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "cli/text.h"
#include "settle/tls.h"
#include "settle/vocabulary/status.h"

namespace settle::cli {

class AdminClient;
using Json = nlohmann::ordered_json;

// What a verb was given.
struct Given {
  std::vector<std::string> operands;           // as many as the verb names
  std::map<std::string, std::string> options;  // by name; a flag's value is empty

  bool Has(const std::string& option) const { return options.contains(option); }
  std::string Option(const std::string& name, const std::string& otherwise = {}) const;
};

struct Surroundings {
  AdminClient& client;
  std::int64_t now_us = 0;  // this machine's clock; for ages only
  Paint paint;
  bool json = false;
  bool terminal = false;  // people look at what is printed
  std::string address;    // of the coordinator, as people write it
  TlsOptions tls{};
  // " --address a:1 --tls-ca ca.pem": what a command that goes on needs as well, since it was given
  // on the command line.
  std::string reached_by{};
  std::optional<std::chrono::milliseconds> timeout;  // if --timeout was given
  // Prints at once, for answers that are too long to keep or take too long to come. False: it
  // cannot be written, so that there is no point in going on.
  std::function<bool(const std::string& text)> print;
  // Says how far a long work is, where a person watches a terminal; an empty text wipes that away.
  std::function<void(const std::string& text)> progress;
};

// The same answer for people and for programs.
struct Answer {
  std::string text;
  Json json;
  ExitCode exit = ExitCode::kOk;
  bool printed = false;  // all of it, already
};

struct VerbOption {
  std::string name;   // without dashes
  std::string value;  // what help calls its value; empty for a flag
  std::string help;
  bool required = false;
};

struct Verb {
  std::string name;  // one word, or two
  std::vector<std::string> operands;
  std::vector<VerbOption> options;
  std::string summary;  // one line
  std::string details;  // what help adds
  Result<Answer> (*run)(const Given& given, Surroundings& around);
};

extern const Verb kStatus;
extern const Verb kList;
extern const Verb kShow;
extern const Verb kExplain;
extern const Verb kInDoubt;
extern const Verb kResolve;
extern const Verb kRetry;
extern const Verb kSkip;
extern const Verb kSetInput;
extern const Verb kForget;
extern const Verb kSagaSubmit;
extern const Verb kSagaStart;
extern const Verb kSagaStore;
extern const Verb kSagaDefinitions;
extern const Verb kSagaShow;
extern const Verb kSagaCancel;
extern const Verb kParticipants;
extern const Verb kAccept;
extern const Verb kPause;
extern const Verb kResume;
extern const Verb kDrain;
extern const Verb kAudit;
extern const Verb kWatch;
extern const Verb kAgent;
extern const Verb kBarrierInstall;
extern const Verb kBarrierCheck;
extern const Verb kDoctor;
extern const Verb kBackup;
extern const Verb kVerifyLog;
extern const Verb kRestore;
extern const Verb kHelp;

const std::vector<const Verb*>& Verbs();

// Help.
std::string Usage();  // all verbs, options, exit codes
std::string Usage(const Verb& verb);
std::string Release();  // "settle 0.1.0"

// What verbs share: the --operator of who acts (by default the login name) and the --reason.
VerbOption ReasonOption();
VerbOption OperatorOption();
VerbOption DryRunOption();
struct Accountable {
  std::string operator_name;
  std::string reason;
};
[[nodiscard]] Result<Accountable> WhoAndWhy(const Given& given);
[[nodiscard]] Result<std::string> Who(const Given& given);  // the name alone
// A text from outside as an option's value: one line that can be printed. kInvalid names the
// option.
[[nodiscard]] Status CheckLine(const std::string& option, const std::string& text,
                               std::size_t bytes_most);

}  // namespace settle::cli
