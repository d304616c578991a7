#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<Gtid> gtid = WholeGtid(given.operands.at(0));
  if (!gtid) return Fail(gtid.error());
  const std::string& to = given.operands.at(1);
  if (to != "commit" && to != "abort") {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(to) + "\" is not a way to end a transaction",
                "say commit or abort");
  }
  const Result<Accountable> by = WhoAndWhy(given);
  if (!by) return Fail(by.error());

  wire::ResolveRequest request;
  request.gtid = gtid->text();
  request.to = to;
  request.operator_name = by->operator_name;
  request.reason = by->reason;
  const Result<wire::TransactionView> now = around.client.Resolve(request);
  if (!now) return Fail(now.error());
  const ExitCode exit = ExitCodeOf(*now);
  if (exit != ExitCode::kOk) {
    return Answer{.text = "there is nothing to resolve:\n\n" +
                          TransactionText(*now, around.now_us, around.paint),
                  .json = ToJson(*now),
                  .exit = exit};
  }
  return Answer{.text = fmt::format("the coordinator took \"{}\" from {}; this is so now:\n\n", to,
                                    Printable(by->operator_name)) +
                        TransactionText(*now, around.now_us, around.paint),
                .json = ToJson(*now)};
}

}  // namespace

const Verb kResolve{
    .name = "resolve",
    .operands = {"GTID", "commit|abort"},
    .options = {ReasonOption(), OperatorOption()},
    .summary = "end an undecided transaction by abort",
    .details =
        "A durable decision is never overturned: what contradicts it is refused, exit code 1; what "
        "agrees\n"
        "with it is sent again, as by 'settle retry'. Whoever asks and why is said in the daemon's "
        "own log, and\n"
        "kept with the transaction that was ended. Can be repeated.",
    .run = Run};

}  // namespace settle::cli
