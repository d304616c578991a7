#include "crash_campaign/places.h"

#include <algorithm>

namespace settle::testing {
namespace {

constexpr Protocols kDatabases = kTwoPhase | kThreePhase | kTcc;
constexpr Protocols kCalls = kSaga | kTcc;

constexpr const char* kNoProtocol = "of no protocol: played with two-phase commit's transactions";
constexpr const char* kNoBranches = "a saga has no branches";
constexpr const char* kOwnBranch =
    "a reservation is called, and the branch beside it is its client's own";
constexpr const char* kOnlyOnePhase = "only one branch alone is committed in one phase";
constexpr const char* kOnlyLast = "only a PostgreSQL branch is a last resource";
constexpr const char* kOnlySites = "only three-phase commit has sites";
constexpr const char* kOnlySaga = "only a saga has steps";
constexpr const char* kOnlyTcc = "only reservations are tried, confirmed and cancelled";
constexpr const char* kOnlyCalls = "only sagas and reservations are called";
constexpr const char* kOnlyOwn = "only where the client itself prepares and finishes";
constexpr const char* kByCommand = "settle restore's own process: sqlite_log_crash_test kills it";
constexpr const char* kPostgresAlone = "PostgreSQL's own";
constexpr const char* kSqliteAlone = "SQLite's own";

std::vector<Place> MakePlaces() {
  return {
      // The decision log.
      {"log.create.filled", "a new log is whole and has no name yet", kTwoPhase, kBothDatabases,
       kNoProtocol},
      {"log.migrate.inside", "in a migration's transaction", kTwoPhase, kBothDatabases,
       kNoProtocol},
      {"log.migrate.applied", "between two migrations", kTwoPhase, kBothDatabases, kNoProtocol},
      {"log.open.epoch_raised", "the epoch is raised, nothing was read yet", kEveryProtocol},
      {"log.open.folded", "the log is folded into its main file", kEveryProtocol},
      {"log.before_begin", "a forced group is not begun", kEveryProtocol, kBothDatabases, "",
       Also::kFails},
      {"log.before_lazy", "a group in which nothing is forced is not begun", kEveryProtocol},
      {"log.inside", "the rows of a forced group are inserted", kEveryProtocol},
      {"log.commit", "a group, lazy ones included, is about to be committed", kEveryProtocol,
       kBothDatabases, "", Also::kTears},
      {"log.after_commit", "a forced group is durable, nobody was told", kEveryProtocol},
      {"log.prune.inside", "old records are removed, not committed", kTwoPhase, kBothDatabases,
       kNoProtocol},
      {"log.prune.committed", "old records are gone", kTwoPhase, kBothDatabases, kNoProtocol},
      {"log.backup.copied", "a copy is whole and not yet marked as a backup", kTwoPhase,
       kBothDatabases, kNoProtocol},
      {"log.restore.inside", "a restored log is filled, not committed", 0, 0, kByCommand},
      {"log.restore.filled", "a restored log is whole and has no name yet", 0, 0, kByCommand},

      // Operators.
      {"audit.asked", "the trail says that it was asked for, nothing was done", kEveryProtocol},
      {"audit.acted", "it was done, and the trail does not say so", kEveryProtocol},
      {"engine.before_intent", "a person decides, nothing is recorded", 0, 0,
       "what a person decides may do damage, which the campaign takes for a violation: "
       "e2e_heuristic_test kills there"},
      {"engine.intent_recorded", "what a person decided is durable, nothing was done", 0, 0,
       "the same"},

      // Recovery of the coordinator.
      {"settled.replayed", "the log is read, nothing goes on yet", kEveryProtocol},
      {"engine.restored", "a transaction is known again and was not driven yet", kDatabases,
       kBothDatabases, kNoBranches},
      {"saga.restored", "a saga is known again and was not driven yet", kSaga, kBothDatabases,
       kOnlySaga},

      // Transactions in the coordinator.
      {"engine.before_send", "a command is about to be sent", kDatabases, kBothDatabases,
       kNoBranches, Also::kFails},
      {"engine.prepare_sent", "a prepare is sent", kTwoPhase | kThreePhase, kBothDatabases,
       kOwnBranch},
      {"engine.commit_sent", "a commit is sent", kDatabases, kBothDatabases, kNoBranches},
      {"engine.abort_sent", "an abort is sent", kTwoPhase | kThreePhase, kBothDatabases,
       kOwnBranch},
      {"engine.prove_sent", "it is asked what became of a commit in one phase", kTwoPhase,
       kBothDatabases, kOnlyOnePhase},
      {"engine.ballot_sent", "a site is asked to join or accept", kThreePhase, kBothDatabases,
       kOnlySites},
      {"engine.vote", "a vote has come", kTwoPhase | kThreePhase, kBothDatabases, kOwnBranch},
      {"engine.site_answered", "a site has answered", kThreePhase, kBothDatabases, kOnlySites},
      {"engine.before_decision", "a record of a transaction is about to be written", kDatabases,
       kBothDatabases, kNoBranches},
      {"engine.decided", "that record is durable, and nobody was told", kDatabases, kBothDatabases,
       kNoBranches},
      {"engine.leave_given", "the last resource may commit, and nobody was told", kTwoPhase,
       kPostgresql, kOnlyLast},
      {"engine.before_told", "whoever waits is about to be told", kEveryProtocol},
      {"engine.acknowledged", "a branch has ended", kDatabases, kBothDatabases, kNoBranches},
      {"engine.before_end", "all have ended, nothing says so", kDatabases, kBothDatabases,
       kNoBranches},
      {"engine.ended", "the end is written", kDatabases, kBothDatabases, kNoBranches},
      {"witness.asked", "a site speaks to the witness", kThreePhase, kBothDatabases, kOnlySites},
      {"witness.before_answer", "what the witness says is durable, and not said", kThreePhase,
       kBothDatabases, kOnlySites},

      // Calls of services.
      {"engine.before_registered", "a reservation is about to be recorded", kTcc, kBothDatabases,
       kOnlyTcc},
      {"engine.registered", "a reservation is recorded, and not called", kTcc, kBothDatabases,
       kOnlyTcc},
      {"engine.before_call", "a service is about to be called", kCalls, kBothDatabases, kOnlyCalls,
       Also::kFails},
      {"engine.try_sent", "a try is sent", kTcc, kBothDatabases, kOnlyTcc},
      {"engine.try_answered", "a try is answered", kTcc, kBothDatabases, kOnlyTcc},
      {"engine.confirm_sent", "a confirm is sent", kTcc, kBothDatabases, kOnlyTcc},
      {"engine.confirm_answered", "a confirm is answered", kTcc, kBothDatabases, kOnlyTcc},
      {"engine.cancel_sent", "a cancel is sent", kTcc, kBothDatabases, kOnlyTcc},
      {"engine.cancel_answered", "a cancel is answered", kTcc, kBothDatabases, kOnlyTcc},
      {"saga.before_record", "a saga's forced record is about to be written", kSaga, kBothDatabases,
       kOnlySaga},
      {"saga.recorded", "that record is durable, and nothing came of it yet", kSaga, kBothDatabases,
       kOnlySaga},
      {"saga.ended", "the summary of an ended saga is written", kSaga, kBothDatabases, kOnlySaga},
      {"engine.action_sent", "a step is called", kSaga, kBothDatabases, kOnlySaga},
      {"engine.action_answered", "a step is answered", kSaga, kBothDatabases, kOnlySaga},
      {"engine.compensation_sent", "a compensation is called", kSaga, kBothDatabases, kOnlySaga},
      {"engine.compensation_answered", "a compensation is answered", kSaga, kBothDatabases,
       kOnlySaga},
      {"engine.fence_sent", "a pivot is fenced", kSaga, kBothDatabases, kOnlySaga},
      {"engine.fence_answered", "it is known whether the pivot ran", kSaga, kBothDatabases,
       kOnlySaga},

      // The client.
      {"client.begun", "a transaction has begun, nobody works in it", kDatabases, kBothDatabases,
       "a saga is started"},
      {"client.enlisted", "a branch has its number, and is not open", kTwoPhase | kThreePhase,
       kBothDatabases, kOwnBranch},
      {"client.tried", "a reservation was answered", kTcc, kBothDatabases, kOnlyTcc},
      {"client.saga_started", "a saga runs, its program does not know its name", kSaga,
       kBothDatabases, kOnlySaga},
      {"client.before_prepare", "commit is wanted, nothing is prepared", kDatabases, kBothDatabases,
       kNoBranches},
      {"client.prepared", "its branches are prepared, nobody decides", kTwoPhase | kTcc,
       kBothDatabases, kOnlyOwn},
      {"client.decided", "it was told the decision, its branches were not", kDatabases,
       kBothDatabases, kNoBranches},
      {"client.last_committed", "its last resource has committed, nobody knows", kTwoPhase,
       kPostgresql, kOnlyLast},
      {"client.finished_one", "one of its branches is finished", kTwoPhase, kBothDatabases,
       kOnlyOwn},

      // Participants.
      {"participant.attached", "it is attached, and has not looked for what is prepared",
       kEveryProtocol},
      {"participant.found", "a prepared branch is found, nobody was asked", kTwoPhase | kThreePhase,
       kBothDatabases, kOwnBranch},
      {"participant.before_vote", "prepared by command, the vote is not told",
       kTwoPhase | kThreePhase, kBothDatabases, kOwnBranch},
      {"participant.before_finish", "told the decision, nothing is done", kDatabases,
       kBothDatabases, kNoBranches},
      {"participant.finished", "done in the database, nobody was told", kDatabases, kBothDatabases,
       kNoBranches},
      {"participant.before_action", "a service is about to do what it was called for", kCalls,
       kBothDatabases, kOnlyCalls},
      {"participant.action_done", "a service has done it, nobody was told", kCalls, kBothDatabases,
       kOnlyCalls},

      // Sites of three-phase commit.
      {"participant.before_accept", "a site is asked by the coordinator, and does nothing yet",
       kThreePhase, kBothDatabases, kOnlySites},
      {"participant.accepted", "a site has accepted, the coordinator does not know", kThreePhase,
       kBothDatabases, kOnlySites},
      {"site.before_record", "a site's record is about to be changed", kThreePhase, kBothDatabases,
       kOnlySites, Also::kFails},
      {"site.recorded", "a site's record is changed, nobody knows", kThreePhase, kBothDatabases,
       kOnlySites},
      {"site.leads", "a site has a ballot of its own, nobody knows", kThreePhase, kBothDatabases,
       kOnlySites},
      {"site.told_peer", "another site, or the witness, was told something", kThreePhase,
       kBothDatabases, kOnlySites},

      // Branches in PostgreSQL.
      {"postgres.migrated", "a migration of Settle's tables is in its transaction", 0, 0,
       "before any transaction: barrier_upgrade_test kills there"},
      {"postgres.before_prepare", "a branch is about to be prepared", kDatabases, kPostgresql,
       kPostgresAlone, Also::kFails},
      {"postgres.after_prepare", "a branch is prepared, nobody knows", kDatabases, kPostgresql,
       kPostgresAlone},
      {"postgres.before_finish", "COMMIT or ROLLBACK PREPARED is about to be sent", kDatabases,
       kPostgresql, kPostgresAlone, Also::kFails},
      {"postgres.after_finish", "COMMIT or ROLLBACK PREPARED is done", kDatabases, kPostgresql,
       kPostgresAlone},
      {"postgres.before_commit", "a commit in one phase is about to be sent", kTwoPhase,
       kPostgresql, kOnlyOnePhase},
      {"postgres.after_commit", "a commit in one phase is done", kTwoPhase, kPostgresql,
       kOnlyOnePhase},

      // Branches in SQLite.
      {"sqlite.migrated", "a migration of Settle's tables is in its transaction", 0, 0,
       "before any transaction: barrier_upgrade_test kills there"},
      {"sqlite.before_migrations", "Settle's tables are about to be looked at", 0, 0, "the same"},
      {"sqlite.before_prepare", "a branch is about to be staged", kDatabases, kSqliteFile,
       kSqliteAlone, Also::kFails},
      {"sqlite.stage_commit", "a branch is staged, not committed", kDatabases, kSqliteFile,
       kSqliteAlone, Also::kTears},
      {"sqlite.after_prepare", "a branch is staged durably, nobody knows", kDatabases, kSqliteFile,
       kSqliteAlone},
      {"sqlite.before_apply", "it is about to be applied, before the vote", kTwoPhase | kTcc,
       kSqliteFile, "SQLite's own; a site has tried it before", Also::kFails},
      {"sqlite.before_finish", "a staged branch is about to be ended: committed or dropped",
       kDatabases, kSqliteFile, kSqliteAlone, Also::kFails},
      {"sqlite.inside_finish", "it is applied or dropped, not committed", kDatabases, kSqliteFile,
       kSqliteAlone},
      {"sqlite.finish_commit", "that is about to be committed", kDatabases, kSqliteFile,
       kSqliteAlone, Also::kTears},
      {"sqlite.after_finish", "that is durable, nobody knows", kDatabases, kSqliteFile,
       kSqliteAlone},

      // The barrier.
      {"barrier.before_insert", "in a call's transaction, nothing is noted", kCalls, kBothDatabases,
       kOnlyCalls},
      {"barrier.after_insert", "the call is noted, not committed", kCalls, kBothDatabases,
       kOnlyCalls},
      {"barrier.after_business", "the business is done, not committed", kCalls, kBothDatabases,
       kOnlyCalls},
      {"barrier.before_commit", "note and effect are about to be committed", kCalls, kBothDatabases,
       kOnlyCalls, Also::kFails},
      {"barrier.after_commit", "note and effect are durable, nobody was told", kCalls,
       kBothDatabases, kOnlyCalls},
  };
}

const char* InWords(Also also) {
  switch (also) {
    case Also::kNothing: return "";
    case Also::kFails: return "error";
    case Also::kTears: return "torn";
  }
  return "?";
}

std::string InWords(const Place& place) {
  if (place.protocols == 0) return "-";
  std::string words;
  for (const Protocols one : kEach) {
    if ((place.protocols & one) != 0)
      words += (words.empty() ? "" : ", ") + std::string(NameOf(one));
  }
  if (place.databases == kBothDatabases) return words;
  return words + " over " + NameOfDatabase(place.databases);
}

}  // namespace

const char* NameOf(Protocols one) {
  return one == kTwoPhase ? "2pc" : one == kThreePhase ? "3pc" : one == kSaga ? "saga" : "tcc";
}

const char* NameOfDatabase(Databases one) { return one == kPostgresql ? "postgresql" : "sqlite"; }

const std::vector<Place>& Places() {
  static const std::vector<Place> places = MakePlaces();
  return places;
}

const Place* FindPlace(const std::string& name) {
  const auto found = std::find_if(Places().begin(), Places().end(),
                                  [&](const Place& place) { return place.name == name; });
  return found == Places().end() ? nullptr : &*found;
}

std::string PlacesAsMarkdown() {
  std::string table =
      "| place | a process that dies there: | also | killed in | not elsewhere, because |\n"
      "|---|---|---|---|---|\n";
  for (const Place& place : Places()) {
    table += "| `" + std::string(place.name) + "` | " + place.when + " | " + InWords(place.also) +
             " | " + InWords(place) + " | " + place.otherwise + " |\n";
  }
  return table;
}

}  // namespace settle::testing
