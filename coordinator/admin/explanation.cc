#include "admin/explanation.h"

#include <algorithm>

#include "admin/plain_words.h"

namespace settle::coordinator {
namespace {

using Sentences = std::vector<std::string>;

const char* const kReason = " --reason '...'";

// Of its database, as far as it is known.
const std::string& IdentityOf(const BranchSummary& branch) {
  return branch.identity.empty() ? branch.evidence.database : branch.identity;
}

// "branch 2 in bank-b"; of a reservation "reservation 2 at hotel"; of a saga "step flight, action
// reserve-seat at airline".
std::string NameOf(const TransactionSummary& summary, const BranchSummary& branch) {
  if (summary.saga) return branch.identity + " at " + branch.resource;
  const char* const kind = IsReservation(branch) ? "reservation " : "branch ";
  return kind + std::to_string(branch.number) + (IsReservation(branch) ? " at " : " in ") +
         branch.resource;
}

std::string KindOf(const TransactionSummary& summary) {
  if (summary.saga) {
    return "a saga, " + summary.saga->name + " version " + std::to_string(summary.saga->version) +
           ", of " + Counted(summary.branches.size(), "step", "steps");
  }
  const auto reserved = static_cast<std::size_t>(
      std::count_if(summary.branches.begin(), summary.branches.end(), IsReservation));
  const std::size_t in_databases = summary.branches.size() - reserved;
  std::string parts = Counted(in_databases, "branch", "branches");
  if (summary.own_unnamed)
    parts += " known here, and those that its application names when it asks to commit";
  if (reserved != 0) {
    parts = Counted(reserved, "reservation", "reservations") +
            (in_databases == 0 && !summary.own_unnamed ? "" : " and " + parts);
  }
  return (summary.quorum ? "a three-phase commit with " : "a transaction with ") + parts;
}

std::string Began(const TransactionSummary& summary) {
  const Origin& origin = summary.origin;
  const std::string proved = origin.identity.empty() ? "" : " (" + origin.identity + ")";
  std::string words =
      origin.owner.empty() ? "It was begun" + proved : origin.owner + proved + " began it";
  if (origin.began != 0) words += " at " + TimeInWords(origin.began);
  if (!origin.comment.empty()) words += " for \"" + origin.comment + "\"";
  return words + ": " + KindOf(summary) + ".";
}

std::string CauseOf(const Ending& ending) {
  switch (ending.cause) {
    case AbortCause::kNone: return "";
    case AbortCause::kRequested: return "its application asked for that";
    case AbortCause::kDeadline: return "its deadline passed before commit was asked for";
    case AbortCause::kVotedNo: return "a branch could not be prepared";
    case AbortCause::kVoteTimeout: return "a branch did not vote in time";
    case AbortCause::kParticipantLost: return "a process that did its work was lost";
    case AbortCause::kOperator: return "an operator asked for that";
    case AbortCause::kLogRefused: return "the decision could not be written to the log";
    case AbortCause::kPresumed: return "the log has no record of it";
    case AbortCause::kRolledBack: return "its database rolled it back";
    case AbortCause::kStepFailed: return "one of its steps failed";
    case AbortCause::kQuorum: return "a majority of its sites decided so";
  }
  return "";
}

std::string Aborted(const Ending& ending) {
  const std::string cause = CauseOf(ending);
  const bool says_more = !ending.reason.empty() && ending.cause != AbortCause::kPresumed;
  return "aborted" + (cause.empty() ? "" : ", because " + cause) +
         (says_more ? ": " + ending.reason : "");
}

std::string Ended(const TransactionSummary& summary) {
  const bool presumed = summary.ending.cause == AbortCause::kPresumed;
  if (presumed && summary.branches.empty()) {
    return "The decision log has no record of it: it was never begun, or it was aborted before "
           "anything had to be written. Either way it counts as aborted, and nothing of it can "
           "have been committed.";
  }
  const std::string when = summary.ended == 0 ? "" : " at " + TimeInWords(summary.ended);
  if (summary.ending.cause == AbortCause::kNone && summary.ending.outcome == Outcome::kCommitted)
    return "It was committed and has ended" + when + ".";
  if (summary.ending.outcome == Outcome::kAborted)
    return "It was " + Aborted(summary.ending) + ". It has ended" + when + ".";
  return std::string("It ended") + when + " as " + ToString(summary.ending.outcome) + ": " +
         summary.ending.reason + ".";
}

// What the state says of the decision.
std::string DecisionInWords(const TransactionSummary& summary) {
  const std::string& state = summary.state;
  if (state == "active") return "Its application is at work in it: commit was not asked for yet.";
  if (state == "preparing") return "Commit was asked for; not all have voted, nothing is decided.";
  if (state == "pre-committing") return "All sites have voted yes; nothing is decided.";
  if (state == "deciding") return "All have voted yes; the decision is being written down.";
  if (state == "delegating" || state == "one-phase") {
    return "Its only branch was to be committed by its database itself, and that has not said how "
           "it ended: only the database's own record tells.";
  }
  if (state == "last-resource") {
    return "It is committed by its last resource: one of its branches was to be committed without "
           "being prepared, and only that database's own record tells whether it was. All others "
           "are prepared, and become what that one became.";
  }
  if (state == "quorum") {
    return "Its sites may have accepted a decision that the coordinator has not heard: only a "
           "majority of them can say what it is.";
  }
  if (state == "committing") return "It is decided, durably: commit.";
  if (state == "aborting") return "It is decided: " + Aborted(summary.ending) + ".";
  if (state == "beginning") return "Its definition and input are being written down.";
  if (state == "running") return "It goes forward: its steps are being done.";
  if (state == "fencing") {
    return "It is to turn back, and its pivot may have run: its participant is being asked, and "
           "made sure of.";
  }
  if (state == "stopping") return "It is to turn back; that is being written down.";
  if (state == "compensating") {
    return "It turns back (" + Aborted(summary.ending) + "): what was done is being undone.";
  }
  if (state == "ending") return "Its end is being written down.";
  if (state == "damaged") {
    const bool alike = summary.ending.committed() || summary.ending.aborted();
    const Decided decided = DecisionOf(summary);
    const std::string what =
        alike                           ? "A person decided of it, and its branches ended alike"
        : summary.saga                  ? "A part of it is neither done nor undone"
        : decided == Decided::kByBranch ? "Its only branch was its database's to commit"
        : decided == Decided::kCommit   ? "It was decided to commit, and not all of it ended so"
                                        : "It was aborted, and not all of it ended so";
    return what + " (" + ToString(summary.ending.outcome) + "): " + summary.ending.reason + ".";
  }
  if (state == "forcing") return "A person has decided it; that is being written down.";
  if (state == "forgetting") return "A person has repaired it; that is being written down.";
  if (state == "quarantined") {
    return "It is quarantined, so nothing is presumed of it and nothing is done: " +
           summary.ending.reason + ".";
  }
  return Ended(summary);
}

// Of a branch, what is worth a sentence.
std::string StandingOf(const TransactionSummary& summary, const BranchSummary& branch) {
  const std::string how =
      branch.state == "hazard" ? " has ended, and nobody can prove how" : " is " + branch.state;
  std::string words = NameOf(summary, branch) + how;
  if (branch.attempts > 0) words += ", called " + Counted(branch.attempts, "time", "times");
  if (!branch.last_error.empty()) words += "; last: " + branch.last_error;
  words[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(words[0])));
  return words + ".";
}

std::string DatabaseOf(const TransactionSummary& summary, BranchNumber number) {
  const BranchSummary* branch = BranchOf(summary, number);
  if (branch == nullptr) return "its database";
  const std::string& identity = IdentityOf(*branch);
  return branch->resource + (identity.empty() ? "" : " (" + identity + ")");
}

void AddLive(const TransactionSummary& summary, const LiveRow& row, Sentences& happened) {
  const std::string number = std::to_string(row.branch);
  if (!row.live) {
    happened.push_back("Database " + DatabaseOf(summary, row.branch) +
                       " could not be asked about branch " + number + ": " +
                       UnansweredInWords(row) + ".");
    return;
  }
  const LiveBranch& live = *row.live;
  std::string words = row.comparison.contradicts ? "CONTRADICTION: branch " : "Branch ";
  words += number + " in database " + DatabaseOf(summary, row.branch) + " is, asked now, " +
           row.comparison.words;
  if (live.prepared_at != 0) words += "; since " + TimeInWords(live.prepared_at);
  if (!live.owner.empty()) words += ", by role " + live.owner;
  if (live.locks != 0) {
    words += "; it holds " + Counted(live.locks, "lock", "locks");
    for (std::size_t i = 0; i < live.relations.size(); ++i)
      words += (i == 0 ? ", on " : ", ") + live.relations[i];
  }
  happened.push_back(words + ".");
  if (const std::string waiting = WaitingInWords(live); !waiting.empty())
    happened.push_back(waiting + ".");
  if (!live.unseen.empty()) happened.push_back("Not seen: " + live.unseen + ".");
}

bool IsUndecided(const std::string& state) {
  return state == "active" || state == "preparing" || state == "pre-committing" ||
         state == "deciding";
}

// What is safe, before the advice of the moment.
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

// The stock agent, for a database that nobody serves.
std::string AgentFor(const BranchSummary& branch) {
  const bool file = IdentityOf(branch).starts_with("sqlite:");
  return "settle agent --resource " + branch.resource + (file ? " --sqlite FILE" : " --dsn 'DSN'");
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

std::string Sentence(std::string words) {
  if (words.empty()) return words;
  words[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(words[0])));
  return words.back() == '.' ? words : words + ".";
}

// Why what it waits for does not come.
void AddUnreached(const TransactionSummary& summary, const std::vector<LiveRow>& live,
                  Sentences& waits_for) {
  for (const LiveRow& row : live) {
    const BranchSummary* branch = BranchOf(summary, row.branch);
    if (!row.unserved_since || branch == nullptr) continue;
    waits_for.push_back("Database " + DatabaseOf(summary, row.branch) +
                        " has not been reachable: " + UnansweredInWords(row) +
                        "; start its application or '" + AgentFor(*branch) + "'.");
  }
}

}  // namespace

Explanation InPlainWords(const TransactionView& view, const std::vector<LiveRow>& live) {
  const TransactionSummary& summary = view.summary;
  Explanation words;
  const bool unknown = summary.ending.cause == AbortCause::kPresumed && summary.branches.empty();
  if (!unknown) words.happened.push_back(Began(summary));
  words.happened.push_back(DecisionInWords(summary));
  if (summary.state != "done") {
    for (const BranchSummary& branch : summary.branches)
      words.happened.push_back(StandingOf(summary, branch));
  }
  for (const LiveRow& row : live) AddLive(summary, row, words.happened);
  if (!view.waiting_for.empty()) {
    words.waits_for.push_back(Sentence(view.waiting_for));
    AddUnreached(summary, live, words.waits_for);
  }
  words.safe = SafeIn(summary);
  if (!view.advice.empty()) words.safe.push_back(Sentence(view.advice));
  if (summary.state == "done") words.safe.push_back("Nothing needs to be done.");
  words.harmful = HarmfulIn(summary);
  words.commands = CommandsFor(summary, live);
  return words;
}

}  // namespace settle::coordinator
