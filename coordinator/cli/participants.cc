#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/pages.h"
#include "cli/pauses.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "vocabulary/shell_word.h"

namespace settle::cli {
namespace {

// A line for the resource with its first session, and one more for each further session.
void AddRows(const wire::ParticipantView& participant, std::int64_t now_us,
             std::vector<Row>& rows) {
  const std::string waiting = fmt::format("{}", participant.waiting);
  Row row{Printable(participant.resource), Printable(participant.identity), waiting, "nobody"};
  const auto add = [&](const std::vector<wire::SessionView>& sessions, const char* what) {
    for (const wire::SessionView& session : sessions) {
      row.resize(3);
      row.insert(row.end(), {Printable(session.process) + what, Since(session.attached_us, now_us),
                             Age(std::chrono::milliseconds(session.idle_ms)),
                             Printable(session.peer_address)});
      rows.push_back(row);
      row = {" ", " ", " "};
    }
  };
  add(participant.sessions, "");
  add(participant.action_sessions, " (actions)");
  if (participant.sessions.empty() && participant.action_sessions.empty()) rows.push_back(row);
}

std::string Text(const std::vector<wire::ParticipantView>& participants,
                 const Surroundings& around) {
  std::vector<Row> rows;
  for (const auto& participant : participants) AddRows(participant, around.now_us, rows);
  std::string text =
      Table({"NAME", "IDENTITY", "WAITING", "SERVED BY", "SINCE", "IDLE", "ANSWERS PEERS AT"}, rows,
            around.paint);
  for (const auto& participant : participants) {
    if (participant.__isset.pause)
      text += "\n" + around.paint.Alarm(PauseText(participant.pause, around.now_us)) + "\n";
    if (participant.refused_identity.empty()) continue;
    text += "\n" + around.paint.Alarm(fmt::format(
                       "{} was refused: another database stands behind that name: {}",
                       Printable(participant.resource), Printable(participant.refused_identity)));
    text += fmt::format(
        "\n  if that is as it should be (nothing of the old database is in doubt any more):\n"
        "  settle participants accept {} {} --reason TEXT\n",
        Printable(participant.resource), ShellWord(Printable(participant.refused_identity)));
  }
  return text;
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  return PrintPages(given, around, "participants", "participants",
                    [&](const wire::PageRequest& request) -> Result<Page> {
                      const auto reply = around.client.Participants(request);
                      if (!reply) return Fail(reply.error());
                      Page page;
                      page.next_cursor = reply->next_cursor;
                      if (around.json) {
                        page.items = ToJson(reply->participants);
                      } else if (!reply->participants.empty()) {
                        page.text = Text(reply->participants, around);
                      } else if (request.cursor.empty()) {
                        page.text = "no participant has attached yet\n";
                      }
                      return page;
                    });
}

}  // namespace

const Verb kParticipants{
    .name = "participants",
    .operands = {},
    .options = WithPageOptions({}),
    .summary = "resources with their databases, participants of sagas, who serves them, what waits",
    .details =
        "IDENTITY is the database that a resource's name stands for; a participant of sagas has "
        "none.\n"
        "WAITING counts the transactions and sagas that wait for the name.\n"
        "ANSWERS PEERS AT is where a process takes part in the recovery rounds of three-phase "
        "commits.",
    .run = Run};

}  // namespace settle::cli
