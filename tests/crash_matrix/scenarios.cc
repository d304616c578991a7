#include "crash_matrix/scenario.h"

namespace settle::crash_matrix {
namespace {

using coordinator::Wait;
using simulation::DatabaseKind;

constexpr auto kCommitted = Outcome::kCommitted;
constexpr auto kAborted = Outcome::kAborted;

// Two branches in the calling process; two in a service that it calls; and mixed.
const std::vector<Work> kHere{{"process-1", "bank-a", -10}, {"process-1", "bank-b", 10}};
const std::vector<Work> kThere{{"process-2", "bank-a", -10}, {"process-2", "bank-b", 10}};
const std::vector<Work> kBoth{{"process-1", "bank-a", -10}, {"process-2", "bank-b", 10}};
const std::vector<Work> kThree{
    {"process-1", "bank-a", -10}, {"process-2", "bank-b", 4}, {"process-1", "bank-c", 6}};
const std::vector<Work> kAlone{{"process-1", "bank-a", 10}};

const char* const kDecided = "has made durable commit record";

std::vector<Scenario> Commits() {
  return {
      {.name = "commit-here",
       .story = "two branches in the calling process, which waits until they are applied",
       .transactions = {{.work = kHere}},
       .ends = {{kCommitted}}},
      {.name = "commit-here-told-at-the-decision",
       .story = "two branches in the calling process, which waits for the decision only",
       .transactions = {{.work = kHere, .wait = Wait::kDecision}},
       .ends = {{kCommitted}}},
      {.name = "commit-there",
       .story = "two branches in another process, prepared by the coordinator's command",
       .transactions = {{.work = kThere}},
       .ends = {{kCommitted}},
       .shows = {"answer to fetch, prepare"}},
      {.name = "commit-here-and-there",
       .story = "three branches, here and there",
       .transactions = {{.work = kThree}},
       .ends = {{kCommitted}},
       .shows = {"answer to fetch, prepare"}},
      {.name = "commit-by-any-process",
       .story = "three branches, and every process can finish each of them",
       .transactions = {{.work = kThree, .wait = Wait::kDecision}},
       .ends = {{kCommitted}},
       .all_serve_all = true},
      {.name = "three-commits-at-once",
       .story = "three transactions whose decisions share a flush of the log",
       .transactions = {{.work = kHere},
                        {.work = {{"process-2", "bank-c", -5}, {"process-2", "bank-d", 5}},
                         .client = "process-2"},
                        {.work = {{"process-3", "bank-e", -7}, {"process-3", "bank-f", 7}},
                         .client = "process-3"}},
       .ends = {{kCommitted}, {kCommitted}, {kCommitted}},
       .shows = {"; commit record"},
       .timing = 2},
      {.name = "one-after-another",
       .story = "a second transaction, which a restart may put into another life of the log",
       .transactions = {{.work = kHere}, {.work = kHere, .later = milliseconds(150)}},
       .ends = {{kCommitted}, {kCommitted}}},
      {.name = "read-only-beside-a-writer",
       .story = "one branch writes, one only reads",
       .transactions = {{.work = {{"process-1", "bank-a", 10}, {"process-2", "bank-b", 0}}}},
       .ends = {{kCommitted}}},
      {.name = "all-read-only",
       .story = "no branch writes: nothing is recorded before the end",
       .transactions = {{.work = {{"process-1", "bank-a", 0}, {"process-2", "bank-b", 0}}}},
       .ends = {{kCommitted}}},
      {.name = "one-phase",
       .story = "a lone branch, committed by its database",
       .transactions = {{.work = kAlone, .one_phase = true}},
       .ends = {{kCommitted}},
       .shows = {"one-phase record"}},
  };
}

std::vector<Scenario> Aborts() {
  return {
      {.name = "no-vote-here",
       .story = "a database of the calling process refuses to prepare",
       .transactions = {{.work = kHere}},
       .incidents = {{"process-1", "works in bank-b", PrepareIsRefused{}}},
       .ends = {{kAborted, AbortCause::kVotedNo}}},
      {.name = "no-vote-there",
       .story = "a database of another process refuses to prepare",
       .transactions = {{.work = kBoth}},
       .incidents = {{"coordinator", "sends answer to fetch, prepare", PrepareIsRefused{}}},
       .ends = {{kAborted, AbortCause::kVotedNo}}},
      {.name = "abort-by-the-application",
       .story = "the application changes its mind once all work is done",
       .transactions = {{.work = kThree, .then = Then::kAbort}},
       .ends = {{kAborted, AbortCause::kRequested}}},
      {.name = "deadline",
       .story = "the application never asks to commit",
       .transactions = {{.work = kThree, .then = Then::kNothing}},
       .ends = {{kAborted, AbortCause::kDeadline, false}}},
      {.name = "vote-timeout",
       .story = "another process is attached and does not vote",
       .transactions = {{.work = kBoth}},
       .incidents = {{"process-2", "prepares in bank-b",
                      MessagesAreLost{"process-2", "coordinator", "report", 4}}},
       .ends = {{kAborted, AbortCause::kVoteTimeout}}},
      {.name = "vote-twice-and-a-silent-sibling",
       .story = "one process votes twice while the prepare of another is lost",
       .transactions = {{.work = {{"process-2", "bank-a", -10}, {"process-3", "bank-b", 10}}}},
       .incidents = {{"process-1", "sends commit",
                      MessagesAreLost{"coordinator", "process-3", "answer to fetch, prepare", 1}},
                     {"process-2", "sends report",
                      MessagesAreLost{"coordinator", "process-2", "answer to report", 1}}},
       .ends = {{kAborted, AbortCause::kVoteTimeout}}},
      {.name = "operator-aborts",
       .story = "an operator aborts it while the application works",
       .transactions = {{.work = kBoth}},
       .incidents = {{"process-2", "works in bank-b", OperatorAborts{}}},
       .ends = {{kAborted, AbortCause::kOperator}}},
      {.name = "disk-full-at-the-decision",
       .story = "the log has no space for the commit record",
       .transactions = {{.work = kBoth}},
       .incidents = {{"process-2", "prepares in bank-b", DiskIsFull{}}},
       .ends = {{kAborted, AbortCause::kLogRefused}}},
      {.name = "session-lost-before-prepare",
       .story = "the process that did the work is cut off before it is asked to prepare",
       .transactions = {{.work = kBoth, .then = Then::kNothing}},
       .incidents = {{"process-2", "works in bank-b",
                      ProcessIsCutOff{"process-2", milliseconds(250)}}},
       .ends = {{kAborted, AbortCause::kParticipantLost, false}}},
  };
}

std::vector<Scenario> Losses() {
  return {
      {.name = "session-lost-after-prepare",
       .story = "the process that did the work is cut off once it has voted",
       .transactions = {{.work = kBoth}},
       .incidents = {{"process-2", "sends report",
                      ProcessIsCutOff{"process-2", milliseconds(250)}}},
       .ends = {{kCommitted}}},
      {.name = "participant-away",
       .story = "the only process that can finish a branch is away until it heals",
       .transactions = {{.work = kBoth}},
       .incidents = {{"process-2", "sends report", ProcessIsAway{"process-2", milliseconds(900)}}},
       .ends = {{kCommitted}}},
      {.name = "operator-aborts-too-late",
       .story = "an operator aborts it while the decision is on its way to the disk",
       .transactions = {{.work = kBoth}},
       .incidents = {{"coordinator", "appends commit record", OperatorAborts{}}},
       .ends = {{kCommitted}}},
      {.name = "operator-retries",
       .story = "an operator has the commit sent again while it is on its way",
       .transactions = {{.work = kThere}},
       .incidents = {{"coordinator", "sends answer to fetch, commit", OperatorRetries{}}},
       .ends = {{kCommitted}}},
      {.name = "commit-reply-lost",
       .story = "the client does not hear the answer and asks again",
       .transactions = {{.work = kBoth}},
       .incidents = {{"process-1", "sends commit",
                      MessagesAreLost{"coordinator", "process-1", "answer to commit", 1}}},
       .ends = {{kCommitted}}},
      {.name = "one-phase-reply-lost",
       .story = "the leave to commit a lone branch is lost and asked for again",
       .transactions = {{.work = kAlone, .one_phase = true}},
       .incidents = {{"process-1", "sends one-phase",
                      MessagesAreLost{"coordinator", "process-1", "answer to one-phase", 1}}},
       .ends = {{kCommitted}},
       .shows = {"one-phase record"}},
  };
}

std::vector<Scenario> Hands() {
  return {
      {.name = "rolled-back-by-hand",
       .story = "an operator rolls back a prepared branch of a decided transaction",
       .transactions = {{.work = kBoth}},
       .incidents = {{"coordinator", kDecided, OperatorFinishes{"bank-b", Decision::kAbort}}},
       .ends = {{Outcome::kMixed}},
       .shows = {"heuristic record: 2 aborted"}},
      {.name = "all-rolled-back-by-hand",
       .story = "an operator rolls back every branch of a decided transaction",
       .transactions = {{.work = kHere}},
       .incidents = {{"coordinator", kDecided, OperatorFinishes{"bank-a", Decision::kAbort}},
                     {"coordinator", kDecided, OperatorFinishes{"bank-b", Decision::kAbort}}},
       .ends = {{Outcome::kHeuristicRollback}},
       .shows = {"heuristic record: 1 aborted", "heuristic record: 2 aborted"}},
      {.name = "committed-by-hand",
       .story = "an operator commits a prepared branch that is then decided to commit",
       .transactions = {{.work = kBoth}},
       .incidents = {{"coordinator", kDecided, OperatorFinishes{"bank-b", Decision::kCommit}}},
       .ends = {{kCommitted}}},
      {.name = "committed-by-hand-against-an-abort",
       .story = "an operator commits a prepared branch whose sibling votes no",
       .transactions = {{.work = kBoth}},
       .incidents = {{"process-1", "prepares in bank-a", PrepareIsRefused{}},
                     {"process-1", "prepares in bank-a",
                      OperatorFinishes{"bank-a", Decision::kCommit}}},
       .ends = {{Outcome::kMixed, AbortCause::kVotedNo}},
       .shows = {"heuristic record: 1 committed"}},
      {.name = "no-proof-is-left",
       .story = "a branch is finished by hand and its database has forgotten how: a hazard",
       .transactions = {{.work = kBoth}},
       .incidents = {{"coordinator", kDecided, OperatorFinishes{"bank-b", Decision::kCommit}},
                     {"coordinator", kDecided, DatabaseForgets{"bank-b"}}},
       .ends = {{Outcome::kHazard}},
       .shows = {"heuristic record: 2 hazard"}},
      {.name = "damage-is-forgotten",
       .story = "a branch is rolled back by hand, and an operator repairs and forgets it",
       .transactions = {{.work = kBoth}},
       .incidents = {{"coordinator", kDecided, OperatorFinishes{"bank-b", Decision::kAbort}},
                     {"coordinator", "has made durable heuristic record", OperatorForgets{}}},
       .ends = {{Outcome::kMixed}},
       .shows = {"heuristic record: 2 aborted", "has made durable forget record"}},
      {.name = "a-person-says-how-it-ended",
       .story = "nobody can prove how a branch ended, and a person says that it committed",
       .transactions = {{.work = kBoth}},
       .incidents = {{"coordinator", kDecided, OperatorFinishes{"bank-b", Decision::kCommit}},
                     {"coordinator", kDecided, DatabaseForgets{"bank-b"}},
                     {"coordinator", "has made durable heuristic record",
                      OperatorSays{2, Decision::kCommit}}},
       .ends = {{Outcome::kCommitted}},
       .shows = {"heuristic record: 2 hazard", "has made durable heuristic intent record"}},
  };
}

}  // namespace

const char* ToString(Databases databases) {
  switch (databases) {
    case Databases::kPostgres: return "postgresql";
    case Databases::kSqlite: return "sqlite";
    case Databases::kMixed: return "mixed";
  }
  return "unrecognised";
}

const std::map<std::string, std::set<std::string>>& Served() {
  static const std::map<std::string, std::set<std::string>> served{
      {"service-1", {"airline", "bank"}}, {"service-2", {"bank", "hotels"}}};
  return served;
}

std::map<std::string, simulation::DatabaseKind> DatabasesOf(const Scenario& scenario,
                                                            Databases databases) {
  std::map<std::string, simulation::DatabaseKind> kinds;
  for (const Transaction& transaction : scenario.transactions) {
    for (const Work& work : transaction.work) kinds[work.database] = DatabaseKind::kPostgresLike;
    for (const Reservation& one : transaction.reservations)
      kinds[one.participant + "-db"] = DatabaseKind::kPostgresLike;
  }
  if (scenario.saga) {
    for (const SagaStep& step : scenario.saga->steps)
      kinds[step.participant + "-db"] = DatabaseKind::kPostgresLike;
  }
  std::size_t index = 0;
  for (auto& [name, kind] : kinds) {
    const bool mixed_in = databases == Databases::kMixed && index++ % 2 == 1;
    if (databases == Databases::kSqlite || mixed_in) kind = DatabaseKind::kSqliteLike;
  }
  return kinds;
}

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> scenarios;
    for (const auto& some :
         {Commits(), Aborts(), Losses(), Hands(), OwnScenarios(), SagaScenarios(), TccScenarios(),
          ThreePhaseScenarios(), LastResourceScenarios()})
      scenarios.insert(scenarios.end(), some.begin(), some.end());
    return scenarios;
  }();
  return all;
}

const Scenario* FindScenario(const std::string& name) {
  for (const Scenario& scenario : Scenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

}  // namespace settle::crash_matrix
