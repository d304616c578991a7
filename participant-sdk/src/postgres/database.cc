#include "postgres/database.h"

#include <unistd.h>

#include <thread>

#include "postgres/evidence.h"
#include "postgres/examine.h"
#include "postgres/inspect.h"
#include "postgres/tables.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::postgres {
namespace {

using std::chrono_literals::operator""ms;

// Between two looks at a server that is restarting, or at a backend that is ending.
constexpr auto kPause = 20ms;

struct ServerState {
  int slots = 0;
  bool standby = false;
  bool fsync = true;
};

Result<ServerState> ReadServerState(Connection& connection, Clock::time_point deadline) {
  const Reply reply =
      connection.Run({"SELECT pg_catalog.current_setting('max_prepared_transactions'), "
                      "pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('fsync')"},
                     deadline);
  if (!reply.ok()) return Fail(ErrorCode::kUnavailable, reply.words());
  return ServerState{.slots = std::atoi(reply.value(0).c_str()),
                     .standby = reply.value(1) == "t",
                     .fsync = reply.value(2) == "on"};
}

ServerOptions ServerOf(const PostgresOptions& options) {
  return {.who = "resource \"" + options.name + "\"",
          .application = "settle " + options.name,
          .dsn = options.dsn,
          .connections_max = options.connections_max,
          .connect_timeout = options.connect_timeout};
}

}  // namespace

Statement FinishStatement(const std::string& name, Decision decision,
                          const Connection& connection) {
  return {std::string(FinishTag(decision)) + " " + connection.Literal(name)};
}

const char* const kIsItsName = "(gid = $1 OR pg_catalog.starts_with(gid, $1 || ':'))";

Statement ForceCommit() {
  return {
      "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) "
      "WHERE pg_catalog.current_setting('synchronous_commit') = 'off'"};
}

const char* FinishTag(Decision decision) {
  return decision == Decision::kCommit ? "COMMIT PREPARED" : "ROLLBACK PREPARED";
}

BranchEnd EndFor(Decision decision) {
  return decision == Decision::kCommit ? BranchEnd::kCommitted : BranchEnd::kAborted;
}

Database::Database(PostgresOptions options)
    : options_(std::move(options)), process_(::getpid()), pool_(ServerOf(options_)) {}

Result<Lease> Database::Take(Purpose purpose, Freshness freshness) {
  if (::getpid() != process_) {
    return Fail(ErrorCode::kRefused,
                "resource \"" + options_.name + "\" was made before this process was forked",
                "make resources after fork()");
  }
  if (Status name = CheckResourceName(options_.name); !name) return Fail(std::move(name).error());
  Result<Lease> lease = pool_.Take(purpose, freshness);
  if (!lease || purpose == Purpose::kSettle) return lease;
  if (Status same = CheckIdentity(**lease); !same) return Fail(std::move(same).error());
  return lease;
}

Status Database::CheckIdentity(const Connection& connection) const {
  const std::lock_guard lock(mutex_);
  if (identity_.empty() || identity_ == connection.facts().identity) return {};
  return Fail(ErrorCode::kRefused,
              "resource \"" + options_.name + "\" was " + identity_ +
                  " when it was attached, its dsn now leads to " + connection.facts().identity,
              "point the dsn at the right database, or attach anew and have an operator accept it");
}

Result<std::string> Database::Identify() {
  Result<Lease> lease = Take(Purpose::kSettle, Freshness::kNew);
  if (!lease) return Fail(std::move(lease).error());
  const std::string resource = "resource \"" + options_.name + "\": ";
  Result<ServerState> server = ReadServerState(**lease, ReplyDeadline());
  if (!server) return Fail(ErrorCode::kUnavailable, resource + server.error().message);
  if (server->standby) {
    return Fail(ErrorCode::kUnavailable, resource + "the server is a standby and cannot prepare",
                "point the dsn at the primary, e.g. with target_session_attrs=read-write");
  }
  if (server->slots == 0) {
    return Fail(ErrorCode::kRefused,
                resource + "the server cannot prepare transactions: max_prepared_transactions is 0",
                "put max_prepared_transactions = 100 (or max_connections, if that is more) into "
                "postgresql.conf and restart the server");
  }
  if (options_.three_phase) {
    const Status tables = CheckTables(**lease, options_.dsn, kSiteTables, ReplyDeadline());
    if (!tables) {
      return Fail(tables.error().code, resource + tables.error().message, tables.error().advice);
    }
  }
  const std::lock_guard lock(mutex_);
  identity_ = (*lease)->facts().identity;
  warnings_.clear();
  if (!server->fsync) {
    warnings_.push_back(resource +
                        "fsync is off: a crash of the machine can lose prepared and committed "
                        "transactions; set fsync = on in postgresql.conf");
  }
  return identity_;
}

std::vector<std::string> Database::warnings() const {
  const std::lock_guard lock(mutex_);
  return warnings_;
}

// On a connection of its own, which shows as well that one can be had.
Examination Database::Examine(const std::string& log_id, std::chrono::milliseconds timeout) {
  const std::string code = "postgresql-reachable";
  const Clock::time_point until = Clock::now() + timeout;
  const auto failed = [&](const Error& error) {
    return Examination{{{code, Severity::kProblem, error.message, error.advice}}};
  };
  Result<Lease> lease = Take(Purpose::kSettle, Freshness::kNew);
  if (!lease) return failed(lease.error());
  const std::unique_ptr<Connection> connection = lease->Keep();
  if (Status same = CheckIdentity(*connection); !same) return failed(same.error());
  const Result<ServerFacts> facts = ReadServerFacts(*connection, std::min(until, ShortDeadline()));
  if (!facts) return failed(facts.error());
  Examination examination{CheckServer(*facts, log_id), facts->clock_us};
  examination.findings.insert(examination.findings.begin(),
                              {code, Severity::kOk, connection->facts().identity, ""});
  return examination;
}

Result<std::vector<std::string>> Database::ScanPrepared() {
  Result<Lease> lease = Take(Purpose::kSettle);
  if (!lease) return Fail(std::move(lease).error());
  // Prepared transactions of other databases and roles cannot be finished from here; theirs do it.
  (*lease)->Send({{"SELECT pg_catalog.pg_is_in_recovery()"},
                  {"SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE owner = current_user "
                   "AND database = current_database() AND pg_catalog.starts_with(gid, $1)",
                   {std::string(kDatabaseNamePrefix)}}});
  const std::vector<Reply> replies = (*lease)->Await(ReplyDeadline());
  const Reply& reply = replies.back();
  const bool standby = replies.front().ok() && replies.front().value(0) == "t";
  if (!reply.ok() || replies.size() != 2 || standby) {
    return Fail(ErrorCode::kUnavailable, "resource \"" + options_.name +
                                             "\": the scan of prepared branches failed: " +
                                             (standby ? "the server is a standby" : reply.words()));
  }
  std::vector<std::string> names;
  for (int row = 0; row < reply.row_count(); ++row) {
    std::string name = reply.value(row, 0);
    if (BranchKey::ParseDatabaseName(name)) names.push_back(std::move(name));
  }
  return names;
}

std::optional<Evidence> Database::EvidenceOf(const std::string& name) {
  Result<Lease> lease = Take(Purpose::kSettle);
  if (!lease) return {};
  const Reply reply = (*lease)->Run(EvidenceOfPreparedStatement(name), ReplyDeadline());
  if (!reply.ok() || reply.row_count() != 1) return {};
  return ReadEvidenceOfPrepared(**lease, reply);
}

FinishResult Database::WithConnection(const std::function<FinishResult(Connection&)>& act) {
  FinishResult result;
  for (const Freshness freshness : {Freshness::kAny, Freshness::kNew}) {
    Result<Lease> lease = Take(Purpose::kSettle, freshness);
    if (!lease) return {BranchEnd::kRetry, Describe(lease.error())};
    result = act(**lease);
    if (!(*lease)->broken()) return result;
  }
  return result;
}

FinishResult Database::Finish(const BranchKey& key, Decision decision, const Evidence& evidence) {
  return WithConnection(
      [&](Connection& connection) { return FinishOn(connection, key, decision, evidence); });
}

FinishResult Database::FinishOn(Connection& connection, const BranchKey& key, Decision decision,
                                const Evidence& evidence) {
  if (SETTLE_FAILPOINT_FAILS("postgres.before_finish")) return {BranchEnd::kRetry, "not reached"};
  Reply reply = FinishNamed(connection, key.DatabaseName(), decision);
  // 42704: there is no such prepared transaction. It may be finished, or never have been prepared,
  // or be so in the name of a last resource.
  if (reply.sqlstate() == "42704") {
    const Reply named = connection.Run(
        {"SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() AND " +
             std::string(kIsItsName),
         {key.DatabaseName()}},
        ReplyDeadline());
    if (!named.ok()) return {BranchEnd::kRetry, named.words()};
    if (named.row_count() == 1) reply = FinishNamed(connection, named.value(0), decision);
  }
  if (reply.ok() && reply.tag() == FinishTag(decision)) {
    SETTLE_FAILPOINT("postgres.after_finish");
    return {EndFor(decision), ""};
  }
  if (reply.sqlstate() != "42704") return {BranchEnd::kRetry, reply.words()};
  if (evidence.local_transaction.empty() && decision == Decision::kAbort) {
    return {BranchEnd::kAborted, "it was never prepared"};
  }
  return postgres::Prove(connection, evidence, ReplyDeadline());
}

Reply Database::FinishNamed(Connection& connection, const std::string& name, Decision decision) {
  return connection.Run(FinishStatement(name, decision, connection), ReplyDeadline());
}

FinishResult Database::Prove(const BranchKey&, const Evidence& evidence) {
  return WithConnection([&](Connection& connection) {
    return postgres::Prove(connection, evidence, ReplyDeadline());
  });
}

Result<LiveBranch> Database::Inspect(const BranchKey& key, const Evidence& evidence,
                                     std::chrono::milliseconds timeout) {
  Result<LiveBranch> live = Fail(ErrorCode::kUnavailable, "no connection");
  for (const Freshness freshness : {Freshness::kAny, Freshness::kNew}) {
    Result<Lease> lease = Take(Purpose::kSettle, freshness);
    if (!lease) return Fail(std::move(lease).error());
    live = postgres::Inspect(**lease, key, evidence, timeout);
    if (!(*lease)->broken()) return live;
  }
  return live;
}

bool Database::AfterLoss(const ConnectionFacts& lost, Clock::time_point until,
                         const std::function<bool(Connection&)>& look) {
  for (; Clock::now() < until; std::this_thread::sleep_for(kPause)) {
    Result<Lease> lease = Take(Purpose::kSettle, Freshness::kNew);
    if (!lease) continue;
    if ((*lease)->facts().identity != lost.identity) continue;
    const Reply alive =
        (*lease)->Run({"SELECT pg_catalog.pg_terminate_backend(pid) "
                       "FROM pg_catalog.pg_stat_get_activity($1::int) "
                       "WHERE (extract(epoch FROM backend_start) * 1000000)::bigint = $2::bigint",
                       {lost.backend_pid, lost.backend_start}},
                      until);
    if (!alive.ok() || alive.row_count() > 0) continue;
    if (look(**lease)) return true;
  }
  return false;
}

}  // namespace settle::postgres
