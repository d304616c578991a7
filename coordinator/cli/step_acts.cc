// The two things that a person can do about a step that must happen and does not.
#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/given_text.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

Result<Answer> Act(const std::string& act, const std::string& input, const Given& given,
                   Surroundings& around) {
  const Result<Gtid> gtid = WholeGtid(given.operands.at(0));
  if (!gtid) return Fail(gtid.error());
  const std::string step = given.Option("step");
  if (Status fits = CheckLine("step", step, 64); !fits) return Fail(fits.error());
  const Result<Accountable> by = WhoAndWhy(given);
  if (!by) return Fail(by.error());
  wire::ActOnStepRequest request;
  request.gtid = gtid->text();
  request.step = step;
  request.act = act;
  request.input = input;
  request.operator_name = by->operator_name;
  request.reason = by->reason;
  const Result<wire::TransactionView> now = around.client.ActOnStep(request);
  if (!now) return Fail(now.error());
  return Answer{.text = fmt::format("recorded as done by {}: {} of step {}; this is so now:\n\n",
                                    Printable(by->operator_name), act, Printable(step)) +
                        TransactionText(*now, around.now_us, around.paint),
                .json = ToJson(*now)};
}

Result<Answer> Skip(const Given& given, Surroundings& around) {
  return Act("skip", "", given, around);
}

Result<Answer> SetInput(const Given& given, Surroundings& around) {
  const Result<std::string> input = InputOf(given);
  if (!input) return Fail(input.error());
  return Act("set-input", *input, given, around);
}

VerbOption StepOption() {
  return {
      "step", "STEP",
      "the step's name or number, or the number of a reservation's branch, as 'settle show' prints "
      "them",
      /*required=*/true};
}

VerbOption RequiredInputOption() {
  VerbOption input = InputOption();
  input.required = true;
  return input;
}

}  // namespace

const Verb kSkip{
    .name = "skip",
    .operands = {"GTID"},
    .options = {StepOption(), ReasonOption(), OperatorOption()},
    .summary = "give up a step of a saga, or a confirm or cancel, that can never succeed: damage",
    .details =
        "Only a compensation, or a step after the pivot, that was tried without result; or a "
        "confirm or cancel of\n"
        "a reservation: anything else is refused, exit code 1. What it left behind is not undone, "
        "and nothing is\n"
        "sent for it any more. The saga goes on and ends as damaged (mixed), a transaction as a "
        "hazard: repair by\n"
        "hand, then 'settle forget'. Try 'settle set-input' first, of a saga's step.",
    .run = Skip};

const Verb kSetInput{
    .name = "set-input",
    .operands = {"GTID"},
    .options = {StepOption(), RequiredInputOption(), ReasonOption(), OperatorOption()},
    .summary = "call a stuck step of a saga with another input from now on",
    .details =
        "Only a compensation, or a step after the pivot, that was tried without result: anything "
        "else is\n"
        "refused, exit code 1. It is called with the new input at once. Can be repeated.",
    .run = SetInput};

}  // namespace settle::cli
