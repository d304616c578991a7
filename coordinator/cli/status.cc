#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/pauses.h"
#include "cli/table.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

std::string OpenText(const std::map<std::string, std::int64_t>& open) {
  std::int64_t all = 0;
  std::string states;
  for (const auto& [state, count] : open) {
    all += count;
    if (count != 0)
      states += fmt::format("{}{} {}", states.empty() ? "" : ", ", count, Printable(state));
  }
  return states.empty() ? "0" : fmt::format("{} ({})", all, states);
}

std::string EndedText(const wire::StatusReply& status) {
  const std::string through =
      fmt::format("all through sequence {} of epoch {}", status.ended_sequence, status.ended_epoch);
  if (status.oldest_unended.empty()) return through;
  return through + "; the oldest that has not is " + Printable(status.oldest_unended);
}

// Empty of a coordinator that does not say.
std::string WrittenText(const wire::StatusReply& status) {
  if (!status.__isset.log_records) return {};
  return fmt::format("{} records, {} of them forced, in {} flushes", status.log_records,
                     status.log_records_forced, status.log_flushes);
}

// As WrittenText.
std::string MessagesText(const wire::StatusReply& status) {
  if (!status.__isset.commands_sent) return {};
  return fmt::format("{} commands sent, {} reports taken", status.commands_sent,
                     status.reports_taken);
}

// As WrittenText, as are the next two.
std::string InDoubtText(const wire::StatusReply& status, const Surroundings& around) {
  if (!status.__isset.in_doubt) return {};
  const std::string oldest = Since(status.oldest_in_doubt_us, around.now_us);
  const std::string text =
      fmt::format("{}{}", status.in_doubt, oldest.empty() ? "" : ", the oldest for " + oldest);
  return status.in_doubt == 0 ? text : around.paint.Alarm(text);
}

std::string PausesText(const wire::StatusReply& status, const Surroundings& around) {
  if (!status.__isset.pauses) return {};
  std::string text;
  for (const wire::PauseView& pause : status.pauses)
    text += (text.empty() ? "" : "; ") + PauseText(pause, around.now_us);
  return text.empty() ? "nothing" : around.paint.Alarm(text);
}

std::string AuditText(const wire::StatusReply& status, const Surroundings& around) {
  if (!status.__isset.audit_rows) return {};
  std::string text = fmt::format("{} rows", status.audit_rows);
  if (status.audit_pruned != 0) text += fmt::format(", {} older ones pruned", status.audit_pruned);
  if (status.audit_damage.empty()) return text;
  return text + "; " +
         around.paint.Alarm("not as it was written: " + Printable(status.audit_damage));
}

// Of a log that was restored; empty of any other.
std::string LostText(const wire::StatusReply& status) {
  std::string text;
  for (const wire::LostEpochsView& lost : status.lost) {
    text += fmt::format("{}epochs {} to {}: restored from {}{}", text.empty() ? "" : "; ",
                        lost.first, lost.last,
                        lost.taken_us == 0 ? "a copy" : "the backup of " + Rfc3339(lost.taken_us),
                        lost.settled ? ", looked after"
                                     : fmt::format(", settled --losses-settled {} once it was "
                                                   "looked after",
                                                   lost.last));
  }
  return text;
}

Result<Answer> Run(const Given&, Surroundings& around) {
  const Result<wire::StatusReply> status = around.client.ReadStatus();
  if (!status) return Fail(status.error());
  const std::string up = Since(status->started_us, around.now_us);
  const std::string heuristics = fmt::format("{}", status->heuristics);
  return Answer{
      .text = Fields(
          {{"log", Printable(status->log_id)},
           {"epoch", fmt::format("{}", status->epoch)},
           {"release", Printable(status->release)},
           {"started", fmt::format("{} ({} ago)", Rfc3339(status->started_us), up)},
           {"sessions", fmt::format("{}", status->sessions)},
           {"open", OpenText(status->open)},
           {"sagas", fmt::format("{} of these", status->sagas)},
           {"ended", EndedText(*status)},
           {"committed", fmt::format("{}", status->committed)},
           {"aborted", fmt::format("{}", status->aborted)},
           {"heuristics", status->heuristics == 0 ? heuristics : around.paint.Alarm(heuristics)},
           {"forgotten", fmt::format("{}", status->forgotten)},
           {"in doubt", InDoubtText(*status, around)},
           {"paused", PausesText(*status, around)},
           {"audit", AuditText(*status, around)},
           {"log writes", WrittenText(*status)},
           {"messages", MessagesText(*status)},
           {"lost", status->lost.empty() ? "" : around.paint.Alarm(LostText(*status))}},
          around.paint),
      .json = ToJson(*status)};
}

}  // namespace

const Verb kStatus{
    .name = "status",
    .operands = {},
    .options = {},
    .summary = "the coordinator at a glance: its log, epoch, open transactions, counts",
    .details =
        "Heuristics above 0 are transactions that somebody or something damaged: see "
        "'settle in-doubt'.\n"
        "Ended says how far all sagas and undecided transactions have: what participants keep to "
        "tell repeated\n"
        "calls of sagas they throw away up to there.\n"
        "Forgotten are those that a person has repaired and let go of with 'settle forget'.\n"
        "Log writes, and messages to and from participants, are counted since the coordinator "
        "started; messages that\n"
        "travelled in one batch are counted one by one.\n"
        "Lost says of a log that was restored from a backup in which epochs it does not know "
        "everything: what is\n"
        "not in it of these is unknown, and never presumed aborted.",
    .run = Run};

}  // namespace settle::cli
