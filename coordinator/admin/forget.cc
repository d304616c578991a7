#include "admin/forget.h"

#include "engine/await.h"

namespace settle::coordinator {
namespace {

// Of one that runs: the engine said why not.
Error Refused(const Views& views, const ForgetCall& call, const Error& why) {
  const Result<TransactionView> view = views.Show(call.gtid);
  return {why.code, "transaction " + call.gtid.text() + " was not forgotten: " + why.message,
          view ? view->advice : ""};
}

Error NothingToForget(const TransactionView& view) {
  const std::string gtid = view.summary.gtid.text();
  const Ending& ending = view.summary.ending;
  if (view.summary.origin.began == 0 && ending.cause == AbortCause::kPresumed) {
    return {ErrorCode::kNotFound,
            "the log has no record of transaction " + gtid + ": it is presumed to be aborted",
            "there is nothing to forget"};
  }
  if (ending.committed() || ending.aborted()) {
    return {ErrorCode::kRefused,
            "transaction " + gtid + " ended as " + settle::ToString(ending.outcome) +
                ", and only what is damaged can be forgotten",
            "there is nothing to forget"};
  }
  return {ErrorCode::kRefused, "transaction " + gtid + " was " + ending.reason,
          "nothing is left to be done"};
}

}  // namespace

Result<TransactionView> Forget(Engine& engine, const Views& views, Observer& observer,
                               const ForgetCall& call) {
  const auto forgotten =
      Await<std::monostate>([&](auto done) { engine.Forget(call, std::move(done)); });
  if (!forgotten && forgotten.error().code != ErrorCode::kNotFound) {
    return Fail(Refused(views, call, forgotten.error()));
  }
  Result<TransactionView> now = views.Show(call.gtid);
  if (forgotten) {
    observer.Event(Observer::Level::kInfo, now ? AboutOf(*now) : About(call.gtid),
                   Escaped(ForgottenBy(call.operator_name, call.reason)));
    if (now) views.LetGoOfStray(now->summary);
  }
  if (!now || forgotten) return now;
  const bool repeated =
      now->summary.ending.reason.starts_with(ForgottenBy(call.operator_name, call.reason) + "; ");
  if (!repeated) return Fail(NothingToForget(*now));
  return now;
}

Result<TransactionView> WouldForget(const Views& views, const ForgetCall& call) {
  Result<TransactionView> now = views.Show(call.gtid);
  if (!now) return now;
  const std::string& state = now->summary.state;
  if (state == "done") {
    const bool repeated =
        now->summary.ending.reason.starts_with(ForgottenBy(call.operator_name, call.reason) + "; ");
    if (!repeated) return Fail(NothingToForget(*now));
    now->would = "nothing: it is forgotten already";
    return now;
  }
  if (state != "damaged" && state != "quarantined") {
    return Fail(ErrorCode::kRefused,
                "transaction " + call.gtid.text() + " is " + state +
                    ", and only what is damaged or quarantined can be forgotten",
                now->advice);
  }
  now->would =
      "it would no longer be in doubt nor counted as a heuristic, and it would be recorded "
      "that you repaired it; no database is changed, so look first whether that is so: " +
      now->summary.ending.reason;
  return now;
}

}  // namespace settle::coordinator
