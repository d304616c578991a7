#include "log/restore.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/log_report.h"
#include "cli/verb.h"
#include "log/meta.h"

namespace settle::cli {
namespace {

Result<coordinator::RestoreCall> CallOf(const Given& given, const Surroundings& around) {
  const Result<Accountable> by = WhoAndWhy(given);
  if (!by) return Fail(by.error());
  coordinator::RestoreCall call;
  call.backup = given.operands.at(0);
  call.log = given.operands.at(1);
  call.nothing_was_lost = given.Has("nothing-was-lost");
  call.now = around.now_us;
  call.by = by->operator_name;
  call.reason = by->reason;
  if (given.Has("epoch-above") &&
      !coordinator::ParseNumber(given.Option("epoch-above"), call.epoch_above)) {
    return Fail(
        ErrorCode::kInvalid,
        fmt::format("--epoch-above \"{}\" is no epoch", Escaped(given.Option("epoch-above"))),
        "name a whole number, as a participant or 'settle status' said it");
  }
  return call;
}

std::string OwnerAdvice(const std::string& log) {
  struct stat directory {};
  const std::string folder = log.substr(0, log.rfind('/') + 1);
  if (::stat(folder.c_str(), &directory) != 0 || directory.st_uid == ::geteuid()) return {};
  return fmt::format(
      "{} belongs to user {}, but its directory to user {}: the daemon needs the log to be its own "
      "(chown)\n",
      Printable(log), ::geteuid(), directory.st_uid);
}

std::string WhatNow(const coordinator::LogReport& report) {
  const coordinator::Restoration& last = report.restored.back();
  if (!last.lost_from) {
    return "its next life presumes abort as ever: if a coordinator served after this copy was "
           "made, "
           "do not start it\n";
  }
  return fmt::format(
      "its next life is epoch {}. What is not in it of epochs {} to {} is unknown, and left alone: "
      "'settle\nin-doubt' lists what is prepared of it and what cannot go on. Never start the log "
      "that was lost again,\nshould it be found.\n",
      last.epoch + 1, *last.lost_from, last.epoch);
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const auto call = CallOf(given, around);
  if (!call) return Fail(call.error());
  const auto report = coordinator::RestoreLog(*call, Verifying(around));
  around.progress("");
  if (!report) return Fail(report.error());
  const std::string advice = WhatNow(*report) + OwnerAdvice(report->path);
  Answer answer{.text = ReportText(*report, around) + advice, .json = ToJson(*report)};
  answer.json["advice"] = advice;
  return answer;
}

}  // namespace

const Verb kRestore{
    .name = "restore",
    .operands = {"BACKUP", "LOGFILE"},
    .options = {{"epoch-above", "N", "the next epoch is above N too, which a participant has seen"},
                {"nothing-was-lost", "", "the copy has everything that was ever decided"},
                ReasonOption(),
                OperatorOption()},
    .summary = "make a decision log of a backup: one that knows what it has lost",
    .details =
        "Verifies BACKUP, copies it, verifies the copy, and gives it the name LOGFILE, which must "
        "not be there.\n"
        "Needs no coordinator; run it as the user that settled runs as. What was decided after the "
        "backup is lost:\n"
        "the log's next epoch is far above any that was, and a transaction of the lost time is "
        "unknown, never\n"
        "presumed aborted. Commits that the backup has are driven on. docs/decision_log.md says "
        "what "
        "happens to\n"
        "each kind of transaction.\n"
        "--nothing-was-lost is for a log that was stopped, copied and never started again: with a "
        "copy that is\n"
        "older, abort would be presumed of what was committed since, and data would be torn apart.",
    .run = Run};

}  // namespace settle::cli
