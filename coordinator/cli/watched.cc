#include "cli/watched.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/json.h"
#include "cli/pauses.h"
#include "cli/text.h"

namespace settle::cli {
namespace {

using Style = ScreenLine::Look;

std::string Number(double rate) { return fmt::format("{:.1f}", rate); }

std::string RatesText(const std::optional<Rates>& rates, const char* between) {
  const auto one = [&](double Rates::*rate) { return rates ? Number((*rates).*rate) : "-"; };
  return fmt::format("commits/s {1}{0}aborts/s {2}{0}log flushes/s {3}{0}records/flush {4}",
                     between, one(&Rates::commits), one(&Rates::aborts), one(&Rates::flushes),
                     one(&Rates::records_per_flush));
}

std::string OpenText(const wire::StatusReply& status) {
  std::int64_t all = 0;
  std::string states;
  for (const auto& [state, count] : status.open) {
    all += count;
    if (count != 0)
      states += fmt::format("{}{} {}", states.empty() ? ": " : ", ", count, Printable(state));
  }
  return fmt::format("open {}{}", all, states);
}

std::string InDoubtText(const Look& look, std::int64_t wall_us) {
  const std::string oldest = Since(look.status.oldest_in_doubt_us, wall_us);
  return fmt::format("in doubt {}{}", look.status.in_doubt,
                     oldest.empty() ? "" : ", the oldest for " + oldest);
}

std::string UnreachableText(const Watched& watched, std::int64_t wall_us) {
  return fmt::format("unreachable since {} ({}): {}", Rfc3339(watched.unreachable_us()),
                     Since(watched.unreachable_us(), wall_us), Printable(watched.why()));
}

// The first so many characters.
std::string Cut(const std::string& text, std::size_t columns) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (begins && characters++ == columns) return text.substr(0, i);
  }
  return text;
}

void AddWaiting(const wire::StatusReply& status, std::vector<ScreenLine>& lines) {
  if (status.waiting.empty()) return;
  lines.push_back({"", Style::kPlain});
  lines.push_back({"WAITING  FOR", Style::kBold});
  for (const auto& [name, count] : status.waiting)
    lines.push_back({fmt::format("{:>7}  {}", count, Printable(name)), Style::kPlain});
}

void AddInDoubt(const Look& look, std::int64_t wall_us, std::vector<ScreenLine>& lines) {
  if (look.in_doubt.empty()) return;
  lines.push_back({"", Style::kPlain});
  lines.push_back({"IN DOUBT, newest first", Style::kBold});
  for (const wire::TransactionView& one : look.in_doubt) {
    lines.push_back({fmt::format("{}  {}  {}  {}", Printable(one.gtid), Printable(one.state),
                                 Since(one.began_us, wall_us), Printable(one.comment)),
                     Style::kPlain});
    if (!one.waiting_for.empty())
      lines.push_back({"  waits for " + Printable(one.waiting_for), Style::kPlain});
  }
}

void AddCoordinator(const Watched& watched, std::int64_t wall_us, std::vector<ScreenLine>& lines) {
  const Look& look = *watched.latest();
  const wire::StatusReply& status = look.status;
  lines.push_back(
      {fmt::format("log {}  epoch {}  release {}  up {}", Printable(status.log_id), status.epoch,
                   Printable(status.release), Since(status.started_us, wall_us)),
       Style::kPlain});
  lines.push_back({RatesText(watched.rates(), "   "), Style::kPlain});
  lines.push_back({fmt::format("{}   undecided {}   sagas {}   sessions {}", OpenText(status),
                               status.undecided, status.sagas, status.sessions),
                   Style::kPlain});
  const bool doubt = status.in_doubt != 0 || status.heuristics != 0;
  lines.push_back({fmt::format("{}   heuristics {}", InDoubtText(look, wall_us), status.heuristics),
                   doubt ? Style::kAlarm : Style::kPlain});
  for (const wire::PauseView& pause : status.pauses)
    lines.push_back({PauseText(pause, wall_us), Style::kAlarm});
  AddWaiting(status, lines);
  AddInDoubt(look, wall_us, lines);
}

}  // namespace

void Watched::Add(Look look) {
  rates_.reset();
  if (latest_ && latest_->status.started_us == look.status.started_us &&
      latest_->status.log_id == look.status.log_id) {
    const double seconds = std::chrono::duration<double>(look.at - latest_->at).count();
    const auto since = [&](std::int64_t wire::StatusReply::*count) {
      return static_cast<double>(
          std::max<std::int64_t>(0, look.status.*count - latest_->status.*count));
    };
    const double flushes = since(&wire::StatusReply::log_flushes);
    const double records = since(&wire::StatusReply::log_records);
    if (seconds > 0) {
      rates_ = Rates{since(&wire::StatusReply::committed) / seconds,
                     since(&wire::StatusReply::aborted) / seconds, flushes / seconds,
                     flushes == 0 ? 0 : records / flushes};
    }
  }
  latest_ = std::move(look);
  unreachable_us_ = 0;
  why_.clear();
}

void Watched::AddFailure(std::int64_t wall_us, const std::string& why) {
  if (unreachable_us_ == 0) unreachable_us_ = wall_us;
  why_ = why;
  rates_.reset();
}

std::string WatchLine(const Watched& watched, std::int64_t wall_us) {
  const std::string now = Rfc3339(wall_us) + "  ";
  if (watched.unreachable_us() != 0) return now + UnreachableText(watched, wall_us) + "\n";
  const Look& look = *watched.latest();
  std::string text =
      fmt::format("{}{}  {}  {}  heuristics {}  sessions {}", now, RatesText(watched.rates(), "  "),
                  OpenText(look.status), InDoubtText(look, wall_us), look.status.heuristics,
                  look.status.sessions);
  for (const wire::PauseView& pause : look.status.pauses) text += "  " + PauseText(pause, wall_us);
  return text + "\n";
}

Json WatchJson(const Watched& watched, std::int64_t wall_us) {
  Json json{{"at", Rfc3339(wall_us)}, {"at_us", wall_us}};
  const bool reachable = watched.unreachable_us() == 0;
  json["reachable"] = reachable;
  if (!reachable) {
    json["unreachable_since"] = Rfc3339(watched.unreachable_us());
    json["unreachable_since_us"] = watched.unreachable_us();
    json["why"] = watched.why();
    return json;
  }
  const auto& rates = watched.rates();
  json["rates"] = rates ? Json{{"commits_per_s", rates->commits},
                               {"aborts_per_s", rates->aborts},
                               {"log_flushes_per_s", rates->flushes},
                               {"records_per_flush", rates->records_per_flush}}
                        : Json(nullptr);
  json["status"] = ToJson(watched.latest()->status);
  json["transactions"] = ToJson(watched.latest()->in_doubt);
  return json;
}

std::vector<ScreenLine> WatchScreen(const Watched& watched, const std::string& address,
                                    std::int64_t wall_us, std::size_t rows, std::size_t columns) {
  std::vector<ScreenLine> lines{
      {fmt::format("settle watch {}   {}", address, Rfc3339(wall_us)), Style::kBold}};
  if (watched.unreachable_us() != 0) {
    lines.push_back({UnreachableText(watched, wall_us), Style::kAlarm});
    if (watched.latest()) {
      lines.push_back(
          {"what follows was so at " + Rfc3339(watched.latest()->wall_us), Style::kPlain});
    }
  }
  if (watched.latest()) AddCoordinator(watched, wall_us, lines);
  const std::size_t most = std::max<std::size_t>(1, rows) - 1;
  if (lines.size() > most) lines.resize(most);
  lines.push_back({"q quits", Style::kBold});
  for (ScreenLine& line : lines) line.text = Cut(line.text, columns);
  return lines;
}

}  // namespace settle::cli
