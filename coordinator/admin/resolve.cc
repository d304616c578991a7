#include "admin/resolve.h"

#include "engine/await.h"

namespace settle::coordinator {
namespace {

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
              outcome == Outcome::kCommitted
                  ? "'settle retry " + view.summary.gtid.text() + "' sends its commit again now"
                  : "do the work again under a new transaction");
}

}  // namespace

Result<TransactionView> Resolve(Engine& engine, const Views& views, Observer& observer,
                                const ResolveCall& call) {
  Result<TransactionView> before = views.Show(call.gtid);
  if (!before) return before;
  if (Status allowed = CheckAllowed(*before, call.to); !allowed) return Fail(allowed.error());
  observer.Event(Observer::Level::kInfo, call.gtid,
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
