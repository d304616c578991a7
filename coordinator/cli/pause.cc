#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/pauses.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

Result<wire::PauseRequest> RequestOf(const Given& given) {
  wire::PauseRequest request;
  Result<std::string> name = NameOrAll(given);
  if (!name) return Fail(name.error());
  request.name = *std::move(name);
  const Result<Accountable> by = WhoAndWhy(given);
  if (!by) return Fail(by.error());
  request.operator_name = by->operator_name;
  request.reason = by->reason;
  return request;
}

Result<Answer> RunPause(const Given& given, Surroundings& around) {
  const auto request = RequestOf(given);
  if (!request) return Fail(request.error());
  const Result<wire::PauseView> paused = around.client.Pause(*request);
  if (!paused) return Fail(paused.error());
  std::string text = PauseText(*paused, around.now_us) + "\n";
  text += request->name.empty()
              ? "transactions and sagas that run go on and are finished; nothing new is begun\n"
              : "no transaction enlists it and no saga calls an action at it; what is decided is "
                "finished there\n";
  return Answer{.text = std::move(text), .json = ToJson(*paused)};
}

Result<Answer> RunResume(const Given& given, Surroundings& around) {
  const auto request = RequestOf(given);
  if (!request) return Fail(request.error());
  const Result<wire::PauseView> lifted = around.client.Resume(*request);
  if (!lifted) return Fail(lifted.error());
  return Answer{
      .text = "it goes on; it was so until now: " + PauseText(*lifted, around.now_us) + "\n",
      .json = ToJson(*lifted)};
}

const VerbOption kAll{"all", "", "everything new, whatever it is about"};

}  // namespace

std::string PauseText(const wire::PauseView& pause, std::int64_t now_us) {
  const std::string what = pause.scope == "participant" ? Printable(pause.name) + " is paused"
                           : pause.scope == "drain"     ? "the coordinator is drained"
                                                        : "everything new is paused";
  return fmt::format("{} by {} since {} ({}){}", what, Printable(pause.operator_name),
                     Rfc3339(pause.since_us), Since(pause.since_us, now_us),
                     pause.reason.empty() ? "" : ": " + Printable(pause.reason));
}

Result<std::string> NameOrAll(const Given& given) {
  if (given.operands.empty() != given.Has("all")) {
    return Fail(ErrorCode::kInvalid, "give a NAME or --all, and not both",
                "'settle participants' lists the names");
  }
  if (given.operands.empty()) return std::string();
  if (Status fits = CheckResourceName(given.operands[0]); !fits) return Fail(fits.error());
  return given.operands[0];
}

const Verb kPause{
    .name = "pause",
    .operands = {"[NAME]"},
    .options = {kAll, ReasonOption(), OperatorOption()},
    .summary = "hold back what is new of a resource, of a participant of sagas, or of everything",
    .details =
        "No transaction enlists NAME any more (\"try again later\", with who paused it, since when "
        "and why), and\n"
        "no saga calls an action there; a saga that comes to it says so and goes on when it is "
        "resumed. What is\n"
        "decided goes on being finished: commits, aborts, confirms, cancels and compensations are "
        "never paused,\n"
        "nor are branches that had joined before. Time-outs and deadlines run on. With --all "
        "nothing new is begun.\n"
        "Durable before the answer: it holds over restarts, until 'settle resume'. Done again, it "
        "says who was first.",
    .run = RunPause};

const Verb kResume{.name = "resume",
                   .operands = {"[NAME]"},
                   .options = {kAll, ReasonOption(), OperatorOption()},
                   .summary = "let go on what was paused; sagas that wait for it go on at once",
                   .details =
                       "Durable before the answer. What is not paused is refused, exit code 3. A "
                       "drain is lifted with\n"
                       "'settle drain --off'.",
                   .run = RunResume};

}  // namespace settle::cli
