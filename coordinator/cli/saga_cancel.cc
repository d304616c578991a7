#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

// It was not undone before the reply was given up: whether it is being undone can be seen.
Result<Answer> AfterNoReply(const Gtid& gtid, Error lost, Surroundings& around) {
  const Result<wire::TransactionView> now = around.client.Show(gtid.text());
  const bool turns_back = now && (now->state == "compensating" || now->state == "fencing");
  if (!turns_back) return Fail(std::move(lost));
  return Answer{.text =
                    "it is turned back, and not undone yet; it goes on by itself. This is so "
                    "now:\n\n" +
                    TransactionText(*now, around.now_us, around.paint),
                .json = ToJson(*now),
                .exit = ExitCode::kUnknown};
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<Gtid> gtid = WholeGtid(given.operands.at(0));
  if (!gtid) return Fail(gtid.error());
  const Result<Accountable> by = WhoAndWhy(given);
  if (!by) return Fail(by.error());
  const Result<wire::TransactionView> before = around.client.Show(gtid->text());
  if (!before) return Fail(before.error());
  if (ExitCodeOf(*before) == ExitCode::kOk && !before->__isset.saga) {
    return Fail(ErrorCode::kRefused, gtid->text() + " is not a saga; nothing was changed",
                "'settle resolve " + gtid->text() + " abort' ends an undecided transaction");
  }
  wire::ResolveRequest request;
  request.gtid = gtid->text();
  request.to = "abort";
  request.operator_name = by->operator_name;
  request.reason = by->reason;
  const Result<wire::TransactionView> now = around.client.Resolve(request);
  if (!now && now.error().code == ErrorCode::kAskOutcome) {
    return AfterNoReply(*gtid, now.error(), around);
  }
  if (!now) return Fail(now.error());
  const ExitCode exit = ExitCodeOf(*now);
  const std::string first =
      exit != ExitCode::kOk
          ? "there is nothing to cancel:\n\n"
          : fmt::format("cancelled by {}; this is so now:\n\n", Printable(by->operator_name));
  return Answer{.text = first + TransactionText(*now, around.now_us, around.paint),
                .json = ToJson(*now),
                .exit = exit};
}

}  // namespace

const Verb kSagaCancel{
    .name = "saga cancel",
    .operands = {"GTID"},
    .options = {ReasonOption(), OperatorOption()},
    .summary = "turn a saga back: undo what was done, and do no more",
    .details =
        "Waits until it is undone; exit code 7 when that takes longer: it goes on by itself. "
        "Refused once its\n"
        "pivot has run, exit code 1: then it only goes forward. Can be repeated.",
    .run = Run};

}  // namespace settle::cli
