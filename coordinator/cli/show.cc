#include "cli/show.h"

#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/live.h"
#include "cli/steps.h"
#include "cli/table.h"
#include "settle/vocabulary/three_phase.h"
#include "settle/vocabulary/trace_parent.h"

namespace settle::cli {
namespace {

bool IsDamaged(wire::Outcome::type outcome) {
  return outcome == wire::Outcome::MIXED || outcome == wire::Outcome::HAZARD ||
         outcome == wire::Outcome::HEURISTIC_ROLLBACK || outcome == wire::Outcome::HEURISTIC_COMMIT;
}

std::string TimeAndAge(std::int64_t at_us, std::int64_t now_us) {
  return at_us == 0 ? "" : fmt::format("{} ({} ago)", Rfc3339(at_us), Since(at_us, now_us));
}

std::string BranchesText(const std::vector<wire::BranchView>& branches,
                         const std::vector<wire::LiveView>& live, Paint paint) {
  std::vector<Row> rows;
  for (const wire::BranchView& branch : branches) {
    rows.push_back({fmt::format("{}", branch.branch), Printable(branch.resource),
                    Printable(branch.state), Printable(branch.vote),
                    fmt::format("{}", branch.attempts), EvidenceText(branch.evidence),
                    Printable(branch.process), Printable(branch.last_error)});
    if (!live.empty()) rows.back().insert(rows.back().begin() + 3, LiveWord(live, branch.branch));
  }
  Row head{"BRANCH", "RESOURCE", "STATE", "VOTE", "ATTEMPTS", "EVIDENCE", "PROCESS", "LAST ERROR"};
  if (!live.empty()) head.insert(head.begin() + 3, "LIVE");
  return Table(head, rows, paint);
}

// "2.1, led by site 1 (orders)".
std::string BallotText(const wire::TransactionView& transaction) {
  const wire::QuorumView& quorum = transaction.quorum;
  if (quorum.ballot.empty()) return {};
  return fmt::format("{}, led by {}", Printable(quorum.ballot), Printable(quorum.leader));
}

// Site numbers, as people read them.
std::string NumbersText(const std::vector<std::int32_t>& sites) {
  return ToString(std::vector<BranchNumber>(sites.begin(), sites.end()));
}

// Who decided it, or how many are to.
std::string QuorumText(const wire::TransactionView& transaction) {
  const wire::QuorumView& quorum = transaction.quorum;
  if (quorum.sites.empty()) return {};
  const std::string of = fmt::format("{} of {} sites", quorum.needed, quorum.sites.size());
  if (!quorum.quorum.empty()) {
    return fmt::format("{} ({} decide)", NumbersText(quorum.quorum), of);
  }
  if (quorum.missing.empty()) return fmt::format("{} decide", of);
  return fmt::format("{} decide; have not answered: {}", of, NumbersText(quorum.missing));
}

std::string SitesText(const std::vector<wire::SiteView>& sites, Paint paint) {
  std::vector<Row> rows;
  for (const wire::SiteView& site : sites) {
    std::string addresses;
    for (const std::string& address : site.addresses)
      addresses += (addresses.empty() ? "" : " ") + Printable(address);
    const bool witness = site.number == 0;
    rows.push_back({fmt::format("{}", site.number),
                    witness ? "the coordinator's witness" : Printable(site.resource),
                    Printable(site.state), Printable(site.elected), Printable(site.accepted),
                    witness ? "where the coordinator listens" : addresses});
  }
  return Table({"SITE", "RESOURCE", "STATE", "ELECTED", "ACCEPTED", "ANSWERS PEERS AT"}, rows,
               paint);
}

std::string TimelineText(const std::vector<wire::TimelineEntry>& timeline, Paint paint) {
  std::vector<Row> rows;
  for (const wire::TimelineEntry& entry : timeline)
    rows.push_back({Rfc3339(entry.at_us), Printable(entry.what)});
  return Table({"TIME (UTC)", "WHAT HAPPENED"}, rows, paint);
}

std::string SagaText(const wire::TransactionView& transaction) {
  if (!transaction.__isset.saga) return {};
  const wire::SagaView& saga = transaction.saga;
  return fmt::format("{} version {}{}", Printable(saga.name), saga.version,
                     saga.request_key.empty() ? "" : ", key " + Printable(saga.request_key));
}

// "forced to commit by operator alice at 2026-...: both banks agreed"; one a line.
std::string HeuristicsText(const wire::TransactionView& transaction) {
  std::string text;
  for (const wire::HeuristicView& one : transaction.heuristic) {
    const std::string to = Printable(one.to);
    std::string what = one.act == "force" ? "forced to " + to : "told to " + to;
    if (one.act == "verdict") {
      what = fmt::format("branch {} {}", one.branches.empty() ? 0 : one.branches.front(),
                         one.to == "commit" ? "committed" : "was rolled back");
    }
    text += fmt::format("{}{}, by {} at {}: {}", text.empty() ? "" : "; ", what,
                        Printable(one.operator_name), Rfc3339(one.at_us), Printable(one.reason));
  }
  return text;
}

std::string TraceText(const wire::TransactionView& transaction) {
  const std::string trace_parent = TraceParentFrom(transaction.trace_parent);
  if (trace_parent.empty()) return {};
  return fmt::format("{}, span {}", TraceIdOf(trace_parent), SpanIdOf(trace_parent));
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<wire::LookReply> reply = Look(given, around);
  if (!reply) return Fail(reply.error());
  const wire::TransactionView& shown = reply->transaction;
  Json json = ToJson(shown);
  if (!given.Has("no-live")) json["live"] = ToJson(reply->live);
  return Answer{.text = TransactionText(shown, around.now_us, around.paint, reply->live),
                .json = std::move(json),
                .exit = ExitCodeOf(shown)};
}

}  // namespace

std::string TransactionText(const wire::TransactionView& transaction, std::int64_t now_us,
                            Paint paint, const std::vector<wire::LiveView>& live) {
  std::string outcome = EndingText(transaction.ending);
  if (IsDamaged(transaction.ending.outcome)) outcome = paint.Alarm(outcome);
  std::string text = Fields({{"gtid", Printable(transaction.gtid)},
                             {"state", Printable(transaction.state)},
                             {"outcome", outcome},
                             {"heuristic", HeuristicsText(transaction)},
                             {"protocol", ProtocolOf(transaction)},
                             {"ballot", BallotText(transaction)},
                             {"quorum", QuorumText(transaction)},
                             {"saga", SagaText(transaction)},
                             {"owner", Printable(transaction.owner)},
                             {"identity", Printable(transaction.identity)},
                             {"comment", Printable(transaction.comment)},
                             {"trace", TraceText(transaction)},
                             {"began", TimeAndAge(transaction.began_us, now_us)},
                             {"ended", TimeAndAge(transaction.ended_us, now_us)},
                             {"waits for", Printable(transaction.waiting_for)},
                             {"advice", Printable(transaction.advice)}},
                            paint);
  if (!transaction.saga.steps.empty()) {
    text += "\n" + StepsText(transaction, now_us, paint);
  } else if (!transaction.branches.empty()) {
    text += "\n" + BranchesText(transaction.branches, live, paint);
  }
  if (!live.empty()) text += "\n" + LiveText(transaction, live, paint);
  if (!transaction.quorum.sites.empty()) text += "\n" + SitesText(transaction.quorum.sites, paint);
  if (!transaction.timeline.empty()) text += "\n" + TimelineText(transaction.timeline, paint);
  return text;
}

Answer DryRun(const wire::TransactionView& transaction, const Surroundings& around) {
  std::string text =
      "nothing was done; now it would do this:\n\n" + Printable(transaction.would) + "\n";
  if (!transaction.gtid.empty())
    text += "\n" + TransactionText(transaction, around.now_us, around.paint);
  return {.text = text, .json = ToJson(transaction), .exit = ExitCodeOf(transaction)};
}

ExitCode ExitCodeOf(const wire::TransactionView& transaction) {
  const bool presumed = transaction.ending.cause == wire::AbortCause::PRESUMED;
  const bool no_record = presumed && transaction.began_us == 0 && transaction.branches.empty();
  return no_record ? ExitCode::kNotFound : ExitCode::kOk;
}

Result<Gtid> WholeGtid(const std::string& text) {
  constexpr const char* kAdvice =
      "give the whole gtid, <log id>.<epoch>.<sequence>.<tail>, as 'settle list' prints it";
  if (text.empty()) return Fail(ErrorCode::kInvalid, "the gtid is empty", kAdvice);
  Result<Gtid> gtid = Gtid::Parse(text);
  if (gtid) return gtid;
  const bool could_be_part =
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.") == std::string::npos;
  const char* what = could_be_part ? "is not a whole gtid" : "is not a gtid";
  return Fail(ErrorCode::kInvalid, fmt::format("\"{}\" {}", Escaped(text), what), kAdvice);
}

const Verb kShow{
    .name = "show",
    .operands = {"GTID"},
    .options = {NoLiveOption()},
    .summary =
        "one transaction: its branches, votes, evidence, errors, timeline; a saga: its steps",
    .details =
        "Exit code 3 when the log has no record of it: it was never begun, or was aborted before\n"
        "anything was recorded; such a transaction is presumed to be aborted.\n"
        "LIVE is what each branch's database says when it is asked now, and below it what the "
        "branch holds and\n"
        "who waits behind it; ! marks what contradicts the decision. Waits for the answers at most "
        "two\n"
        "seconds, or three quarters of --timeout.\n"
        "EVIDENCE names the database and its own transaction, as recorded with the vote; with it\n"
        "the database can be asked for proof.\n"
        "Of a three-phase commit the sites are listed: what each of them answered last (STATE), "
        "the last\n"
        "election it joined and the last attempt it accepted, each as ROUND.LEADER, where leader 0 "
        "is the\n"
        "coordinator; who led the ballot; and the sites whose acceptances decided.\n"
        "The steps of a saga are drawn as a tree: each under the one that it waits for and that "
        "comes last.",
    .run = Run};

}  // namespace settle::cli
