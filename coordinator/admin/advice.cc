#include "admin/advice.h"

#include <algorithm>

namespace settle::coordinator {
namespace {

const char* const kReason = " --reason '...'";

bool IsUndecided(const std::string& state) {
  return state == "active" || state == "preparing" || state == "pre-committing" ||
         state == "deciding";
}

// As far as it can be told from here: of what a last resource decided it goes on.
std::string PreparedNameOf(const TransactionSummary& summary, const BranchSummary& branch) {
  const BranchKey key = KeyInTheDatabase(summary, branch);
  const BranchSummary* last = AwaitedLastResource(summary);
  if (last == nullptr) return key.DatabaseName() + (key.gtid.allows_last_resource() ? ":..." : "");
  const Result<std::string> name =
      NameInNameOf(key, {last->number, last->resource, last->evidence});
  return name ? *name : key.DatabaseName();
}

// "ROLLBACK PREPARED 'settle:...' in bank-b": the hand that would do damage, and `why`; a sentence
// for the databases and one for the reservations that something is left of.
Sentences ByHand(const TransactionSummary& summary, bool rollback, const std::string& why) {
  std::string in_database;
  std::string reserved;
  for (const BranchSummary& branch : summary.branches) {
    const bool ended = branch.state == "committed" || branch.state == "aborted" ||
                       branch.state == "read-only" || branch.state == "refused" ||
                       branch.state == "confirmed" || branch.state == "cancelled" ||
                       &branch == AwaitedLastResource(summary);
    if (ended) continue;
    if (IsReservation(branch)) {
      reserved = branch.resource;
    } else if (IdentityOf(branch).starts_with("postgresql:")) {
      in_database = std::string(rollback ? "ROLLBACK" : "COMMIT") + " PREPARED '" +
                    PreparedNameOf(summary, branch) + "' in " + branch.resource;
      break;
    } else if (in_database.empty()) {
      in_database = std::string(rollback ? "Rolling back" : "Committing") + " a branch by hand";
    }
  }
  Sentences harmful;
  if (!in_database.empty()) harmful.push_back(in_database + why);
  if (!reserved.empty())
    harmful.push_back("Taking or freeing by hand what is reserved at " + reserved +
                      ": its call is repeated, and takes effect beside yours.");
  return harmful;
}

void AddAgents(const TransactionSummary& summary, const std::vector<LiveRow>& live,
               Sentences& commands) {
  for (const LiveRow& row : live) {
    const BranchSummary* branch = BranchOf(summary, row.branch);
    if (!row.unserved_since || branch == nullptr) continue;
    std::string command = AgentFor(*branch);
    if (std::find(commands.begin(), commands.end(), command) == commands.end())
      commands.push_back(std::move(command));
  }
}

// Of the first step that does not get on.
void AddStepCommands(const TransactionSummary& summary, Sentences& commands) {
  for (const BranchSummary& step : summary.branches) {
    const bool out = step.state == "running" || step.state == "undoing" ||
                     step.state == "fencing" || step.state == "confirming" ||
                     step.state == "cancelling";
    if (!out || step.last_error.empty()) continue;
    const std::string& gtid = summary.gtid.text();
    const std::string of = gtid + " --step " + std::to_string(step.number);
    const bool reserved = step.state == "confirming" || step.state == "cancelling";
    const bool must_happen = reserved || step.state == "undoing" || IsPastItsPivot(summary);
    const bool held = IsHeldBack(step);
    commands.push_back(held ? "settle resume " + step.resource + kReason
                            : "settle retry " + (summary.saga ? of : gtid));
    if (must_happen && !held && !reserved)
      commands.push_back("settle set-input " + of + " --input '{...}'" + kReason);
    if (must_happen && !held) commands.push_back("settle skip " + of + kReason);
    if (!must_happen && summary.state == "running")
      commands.push_back("settle saga cancel " + gtid + kReason);
    return;
  }
}

}  // namespace

const std::string& IdentityOf(const BranchSummary& branch) {
  return branch.identity.empty() ? branch.evidence.database : branch.identity;
}

std::string AgentFor(const BranchSummary& branch) {
  const bool file = IdentityOf(branch).starts_with("sqlite:");
  return "settle agent --resource " + branch.resource + (file ? " --sqlite FILE" : " --dsn 'DSN'");
}

Sentences SafeIn(const TransactionSummary& summary) {
  const std::string& state = summary.state;
  if (state == "done") return {};
  if (state == "damaged" || state == "quarantined" || state == "forgetting")
    return {
        "Waiting: nothing more is done to it by itself, and it stays here until it is "
        "forgotten."};
  if (IsUndecided(state))
    return {
        "Waiting: it is aborted by itself if it does not get on, and nothing of it is visible "
        "until it is committed."};
  return {
      "Waiting, and restarting the coordinator, applications and databases: what is written "
      "down is carried out when they are back."};
}

Sentences HarmfulIn(const TransactionSummary& summary) {
  const std::string& state = summary.state;
  if (summary.saga && state != "done" && state != "damaged" && state != "quarantined") {
    return {"Doing or undoing a step by hand: its call is repeated, and takes effect beside yours.",
            "Skipping a step that could still succeed: what it left behind is damage that nobody "
            "repairs for you."};
  }
  Sentences harmful;
  if (IsUndecided(state)) {
    harmful = ByHand(summary, false, ": it would be committed alone if the rest is aborted.");
    harmful.push_back(
        "Doing the work again elsewhere before this has ended: both may be committed.");
  }
  if (state == "committing") {
    harmful = ByHand(summary, true,
                     ": the decision is commit, so it would end rolled back against its siblings "
                     "(mixed).");
    harmful.push_back("Removing or replacing the decision log: the decision is nowhere else.");
  }
  if (state == "aborting") {
    harmful = ByHand(summary, false, ": the decision is abort, so it would be committed alone.");
  }
  if (state == "delegating" || state == "one-phase")
    return {"Doing the work again before this is known: it may have been committed."};
  if (state == "last-resource") {
    harmful = ByHand(summary, true,
                     ", or the other way: its last resource may have decided otherwise (mixed).");
    harmful.push_back(
        "Removing that database, or setting it back: its record of the decision is the only one.");
    harmful.push_back("Doing the work again before this is known: it may have been committed.");
  }
  if (state == "quorum") {
    harmful = ByHand(summary, true, ", or the other way: the majority may decide otherwise.");
    harmful.push_back(
        "Removing a site's database or its settle_three_phase table: its voice is lost.");
    harmful.push_back("Forcing it by --heuristic while a missing site may come back: the same.");
  }
  if (state == "damaged") {
    return {"Forgetting it before it is repaired: nobody is told of the damage any more.",
            "Doing the work again: a part of it has been done."};
  }
  if (state == "forcing") return {"Ending its branches by hand, otherwise than was decided."};
  if (state == "quarantined") {
    return {"Ending its branches differently from each other.",
            "Forgetting it before they have ended: nobody is told of them any more."};
  }
  return harmful;
}

Sentences CommandsFor(const TransactionSummary& summary, const std::vector<LiveRow>& live) {
  const std::string gtid = summary.gtid.text();
  const std::string& state = summary.state;
  Sentences commands;
  if (state == "done") return commands;
  if (state == "active" || state == "preparing")
    return {"settle resolve " + gtid + " abort" + kReason};
  if (state == "damaged" || state == "quarantined") {
    commands.push_back("settle show " + gtid);
    const std::string dry_run = std::string(" --heuristic --dry-run") + kReason;
    for (const BranchSummary& branch : summary.branches) {
      if (branch.state != "hazard" || state != "damaged") continue;
      const std::string number = " --branch " + std::to_string(branch.number);
      for (const char* const how : {" committed", " aborted"})
        commands.push_back("settle resolve " + gtid + how + number + dry_run);
    }
    if (CanBeForced(summary)) {
      for (const char* const how : {" commit", " abort"})
        commands.push_back("settle resolve " + gtid + how + dry_run);
    }
    commands.push_back("settle forget " + gtid + kReason);
    return commands;
  }
  AddAgents(summary, live, commands);
  AddStepCommands(summary, commands);
  const bool sends = state == "committing" || state == "aborting" || state == "one-phase" ||
                     state == "last-resource" || state == "quorum";
  const std::string retry = "settle retry " + gtid;
  if (sends && std::find(commands.begin(), commands.end(), retry) == commands.end())
    commands.push_back(retry);
  const BranchSummary* last = AwaitedLastResource(summary);
  if (last != nullptr && last->state == "hazard")
    commands.push_back("settle resolve " + gtid + " commit --heuristic --dry-run" + kReason);
  if (commands.empty()) commands.push_back("settle show " + gtid);
  return commands;
}

}  // namespace settle::coordinator
