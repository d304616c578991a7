// A scenario: who does what, what goes wrong by plan, and how it ends when nothing crashes.
// Plain data; play.h plays it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "saga_definition/definition.h"
#include "simulation/process.h"

namespace settle::crash_matrix {

using simulation::microseconds;
using std::chrono::milliseconds;
using Then = simulation::Plan::Then;

// Which kind each database of a scenario is.
enum class Databases { kPostgres, kSqlite, kMixed };
const char* ToString(Databases databases);

// One branch: `process` works in `database`. A change of 0 only reads.
struct Work {
  std::string process;
  std::string database;
  std::int64_t change = 0;
};

// What a handler does by plan: its first calls answer like this, then it does its work.
struct ByPlan {
  int times = 0;
  AnswerKind answer = AnswerKind::kDone;
};

// A branch that reserves at a participant, whose database is its own.
struct Reservation {
  std::string participant;
  ByPlan reserves = {};
  ByPlan confirms = {};
  ByPlan cancels = {};
  milliseconds first_call_lies{0};  // the first try, before its handler runs
};

// Run by `client`, which reserves first and then works in databases.
struct Transaction {
  std::vector<Work> work = {};
  std::vector<Reservation> reservations = {};  // of a second transaction the same
  coordinator::Wait wait = coordinator::Wait::kApplied;
  settle::Protocol protocol = settle::Protocol::kTwoPhase;
  bool one_phase = false;
  bool own = false;                               // its client numbers its branches itself
  std::optional<std::size_t> last_resource = {};  // this part of `work` decides
  Then then = Then::kCommit;
  std::string client = "process-1";
  microseconds later{0};  // than the first one
};

// A step of a saga, named as in its document.
struct SagaStep {
  std::string name;
  std::string participant;
  std::vector<std::string> after = {};
  coordinator::saga::StepKind kind = coordinator::saga::StepKind::kCompensatable;
  ByPlan action = {};
  ByPlan compensation = {};
  std::int32_t attempts_max = 0;    // 0: for ever
  milliseconds first_call_lies{0};  // before its handler runs
};

// Which services serve which participants, so that one participant has two processes.
const std::map<std::string, std::set<std::string>>& Served();

// Started by client-1. Its participants have a database each.
struct Saga {
  std::vector<SagaStep> steps = {};
  milliseconds deadline{0};
  std::optional<milliseconds> cancelled_after = {};  // by its client
};

// --- what goes wrong by plan

struct DiskIsFull {};      // for the next forced record
struct PrepareIsRefused {  // by the database that is asked next
};
struct MessagesAreLost {
  std::string from;
  std::string to;
  std::string what;  // as it begins
  int times = 1;
};
struct ProcessIsCutOff {  // from everybody; the coordinator may be named too
  std::string process;
  microseconds lasting{0};
};
struct ProcessIsAway {  // it dies and comes back
  std::string process;
  microseconds lasting{0};
};
struct CoordinatorIsAway {  // it dies and comes back
  microseconds lasting{0};
};
// The sites of three-phase commit that it serves take the coordinator for lost, once it watches
// one.
struct ProcessSuspects {
  std::string process;
  microseconds later{0};
};
struct OperatorFinishes {  // what is prepared there, behind Settle's back
  std::string database;
  Decision decision = Decision::kAbort;
};
struct DatabaseForgets {  // how its finished transactions ended
  std::string database;
};
// The first transaction, through the coordinator.
struct OperatorAborts {};
struct OperatorRetries {};
struct OperatorForgets {};  // asks until it is so
struct OperatorSays {       // how a branch in hazard ended; until it is so
  BranchNumber branch = 0;
  Decision to = Decision::kCommit;
};
struct OperatorForces {  // what waits for a majority; until it is so
  Decision to = Decision::kCommit;
};
struct OperatorSkips {  // asks until the step of the saga is stuck enough
  std::string step;
};

using Trouble = std::variant<DiskIsFull, PrepareIsRefused, MessagesAreLost, ProcessIsCutOff,
                             ProcessIsAway, CoordinatorIsAway, ProcessSuspects, OperatorFinishes,
                             DatabaseForgets, OperatorAborts, OperatorRetries, OperatorForgets,
                             OperatorSays, OperatorForces, OperatorSkips>;

// Happens once, right after the first step of `actor` whose words begin with `step`.
struct Incident {
  std::string actor;
  std::string step;
  Trouble trouble;
};

// How a transaction ends when nothing crashes.
struct End {
  Outcome outcome = Outcome::kCommitted;
  AbortCause cause = AbortCause::kNone;
  bool told = true;  // the client hears of it without asking
};

struct Scenario {
  std::string name = {};
  std::string story = {};  // one line
  std::vector<Transaction> transactions = {};
  std::optional<Saga> saga = {};  // instead of transactions
  std::vector<Incident> incidents = {};
  std::vector<End> ends = {};  // of the transactions, in order; or of the saga
  // Each process serves the databases it works in; or all of them, so that any may finish a branch.
  bool all_serve_all = false;
  // Words that some step of the coordinator must contain when nothing crashes: that the scenario is
  // what it says it is.
  std::vector<std::string> shows = {};
  // Another number: other delays of messages, work and flushes. What it shows may depend on it.
  std::uint64_t timing = 1;
};

// By name. Of the mixed ones every second is SQLite-like.
std::map<std::string, simulation::DatabaseKind> DatabasesOf(const Scenario& scenario,
                                                            Databases databases);

std::vector<Scenario> OwnScenarios();
std::vector<Scenario> SagaScenarios();
std::vector<Scenario> TccScenarios();
std::vector<Scenario> ThreePhaseScenarios();
std::vector<Scenario> LastResourceScenarios();
const std::vector<Scenario>& Scenarios();  // all, of sagas and reservations too
// Null: there is none of that name.
const Scenario* FindScenario(const std::string& name);

}  // namespace settle::crash_matrix
