#include <fmt/format.h>

#include <charconv>
#include <ctime>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/pages.h"
#include "cli/show.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "settle/vocabulary/gtid.h"
#include "vocabulary/shell_word.h"

namespace settle::cli {
namespace {

constexpr std::int64_t kSecond_us = 1'000'000;

// "45m", "24h", "7d" before now; 0: it is none.
std::int64_t AgoOf(const std::string& text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  const std::int64_t seconds = unit == "s"   ? 1
                               : unit == "m" ? 60
                               : unit == "h" ? 3'600
                               : unit == "d" ? 86'400
                                             : 0;
  constexpr std::int64_t kDaysMost = 36'500;
  if (error != std::errc{} || seconds == 0 || count < 1 || count > kDaysMost * 86'400 / seconds)
    return 0;
  return count * seconds * kSecond_us;
}

// "2026-11-25T14:00:00Z", or the day alone; 0: it is none.
std::int64_t TimeOf(const std::string& text) {
  for (const char* form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* const stop = ::strptime(text.c_str(), form, &parts);
    if (stop == nullptr || *stop != '\0') continue;
    return static_cast<std::int64_t>(::timegm(&parts)) * kSecond_us;
  }
  return 0;
}

Result<std::int64_t> SinceOf(const Given& given, std::int64_t now_us) {
  if (!given.Has("since")) return 0;
  const std::string& text = given.options.at("since");
  if (const std::int64_t ago = AgoOf(text); ago != 0)
    return std::max<std::int64_t>(0, now_us - ago);
  if (const std::int64_t at = TimeOf(text); at > 0) return at;
  return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not a time",
              "give --since an age (45m, 24h, 7d) or a time in UTC (2026-11-25T14:00:00Z, "
              "2026-11-25)");
}

Result<wire::AuditRequest> RequestOf(const Given& given, std::int64_t now_us) {
  wire::AuditRequest request;
  const auto since = SinceOf(given, now_us);
  if (!since) return Fail(since.error());
  request.since_us = *since;
  if (given.Has("gtid") && given.Has("resource")) {
    return Fail(ErrorCode::kInvalid, "--gtid and --resource exclude each other",
                "give one of them, or neither");
  }
  if (given.Has("gtid")) {
    const Result<Gtid> gtid = WholeGtid(given.Option("gtid"));
    if (!gtid) return Fail(gtid.error());
    request.target = gtid->text();
  } else if (given.Has("resource")) {
    request.target = given.Option("resource");
    if (Status fits = CheckResourceName(request.target); !fits) return Fail(fits.error());
  }
  if (given.Has("operator")) {
    const Result<std::string> who = Who(given);
    if (!who) return Fail(who.error());
    request.operator_name = *who;
  }
  return request;
}

std::string Text(const wire::AuditReply& reply, const Surroundings& around, bool first_page) {
  std::string text;
  if (first_page && !reply.damage.empty()) {
    text = around.paint.Alarm("the trail is not as it was written: " + Printable(reply.damage)) +
           "\n\n";
  }
  std::vector<Row> rows;
  for (const wire::AuditEntry& entry : reply.entries) {
    rows.push_back({Rfc3339(entry.asked_us), Printable(entry.operator_name),
                    Printable(entry.caller), Printable(entry.action), Printable(entry.target),
                    Printable(entry.result), Printable(entry.reason)});
  }
  if (rows.empty()) return text + (first_page ? "no action of an operator is recorded\n" : "");
  return text + Table({"ASKED", "OPERATOR", "CALLER", "ACTION", "TARGET", "RESULT", "REASON"}, rows,
                      around.paint);
}

Result<Page> Fetch(wire::AuditRequest request, const wire::PageRequest& asked,
                   const Surroundings& around) {
  request.most = asked.most;
  request.cursor = asked.cursor;
  const Result<wire::AuditReply> reply = around.client.ReadAudit(request);
  if (!reply) return Fail(reply.error());
  Page page;
  page.next_cursor = reply->next_cursor;
  if (around.json) {
    page.items = ToJson(reply->entries);
    page.others = {
        {"rows", reply->rows}, {"pruned_rows", reply->pruned}, {"damage", reply->damage}};
  } else {
    page.text = Text(*reply, around, asked.cursor.empty());
  }
  return page;
}

// As it was asked for, for the line that says how to go on.
std::string CommandOf(const Given& given) {
  std::string command = "audit";
  for (const char* option : {"since", "gtid", "resource", "operator"}) {
    if (given.Has(option))
      command += fmt::format(" --{} {}", option, ShellWord(given.Option(option)));
  }
  return command;
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const auto request = RequestOf(given, around.now_us);
  if (!request) return Fail(request.error());
  return PrintPages(given, around, "actions", CommandOf(given),
                    [&](const wire::PageRequest& page) { return Fetch(*request, page, around); });
}

}  // namespace

const Verb kAudit{
    .name = "audit",
    .operands = {},
    .options = WithPageOptions(
        {{"since", "WHEN", "asked for since then: 45m, 24h, 7d ago, or a time in UTC"},
         {"gtid", "GTID", "about this transaction"},
         {"resource", "NAME", "about this resource or participant"},
         {"operator", "NAME", "by whoever said to be NAME"}}),
    .summary = "what operators asked the coordinator to do, and what came of it; newest first",
    .details =
        "Each action is written down before it is done; OPERATOR and REASON are what the operator "
        "said, CALLER\n"
        "is what the connection proves. The result \"asked\" means that none is recorded: the "
        "coordinator ended\n"
        "in between, and it may or may not have been done. Reading leaves no row.",
    .run = Run};

}  // namespace settle::cli
