#include "admin/retry.h"

#include <algorithm>
#include <optional>
#include <variant>

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
      const auto serving = std::find_if(
          served->begin(), served->end(),
          [&name = resource](const ParticipantView& one) { return one.resource == name; });
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

// What is sent again to a branch, or called of a step or reservation, in this state; none: nothing.
std::optional<std::variant<CommandKind, ActionOp>> CommandFor(const std::string& state) {
  if (state == "committing") return CommandKind::kCommit;
  if (state == "aborting") return CommandKind::kAbort;
  if (state == "one-phase") return CommandKind::kProve;
  if (state == "running") return ActionOp::kAction;
  if (state == "undoing") return ActionOp::kCompensate;
  if (state == "fencing") return ActionOp::kFence;
  if (state == "confirming") return ActionOp::kConfirm;
  if (state == "cancelling") return ActionOp::kCancel;
  return std::nullopt;
}

bool IsMissing(const TransactionSummary& summary, BranchNumber number) {
  if (!AwaitsAMajority(summary)) return false;
  const auto& missing = summary.quorum->missing;
  return std::find(missing.begin(), missing.end(), number) != missing.end();
}

void AddWaiting(const TransactionSummary& summary, const std::string& resource, Hurried& waiting) {
  bool any = false;
  for (const BranchSummary& branch : summary.branches) {
    auto command = CommandFor(branch.state);
    if (IsMissing(summary, branch.number)) command = CommandKind::kElect;
    if (!command || !(resource.empty() || branch.resource == resource)) continue;
    any = true;
    const auto* const sent = std::get_if<CommandKind>(&*command);
    Hurried::Branches& here = sent != nullptr
                                  ? waiting.sent[{branch.resource, *sent}]
                                  : waiting.called[{branch.resource, std::get<ActionOp>(*command)}];
    ++here.count;
    if (here.last_error.empty()) here.last_error = branch.last_error;
  }
  waiting.transactions += any ? 1 : 0;
}

// Of every transaction that waits for `resource`, or for any if it is empty.
Result<RetriedView> OfAll(Engine& engine, const std::string& resource, const Hurried& hurried) {
  if (hurried.transactions != 0 || resource.empty()) return WithSessions(engine, hurried);
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

Result<RetriedView> WouldRetry(Engine& engine, const Views& views, const Gtid& gtid) {
  const Result<TransactionView> view = views.Show(gtid);
  if (!view) return Fail(view.error());
  if (Status recorded = CheckRecorded(*view); !recorded) return Fail(recorded.error());
  if (Status decided = CheckDecided(*view); !decided) return Fail(decided.error());
  Hurried waiting;
  AddWaiting(view->summary, "", waiting);
  return WithSessions(engine, waiting);
}

Result<RetriedView> WouldRetryAll(Engine& engine, const std::string& resource) {
  Hurried waiting;
  OpenQuery query;
  for (;;) {
    const auto page = Await<OpenPage>([&](auto done) { engine.ListOpen(query, done); });
    if (!page) return Fail(page.error());
    for (const TransactionSummary& one : page->transactions) AddWaiting(one, resource, waiting);
    if (!page->more) return OfAll(engine, resource, waiting);
    query.below = page->transactions.back().gtid;
  }
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
  return OfAll(engine, resource, *hurried);
}

}  // namespace settle::coordinator
