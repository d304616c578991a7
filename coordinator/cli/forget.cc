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
  const Result<Accountable> by = WhoAndWhy(given);
  if (!by) return Fail(by.error());

  wire::ForgetRequest request;
  request.gtid = gtid->text();
  request.operator_name = by->operator_name;
  request.reason = by->reason;
  if (given.Has("dry-run")) request.__set_dry_run(true);
  const Result<wire::TransactionView> now = around.client.Forget(request);
  if (!now) return Fail(now.error());
  if (request.dry_run) return DryRun(*now, around);
  return Answer{.text = fmt::format("forgotten, and recorded as done by {}:\n\n",
                                    Printable(by->operator_name)) +
                        TransactionText(*now, around.now_us, around.paint),
                .json = ToJson(*now)};
}

}  // namespace

const Verb kForget{
    .name = "forget",
    .operands = {"GTID"},
    .options = {ReasonOption(), OperatorOption(), DryRunOption()},
    .summary = "let go of a damaged transaction that a person has repaired",
    .details =
        "First compare its branches with their databases ('settle show GTID') and repair by "
        "hand:\n"
        "forget changes no database. It takes the transaction off 'settle in-doubt' and out of "
        "the\n"
        "count of heuristics; 'settle show' goes on to say what was damaged, who forgot it and "
        "why.\n"
        "Anything that is not damaged is refused, exit code 1. Can be repeated; another operator "
        "is\n"
        "told who was first.",
    .run = Run};

}  // namespace settle::cli
