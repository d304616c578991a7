#include "admin/views.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "engine/await.h"

namespace settle::coordinator {
namespace {

constexpr const char* kOpenCursor = "open:";
constexpr const char* kEndedCursor = "ended:";

bool IsUnfinished(const BranchSummary& branch) {
  return branch.state == "committing" || branch.state == "aborting" ||
         branch.state == "one-phase" || branch.state == "preparing" || branch.state == "running" ||
         branch.state == "fencing" || branch.state == "undoing" || branch.state == "trying" ||
         branch.state == "confirming" || branch.state == "cancelling";
}

std::string BranchesThatAreOut(const TransactionSummary& summary) {
  std::string out;
  for (const BranchSummary& branch : summary.branches) {
    if (!IsUnfinished(branch)) continue;
    // A saga's: "step flight, action reserve-seat".
    out += (out.empty() ? "" : ", ") +
           (summary.saga ? branch.identity + " at " + branch.resource
                         : "branch " + std::to_string(branch.number) + " in " + branch.resource);
    if (!branch.last_error.empty()) out += " (" + branch.last_error + ")";
  }
  return out;
}

tl::unexpected<Error> NotACursor(const std::string& cursor) {
  return Fail(ErrorCode::kInvalid, "\"" + Escaped(cursor) + "\" is not a cursor of this list",
              "use the one that the last page gave");
}

tl::unexpected<Error> APageOfNone() {
  return Fail(ErrorCode::kInvalid, "a page of nothing was asked for", "ask for at least one");
}

// The gtid that a page of open transactions goes on after; none for the first page.
Result<Gtid> AfterGtid(const std::string& cursor) {
  if (cursor.empty()) return Gtid{};
  Result<Gtid> gtid = cursor.starts_with(kOpenCursor)
                          ? Gtid::Parse(cursor.substr(std::string_view(kOpenCursor).size()))
                          : Fail(ErrorCode::kInvalid, "");
  if (!gtid) return NotACursor(cursor);
  return gtid;
}

std::string CursorAfter(const TransactionSummary& last) { return kOpenCursor + last.gtid.text(); }

// "bring a process back, or ...": the stock agent serves the databases that Settle knows.
std::string BringAProcessBack(const TransactionSummary& summary) {
  const auto out = std::find_if(summary.branches.begin(), summary.branches.end(), IsUnfinished);
  const std::string bring = "bring a process that serves the resource back";
  if (out == summary.branches.end()) return bring;
  if (IsReservation(*out)) return "bring a process that serves the participant back";
  const std::string& identity = out->identity.empty() ? out->evidence.database : out->identity;
  if (!identity.starts_with("postgresql:") && !identity.starts_with("sqlite:")) return bring;
  return bring + ", or run 'settle agent --resource " + out->resource + " ...'";
}

bool IsPivot(const TransactionSummary& summary, BranchNumber step) {
  if (!summary.saga) return false;
  const auto& steps = summary.saga->steps;
  return std::any_of(steps.begin(), steps.end(), [step](const StepSummary& one) {
    return one.number == step && one.kind == saga::StepKind::kPivot;
  });
}

// What a person can do about the first of a saga's steps that does not get on, or else about the
// first one that is out.
std::string HelpForASaga(const TransactionSummary& summary) {
  const auto& steps = summary.branches;
  const auto is_stuck = [](const BranchSummary& step) {
    return IsUnfinished(step) && !step.last_error.empty();
  };
  const auto stuck = std::find_if(steps.begin(), steps.end(), is_stuck);
  const auto out =
      stuck == steps.end() ? std::find_if(steps.begin(), steps.end(), IsUnfinished) : stuck;
  if (out == steps.end()) return "";
  const std::string& participant = out->resource;
  const std::string of = summary.gtid.text() + " --step " + std::to_string(out->number);
  const std::string cause =
      stuck == steps.end() ? "nothing is needed while " + participant + " is at work"
      : out->last_error == NobodyServes(participant) ? "start a process that serves " + participant
                                                     : "mend the cause at " + participant;
  std::string advice =
      cause + ": the call is repeated by itself; 'settle retry " + of + "' repeats it now";
  if (stuck == steps.end()) return advice;
  const bool past_pivot = std::any_of(steps.begin(), steps.end(), [&](const BranchSummary& step) {
    return step.state == "done" && IsPivot(summary, step.number);
  });
  if (out->state == "undoing" || past_pivot) {
    return advice + "; what can never succeed: 'settle set-input " + of +
           " --input JSON --reason ...' corrects it, 'settle skip " + of +
           " --reason ...' gives it up as damage";
  }
  if (summary.state != "running") return advice;
  return advice + "; 'settle saga cancel " + summary.gtid.text() +
         " --reason ...' turns the saga back";
}

// The same for a confirm or cancel.
std::string HelpForTheReserved(const TransactionSummary& summary) {
  const auto stuck = std::find_if(
      summary.branches.begin(), summary.branches.end(), [](const BranchSummary& branch) {
        return IsReservation(branch) && IsUnfinished(branch) && !branch.last_error.empty();
      });
  if (stuck == summary.branches.end()) return "";
  return "; what can never succeed: 'settle skip " + summary.gtid.text() + " --step " +
         std::to_string(stuck->number) + " --reason ...' gives it up as damage";
}

// Participants keep what they know of it and of every later one until it is let go of.
std::string HoldsTheMark(const TransactionSummary& summary) {
  return summary.saga || HasReservations(summary)
             ? "; until then participants keep their notes on it and on all that began "
               "after it"
             : "";
}

}  // namespace

bool IsReservation(const BranchSummary& branch) { return branch.identity.starts_with("action "); }

bool HasReservations(const TransactionSummary& summary) {
  return std::any_of(summary.branches.begin(), summary.branches.end(), IsReservation);
}

bool CallsParticipants(std::string_view state) {
  return state == "running" || state == "fencing" || state == "compensating";
}

Status CheckRecorded(const TransactionView& view) {
  const TransactionSummary& summary = view.summary;
  if (summary.ending.cause != AbortCause::kPresumed || !summary.branches.empty()) return {};
  return Fail(ErrorCode::kNotFound,
              "the log has no record of transaction " + summary.gtid.text() +
                  ": it is presumed aborted, and there is nothing to send",
              "check the gtid; a branch that is still prepared is ended by the next scan of its "
              "database");
}

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
  } else if (CallsParticipants(summary.state)) {
    view.waiting_for = out;
    view.advice = HelpForASaga(summary);
  } else if (summary.state == "deciding" || summary.state == "delegating" ||
             summary.state == "beginning" || summary.state == "stopping" ||
             summary.state == "ending") {
    view.waiting_for = "the decision log's disk";
  } else if (summary.state == "one-phase") {
    view.waiting_for = "proof of what became of its only branch: " + out;
    view.advice = BringAProcessBack(summary) + ": its own record decides";
  } else if (summary.state == "committing" || summary.state == "aborting") {
    const std::string verb = summary.state == "committing" ? "commit" : "abort";
    view.waiting_for = out + " to " + verb;
    if (out.empty())
      view.waiting_for = "the decision log's disk, to record what became of its branches";
    if (!out.empty())
      view.advice = BringAProcessBack(summary) + ": the decision is " + verb +
                    " and is sent again by itself; 'settle retry " + gtid + "' sends it now" +
                    HelpForTheReserved(summary);
  } else if (summary.state == "damaged") {
    view.waiting_for = "a person";
    view.advice =
        "compare its branches with their databases and repair by hand; then 'settle forget " +
        gtid + " --reason ...' lets go of it" + HoldsTheMark(summary) +
        ". What is damaged: " + summary.ending.reason;
  } else if (summary.state == "quarantined") {
    view.waiting_for = "a person";
    view.advice =
        "nothing is sent for it and nothing is presumed: compare its branches with their "
        "databases, and the log with a backup; end by hand what is still prepared there, all of it "
        "alike; then 'settle forget " +
        gtid + " --reason ...' lets go of it" + HoldsTheMark(summary);
  } else if (summary.state == "forgetting") {
    view.waiting_for = "the decision log's disk, to record that it is repaired";
  }
  view.summary = std::move(summary);
  return view;
}

namespace {

// A list must stay small: what a saga's steps are is for show alone.
TransactionView ExplainInAList(TransactionSummary summary) {
  TransactionView view = Explain(std::move(summary));
  if (view.summary.saga) view.summary.saga->steps.clear();
  return view;
}

}  // namespace

Views::Views(Engine& engine, DecisionLog& log, Inquiry& inquiry, Clock& clock)
    : engine_(engine), log_(log), inquiry_(inquiry), clock_(clock), started_(clock.WallNow()) {}

Result<OpenPage> Views::ListOpen(const OpenQuery& query) const {
  return Await<OpenPage>([&](auto done) { engine_.ListOpen(query, done); });
}

Result<OpenCounts> Views::CountOpen() const {
  return Await<OpenCounts>([&](auto done) { engine_.CountOpen(done); });
}

Result<std::vector<ParticipantView>> Views::Served() const {
  return Await<std::vector<ParticipantView>>([&](auto done) { engine_.Participants(done); });
}

Result<StatusView> Views::Status() const {
  auto open = CountOpen();
  if (!open) return Fail(open.error());
  const auto served = Served();
  if (!served) return Fail(served.error());
  std::set<SessionId> sessions;
  for (const ParticipantView& resource : *served) {
    for (const SessionView& session : resource.sessions) sessions.insert(session.session);
    for (const SessionView& session : resource.action_sessions) sessions.insert(session.session);
  }
  return StatusView{log_.identity(),         started_,      std::move(open->by_state),
                    open->damaged,           log_.totals(), log_.writes(),
                    sessions.size(),         open->sagas,   engine_.ended_through(),
                    engine_.oldest_unended()};
}

Result<TransactionPage> Views::List(Which which, std::size_t most,
                                    const std::string& cursor) const {
  if (most == 0) return APageOfNone();
  TransactionPage page;
  const bool in_ended = cursor.starts_with(kEndedCursor);
  if (which == Which::kOpen && in_ended) return NotACursor(cursor);
  if (which == Which::kEnded && !in_ended && !cursor.empty()) return NotACursor(cursor);
  const Result<Gtid> after = in_ended ? Gtid{} : AfterGtid(cursor);
  if (!after) return Fail(after.error());
  if (which != Which::kEnded && !in_ended) {
    const auto kind = which == Which::kAll ? OpenQuery::Kind::kNotWritten : OpenQuery::Kind::kOpen;
    auto open = ListOpen({kind, *after, most});
    if (!open) return Fail(open.error());
    if (open->more) page.next_cursor = CursorAfter(open->transactions.back());
    for (TransactionSummary& one : open->transactions) {
      page.transactions.push_back(ExplainInAList(std::move(one)));
    }
    if (open->more || which == Which::kOpen) return page;
    if (page.transactions.size() == most) {
      page.next_cursor = kEndedCursor;
      return page;
    }
  }
  const std::string from = in_ended ? cursor.substr(std::string_view(kEndedCursor).size()) : "";
  auto ended = log_.ListEnded(most - page.transactions.size(), from);
  if (!ended) return Fail(ended.error());
  for (TransactionSummary& one : ended->transactions) {
    one.timeline.clear();  // for show alone: a list of a million must stay small
    page.transactions.push_back(ExplainInAList(std::move(one)));
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

Result<InDoubtView> Views::InDoubt(std::size_t most, const std::string& cursor) const {
  if (most == 0) return APageOfNone();
  const Result<Gtid> after = AfterGtid(cursor);
  if (!after) return Fail(after.error());
  const auto counts = CountOpen();
  if (!counts) return Fail(counts.error());
  auto open = ListOpen({OpenQuery::Kind::kInDoubt, *after, most});
  if (!open) return Fail(open.error());
  InDoubtView view;
  view.count = counts->in_doubt;
  if (open->more) view.next_cursor = CursorAfter(open->transactions.back());
  for (TransactionSummary& one : open->transactions) {
    view.transactions.push_back(ExplainInAList(std::move(one)));
  }
  if (cursor.empty()) view.strays = inquiry_.Strays();
  return view;
}

Result<ParticipantPage> Views::Participants(std::size_t most, const std::string& cursor) const {
  if (most == 0) return APageOfNone();
  if (!cursor.empty() && !CheckResourceName(cursor)) return NotACursor(cursor);
  auto served = Served();
  if (!served) return Fail(served.error());
  const auto counts = CountOpen();
  if (!counts) return Fail(counts.error());
  // Nobody serves it now, and something waits for it: that is worth a line.
  for (const auto& [name, count] : counts->waiting) {
    const auto at = std::lower_bound(served->begin(), served->end(), name,
                                     [](const ParticipantView& one, const std::string& wanted) {
                                       return one.resource < wanted;
                                     });
    if (at == served->end() || at->resource != name)
      served->insert(at, ParticipantView{name, {}, {}, {}});
  }
  ParticipantPage page;
  std::size_t lines = 0;
  for (ParticipantView& resource : *served) {
    if (resource.resource <= cursor) continue;
    lines += std::max<std::size_t>(1, resource.sessions.size() + resource.action_sessions.size());
    if (lines > most && !page.rows.empty()) {
      page.next_cursor = page.rows.back().view.resource;
      return page;
    }
    const auto waiting = counts->waiting.find(resource.resource);
    const std::size_t count = waiting == counts->waiting.end() ? 0 : waiting->second;
    page.rows.push_back({std::move(resource), count});
  }
  return page;
}

}  // namespace settle::coordinator
