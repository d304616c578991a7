#include "cli/log_report.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

Result<Answer> Run(const Given& given, Surroundings& around) {
  const auto report = coordinator::VerifyLog(given.operands.at(0), Verifying(around));
  around.progress("");
  if (!report) return Fail(report.error());
  const bool sound = report->audit_damage.empty();
  Answer answer{.text = ReportText(*report, around), .json = ToJson(*report)};
  answer.text +=
      sound ? "it is sound\n" : "only its audit trail is damaged: it can be served from\n";
  answer.exit = sound ? ExitCode::kOk : ExitCode::kDamaged;
  return answer;
}

}  // namespace

const Verb kVerifyLog{
    .name = "verify-log",
    .operands = {"FILE"},
    .options = {},
    .summary = "verify the file of a decision log or of a backup, and say what is in it",
    .details =
        "Everything that a start checks and more: the structure of the file, its tables and "
        "indices, the\n"
        "checksum and place of each record, what was pruned, what was restored, the audit trail. "
        "Changes\n"
        "nothing. Needs no coordinator; a file that one serves from is refused, exit code 1: "
        "'settle "
        "backup'\n"
        "verifies the copy that it makes. Exit code 0: it is sound; 65: it is damaged, or is no "
        "log; "
        "66: a\n"
        "newer release made it. In doubt are the transactions that have a record and no end.",
    .run = Run};

}  // namespace settle::cli
