#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<Gtid> gtid = WholeGtid(given.operands.at(0));
  if (!gtid) return Fail(gtid.error());
  const Result<wire::TransactionView> shown = around.client.Show(gtid->text());
  if (!shown) return Fail(shown.error());
  const ExitCode exit = ExitCodeOf(*shown);
  if (exit == ExitCode::kOk && !shown->__isset.saga) {
    return Fail(ErrorCode::kRefused, gtid->text() + " is not a saga",
                "'settle show " + gtid->text() + "' shows it");
  }
  return Answer{.text = TransactionText(*shown, around.now_us, around.paint),
                .json = ToJson(*shown),
                .exit = exit};
}

}  // namespace

const Verb kSagaShow{.name = "saga show",
                     .operands = {"GTID"},
                     .options = {},
                     .summary = "one saga: its steps as a tree, their results, its timeline",
                     .details =
                         "As 'settle show', of a saga alone: exit code 1 for any other "
                         "transaction.",
                     .run = Run};

}  // namespace settle::cli
