#include "admin/explanation.h"

#include <algorithm>

#include "admin/advice.h"
#include "admin/plain_words.h"

namespace settle::coordinator {
namespace {

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
