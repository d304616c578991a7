// What three-phase commits are put through.
#include "crash_matrix/scenario.h"

namespace settle::crash_matrix {
namespace {

using coordinator::Wait;

constexpr auto kCommitted = Outcome::kCommitted;
constexpr auto kAborted = Outcome::kAborted;
constexpr auto kQuorum = AbortCause::kQuorum;
constexpr auto kThreePhase = settle::Protocol::kThreePhase;

const char* const kPrepares = "sends answer to fetch, prepare";
const char* const kPreCommits = "sends answer to fetch, pre-commit";
const char* const kMayPreCommit = "has made durable pre-commit record";
const char* const kDecided = "has made durable commit record";

// Of three branches none is beside them; of two the coordinator is the third site.
const std::vector<Work> kThreeSites{
    {"process-1", "bank-a", -10}, {"process-2", "bank-b", 4}, {"process-3", "bank-c", 6}};
const std::vector<Work> kTwoSites{{"process-1", "bank-a", -10}, {"process-2", "bank-b", 10}};

const Transaction kThree{.work = kThreeSites, .protocol = kThreePhase};
const Transaction kTwo{.work = kTwoSites, .protocol = kThreePhase};

using Incidents = std::vector<Incident>;
using Lost = MessagesAreLost;

Incidents operator+(Incidents some, const Incidents& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

// The coordinator does not hear who has pre-committed until they say so again.
Incidents AcceptancesAreLost(const Transaction& transaction) {
  Incidents lost;
  for (const Work& work : transaction.work)
    lost.push_back({"coordinator", kPreCommits, Lost{work.process, "coordinator", "report", 2}});
  return lost;
}

// Nobody pre-commits, although the coordinator may think so.
Incidents PreCommitIsLost(const Transaction& transaction) {
  Incidents lost;
  for (const Work& work : transaction.work)
    lost.push_back({"coordinator", "appends pre-commit record",
                    Lost{"coordinator", work.process, "answer to fetch, pre-commit", 1}});
  return lost;
}

std::vector<Scenario> Ordinary() {
  return {
      {.name = "quorum-three-sites",
       .story = "three branches: two of them make a majority",
       .transactions = {kThree},
       .ends = {{kCommitted}},
       .shows = {"answer to fetch, pre-commit", "accepted 1.0"}},
      {.name = "quorum-two-sites-and-the-witness",
       .story = "two branches, and the coordinator is the third site",
       .transactions = {kTwo},
       .ends = {{kCommitted}},
       .shows = {"sites 0 1 2", "by 0 "}},
      {.name = "quorum-told-at-the-decision",
       .story = "three branches, whose client waits for the decision only",
       .transactions = {{.work = kThreeSites, .wait = Wait::kDecision, .protocol = kThreePhase}},
       .ends = {{kCommitted}}},
      {.name = "quorum-by-any-process",
       .story = "every process serves each site: two of one site may lead at once",
       .transactions = {kThree},
       .ends = {{kCommitted}},
       .all_serve_all = true},
      {.name = "quorum-no-vote",
       .story = "a site refuses to prepare",
       .transactions = {kThree},
       .incidents = {{"coordinator", kPrepares, PrepareIsRefused{}}},
       .ends = {{kAborted, AbortCause::kVotedNo}}},
      {.name = "quorum-vote-timeout",
       .story = "a site is attached and does not vote",
       .transactions = {kThree},
       .incidents = {{"process-2", "prepares in bank-b",
                      Lost{"process-2", "coordinator", "report", 4}}},
       .ends = {{kAborted, AbortCause::kVoteTimeout}}},
      {.name = "quorum-operator-aborts-too-late",
       .story = "an operator aborts it while pre-commit is on its way",
       .transactions = {kTwo},
       .incidents = {{"coordinator", kPreCommits, OperatorAborts{}}},
       .ends = {{kCommitted}}},
      {.name = "quorum-operator-retries",
       .story = "an operator has pre-commit sent again while it is on its way",
       .transactions = {kTwo},
       .incidents = {{"coordinator", kPreCommits, OperatorRetries{}}},
       .ends = {{kCommitted}}},
  };
}

std::vector<Scenario> Away() {
  return {
      {.name = "quorum-site-away",
       .story = "a site has voted and is away: the others are a majority",
       .transactions = {kThree},
       .incidents = {{"process-2", "sends report", ProcessIsAway{"process-2", milliseconds(600)}}},
       .ends = {{kCommitted}}},
      {.name = "quorum-site-and-coordinator-away",
       .story = "the coordinator and a site go before pre-commit: the other two sites end it",
       .transactions = {kThree},
       .incidents =
           PreCommitIsLost(kThree) +
           Incidents{{"coordinator", kMayPreCommit, CoordinatorIsAway{milliseconds(400)}},
                     {"coordinator", kMayPreCommit, ProcessIsAway{"process-3", milliseconds(600)}}},
       .ends = {{kAborted, kQuorum}},
       .shows = {"quorum abort record: ballot", "by 1 2 "},
       .timing = 2},
      {.name = "quorum-restarted-and-aborts",
       .story = "the coordinator dies before anybody pre-committed, and leads a round of its own",
       .transactions = {kThree},
       .incidents = PreCommitIsLost(kThree) +
                    Incidents{{"coordinator", kMayPreCommit, CoordinatorIsAway{milliseconds(3)}}},
       .ends = {{kAborted, kQuorum}},
       .shows = {"answer to fetch, elect", "answer to fetch, pre-abort",
                 "quorum abort record: ballot 2.0"},
       .timing = 2},
      {.name = "quorum-restarted-and-commits",
       .story = "the coordinator dies; as the witness it had pre-committed, and leads to a commit",
       .transactions = {kTwo},
       .incidents = PreCommitIsLost(kTwo) +
                    Incidents{{"coordinator", kMayPreCommit, CoordinatorIsAway{milliseconds(3)}}},
       .ends = {{kCommitted}},
       .shows = {"ballot record: pre-committed elected 2.0", "answer to fetch, elect",
                 "accepted 2.0"}},
      {.name = "quorum-aborted-meanwhile",
       .story = "the sites abort while the coordinator is away, and it learns that",
       .transactions = {kTwo},
       .incidents = PreCommitIsLost(kTwo) +
                    Incidents{{"coordinator", kMayPreCommit, CoordinatorIsAway{milliseconds(350)}}},
       .ends = {{kAborted, kQuorum}},
       .shows = {"quorum abort record: ballot 2."}},
      {.name = "quorum-committed-meanwhile",
       .story = "sites that pre-committed commit while the coordinator is away",
       .transactions = {kThree},
       .incidents = AcceptancesAreLost(kThree) +
                    Incidents{{"bank-c", "forces", CoordinatorIsAway{milliseconds(350)}}},
       .ends = {{kCommitted}},
       .shows = {"accepted 2.", "ballot 2."},
       .timing = 2},
  };
}

std::vector<Scenario> Outbid() {
  return {
      {.name = "quorum-outbid-by-a-commit",
       .story = "the coordinator is cut off when pre-commit has arrived, and the sites commit",
       .transactions = {kThree},
       .incidents =
           AcceptancesAreLost(kThree) +
           Incidents{{"bank-c", "forces", ProcessIsCutOff{"coordinator", milliseconds(350)}}},
       .ends = {{kCommitted}},
       .shows = {"accepted 2.", "ballot 2."}},
      {.name = "quorum-outbid-by-an-abort",
       .story = "the coordinator is cut off before pre-commit has arrived, and the sites abort",
       .transactions = {kTwo},
       .incidents = {{"coordinator", kMayPreCommit,
                      ProcessIsCutOff{"coordinator", milliseconds(350)}}},
       .ends = {{kAborted, kQuorum}},
       .shows = {"quorum abort record: ballot 2."}},
      {.name = "quorum-two-rounds-at-once",
       .story = "two sites suspect the coordinator, and lead at the same time",
       .transactions = {kThree},
       .incidents = AcceptancesAreLost(kThree) +
                    Incidents{{"bank-a", "forces", ProcessSuspects{"process-1"}},
                              {"bank-b", "forces", ProcessSuspects{"process-2"}}},
       .ends = {{kCommitted}},
       .shows = {"under 2.1", "under 2.2"},
       .timing = 19},
      {.name = "quorum-witness-asked-before",
       .story = "a site asks the witness before all have voted: it aborts",
       .transactions = {kTwo},
       .incidents = {{"process-1", "prepares in bank-a",
                      Lost{"process-2", "coordinator", "report", 1}},
                     {"process-1", "sends report", ProcessSuspects{"process-1"}}},
       .ends = {{kAborted, kQuorum}},
       .shows = {"sends peer", "answer to peer"},
       .timing = 3},
      {.name = "quorum-witness-asked-meanwhile",
       .story = "a site asks the witness while its pre-commit record is on its way to the disk",
       .transactions = {kTwo},
       .incidents = {{"process-2", "prepares in bank-b",
                      Lost{"process-2", "coordinator", "report", 1}},
                     {"process-2", "sends report", ProcessSuspects{"process-1", milliseconds(37)}}},
       .ends = {{kCommitted}},
       .shows = {"ballot record: pre-committed elected 2.1"},
       .timing = 137},
      {.name = "quorum-witness-asked-after",
       .story = "a site suspects a coordinator that is pre-committing, and leads it to the commit",
       .transactions = {kTwo},
       .incidents =
           AcceptancesAreLost(kTwo) + Incidents{{"bank-a", "forces", ProcessSuspects{"process-1"}}},
       .ends = {{kCommitted}},
       .shows = {"ballot record: pre-committed elected 2.1", "accepted 2.1"}},
  };
}

std::vector<Scenario> Refusals() {
  return {
      {.name = "quorum-log-refuses-pre-commit",
       .story = "the log has no space for the record that pre-commit may be sent",
       .transactions = {kTwo},
       .incidents = {{"process-2", "prepares in bank-b", DiskIsFull{}}},
       .ends = {{kAborted, AbortCause::kLogRefused}}},
      {.name = "quorum-log-refuses-a-ballot",
       .story = "the coordinator comes back, and the log has no space for its ballot",
       .transactions = {kTwo},
       .incidents = {{"coordinator", kMayPreCommit, DiskIsFull{}},
                     {"coordinator", kMayPreCommit, CoordinatorIsAway{milliseconds(3)}}},
       .ends = {{kCommitted}},
       .shows = {"ballot record"}},
      {.name = "quorum-log-refuses-the-decision",
       .story = "a majority has pre-committed, and the log has no space for the decision",
       .transactions = {kTwo},
       .incidents = {{"coordinator", kPreCommits, DiskIsFull{}}},
       .ends = {{kCommitted}}},
      {.name = "quorum-log-refuses-the-abort",
       .story = "the sites abort without the coordinator, whose log has no space for that",
       .transactions = {kThree},
       .incidents = {{"coordinator", kMayPreCommit,
                      ProcessIsCutOff{"coordinator", milliseconds(350)}},
                     {"bank-a", "forces", DiskIsFull{}}},
       .ends = {{kAborted, kQuorum}},
       .shows = {"quorum abort record"}},
  };
}

std::vector<Scenario> Hands() {
  return {
      {.name = "quorum-rolled-back-by-hand",
       .story = "an operator rolls back a site's branch after a majority committed",
       .transactions = {kTwo},
       .incidents = {{"coordinator", kDecided, OperatorFinishes{"bank-b", Decision::kAbort}}},
       .ends = {{Outcome::kMixed}},
       .shows = {"heuristic record: 2 aborted"}},
      {.name = "quorum-committed-by-hand",
       .story = "an operator commits a site's branch of what a majority aborts",
       .transactions = {kThree},
       .incidents =
           PreCommitIsLost(kThree) +
           Incidents{{"coordinator", kMayPreCommit, CoordinatorIsAway{milliseconds(3)}},
                     {"coordinator", kMayPreCommit, OperatorFinishes{"bank-b", Decision::kCommit}}},
       .ends = {{Outcome::kMixed, kQuorum}},
       .shows = {"heuristic record: 2 committed"},
       .timing = 2},
      {.name = "quorum-damage-is-forgotten",
       .story = "a site's branch is rolled back by hand, and an operator repairs and forgets it",
       .transactions = {kTwo},
       .incidents = {{"coordinator", kDecided, OperatorFinishes{"bank-b", Decision::kAbort}},
                     {"coordinator", "has made durable heuristic record", OperatorForgets{}}},
       .ends = {{Outcome::kMixed}},
       .shows = {"heuristic record: 2 aborted", "has made durable forget record"}},
      {.name = "quorum-forced-to-commit",
       .story = "nobody hears of pre-commit, and an operator forces what waits for a majority",
       .transactions = {kTwo},
       .incidents =
           PreCommitIsLost(kTwo) + Incidents{{"coordinator", kMayPreCommit, OperatorForces{}}},
       .ends = {{kCommitted}},
       .shows = {"has made durable heuristic intent record"}},
      {.name = "quorum-forced-to-abort",
       .story =
           "the sites have pre-committed and nobody hears of it, and an operator forces the abort",
       .transactions = {kTwo},
       .incidents = AcceptancesAreLost(kTwo) +
                    Incidents{{"coordinator", kPreCommits, OperatorForces{Decision::kAbort}}},
       .ends = {{kAborted, AbortCause::kOperator}},
       .shows = {"has made durable heuristic intent record"}},
  };
}

}  // namespace

std::vector<Scenario> ThreePhaseScenarios() {
  std::vector<Scenario> scenarios;
  for (const auto& some : {Ordinary(), Away(), Outbid(), Refusals(), Hands()})
    scenarios.insert(scenarios.end(), some.begin(), some.end());
  return scenarios;
}

}  // namespace settle::crash_matrix
