#include "admin/views.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "admin/diagnosis.h"
#include "engine/await.h"

namespace settle::coordinator {
namespace {

constexpr const char* kOpenCursor = "open:";
constexpr const char* kEndedCursor = "ended:";

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

bool IsOf(const TransactionSummary& summary, const Stray& stray) {
  return !summary.heuristics.empty() && summary.branches.front().resource == stray.resource &&
         summary.heuristics.front().database_name == stray.database_name;
}

std::string CursorAfter(const TransactionSummary& last) { return kOpenCursor + last.gtid.text(); }

const std::string& ResourceOf(const TransactionSummary& summary, BranchNumber number) {
  return std::find_if(summary.branches.begin(), summary.branches.end(),
                      [number](const BranchSummary& each) { return each.number == number; })
      ->resource;
}

}  // namespace

Views::Views(Engine& engine, DecisionLog& log, Inquiry& inquiry, Clock& clock)
    : engine_(engine), log_(log), inquiry_(inquiry), clock_(clock), started_(clock.WallNow()) {}

// A list must stay small: what a saga's steps are is for show alone.
TransactionView Views::ExplainInAList(TransactionSummary summary) const {
  TransactionView view = Explain(std::move(summary), engine_.pauses().List());
  if (view.summary.saga) view.summary.saga->steps.clear();
  return view;
}

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
  return StatusView{log_.identity(),
                    started_,
                    open->by_state,
                    open->damaged,
                    log_.totals(),
                    log_.writes(),
                    sessions.size(),
                    open->sagas,
                    engine_.ended_through(),
                    engine_.oldest_unended(),
                    engine_.messages(),
                    engine_.UnsettledLoss(),
                    *open,
                    engine_.undecided(),
                    engine_.pauses().List(),
                    log_.audit_totals()};
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
  if (running) return Explain(*std::move(running), engine_.pauses().List());
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
  if (!cursor.empty()) return view;
  view.strays = inquiry_.Strays();
  // One that a person decided of is listed as that until a scan has missed it.
  std::erase_if(view.strays, [&](const Stray& stray) {
    return std::any_of(view.transactions.begin(), view.transactions.end(),
                       [&](const TransactionView& one) { return IsOf(one.summary, stray); });
  });
  return view;
}

void Views::LetGoOfStray(const TransactionSummary& summary) const {
  for (const HeuristicIntent& act : summary.heuristics) {
    if (!act.database_name.empty())
      inquiry_.LetGo(summary.branches.front().resource, act.database_name);
  }
}

Result<Stray> Views::FindStray(const std::string& resource,
                               const std::string& database_name) const {
  for (Stray& stray : inquiry_.Strays()) {
    if (stray.resource == resource && stray.database_name == database_name) return stray;
  }
  return Fail(ErrorCode::kNotFound,
              "no scan of " + resource + " found a branch that is prepared as " +
                  Escaped(database_name) + " and that this log does not answer for",
              "'settle in-doubt' lists those that were found");
}

Result<ParticipantPage> Views::Participants(std::size_t most, const std::string& cursor) const {
  if (most == 0) return APageOfNone();
  if (!cursor.empty() && !CheckResourceName(cursor)) return NotACursor(cursor);
  auto served = Served();
  if (!served) return Fail(served.error());
  const auto counts = CountOpen();
  if (!counts) return Fail(counts.error());
  // Nobody serves it now, and something waits for it, or it is paused: that is worth a line.
  std::set<std::string> others;
  for (const auto& [name, count] : counts->waiting) others.insert(name);
  for (const PauseRecord& pause : engine_.pauses().List()) {
    if (pause.scope == PauseScope::kParticipant) others.insert(pause.name);
  }
  for (const std::string& name : others) {
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
    auto paused = engine_.pauses().Of(resource.resource);
    page.rows.push_back({std::move(resource), count, std::move(paused)});
  }
  return page;
}

Result<bool> Views::Knows(const std::string& name) const {
  const auto served = Served();
  if (!served) return Fail(served.error());
  const auto counts = CountOpen();
  if (!counts) return Fail(counts.error());
  return counts->waiting.contains(name) ||
         std::any_of(served->begin(), served->end(),
                     [&](const ParticipantView& one) { return one.resource == name; });
}

Result<LookView> Views::Look(const Gtid& gtid, std::chrono::milliseconds wait) const {
  Result<TransactionView> view = Show(gtid);
  if (!view) return Fail(std::move(view).error());
  std::vector<LiveRow> live = AskBranches(engine_, clock_, view->summary, wait);
  const auto served = Served();
  if (!served) return Fail(served.error());
  for (LiveRow& row : live) {
    const std::string& resource = ResourceOf(view->summary, row.branch);
    const auto found =
        std::find_if(served->begin(), served->end(),
                     [&](const ParticipantView& one) { return one.resource == resource; });
    const bool unserved = found == served->end() || found->sessions.empty();
    if (!row.live && unserved) row.unserved_since = found == served->end() ? 0 : found->left;
  }
  return LookView{*std::move(view), std::move(live)};
}

Result<ExaminedPage> Views::Examine(const std::string& resource, std::chrono::milliseconds wait,
                                    std::size_t most, const std::string& cursor) const {
  Result<ParticipantPage> known =
      resource.empty() ? Participants(most, cursor) : Participant(resource);
  if (!known) return Fail(std::move(known).error());
  ExaminedPage page{{}, std::move(known->next_cursor)};
  std::vector<Question> questions;
  for (const ParticipantRow& row : known->rows) {
    if (row.view.identity.empty()) continue;  // it serves actions alone, and no database
    page.rows.push_back({row.view.resource, row.view.identity});
    questions.push_back({Question::Kind::kExamine, row.view.resource, wait});
  }
  std::vector<Told> told = AskNow(engine_, clock_, std::move(questions));
  for (std::size_t i = 0; i < page.rows.size(); ++i) {
    page.rows[i].how = std::move(told[i].how);
    if (!told[i].content) continue;
    Examination& found =
        page.rows[i].examination.emplace(std::get<Examination>(*std::move(told[i].content)));
    auto clock = CheckDatabaseClock(found.clock_us, page.rows[i].how.asked, page.rows[i].how.took);
    if (clock) found.findings.push_back(*std::move(clock));
  }
  return page;
}

Result<ParticipantPage> Views::Participant(const std::string& resource) const {
  auto served = Served();
  if (!served) return Fail(served.error());
  const auto found = std::find_if(served->begin(), served->end(), [&](const ParticipantView& one) {
    return one.resource == resource;
  });
  if (found == served->end()) {
    return Fail(ErrorCode::kNotFound, "no resource is called \"" + Escaped(resource) + "\"",
                "'settle participants' lists them");
  }
  const auto counts = CountOpen();
  if (!counts) return Fail(counts.error());
  const auto waiting = counts->waiting.find(resource);
  const std::size_t count = waiting == counts->waiting.end() ? 0 : waiting->second;
  auto paused = engine_.pauses().Of(resource);
  return ParticipantPage{{{std::move(*found), count, std::move(paused)}}, {}};
}

}  // namespace settle::coordinator
