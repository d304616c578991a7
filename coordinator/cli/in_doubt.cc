#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/pages.h"
#include "cli/table.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

bool HasEnded(const wire::BranchView& branch) {
  return branch.state == "committed" || branch.state == "aborted" || branch.state == "read-only" ||
         branch.state == "confirmed" || branch.state == "cancelled";
}

// A step of a saga that was called and has not answered, or was given up.
bool IsOutstanding(const wire::BranchView& step) {
  return step.state == "running" || step.state == "fencing" || step.state == "undoing" ||
         step.state == "skipping" || step.state == "skipped";
}

// How the sites stand whose majority decides.
std::string Why(const wire::QuorumView& quorum) {
  std::string why;
  for (const wire::SiteView& site : quorum.sites) {
    const std::string name =
        site.number == 0 ? "the witness"
                         : fmt::format("site {} ({})", site.number, Printable(site.resource));
    why += fmt::format("{}{} {}", why.empty() ? "" : "; ", name,
                       site.state.empty() ? "was not heard" : "is " + Printable(site.state));
  }
  return why;
}

// The branches that keep it from ending, each with how it stands.
std::string Why(const wire::TransactionView& transaction) {
  const bool undecided = transaction.ending.outcome == wire::Outcome::UNDECIDED;
  if (undecided && !transaction.quorum.sites.empty()) return Why(transaction.quorum);
  std::string why;
  for (const wire::BranchView& branch : transaction.branches) {
    const bool of_saga = transaction.__isset.saga;
    if (of_saga ? !IsOutstanding(branch) : HasEnded(branch)) continue;
    const std::string what = of_saga ? Printable(branch.identity)  // "step flight, action reserve"
                                     : fmt::format("branch {}", branch.branch);
    why += fmt::format("{}{} {} {} is {}, tried {} {}", why.empty() ? "" : "; ", what,
                       of_saga ? "at" : "in", Printable(branch.resource), Printable(branch.state),
                       branch.attempts, branch.attempts == 1 ? "time" : "times");
    if (!branch.last_error.empty()) why += ": " + Printable(branch.last_error);
  }
  return why;
}

std::string TransactionText(const wire::TransactionView& transaction, const Surroundings& around) {
  const std::string age = Since(transaction.began_us, around.now_us);
  return fmt::format("\n{}  {}{}\n", around.paint.Bold(Printable(transaction.gtid)),
                     Printable(transaction.state), age.empty() ? "" : ", " + age + " old") +
         Fields({{"  outcome", EndingText(transaction.ending)},
                 {"  protocol", ProtocolOf(transaction)},
                 {"  owner", Printable(transaction.owner)},
                 {"  identity", Printable(transaction.identity)},
                 {"  comment", Printable(transaction.comment)},
                 {"  began", Rfc3339(transaction.began_us)},
                 {"  why", Why(transaction)},
                 {"  waits for", Printable(transaction.waiting_for)},
                 {"  advice", Printable(transaction.advice)}},
                Paint{});
}

std::string StraysText(const std::vector<wire::StrayView>& strays, const Surroundings& around) {
  std::vector<Row> rows;
  for (const wire::StrayView& stray : strays) {
    rows.push_back({Printable(stray.resource), Printable(stray.database_name), Printable(stray.why),
                    Rfc3339(stray.first_seen_us), Rfc3339(stray.last_seen_us)});
  }
  return Table(
      {"RESOURCE", "NAME IN THE DATABASE", "WHY IT IS LEFT ALONE", "FIRST SEEN", "LAST SEEN"}, rows,
      around.paint);
}

std::string Text(const wire::InDoubtReply& reply, bool first_page, const Surroundings& around) {
  const std::int64_t count = reply.count;
  if (first_page && count == 0 && reply.strays.empty()) return "nothing is in doubt\n";
  std::string text;
  if (first_page && count == 0) text = "no transaction is in doubt\n";
  if (first_page && count != 0) {
    text = around.paint.Alarm(
               fmt::format("{} transaction{} in doubt", count, count == 1 ? " is" : "s are")) +
           "\n";
  }
  if (!reply.strays.empty()) {
    text += fmt::format("\n{} prepared branch{} found that this log does not answer for\n\n",
                        reply.strays.size(), reply.strays.size() == 1 ? " was" : "es were");
    text += StraysText(reply.strays, around);
    text +=
        "\nTheir own coordinator ends them. Where it never will: 'settle resolve --resource "
        "NAME --prepared\nNAME_IN_THE_DATABASE commit|abort --heuristic --reason ...'; with "
        "--dry-run it says what that would do.\n";
  }
  for (const auto& transaction : reply.transactions) text += TransactionText(transaction, around);
  return text;
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  bool any = false;
  Result<Answer> answer =
      PrintPages(given, around, "transactions", "in-doubt",
                 [&](const wire::PageRequest& request) -> Result<Page> {
                   const Result<wire::InDoubtReply> reply = around.client.InDoubt(request);
                   if (!reply) return Fail(reply.error());
                   any = any || !reply->transactions.empty() || !reply->strays.empty();
                   Page page;
                   page.next_cursor = reply->next_cursor;
                   if (around.json) {
                     page.items = ToJson(reply->transactions);
                     page.others = {{"count", reply->count}, {"strays", ToJson(reply->strays)}};
                   } else {
                     page.text = Text(*reply, request.cursor.empty(), around);
                   }
                   return page;
                 });
  if (answer && answer->exit == ExitCode::kOk && any && given.Has("check")) {
    answer->exit = ExitCode::kInDoubt;
  }
  return answer;
}

}  // namespace

const Verb kInDoubt{
    .name = "in-doubt",
    .operands = {},
    .options = WithPageOptions({{"check", "", "exit with 6 if there is anything, for monitoring"}}),
    .summary = "what is in doubt: how old, why, what it waits for, what can safely be done",
    .details =
        "A three-phase commit that waits for a majority of its sites says how each of them stands "
        "and which\n"
        "are missing.\n"
        "Also lists strays, on the first page: prepared branches that a scan of a database found "
        "and that\n"
        "this log does not answer for. They are left alone, since only their own coordinator knows "
        "how they\n"
        "ended; 'settle resolve --prepared' is for where it will never say.",
    .run = Run};

}  // namespace settle::cli
