#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/verb.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

Result<wire::SendAgainRequest> RequestOf(const Given& given) {
  const std::size_t ways =
      given.operands.size() + (given.Has("all") ? 1 : 0) + (given.Has("resource") ? 1 : 0);
  if (ways != 1) {
    return Fail(ErrorCode::kInvalid, "give one of GTID, --resource NAME and --all",
                "see 'settle help retry'");
  }
  wire::SendAgainRequest request;
  if (given.Has("dry-run")) request.__set_dry_run(true);
  if (given.Has("dry-run") && given.Has("step")) {
    return Fail(ErrorCode::kInvalid, "--dry-run says it of the whole saga",
                "leave --step out: see 'settle help retry'");
  }
  if (given.Has("step") && given.operands.empty()) {
    return Fail(ErrorCode::kInvalid, "--step goes with the GTID of a saga",
                "see 'settle help retry'");
  }
  if (given.Has("step")) {
    if (Status fits = CheckLine("step", given.Option("step"), 64); !fits) return Fail(fits.error());
    request.__set_step(given.Option("step"));
  }
  if (!given.operands.empty()) {
    const Result<Gtid> gtid = WholeGtid(given.operands.at(0));
    if (!gtid) return Fail(gtid.error());
    request.gtid = gtid->text();
  } else if (given.Has("resource")) {
    request.resource = given.Option("resource");
    if (Status fits = CheckResourceName(request.resource); !fits) return Fail(fits.error());
  }
  const Result<std::string> who = Who(given);
  if (!who) return Fail(who.error());
  request.__set_operator_name(*who);
  return request;
}

std::string Text(const wire::SentAgain& sent, bool dry_run) {
  const bool of_saga =
      sent.command == "action" || sent.command == "compensate" || sent.command == "fence";
  const std::string what = fmt::format("{} of {} {}{}", Printable(sent.command), sent.branches,
                                       of_saga ? "step" : "branch",
                                       sent.branches == 1 ? ""
                                       : of_saga          ? "s"
                                                          : "es");
  std::string text = Printable(sent.resource) + ": ";
  if (dry_run) {
    text += fmt::format("the {} would be sent{}\n", what,
                        sent.sessions.empty() ? " as soon as a process that serves it is there"
                                              : " to " + Printable(sent.sessions.front().process));
  } else if (sent.sessions.empty()) {
    text += fmt::format(
        "nobody is attached, so the {} was not sent;\n"
        "  it is sent as soon as a process that serves {} is there\n",
        what, Printable(sent.resource));
  } else {
    text += fmt::format("the {} is on its way; attached:", what);
    for (const wire::SessionView& session : sent.sessions) {
      text += fmt::format(" {} (asked for work {} ago)", Printable(session.process),
                          Age(std::chrono::milliseconds(session.idle_ms)));
    }
    text += "\n";
  }
  if (!sent.last_error.empty()) {
    text += fmt::format("  the last answer, before this: {}\n", Printable(sent.last_error));
  }
  return text;
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<wire::SendAgainRequest> request = RequestOf(given);
  if (!request) return Fail(request.error());
  const Result<wire::SendAgainReply> reply = around.client.SendAgain(*request);
  if (!reply) return Fail(reply.error());
  Answer answer{.text = {},
                .json = {{"dry_run", request->dry_run},
                         {"transactions", reply->transactions},
                         {"sent", ToJson(reply->sent)}}};
  for (const wire::SentAgain& sent : reply->sent) answer.text += Text(sent, request->dry_run);
  if (request->dry_run) answer.text = "nothing was sent; now it would do this:\n" + answer.text;
  if (reply->sent.empty()) {
    answer.text = request->gtid.empty() ? "nothing waits for an answer: nothing was sent\n"
                                        : "it waits for no answer: nothing was sent\n";
  } else if (request->gtid.empty()) {
    answer.text = fmt::format("{} transaction{} waited for an answer\n", reply->transactions,
                              reply->transactions == 1 ? "" : "s") +
                  answer.text;
  }
  return answer;
}

}  // namespace

const Verb kRetry{
    .name = "retry",
    .operands = {"[GTID]"},
    .options = {{"resource", "NAME", "every transaction that waits for this resource"},
                {"step", "STEP", "of the saga GTID, this step alone: its name or number"},
                {"all", "", "every transaction that waits for an answer"},
                DryRunOption(),
                OperatorOption()},
    .summary = "send again, now, what a decided transaction still waits for",
    .details =
        "Decides nothing: the decision is there, and is sent again by itself with growing pauses; "
        "this is\n"
        "for when the cause is mended and nobody wants to wait. 'settle resolve' is what decides, "
        "for a\n"
        "transaction that has no decision yet. Refused for one that is undecided or damaged, exit "
        "code 1.\n"
        "Can be repeated. A saga's outstanding calls are repeated as well.",
    .run = Run};

}  // namespace settle::cli
