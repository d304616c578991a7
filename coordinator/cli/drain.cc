#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "cli/admin_client.h"
#include "cli/arguments.h"
#include "cli/json.h"
#include "cli/pauses.h"

namespace settle::cli {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kPause{200};        // between two looks
constexpr milliseconds kLineEvery{5'000};  // while nothing changes

std::string What(const wire::StatusReply& status) {
  std::string states;
  for (const auto& [state, count] : status.open) {
    if (count == 0) continue;
    states += fmt::format("{}{} {}", states.empty() ? "" : ", ", count, Printable(state));
  }
  std::string text = fmt::format("{} undecided", status.undecided);
  if (!states.empty()) text += "; open: " + states;
  std::string waiting;
  for (const auto& [name, count] : status.waiting)
    waiting += fmt::format("{}{} ({})", waiting.empty() ? "" : ", ", Printable(name), count);
  if (!waiting.empty()) text += "; wait for: " + waiting;
  return text;
}

struct Drained {
  wire::StatusReply last;
  bool done = false;
};

// Looks until nothing is undecided, prints what there is when that changes, and now and then.
Result<Drained> Await(std::optional<milliseconds> at_most, Surroundings& around) {
  const auto from = SteadyClock::now();
  std::string said;
  auto said_at = from;
  for (;;) {
    const Result<wire::StatusReply> status = around.client.ReadStatus();
    if (!status) return Fail(status.error());
    const auto now = SteadyClock::now();
    const bool lifted = std::none_of(status->pauses.begin(), status->pauses.end(),
                                     [](const auto& pause) { return pause.scope == "drain"; });
    if (lifted) {
      return Fail(ErrorCode::kRefused, "somebody lifted the drain meanwhile",
                  "'settle audit' says who");
    }
    if (status->undecided == 0) return Drained{*status, true};
    if (at_most && now - from >= *at_most) return Drained{*status, false};
    const std::string what = What(*status);
    if (!around.json && (what != said || now - said_at >= kLineEvery)) {
      if (!around.print(what + "\n"))
        return Fail(ErrorCode::kInternal, "the progress could not be written");
      said = what;
      said_at = now;
    }
    std::this_thread::sleep_for(kPause);
  }
}

Result<Answer> Report(const Drained& drained, Answer answer) {
  answer.json["undecided"] = drained.last.undecided;
  answer.json["sagas"] = drained.last.sagas;
  answer.json["open"] = ToJson(drained.last.open);
  answer.json["waiting"] = ToJson(drained.last.waiting);
  answer.json["drained"] = drained.done;
  if (!drained.done) {
    answer.exit = ExitCode::kNotEnded;
    answer.text += "not drained yet: " + What(drained.last) +
                   "\nit stays closed to what is new; 'settle list --open' shows what is left\n";
    return answer;
  }
  answer.text += "drained: no transaction is undecided";
  if (drained.last.sagas != 0)
    answer.text += fmt::format("; {} sagas go on, and go on after a restart", drained.last.sagas);
  answer.text += "\n";
  return answer;
}

Result<Answer> TurnOff(const wire::DrainRequest& request, Surroundings& around) {
  const Result<wire::PauseView> lifted = around.client.Drain(request);
  if (!lifted) return Fail(lifted.error());
  return Answer{.text = "it takes transactions again; it was so until now: " +
                        PauseText(*lifted, around.now_us) + "\n",
                .json = {{"drain", ToJson(*lifted)}, {"drained", false}}};
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  if (given.Has("off") && given.Has("wait"))
    return Fail(ErrorCode::kInvalid, "--off does not wait", "leave --wait out");
  const Result<std::string> who = Who(given);
  if (!who) return Fail(who.error());
  if (given.Has("reason")) {
    if (Status fits = CheckLine("reason", given.Option("reason"), 1'000); !fits)
      return Fail(fits.error());
  }
  std::optional<milliseconds> wait;  // none: as long as it takes
  if (given.Has("wait") && given.Option("wait") != "forever") {
    const auto parsed = ParseDuration(given.Option("wait"));
    if (!parsed) return Fail(parsed.error());
    wait = *parsed;
  }
  wire::DrainRequest request;
  request.on = !given.Has("off");
  request.operator_name = *who;
  request.reason = given.Option("reason");
  if (given.Has("off")) return TurnOff(request, around);
  const Result<wire::PauseView> drain = around.client.Drain(request);
  if (!drain) return Fail(drain.error());
  Answer answer{.text = {}, .json = {{"drain", ToJson(*drain)}}};
  const std::string first = PauseText(*drain, around.now_us) + "\n";
  if (!around.json && !around.print(first))
    return Fail(ErrorCode::kInternal, "the progress could not be written");
  const Result<Drained> drained = Await(wait, around);
  if (!drained) return Fail(drained.error());
  return Report(*drained, std::move(answer));
}

}  // namespace

const Verb kDrain{
    .name = "drain",
    .operands = {},
    .options = {{"wait", "TIME",
                 "wait at most so long, for example 30s; or \"forever\", as if not "
                 "given"},
                {"off", "", "take transactions again"},
                {"reason", "TEXT", "why, for the record; one line"},
                OperatorOption()},
    .summary = "begin nothing new, and wait until no transaction is undecided",
    .details =
        "To take the coordinator out of service: /readyz says that it is not ready, what runs is "
        "finished, and\n"
        "a line says what is left whenever that changes. Exit code 0 once nothing is undecided, 9 "
        "if something\n"
        "is after TIME; it stays drained either way, and whoever interrupts the waiting changes "
        "nothing. Sagas\n"
        "are not waited for: they go on, and go on after a restart. It holds over restarts, until "
        "--off.",
    .run = Run};

}  // namespace settle::cli
