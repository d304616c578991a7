#include "admin/resolve.h"

#include "admin/heuristic.h"
#include "engine/await.h"

namespace settle::coordinator {
namespace {

// What to do instead of deciding against the outcome.
std::string InsteadOf(Outcome outcome, const std::string& gtid) {
  if (outcome == Outcome::kCommitted)
    return "'settle retry " + gtid + "' sends its commit again now";
  if (outcome == Outcome::kAborted) return "do the work again under a new transaction";
  return "'settle show " + gtid + "' says how each of its branches ended";
}

Status CheckAllowed(const TransactionView& view, Decision to) {
  const std::string& state = view.summary.state;
  const std::string gtid = "transaction " + view.summary.gtid.text();
  const Outcome outcome = view.summary.ending.outcome;
  if (state == "damaged" || state == "forgetting") {
    return Fail(ErrorCode::kRefused, gtid + " is damaged (" + view.summary.ending.reason + ")",
                view.advice);
  }
  if (state == "quarantined") {
    return Fail(ErrorCode::kRefused, gtid + " is quarantined: " + view.summary.ending.reason,
                view.advice);
  }
  if (AwaitsAMajority(view.summary)) {
    return Fail(ErrorCode::kRefused,
                gtid +
                    " may have been pre-committed, so only a majority of its sites can decide "
                    "it: it waits for " +
                    view.waiting_for,
                view.advice);
  }
  if (AwaitedLastResource(view.summary) != nullptr) {
    return Fail(ErrorCode::kRefused,
                gtid +
                    " may have been committed by its last resource, and only that can say: it "
                    "waits for " +
                    view.waiting_for,
                view.advice);
  }
  if (state == "pre-committing" || state == "deciding" || state == "delegating" ||
      state == "one-phase") {
    return Fail(ErrorCode::kRefused, gtid + " is " + state + ": it waits for " + view.waiting_for,
                "nobody but " +
                    std::string(state == "delegating" || state == "one-phase" ? "its resource"
                                                                              : "the log") +
                    " knows the decision now");
  }
  if (outcome == Outcome::kUndecided) {
    if (to == Decision::kAbort) return {};
    const bool saga = CallsParticipants(state);
    return Fail(
        ErrorCode::kRefused,
        gtid + " is " + state + " and undecided: only " +
            (saga ? "its steps can complete it" : "the votes of its branches can commit it"),
        saga ? "let its steps end, or abort it"
             : "let its application ask for commit, or abort it");
  }
  if (outcome == Outcome::kUnknown) return Fail(IsUnknown(view));
  const bool agrees =
      to == Decision::kCommit ? outcome == Outcome::kCommitted : outcome == Outcome::kAborted;
  if (agrees) return {};
  return Fail(ErrorCode::kRefused,
              gtid + " is decided: " + settle::ToString(outcome) +
                  ", and that is durable; nothing was changed",
              InsteadOf(outcome, view.summary.gtid.text()));
}

std::string Would(const TransactionView& view) {
  const TransactionSummary& summary = view.summary;
  if (summary.ending.outcome == Outcome::kUndecided) {
    return "it would be aborted, for good: whoever waits for its commit is told so, and " +
           std::to_string(summary.branches.size()) +
           (CallsParticipants(summary.state) ? " steps are undone as far as they were done"
                                             : " branches are rolled back");
  }
  if (!view.waiting_for.empty())
    return "the decision that it has would be sent again, to what it waits for: " +
           view.waiting_for;
  return "nothing: it has ended so already";
}

}  // namespace

std::string WhatIsAsked(const ResolveCall& call) {
  const std::string to = settle::ToString(call.to);
  if (!call.heuristic) return "resolve to " + to;
  if (call.branch == 0) return "heuristic: " + to;
  return "heuristic: branch " + std::to_string(call.branch) +
         (call.to == Decision::kCommit ? " committed" : " aborted");
}

std::string TargetOf(const ResolveCall& call) {
  return call.prepared.empty() ? call.gtid.text() : call.prepared + " in " + call.resource;
}

Result<TransactionView> Resolve(Engine& engine, const Views& views, Observer& observer,
                                const ResolveCall& call) {
  if (call.heuristic) return ResolveHeuristically(engine, views, call);
  Result<TransactionView> before = views.Show(call.gtid);
  if (!before) return before;
  if (Status allowed = CheckAllowed(*before, call.to); !allowed) return Fail(allowed.error());
  if (call.dry_run) {
    before->would = Would(*before);
    return before;
  }
  observer.Event(Observer::Level::kInfo, AboutOf(*before),
                 "operator " + Escaped(call.operator_name) + " resolves it to " +
                     settle::ToString(call.to) + ": " + Escaped(call.reason));
  if (before->summary.ending.outcome == Outcome::kUndecided) {
    AbortCall abort{call.gtid,
                    AbortCause::kOperator,
                    "operator " + call.operator_name + ": " + call.reason,
                    {}};
    Result<Ending> ended = Await<Ending>([&](auto done) { engine.Abort(abort, done); });
    if (!ended && ended.error().code != ErrorCode::kNotFound) return Fail(ended.error());
    const bool undecided = ended && ended->outcome == Outcome::kUndecided;
    if (undecided && CallsParticipants(before->summary.state)) {
      return Fail(ErrorCode::kAskOutcome,
                  "saga " + call.gtid.text() + " is being cancelled; its end has not come yet",
                  "'settle show " + call.gtid.text() + "' says what it waits for");
    }
    if (undecided) {
      return Fail(ErrorCode::kAskOutcome,
                  "transaction " + call.gtid.text() +
                      " had all its votes; its decision is still on its way to the log",
                  "'settle show " + call.gtid.text() + "' says what it became");
    }
  } else {
    // An ended one has nothing left to hurry; that is no error.
    Await<Hurried>([&](auto done) { engine.Hurry(call.gtid, done); });
  }
  Result<TransactionView> after = views.Show(call.gtid);
  if (after && call.to == Decision::kAbort &&
      !after->summary.ending.aborted()) {  // its last vote was faster
    return Fail(ErrorCode::kRefused, "transaction " + call.gtid.text() + " was " +
                                         settle::ToString(after->summary.ending.outcome) +
                                         " before it could be aborted");
  }
  return after;
}

}  // namespace settle::coordinator
