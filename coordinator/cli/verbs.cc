#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/verb.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

constexpr std::size_t kOperatorBytesMost = 200;  // the contract's
constexpr std::size_t kReasonBytesMost = 1000;

std::string LoginName() {
  const passwd* entry = getpwuid(getuid());
  return entry != nullptr ? entry->pw_name : fmt::format("uid {}", getuid());
}

}  // namespace

// Pointers only: the verbs are constants of other files, which exist when main runs.
const std::vector<const Verb*>& Verbs() {
  static const std::vector<const Verb*> kVerbs{
      &kStatus,    &kWatch,           &kList,         &kShow,      &kExplain,        &kInDoubt,
      &kRetry,     &kResolve,         &kSkip,         &kSetInput,  &kForget,         &kPause,
      &kResume,    &kDrain,           &kSagaSubmit,   &kSagaStart, &kSagaShow,       &kSagaCancel,
      &kSagaStore, &kSagaDefinitions, &kParticipants, &kAccept,    &kAudit,          &kDoctor,
      &kBackup,    &kVerifyLog,       &kRestore,      &kAgent,     &kBarrierInstall, &kBarrierCheck,
      &kHelp};
  return kVerbs;
}

std::string Given::Option(const std::string& name, const std::string& otherwise) const {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : found->second;
}

VerbOption ReasonOption() {
  return {"reason", "TEXT", "why, for the record; one line", /*required=*/true};
}

VerbOption DryRunOption() { return {"dry-run", "", "say what it would do, and change nothing"}; }

VerbOption OperatorOption() {
  return {"operator", "NAME", "who asks, for the record; the login name if not given"};
}

Status CheckLine(const std::string& option, const std::string& text, std::size_t bytes_most) {
  const auto wrong = [&](const std::string& how) {
    return Fail(ErrorCode::kInvalid, fmt::format("--{} {}", option, how),
                fmt::format("give one line of 1 to {} bytes of UTF-8 without control characters",
                            bytes_most));
  };
  if (text.find_first_not_of(' ') == std::string::npos) return wrong("is empty");
  if (text.size() > bytes_most) return wrong(fmt::format("has {} bytes", text.size()));
  if (!IsPrintable(text)) return wrong(fmt::format("cannot be printed: \"{}\"", Escaped(text)));
  return {};
}

Result<std::string> Who(const Given& given) {
  std::string name = given.Has("operator") ? given.Option("operator") : LoginName();
  if (Status fits = CheckLine("operator", name, kOperatorBytesMost); !fits)
    return Fail(std::move(fits).error());
  return name;
}

Result<Accountable> WhoAndWhy(const Given& given) {
  Result<std::string> who = Who(given);
  if (!who) return Fail(std::move(who).error());
  Accountable by{.operator_name = *std::move(who), .reason = given.Option("reason")};
  if (Status fits = CheckLine("reason", by.reason, kReasonBytesMost); !fits)
    return Fail(std::move(fits).error());
  return by;
}

}  // namespace settle::cli
