#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/pages.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

Row RowOf(const wire::TransactionView& transaction, std::int64_t now_us) {
  const std::int64_t until = transaction.ended_us != 0 ? transaction.ended_us : now_us;
  std::string resources;
  for (const wire::BranchView& branch : transaction.branches) {
    resources += (resources.empty() ? "" : " ") + Printable(branch.resource);
  }
  const bool undecided = transaction.ending.outcome == wire::Outcome::UNDECIDED;
  return {Printable(transaction.gtid),
          ProtocolOf(transaction),
          Printable(transaction.state),
          undecided ? "" : Word(transaction.ending.outcome),
          Rfc3339(transaction.began_us),
          Since(transaction.began_us, until),
          resources,
          Printable(transaction.owner),
          Printable(transaction.comment)};
}

Result<Page> Fetch(AdminClient& client, const std::string& which, const wire::PageRequest& page,
                   const Surroundings& around) {
  wire::ListRequest request;
  request.which = which;
  request.most = page.most;
  request.cursor = page.cursor;
  Result<wire::ListReply> reply = client.List(request);
  if (!reply) return Fail(reply.error());
  Page answer;
  answer.next_cursor = reply->next_cursor;
  if (around.json) {
    answer.items = ToJson(reply->transactions);
    return answer;
  }
  std::vector<Row> rows;
  for (const auto& transaction : reply->transactions)
    rows.push_back(RowOf(transaction, around.now_us));
  if (!rows.empty()) {
    answer.text = Table({"GTID", "PROTOCOL", "STATE", "OUTCOME", "BEGAN", "LASTED", "RESOURCES",
                         "OWNER", "COMMENT"},
                        rows, around.paint);
  } else if (page.cursor.empty() && reply->next_cursor.empty()) {
    answer.text = which == "all" ? "no transactions\n" : fmt::format("no {} transactions\n", which);
  }
  return answer;
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  if (given.Has("open") && given.Has("ended")) {
    return Fail(ErrorCode::kInvalid, "--open and --ended exclude each other",
                "give neither to list both");
  }
  const std::string which = given.Has("open") ? "open" : given.Has("ended") ? "ended" : "all";
  return PrintPages(
      given, around, "transactions", which == "all" ? "list" : "list --" + which,
      [&](const wire::PageRequest& page) { return Fetch(around.client, which, page, around); });
}

}  // namespace

const Verb kList{
    .name = "list",
    .operands = {},
    .options = WithPageOptions(
        {{"open", "", "only those that have not ended"}, {"ended", "", "only those that have"}}),
    .summary = "transactions, newest first, those that have not ended before those that have",
    .details =
        "PROTOCOL is 2pc, 3pc or saga. LASTED is the time from begin to the end, or to now by this "
        "machine's clock.\n"
        "One that ends while the pages are read may be shown twice: open, then ended.",
    .run = Run};

}  // namespace settle::cli
