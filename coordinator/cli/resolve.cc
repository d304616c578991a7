#include <fmt/format.h>

#include <charconv>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

Result<BranchNumber> ParseBranch(const std::string& text) {
  BranchNumber number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc{} && stop == end && number >= 1 && number <= 1'000) return number;
  return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not a branch",
              "give its number, from 1, as 'settle show' lists it");
}

Result<wire::ResolveRequest> OfAStray(const Given& given) {
  if (!given.Has("resource") && !given.Has("prepared"))
    return Fail(ErrorCode::kInvalid, "commit|abort is missing", "see 'settle help resolve'");
  if (!given.Has("resource") || !given.Has("prepared") || given.Has("branch")) {
    return Fail(ErrorCode::kInvalid,
                "a prepared branch without a transaction is named by --resource and --prepared",
                "give those, or the GTID: see 'settle help resolve'");
  }
  wire::ResolveRequest request;
  request.to = given.operands.at(0);
  if (Status fits = CheckResourceName(given.Option("resource")); !fits) return Fail(fits.error());
  if (Status fits = CheckLine("prepared", given.Option("prepared"), 200); !fits)
    return Fail(fits.error());
  request.__set_resource(given.Option("resource"));
  request.__set_prepared(given.Option("prepared"));
  return request;
}

Result<wire::ResolveRequest> OfATransaction(const Given& given) {
  if (given.Has("resource") || given.Has("prepared")) {
    return Fail(ErrorCode::kInvalid, "--resource and --prepared name a branch of no GTID here",
                "see 'settle help resolve'");
  }
  const Result<Gtid> gtid = WholeGtid(given.operands.at(0));
  if (!gtid) return Fail(gtid.error());
  wire::ResolveRequest request;
  request.gtid = gtid->text();
  request.to = given.operands.at(1);
  if (!given.Has("branch")) return request;
  const Result<BranchNumber> branch = ParseBranch(given.Option("branch"));
  if (!branch) return Fail(branch.error());
  request.__set_branch(static_cast<std::int32_t>(*branch));
  return request;
}

Result<wire::ResolveRequest> RequestOf(const Given& given) {
  Result<wire::ResolveRequest> request =
      given.operands.size() == 1 ? OfAStray(given) : OfATransaction(given);
  if (!request) return request;
  const bool verdict = given.Has("branch");
  const bool known = verdict ? request->to == "committed" || request->to == "aborted"
                             : request->to == "commit" || request->to == "abort";
  if (!known) {
    return Fail(ErrorCode::kInvalid,
                "\"" + Escaped(request->to) + "\" is not a way " +
                    (verdict ? "a branch can have ended" : "to end a transaction"),
                verdict ? "say committed or aborted" : "say commit or abort");
  }
  const bool stray = given.operands.size() == 1;
  if ((verdict || stray) && !given.Has("heuristic")) {
    return Fail(ErrorCode::kInvalid, "this is for a person to decide, and not for the protocol",
                "say so with --heuristic; --dry-run says what it would do");
  }
  const Result<Accountable> by = WhoAndWhy(given);
  if (!by) return Fail(by.error());
  request->operator_name = by->operator_name;
  request->reason = by->reason;
  if (given.Has("heuristic")) request->__set_heuristic(true);
  if (given.Has("dry-run")) request->__set_dry_run(true);
  return request;
}

std::string FirstLine(const wire::ResolveRequest& request) {
  const std::string who = Printable(request.operator_name);
  if (!request.heuristic)
    return fmt::format("the coordinator took \"{}\" from {}; this is so now:", request.to, who);
  return fmt::format("that {} decided \"{}\" is recorded, and is being done; this is so now:", who,
                     request.to);
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<wire::ResolveRequest> request = RequestOf(given);
  if (!request) return Fail(request.error());
  const Result<wire::TransactionView> now = around.client.Resolve(*request);
  if (!now) return Fail(now.error());
  if (request->dry_run) return DryRun(*now, around);
  const ExitCode exit = ExitCodeOf(*now);
  const std::string first =
      exit == ExitCode::kOk ? FirstLine(*request) : "there is nothing to resolve:";
  return Answer{.text = first + "\n\n" + TransactionText(*now, around.now_us, around.paint),
                .json = ToJson(*now),
                .exit = exit};
}

}  // namespace

const Verb kResolve{
    .name = "resolve",
    .operands = {"[GTID]", "commit|abort"},
    .options = {ReasonOption(),
                OperatorOption(),
                DryRunOption(),
                {"heuristic", "", "decide where nobody else can"},
                {"branch", "N", "of a hazard: say how this branch ended, committed or aborted"},
                {"resource", "NAME", "of --prepared"},
                {"prepared", "NAME", "a stray, as 'settle in-doubt' names it, instead of GTID"}},
    .summary = "end an undecided transaction by abort; decide where nobody else can",
    .details =
        "A durable decision is never overturned: what contradicts it is refused, exit code 1; what "
        "agrees\n"
        "with it is sent again, as by 'settle retry'. Whoever asks and why is said in the daemon's "
        "own log, and\n"
        "kept with the transaction that was ended. Can be repeated.\n"
        "With --heuristic a person decides, and it may do damage: --dry-run says what it would "
        "do, and what would\n"
        "do damage. A three-phase commit whose majority never comes, or a quarantined transaction, "
        "is forced to\n"
        "commit or abort. With --branch N: it is committed or aborted that a branch in hazard "
        "ended as. With\n"
        "--resource and --prepared: a prepared branch that another log, or nobody, answers for is "
        "told to commit\n"
        "or abort. It is durable before it is done, goes on after a crash, and is shown until "
        "'settle forget'.",
    .run = Run};

}  // namespace settle::cli
