#include "cli/saga_wait.h"

#include <fmt/format.h>

#include <optional>
#include <thread>

#include "cli/admin_client.h"
#include "cli/given_text.h"
#include "cli/json.h"
#include "cli/table.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kKeyBytesMost = 64;
constexpr std::size_t kCommentBytesMost = 1'000;

// None: do not wait.
Result<std::optional<milliseconds>> WaitOf(const Given& given) {
  if (!given.Has("wait")) return std::nullopt;
  if (given.Option("wait") == "forever") return milliseconds::max();
  const auto wait = ParseDuration(given.Option("wait"));
  if (!wait) {
    return Fail(ErrorCode::kInvalid,
                "\"" + Escaped(given.Option("wait")) + "\" is not a time to wait",
                "give --wait a number with its unit, from 1ms to 60m, or \"forever\"");
  }
  return *wait;
}

// A coordinator that is away meanwhile is asked again until the time is over: the saga is in its
// log.
Result<wire::AwaitSagaReply> Await(const std::string& gtid, milliseconds wait,
                                   Surroundings& around) {
  const auto from = SteadyClock::now();
  while (true) {
    const auto passed = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - from);
    const milliseconds left = std::max(wait - passed, milliseconds(0));
    Result<wire::AwaitSagaReply> reply = around.client.AwaitSaga(gtid, left);
    const bool away = !reply && (reply.error().code == ErrorCode::kUnavailable ||
                                 reply.error().code == ErrorCode::kRetry);
    const bool goes_on = reply && reply->ending.outcome == wire::Outcome::UNDECIDED;
    if (left.count() == 0 || (!away && !goes_on)) return reply;
    if (away) std::this_thread::sleep_for(std::min(left, milliseconds(200)));
  }
}

ExitCode ExitOf(const wire::Ending& ending) {
  if (ending.outcome == wire::Outcome::COMMITTED) return ExitCode::kOk;
  const bool goes_on = ending.outcome == wire::Outcome::UNDECIDED;
  return goes_on ? ExitCode::kNotEnded : ExitCode::kEndedOtherwise;
}

std::string EndText(const wire::AwaitSagaReply& reply, const std::string& gtid) {
  if (reply.ending.outcome == wire::Outcome::UNDECIDED) {
    return fmt::format(
        "it has not ended yet and goes on; 'settle show {}' says what it waits for\n", gtid);
  }
  std::string text = EndingText(reply.ending) + "\n";
  std::vector<std::pair<std::string, std::string>> results;
  for (const auto& [step, result] : reply.results)
    results.emplace_back("  " + Printable(step), Printable(result));
  return text + Fields(results, Paint{});
}

Error NotStarted(Error error, const wire::StartSagaRequest& request) {
  if (error.code != ErrorCode::kAskOutcome && error.code != ErrorCode::kUnavailable) return error;
  const bool sent = error.code == ErrorCode::kAskOutcome;
  if (request.request_key.empty()) {
    if (sent)
      error.advice =
          "'settle list --open' shows whether it runs; with --key the same command can be repeated";
  } else if (sent) {
    error.advice = "repeat the same command: its --key makes it the same saga";
  }
  return error;
}

}  // namespace

std::vector<VerbOption> StartOptions() {
  VerbOption input = InputOption();
  input.help = "the saga's input: " + input.help + "; {} if not given";
  return {std::move(input),
          {"key", "KEY", "1 to 64 bytes: repeated with the same key it is the same saga"},
          {"wait", "TIME", "wait for its end, at most 30s, 5m ..., or \"forever\""},
          {"comment", "TEXT", "your own words, shown to operators; one line"},
          OperatorOption()};
}

const char* const kStartDetails =
    "Prints its gtid once it is durable. With --wait, the exit code says how it ended: 0 "
    "committed, 8 undone\n"
    "or damaged, 9 not within TIME; the steps' results are printed. Without --wait 0 says that it "
    "was started.\n"
    "A key is known for as long as the coordinator remembers the saga (settled --keep-ended), also "
    "over\n"
    "restarts; used with another definition or input it is refused, exit code 1. When a reply is "
    "lost (exit\n"
    "code 7), repeat the command with its --key.";

Error InFile(Error error, const std::string& source) {
  if (error.code != ErrorCode::kInvalid || source.empty()) return error;
  error.message = (source == "-" ? "standard input" : source) + ": " + error.message;
  if (error.advice.empty())
    error.advice =
        "correct it there; nothing was started or stored. The place is a JSON Pointer "
        "or a step's name";
  return error;
}

Result<Answer> StartAndWait(wire::StartSagaRequest request, const Given& given,
                            Surroundings& around, const std::string& source) {
  const auto wait = WaitOf(given);
  if (!wait) return Fail(wait.error());
  Result<std::string> input = InputOf(given);
  if (!input) return Fail(input.error());
  const Result<std::string> who = Who(given);
  if (!who) return Fail(who.error());
  for (const auto& [option, most] :
       {std::pair{"key", kKeyBytesMost}, std::pair{"comment", kCommentBytesMost}}) {
    if (!given.Has(option)) continue;
    if (Status fits = CheckLine(option, given.Option(option), most); !fits)
      return Fail(fits.error());
  }
  request.input = *std::move(input);
  request.comment = given.Option("comment");
  request.owner = *who;
  if (given.Has("key")) request.__set_request_key(given.Option("key"));
  const Result<wire::BeginReply> begun = around.client.StartSaga(request);
  if (!begun) return Fail(InFile(NotStarted(begun.error(), request), source));
  Answer answer;
  answer.json = {{"gtid", begun->gtid}, {"epoch", begun->epoch}};
  const std::string first = Printable(begun->gtid) + "\n";
  if (!*wait) {
    answer.text = first;
    return answer;
  }
  // At once: whoever interrupts the wait knows what to ask for.
  if (!around.json && !around.print(first))
    return Fail(ErrorCode::kInternal, "the gtid could not be written: " + begun->gtid);
  const Result<wire::AwaitSagaReply> end = Await(begun->gtid, **wait, around);
  if (!end) {
    Error error = end.error();
    error.message = fmt::format("saga {} was started; how it stands is not known: {}",
                                Printable(begun->gtid), error.message);
    return Fail(std::move(error));
  }
  answer.text = EndText(*end, Printable(begun->gtid));
  answer.exit = ExitOf(end->ending);
  answer.json["ending"] = ToJson(end->ending);
  answer.json["results"] = Json::object();
  for (const auto& [step, result] : end->results) answer.json["results"][step] = result;
  return answer;
}

}  // namespace settle::cli
