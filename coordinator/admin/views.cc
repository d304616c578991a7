#include "admin/views.h"

#include <algorithm>

#include "engine/await.h"

namespace settle::coordinator {
namespace {

constexpr const char* kOpenCursor = "open:";
constexpr const char* kEndedCursor = "ended:";

bool IsUnfinished(const BranchSummary& branch) {
  return branch.state == "committing" || branch.state == "aborting" ||
         branch.state == "one-phase" || branch.state == "preparing";
}

std::string BranchesThatAreOut(const TransactionSummary& summary) {
  std::string out;
  for (const BranchSummary& branch : summary.branches) {
    if (!IsUnfinished(branch)) continue;
    out += (out.empty() ? "" : ", ") + std::string("branch ") + std::to_string(branch.number) +
           " in " + branch.resource;
    if (!branch.last_error.empty()) out += " (" + branch.last_error + ")";
  }
  return out;
}

bool IsDamaged(const TransactionSummary& summary) {
  return summary.state == "damaged" || summary.state == "forgetting";
}

bool IsInDoubt(const TransactionSummary& summary) {
  return summary.state == "committing" || summary.state == "one-phase" ||
         IsDamaged(summary) || summary.state == "quarantined" ||
         (summary.state == "aborting" && !BranchesThatAreOut(summary).empty());
}

tl::unexpected<Error> NotACursor(const std::string& cursor) {
  return Fail(ErrorCode::kInvalid, "\"" + Escaped(cursor) + "\" is not a cursor of this list",
              "use the one that the last page gave");
}

}  // namespace

TransactionView Explain(TransactionSummary summary) {
  TransactionView view;
  const std::string out = BranchesThatAreOut(summary);
  const std::string gtid = summary.gtid.text();
  if (summary.state == "active") {
    view.waiting_for =
        "its application to ask for commit or abort; the deadline aborts it otherwise";
    view.advice = "nothing is needed; 'settle resolve " + gtid + " abort --reason ...' ends it now";
  } else if (summary.state == "preparing") {
    view.waiting_for = "the vote of " + out;
    view.advice = "nothing is needed; the vote time-out aborts it otherwise";
  } else if (summary.state == "deciding" || summary.state == "delegating") {
    view.waiting_for = "the decision log's disk";
  } else if (summary.state == "one-phase") {
    view.waiting_for = "proof of what became of its only branch: " + out;
    view.advice =
        "bring a process that serves the resource back; the database's own record decides";
  } else if (summary.state == "committing" || summary.state == "aborting") {
    const std::string verb = summary.state == "committing" ? "commit" : "abort";
    view.waiting_for = out + " to " + verb;
    if (out.empty())
      view.waiting_for = "the decision log's disk, to record what became of its branches";
    if (!out.empty())
      view.advice = "bring a process that serves the resource back: the decision is " + verb +
                    " and is sent again by itself; 'settle resolve " + gtid + " " + verb +
                    " --reason ...' sends it now";
  } else if (summary.state == "damaged") {
    view.waiting_for = "a person";
    view.advice =
        "compare its branches with their databases and repair by hand; then 'settle forget " +
        gtid + " --reason ...' lets go of it. What is damaged: " + summary.ending.reason;
  } else if (summary.state == "quarantined") {
    view.waiting_for = "a person";
    view.advice =
        "nothing is sent for it and nothing is presumed: compare its branches with their databases, "
        "and the log with a backup; end by hand what is still prepared there, all of it alike; then "
        "'settle forget " +
        gtid + " --reason ...' lets go of it";
  } else if (summary.state == "forgetting") {
    view.waiting_for = "the decision log's disk, to record that it is repaired";
  }
  view.summary = std::move(summary);
  return view;
}

Views::Views(Engine& engine, DecisionLog& log, Inquiry& inquiry, Clock& clock)
    : engine_(engine), log_(log), inquiry_(inquiry), clock_(clock), started_(clock.WallNow()) {}

Result<std::vector<TransactionSummary>> Views::Open() const {
  return Await<std::vector<TransactionSummary>>([&](auto done) { engine_.ListOpen(done); });
}

Result<StatusView> Views::Status() const {
  auto open = Open();
  if (!open) return Fail(open.error());
  auto participants = Participants();
  if (!participants) return Fail(participants.error());
  StatusView status{log_.identity(), started_, {}, 0, log_.totals(), 0};
  for (const TransactionSummary& one : *open) {
    ++status.open[one.state];
    status.damaged += IsDamaged(one) ? 1 : 0;
  }
  std::vector<SessionId> sessions;
  for (const ParticipantRow& row : *participants) {
    for (const SessionView& session : row.view.sessions) sessions.push_back(session.session);
  }
  std::sort(sessions.begin(), sessions.end());
  status.sessions =
      static_cast<std::size_t>(std::unique(sessions.begin(), sessions.end()) - sessions.begin());
  return status;
}

Result<TransactionPage> Views::List(Which which, std::size_t most,
                                    const std::string& cursor) const {
  TransactionPage page;
  const bool in_ended = cursor.starts_with(kEndedCursor);
  const bool in_open = cursor.empty() || cursor.starts_with(kOpenCursor);
  if (!in_ended && !in_open) return NotACursor(cursor);
  if (which == Which::kOpen && in_ended) return NotACursor(cursor);
  if (most == 0)
    return Fail(ErrorCode::kInvalid, "a page of no transactions", "ask for at least one");
  if (which != Which::kEnded && !in_ended) {
    auto open = Open();
    if (!open) return Fail(open.error());
    const std::string after = cursor.empty() ? "" : cursor.substr(std::string(kOpenCursor).size());
    const Result<Gtid> bound = after.empty() ? Result<Gtid>(Gtid{}) : Gtid::Parse(after);
    if (!bound) return NotACursor(cursor);
    for (TransactionSummary& one : *open) {
      if (!bound->empty() && one.gtid >= *bound) continue;
      if (page.transactions.size() == most) {
        page.next_cursor = kOpenCursor + page.transactions.back().summary.gtid.text();
        return page;
      }
      one.timeline.clear();  // for show alone: a list of a million must stay small
      page.transactions.push_back(Explain(std::move(one)));
    }
    if (which == Which::kOpen) return page;
    if (page.transactions.size() == most) {
      page.next_cursor = kEndedCursor;
      return page;
    }
  }
  const std::string from = in_ended ? cursor.substr(std::string(kEndedCursor).size()) : "";
  auto ended = log_.ListEnded(most - page.transactions.size(), from);
  if (!ended) return Fail(ended.error());
  for (TransactionSummary& one : ended->transactions) {
    one.timeline.clear();
    page.transactions.push_back(Explain(std::move(one)));
  }
  if (!ended->next_cursor.empty()) page.next_cursor = kEndedCursor + ended->next_cursor;
  return page;
}

Result<TransactionView> Views::Show(const Gtid& gtid) const {
  auto running = Await<TransactionSummary>([&](auto done) { engine_.Show(gtid, done); });
  if (running) return Explain(*std::move(running));
  if (running.error().code != ErrorCode::kNotFound) return Fail(running.error());
  auto ended = log_.FindEnded(gtid);
  if (!ended) return Fail(ended.error());
  if (*ended) return Explain(**std::move(ended));
  Result<Ending> presumed = inquiry_.AskOutcome(gtid);
  if (!presumed) return Fail(presumed.error());
  TransactionSummary summary;
  summary.gtid = gtid;
  summary.state = "done";
  summary.ending = *presumed;
  return Explain(std::move(summary));
}

Result<InDoubtView> Views::InDoubt() const {
  auto open = Open();
  if (!open) return Fail(open.error());
  InDoubtView view{{}, inquiry_.Strays()};
  for (TransactionSummary& one : *open) {
    if (IsInDoubt(one)) view.transactions.push_back(Explain(std::move(one)));
  }
  return view;
}

Result<std::vector<ParticipantRow>> Views::Participants() const {
  auto views = Await<std::vector<ParticipantView>>([&](auto done) { engine_.Participants(done); });
  if (!views) return Fail(views.error());
  auto open = Open();
  if (!open) return Fail(open.error());
  std::map<std::string, std::size_t> waiting;
  for (const TransactionSummary& one : *open) {
    std::vector<std::string> counted;
    for (const BranchSummary& branch : one.branches) {
      if (!IsUnfinished(branch) || std::count(counted.begin(), counted.end(), branch.resource) != 0)
        continue;
      counted.push_back(branch.resource);
      ++waiting[branch.resource];
    }
  }
  std::vector<ParticipantRow> rows;
  for (ParticipantView& participant : *views) {
    const std::size_t count = waiting[participant.resource];
    rows.push_back({std::move(participant), count});
  }
  return rows;
}

}  // namespace settle::coordinator
