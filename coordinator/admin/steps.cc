#include "admin/steps.h"

#include "engine/await.h"

namespace settle::coordinator {

Result<BranchNumber> FindStep(const TransactionView& view, const std::string& step) {
  const std::string gtid = view.summary.gtid.text();
  if (Status recorded = CheckRecorded(view); !recorded) return Fail(recorded.error());
  if (!view.summary.saga) {
    return Fail(ErrorCode::kRefused, "transaction " + gtid + " is not a saga: it has no steps",
                "'settle show " + gtid + "' shows its branches");
  }
  std::string names;
  for (const StepSummary& one : view.summary.saga->steps) {
    if (one.name == step) return one.number;
    names += (names.empty() ? "" : ", ") + std::to_string(one.number) + " " + one.name;
  }
  for (const StepSummary& one : view.summary.saga->steps) {
    if (std::to_string(one.number) == step) return one.number;
  }
  return Fail(ErrorCode::kNotFound,
              "saga " + gtid + " has no step \"" + Escaped(step) + "\"; nothing was changed",
              names.empty() ? "it is quarantined" : "its steps are " + names);
}

namespace {

// By its branch's number; it has no name.
Result<BranchNumber> FindReservation(const TransactionView& view, const std::string& number) {
  std::string numbers;
  for (const BranchSummary& branch : view.summary.branches) {
    if (!IsReservation(branch)) continue;
    if (std::to_string(branch.number) == number) return branch.number;
    numbers +=
        (numbers.empty() ? "" : ", ") + std::to_string(branch.number) + " in " + branch.resource;
  }
  return Fail(ErrorCode::kNotFound,
              "transaction " + view.summary.gtid.text() + " has no reservation \"" +
                  Escaped(number) + "\"; nothing was changed",
              "its reservations are branches " + numbers);
}

}  // namespace

Error NotActedOn(const TransactionView& view, const Error& why) {
  const std::string saga =
      (view.summary.saga ? "saga " : "transaction ") + view.summary.gtid.text();
  if (why.code == ErrorCode::kNotFound) {  // it is not running
    return {ErrorCode::kRefused,
            saga + " is " + view.summary.state + ": nothing of it is outstanding", view.advice};
  }
  return {why.code, saga + ": " + why.message + "; nothing was changed",
          why.advice.empty() ? view.advice : why.advice};
}

Result<TransactionView> ActOnStep(Engine& engine, const Views& views, Observer& observer,
                                  const StepActCall& call) {
  const Result<TransactionView> before = views.Show(call.gtid);
  if (!before) return Fail(before.error());
  const Result<BranchNumber> step = HasReservations(before->summary)
                                        ? FindReservation(*before, call.step)
                                        : FindStep(*before, call.step);
  if (!step) return Fail(step.error());
  SagaActCall act{call.gtid, *step, call.act, call.input, call.operator_name, call.reason};
  const auto acted =
      Await<std::monostate>([&](auto done) { engine.ActOnSaga(std::move(act), std::move(done)); });
  if (!acted) return Fail(NotActedOn(*before, acted.error()));
  observer.Event(Observer::Level::kWarning, AboutOf(*before),
                 "operator " + Escaped(call.operator_name) + ": " + ToString(call.act) +
                     " of step " + std::to_string(*step) + ": " + Escaped(call.reason));
  return views.Show(call.gtid);
}

}  // namespace settle::coordinator
