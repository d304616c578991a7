// Says in words what a transaction waits for and what is safe.
#include <algorithm>
#include <string_view>

#include "admin/views.h"

namespace settle::coordinator {
namespace {

bool IsUnfinished(const BranchSummary& branch) {
  return branch.state == "committing" || branch.state == "aborting" ||
         branch.state == "one-phase" || branch.state == "preparing" || branch.state == "running" ||
         branch.state == "fencing" || branch.state == "undoing" || branch.state == "trying" ||
         branch.state == "confirming" || branch.state == "cancelling";
}

std::string BranchesThatAreOut(const TransactionSummary& summary) {
  std::string out;
  for (const BranchSummary& branch : summary.branches) {
    if (!IsUnfinished(branch)) continue;
    // A saga's: "step flight, action reserve-seat".
    out += (out.empty() ? "" : ", ") +
           (summary.saga ? branch.identity + " at " + branch.resource
                         : "branch " + std::to_string(branch.number) + " in " + branch.resource);
    if (!branch.last_error.empty()) out += " (" + branch.last_error + ")";
  }
  return out;
}

// What of it waits for a participant that an operator has paused, unless that is said already.
std::string WhatIsHeldBack(const TransactionSummary& summary,
                           const std::vector<PauseRecord>& pauses) {
  std::string words;
  for (const PauseRecord& pause : pauses) {
    if (pause.scope != PauseScope::kParticipant) continue;
    const bool waits = std::any_of(
        summary.branches.begin(), summary.branches.end(), [&](const BranchSummary& branch) {
          return IsUnfinished(branch) && !IsHeldBack(branch) && branch.resource == pause.name;
        });
    if (waits) words += "; " + InWords(pause) + " (what is decided is finished there all the same)";
  }
  return words;
}

// What keeps a called participant from getting on, as something to do about it.
std::string HelpForTheCalled(const BranchSummary& out) {
  if (out.last_error.empty()) return "nothing is needed while " + out.resource + " is at work";
  if (IsHeldBack(out)) return "'settle resume " + out.resource + " --reason ...' lets it go on";
  return out.last_error == NobodyServes(out.resource)
             ? "start a process that serves " + out.resource
             : "mend the cause at " + out.resource;
}

// The same for a branch, whatever it is in: the stock agent serves the databases that Settle knows.
std::string HelpForTheBranch(const BranchSummary& out) {
  const std::string help = HelpForTheCalled(out);
  const std::string& identity = out.identity.empty() ? out.evidence.database : out.identity;
  const bool known = identity.starts_with("postgresql:") || identity.starts_with("sqlite:");
  if (!known || out.last_error != NobodyServes(out.resource)) return help;
  return help + ", or run 'settle agent --resource " + out.resource + " ...'";
}

bool IsStuck(const BranchSummary& branch) {
  return IsUnfinished(branch) && !branch.last_error.empty();
}

// The first that does not get on, or else the first that is out; null if none is.
const BranchSummary* FirstToHelp(const std::vector<BranchSummary>& branches) {
  auto found = std::find_if(branches.begin(), branches.end(), IsStuck);
  if (found == branches.end()) found = std::find_if(branches.begin(), branches.end(), IsUnfinished);
  return found == branches.end() ? nullptr : &*found;
}

std::string HelpForTheBranches(const TransactionSummary& summary) {
  const BranchSummary* out = FirstToHelp(summary.branches);
  return out == nullptr ? "nothing is needed" : HelpForTheBranch(*out);
}

// What a three-phase commit needs to be decided, and who of its sites could give it.
std::string MajorityThatIsOut(const TransactionSummary& summary) {
  const QuorumSummary& quorum = *summary.quorum;
  const std::size_t answered = quorum.sites.size() - quorum.missing.size();
  if (quorum.missing.empty() || answered >= quorum.needed) {
    return "the decision log's disk, to record who decided or who leads";
  }
  std::string sites;
  for (const SiteSummary& one : quorum.sites) {
    const BranchNumber number = one.site.number;
    if (std::find(quorum.missing.begin(), quorum.missing.end(), number) == quorum.missing.end())
      continue;
    sites += (sites.empty() ? "" : "; ") + NameOf(one.site);
    const BranchSummary* branch = BranchOf(summary, number);
    if (branch != nullptr && !branch->last_error.empty()) sites += ", " + branch->last_error;
  }
  const std::string all = std::to_string(quorum.sites.size());
  return std::to_string(quorum.needed - answered) + " more of its " + all +
         " sites to answer ballot " + ToString(quorum.by.ballot) + " (" +
         std::to_string(quorum.needed) + " of " + all + " decide); missing: " + sites;
}

std::string HelpForAMajority(const TransactionSummary& summary) {
  const std::string again =
      "they are asked again by themselves; 'settle retry " + summary.gtid.text() +
      "' asks them now. Only if they never come back: 'settle resolve " + summary.gtid.text() +
      " commit|abort --heuristic --reason ...' forces it; sites decide by themselves as soon as a "
      "majority of them meets, and if they decide otherwise, that splits it";
  for (const BranchNumber number : summary.quorum->missing) {
    const BranchSummary* branch = BranchOf(summary, number);
    if (branch != nullptr) return HelpForTheBranch(*branch) + ": " + again;
  }
  return again;
}

// Its last resource decides, and nobody else: by the database that it is in.
void AwaitLastResource(const BranchSummary& last, TransactionView& view, const std::string& gtid) {
  const std::string name =
      "its last resource, branch " + std::to_string(last.number) + " in " + last.resource;
  const std::string why = last.last_error.empty() ? "" : " (" + last.last_error + ")";
  const std::string force = "'settle resolve " + gtid + " commit|abort --heuristic --reason ...'";
  if (last.state == "hazard") {
    view.waiting_for = "a person: " + name + ", cannot say whether it committed" + why;
    view.advice = "look in that database whether the work of " + gtid +
                  " is there, then let its other branches end alike by " + force +
                  "; should a database that knows come back under that name, it is asked again";
    return;
  }
  view.waiting_for = "proof of what became of " + name + why;
  view.advice = HelpForTheBranch(last) +
                ": its own record decides, and is asked for again by itself; 'settle retry " +
                gtid + "' asks now. Only if that database never comes back: " + force +
                " forces it, and splits it if that database did otherwise";
}

// What a person can do about the first of a saga's steps that does not get on, or else about the
// first one that is out.
std::string HelpForASaga(const TransactionSummary& summary) {
  const BranchSummary* out = FirstToHelp(summary.branches);
  if (out == nullptr) return "";
  const std::string of = summary.gtid.text() + " --step " + std::to_string(out->number);
  if (IsHeldBack(*out)) {
    return HelpForTheCalled(*out) + "; 'settle saga cancel " + summary.gtid.text() +
           " --reason ...' turns the saga back unless its pivot has run; deadlines run on";
  }
  std::string advice = HelpForTheCalled(*out) + ": the call is repeated by itself; 'settle retry " +
                       of + "' repeats it now";
  if (!IsStuck(*out)) return advice;
  if (out->state == "undoing" || IsPastItsPivot(summary)) {
    return advice + "; what can never succeed: 'settle set-input " + of +
           " --input JSON --reason ...' corrects it, 'settle skip " + of +
           " --reason ...' gives it up as damage";
  }
  if (summary.state != "running") return advice;
  return advice + "; 'settle saga cancel " + summary.gtid.text() +
         " --reason ...' turns the saga back";
}

// The same for a confirm or cancel.
std::string HelpForTheReserved(const TransactionSummary& summary) {
  const auto stuck = std::find_if(
      summary.branches.begin(), summary.branches.end(), [](const BranchSummary& branch) {
        return IsReservation(branch) && IsUnfinished(branch) && !branch.last_error.empty();
      });
  if (stuck == summary.branches.end()) return "";
  return "; what can never succeed: 'settle skip " + summary.gtid.text() + " --step " +
         std::to_string(stuck->number) + " --reason ...' gives it up as damage";
}

// Participants keep what they know of it and of every later one until it is let go of.
std::string HoldsTheMark(const TransactionSummary& summary) {
  return summary.saga || summary.quorum || HasReservations(summary)
             ? "; until then participants keep their notes on it and on all that began "
               "after it"
             : "";
}

std::string HelpForTheDamaged(const TransactionSummary& summary) {
  const std::string gtid = summary.gtid.text();
  const std::string forget =
      "'settle forget " + gtid + " --reason ...' lets go of it" + HoldsTheMark(summary);
  const auto hazard =
      std::find_if(summary.branches.begin(), summary.branches.end(),
                   [](const BranchSummary& branch) { return branch.state == "hazard"; });
  if (hazard != summary.branches.end()) {
    return "look in the database of branch " + std::to_string(hazard->number) + ", " +
           hazard->resource + ", whether its work is there, and say so: 'settle resolve " + gtid +
           " committed|aborted --branch " + std::to_string(hazard->number) +
           " --heuristic --reason ...'; repair by hand what has to be; then " + forget +
           ". What is damaged: " + summary.ending.reason;
  }
  const bool agrees = summary.ending.committed() || summary.ending.aborted();
  if (agrees) {
    return "its branches have ended alike, because a person decided: see that it is right; then " +
           forget + ". What was done: " + summary.ending.reason;
  }
  const std::string compare = summary.saga
                                  ? "look at its participants what its steps left, and repair"
                                  : "compare its branches with their databases and repair";
  return compare + " by hand; then " + forget + ". What is damaged: " + summary.ending.reason;
}

std::string HelpForTheQuarantined(const TransactionSummary& summary) {
  const std::string gtid = summary.gtid.text();
  const std::string force = CanBeForced(summary)
                                ? "by 'settle resolve " + gtid +
                                      " commit|abort --heuristic --reason ...' (it does damage "
                                      "where one has ended otherwise already), or by hand"
                                : "by hand, for no record says which they are";
  return "nothing is sent for it and nothing is presumed: compare its branches with their "
         "databases, and the log with a backup; then let all of them end alike, " +
         force + ", and then 'settle forget " + gtid + " --reason ...' lets go of it" +
         HoldsTheMark(summary);
}

}  // namespace

const BranchSummary* BranchOf(const TransactionSummary& summary, BranchNumber number) {
  const auto branch =
      std::find_if(summary.branches.begin(), summary.branches.end(),
                   [number](const BranchSummary& one) { return one.number == number; });
  return branch == summary.branches.end() ? nullptr : &*branch;
}

bool AwaitsAMajority(const TransactionSummary& summary) {
  return summary.quorum && summary.state == "quorum";
}

const BranchSummary* AwaitedLastResource(const TransactionSummary& summary) {
  if (summary.state != "last-resource") return nullptr;
  const auto last = std::find_if(summary.branches.begin(), summary.branches.end(),
                                 [](const BranchSummary& branch) {
                                   return branch.state == "one-phase" || branch.state == "hazard";
                                 });
  return last == summary.branches.end() ? nullptr : &*last;
}

bool IsReservation(const BranchSummary& branch) { return branch.identity.starts_with("action "); }

bool HasReservations(const TransactionSummary& summary) {
  return std::any_of(summary.branches.begin(), summary.branches.end(), IsReservation);
}

// As Sagas says it.
bool IsHeldBack(const BranchSummary& branch) {
  return branch.last_error.starts_with(branch.resource + " is paused by ");
}

bool IsPastItsPivot(const TransactionSummary& summary) {
  if (!summary.saga) return false;
  return std::any_of(
      summary.branches.begin(), summary.branches.end(), [&](const BranchSummary& branch) {
        const auto& steps = summary.saga->steps;
        return branch.state == "done" &&
               std::any_of(steps.begin(), steps.end(), [&](const StepSummary& step) {
                 return step.number == branch.number && step.kind == saga::StepKind::kPivot;
               });
      });
}

bool CanBeForced(const TransactionSummary& summary) {
  return AwaitsAMajority(summary) || AwaitedLastResource(summary) != nullptr ||
         (summary.state == "quarantined" && !summary.branches.empty());
}

bool CallsParticipants(std::string_view state) {
  return state == "running" || state == "fencing" || state == "compensating";
}

Status CheckRecorded(const TransactionView& view) {
  const TransactionSummary& summary = view.summary;
  if (summary.ending.cause != AbortCause::kPresumed || !summary.branches.empty()) return {};
  return Fail(ErrorCode::kNotFound,
              "the log has no record of transaction " + summary.gtid.text() +
                  ": it is presumed aborted, and there is nothing to send",
              "check the gtid; a branch that is still prepared is ended by the next scan of its "
              "database");
}

Error IsUnknown(const TransactionView& view) {
  return {ErrorCode::kRefused,
          "what became of transaction " + view.summary.gtid.text() +
              " is unknown, so nothing is decided or sent: " + view.summary.ending.reason,
          "no decision can be made here that its other branches are sure to share: look in their "
          "databases first"};
}

TransactionView Explain(TransactionSummary summary, const std::vector<PauseRecord>& pauses) {
  TransactionView view;
  const std::string out = BranchesThatAreOut(summary);
  const std::string gtid = summary.gtid.text();
  if (summary.state == "active") {
    view.waiting_for =
        std::string("its application to ask for commit or abort") +
        (summary.own_unnamed ? ", and to name the branches in its own process" : "") +
        "; the deadline aborts it otherwise";
    view.advice = "nothing is needed; 'settle resolve " + gtid + " abort --reason ...' ends it now";
  } else if (summary.state == "preparing") {
    view.waiting_for = "the vote of " + out;
    view.advice = "nothing is needed; the vote time-out aborts it otherwise";
  } else if (AwaitsAMajority(summary)) {
    view.waiting_for = MajorityThatIsOut(summary);
    view.advice = HelpForAMajority(summary);
  } else if (const BranchSummary* last = AwaitedLastResource(summary)) {
    AwaitLastResource(*last, view, gtid);
  } else if (CallsParticipants(summary.state)) {
    view.waiting_for = out;
    view.advice = HelpForASaga(summary);
  } else if (summary.state == "pre-committing" || summary.state == "deciding" ||
             summary.state == "delegating" || summary.state == "beginning" ||
             summary.state == "stopping" || summary.state == "ending") {
    view.waiting_for = "the decision log's disk";
  } else if (summary.state == "one-phase") {
    view.waiting_for = "proof of what became of its only branch: " + out;
    view.advice = HelpForTheBranches(summary) + ": its own record decides";
  } else if (summary.state == "committing" || summary.state == "aborting") {
    const std::string verb = summary.state == "committing" ? "commit" : "abort";
    view.waiting_for = out + " to " + verb;
    if (out.empty())
      view.waiting_for = "the decision log's disk, to record what became of its branches";
    if (!out.empty())
      view.advice = HelpForTheBranches(summary) + ": the decision is " + verb +
                    " and is sent again by itself; 'settle retry " + gtid + "' sends it now" +
                    HelpForTheReserved(summary);
  } else if (summary.state == "damaged") {
    view.waiting_for = "a person";
    view.advice = HelpForTheDamaged(summary);
  } else if (summary.state == "quarantined") {
    view.waiting_for = "a person";
    view.advice = HelpForTheQuarantined(summary);
  } else if (summary.state == "forcing") {
    view.waiting_for = "the decision log's disk, to record what a person decided";
  } else if (summary.state == "forgetting") {
    view.waiting_for = "the decision log's disk, to record that it is repaired";
  }
  if (!view.waiting_for.empty()) view.waiting_for += WhatIsHeldBack(summary, pauses);
  view.summary = std::move(summary);
  return view;
}

}  // namespace settle::coordinator
