#include <fmt/format.h>

#include <charconv>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

constexpr std::int32_t kLimitMost = 1000;  // the contract's

Result<std::int32_t> ParseLimit(const std::string& text) {
  std::int32_t limit = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, limit);
  if (error != std::errc{} || stop != end || limit < 1 || limit > kLimitMost) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not a limit",
                fmt::format("give --limit a number from 1 to {}", kLimitMost));
  }
  return limit;
}

Result<wire::ListRequest> RequestOf(const Given& given) {
  wire::ListRequest request;
  if (given.Has("open") + given.Has("ended") + given.Has("all") > 1) {
    return Fail(ErrorCode::kInvalid, "--open, --ended and --all exclude each other",
                "give one of them");
  }
  request.which = given.Has("open") ? "open" : given.Has("ended") ? "ended" : "all";
  const Result<std::int32_t> limit = ParseLimit(given.Option("limit", "100"));
  if (!limit) return Fail(limit.error());
  request.most = *limit;
  request.cursor = given.Option("cursor");
  if (request.cursor.size() > 200 || !IsPrintable(request.cursor)) {
    return Fail(ErrorCode::kInvalid, "the cursor is not one that list gave");
  }
  return request;
}

Row RowOf(const wire::TransactionView& transaction, std::int64_t now_us) {
  const std::int64_t until = transaction.ended_us != 0 ? transaction.ended_us : now_us;
  std::string resources;
  for (const wire::BranchView& branch : transaction.branches) {
    resources += (resources.empty() ? "" : " ") + Printable(branch.resource);
  }
  const bool undecided = transaction.ending.outcome == wire::Outcome::UNDECIDED;
  return {Printable(transaction.gtid),
          Printable(transaction.state),
          undecided ? "" : Word(transaction.ending.outcome),
          Rfc3339(transaction.began_us),
          Since(transaction.began_us, until),
          resources,
          Printable(transaction.owner),
          Printable(transaction.comment)};
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<wire::ListRequest> request = RequestOf(given);
  if (!request) return Fail(request.error());
  const Result<wire::ListReply> reply = around.client.List(*request);
  if (!reply) return Fail(reply.error());

  Answer answer;
  answer.json = {{"transactions", ToJson(reply->transactions)},
                 {"next_cursor", reply->next_cursor}};
  if (reply->transactions.empty()) {
    answer.text = request->which == "all" ? "no transactions\n"
                                          : fmt::format("no {} transactions\n", request->which);
    return answer;
  }
  std::vector<Row> rows;
  for (const auto& transaction : reply->transactions)
    rows.push_back(RowOf(transaction, around.now_us));
  answer.text =
      Table({"GTID", "STATE", "OUTCOME", "BEGAN", "LASTED", "RESOURCES", "OWNER", "COMMENT"}, rows,
            around.paint);
  if (!reply->next_cursor.empty()) {
    answer.text += fmt::format("\nthere are more: settle list --{} --limit {} --cursor '{}'\n",
                               request->which, request->most, Printable(reply->next_cursor));
  }
  return answer;
}

}  // namespace

const Verb kList{
    .name = "list",
    .operands = {},
    .options = {{"open", "", "those that have not ended"},
                {"ended", "", "those that have"},
                {"all", "", "both (this is the default)"},
                {"limit", "N", "at most so many, 1 to 1000; 100 if not given"},
                {"cursor", "C", "continue where an earlier list stopped"}},
    .summary = "transactions, newest first, a page at a time",
    .details = "LASTED is the time from begin to the end, or to now by this machine's clock.",
    .run = Run};

}  // namespace settle::cli
