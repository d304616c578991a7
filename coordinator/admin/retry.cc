#include "admin/retry.h"

#include <algorithm>

#include "admin/steps.h"
#include "engine/await.h"
#include "protocol/describe.h"

namespace settle::coordinator {
namespace {

Result<RetriedView> WithSessions(Engine& engine, const Hurried& hurried) {
  const auto served =
      Await<std::vector<ParticipantView>>([&](auto done) { engine.Participants(done); });
  if (!served) return Fail(served.error());
  RetriedView view{hurried.transactions, {}};
  const auto add = [&](const auto& sent, std::vector<SessionView> ParticipantView::*who) {
    for (const auto& [where, branches] : sent) {
      const auto& [resource, command] = where;
      const auto serving =
          std::find_if(served->begin(), served->end(),
                       [&](const ParticipantView& one) { return one.resource == resource; });
      view.resources.push_back(
          {resource, ToString(command), branches.count,
           serving == served->end() ? std::vector<SessionView>{} : (*serving).*who,
           branches.last_error});
    }
  };
  add(hurried.sent, &ParticipantView::sessions);
  add(hurried.called, &ParticipantView::action_sessions);
  return view;
}

// What is sent again to a branch, or step, in this state; empty: nothing is.
std::string CommandFor(const std::string& state) {
  if (state == "committing") return "commit";
  if (state == "aborting") return "abort";
  if (state == "one-phase") return "prove";
  if (state == "running") return "action";
  if (state == "undoing") return "compensate";
  if (state == "fencing") return "fence";
  if (state == "confirming") return "confirm";
  if (state == "cancelling") return "cancel";
  return "";
}

bool IsMissing(const TransactionSummary& summary, BranchNumber number) {
  if (!AwaitsAMajority(summary)) return false;
  const auto& missing = summary.quorum->missing;
  return std::find(missing.begin(), missing.end(), number) != missing.end();
}

void AddWaiting(const TransactionSummary& summary, const std::string& resource, Hurried& hurried,
                std::map<std::pair<std::string, std::string>, Hurried::Branches>& sent) {
  bool any = false;
  for (const BranchSummary& branch : summary.branches) {
    const std::string command =
        IsMissing(summary, branch.number) ? "elect" : CommandFor(branch.state);
    if (command.empty() || !(resource.empty() || branch.resource == resource)) continue;
    any = true;
    Hurried::Branches& here = sent[{branch.resource, command}];
    ++here.count;
    if (here.last_error.empty()) here.last_error = branch.last_error;
  }
  hurried.transactions += any ? 1 : 0;
}

Status CheckDecided(const TransactionView& view) {
  const std::string& state = view.summary.state;
  if (state == "damaged" || state == "forgetting") {
    return Fail(ErrorCode::kRefused,
                "transaction " + view.summary.gtid.text() + " is damaged (" +
                    view.summary.ending.reason + "): every branch has ended, nothing can be sent",
                view.advice);
  }
  if (state == "quarantined") {
    return Fail(ErrorCode::kRefused,
                "transaction " + view.summary.gtid.text() +
                    " is quarantined, and nothing is sent for it: " + view.summary.ending.reason,
                view.advice);
  }
  if (view.summary.ending.outcome == Outcome::kUnknown) return Fail(IsUnknown(view));
  const bool waits_for_last = AwaitedLastResource(view.summary) != nullptr;
  if (CallsParticipants(state) || AwaitsAMajority(view.summary) || waits_for_last) return {};
  if (view.summary.ending.outcome == Outcome::kUndecided && state != "one-phase") {
    return Fail(ErrorCode::kRefused,
                "transaction " + view.summary.gtid.text() + " is " + state +
                    " and undecided: there is nothing to send; it waits for " + view.waiting_for,
                view.advice);
  }
  return {};
}

}  // namespace

Result<RetriedView> Retry(Engine& engine, const Views& views, const Gtid& gtid) {
  const Result<TransactionView> before = views.Show(gtid);
  if (!before) return Fail(before.error());
  if (Status recorded = CheckRecorded(*before); !recorded) return Fail(recorded.error());
  if (Status decided = CheckDecided(*before); !decided) return Fail(decided.error());
  const auto hurried = Await<Hurried>([&](auto done) { engine.Hurry(gtid, done); });
  if (!hurried && hurried.error().code != ErrorCode::kNotFound) return Fail(hurried.error());
  return WithSessions(engine, hurried ? *hurried : Hurried{});
}

Result<RetriedView> WouldRetry(Engine& engine, const Views& views, const Gtid& gtid,
                               const std::string& resource) {
  Hurried waiting;
  std::map<std::pair<std::string, std::string>, Hurried::Branches> sent;
  if (!gtid.empty()) {
    const Result<TransactionView> view = views.Show(gtid);
    if (!view) return Fail(view.error());
    if (Status recorded = CheckRecorded(*view); !recorded) return Fail(recorded.error());
    if (Status decided = CheckDecided(*view); !decided) return Fail(decided.error());
    AddWaiting(view->summary, "", waiting, sent);
  }
  OpenPage page{{}, gtid.empty()};
  for (OpenQuery query; page.more; query.below = page.transactions.back().gtid) {
    auto next = Await<OpenPage>([&](auto done) { engine.ListOpen(query, done); });
    if (!next) return Fail(next.error());
    page = *std::move(next);
    for (const TransactionSummary& one : page.transactions)
      AddWaiting(one, resource, waiting, sent);
  }
  Result<RetriedView> view = WithSessions(engine, waiting);
  if (!view) return view;
  const auto served =
      Await<std::vector<ParticipantView>>([&](auto done) { engine.Participants(done); });
  if (!served) return Fail(served.error());
  for (const auto& [where, branches] : sent) {
    const auto serving = std::find_if(served->begin(), served->end(),
                                      [&](const auto& one) { return one.resource == where.first; });
    view->resources.push_back(
        {where.first, where.second, branches.count,
         serving == served->end() ? std::vector<SessionView>{} : serving->sessions,
         branches.last_error});
  }
  return view;
}

Result<RetriedView> RetryStep(Engine& engine, const Views& views, const Gtid& gtid,
                              const std::string& step) {
  const Result<TransactionView> view = views.Show(gtid);
  if (!view) return Fail(view.error());
  const Result<BranchNumber> number = FindStep(*view, step);
  if (!number) return Fail(number.error());
  const auto hurried =
      Await<Hurried>([&](auto done) { engine.HurryStep(gtid, *number, std::move(done)); });
  if (!hurried) return Fail(NotActedOn(*view, hurried.error()));
  return WithSessions(engine, *hurried);
}

Result<RetriedView> RetryAll(Engine& engine, const std::string& resource) {
  const auto hurried = Await<Hurried>([&](auto done) { engine.HurryAll(resource, done); });
  if (!hurried) return Fail(hurried.error());
  if (hurried->transactions != 0 || resource.empty()) return WithSessions(engine, *hurried);
  const auto known =
      Await<std::vector<ParticipantView>>([&](auto done) { engine.Participants(done); });
  if (!known) return Fail(known.error());
  const bool is_known = std::any_of(known->begin(), known->end(), [&](const ParticipantView& one) {
    return one.resource == resource;
  });
  if (is_known) return RetriedView{};
  return Fail(ErrorCode::kNotFound,
              "nothing waits for " + resource + ", and no resource is called so",
              "'settle participants' lists the resources");
}

}  // namespace settle::coordinator
