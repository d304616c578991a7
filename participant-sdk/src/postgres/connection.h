// One connection to a PostgreSQL server: statements sent in one go, their answers awaited with a
// bound.
#pragma once

#include <libpq-fe.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "postgres/reply.h"
#include "settle/vocabulary/status.h"

namespace settle::postgres {

using Clock = std::chrono::steady_clock;
inline constexpr Clock::time_point kForever = Clock::time_point::max();

// How a server is reached.
struct ServerOptions {
  std::string who;          // whose connections these are, in messages: "resource \"bank\""
  std::string application;  // in the server's list of sessions, unless the dsn says otherwise
  std::string dsn;
  int connections_max = 16;
  std::chrono::milliseconds connect_timeout{5'000};
};

struct Statement {
  std::string sql;
  std::vector<std::optional<std::string>> parameters{};
  // Parsed and planned once for the connection: for what is sent again and again.
  bool keep_plan = false;
};

// kInvalid: empty, or with a NUL byte, which libpq would take for its end.
Status CheckSendable(const std::string& sql,
                     const std::vector<std::optional<std::string>>& parameters);

enum class Sync {
  kAtEnd,  // one failure skips the statements after it
  kEach,   // each is on its own, as DISCARD ALL and COMMIT PREPARED must be
};

// What cannot change while a connection lives.
struct ConnectionFacts {
  std::string identity;       // "postgresql:<system identifier>:<database oid>"
  std::string role;           // whoever owns what it prepares
  std::string backend_pid;    // with the next, names the server's process for ever: a
  std::string backend_start;  // process id alone comes back
  std::string isolation;      // of its transactions, unless they say otherwise: "read committed"
  // Hexadecimal, as kTimeline gives it. A server that is no standby stays on its timeline until it
  // is started anew, which no connection survives. Empty: it was a standby.
  std::string timeline;
};

// SQL: the server's own timeline. Not from pg_control_checkpoint(): after a promotion that shows
// the old one until the next checkpoint. Fails on a standby.
inline constexpr const char* kTimeline =
    "pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8)";

// For one thread at a time, except Sever.
class Connection {
 public:
  // Blocking. kUnavailable with the server's words, never with a password; kInvalid for a wrong
  // dsn.
  static Result<std::unique_ptr<Connection>> Open(const ServerOptions& options);

  // In a forked child only the child's descriptors are closed: libpq's farewell would end the
  // parent's transaction.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends and returns; false when the connection is lost already. Nothing may be pending.
  bool Send(const std::vector<Statement>& statements, Sync sync = Sync::kAtEnd);
  // The answers to all that was sent, up to the first lost one: the last reply tells. A statement
  // that was skipped because one before it failed has no reply. Past the deadline the connection is
  // severed.
  std::vector<Reply> Await(Clock::time_point deadline);
  // The same, where so many replies may take as long as they take; the rest is bounded together.
  std::vector<Reply> AwaitWork(std::size_t unbounded, Clock::duration rest);
  bool pending() const { return pending_ > 0; }

  // Send and Await. The last reply: of the last statement, or of the one that failed.
  Reply Run(const Statement& statement, Clock::time_point deadline);

  // From any thread: nothing reaches the server any more, whose backend rolls back what is not
  // prepared.
  void Sever();

  // A reply was lost here. Nothing more comes of this connection.
  bool broken() const { return broken_ || PQstatus(pg_.get()) != CONNECTION_OK; }
  // In an idle connection something waits to be read: most likely its end.
  bool LooksDead() const;
  bool InForkedChild() const;
  PGTransactionStatusType transaction_status() const { return PQtransactionStatus(pg_.get()); }
  // A string as an SQL literal, quotes included.
  std::string Literal(const std::string& text) const;
  // The last prepare was acknowledged although its wait for the synchronous standbys was cancelled.
  bool replication_cancelled() const { return replication_cancelled_; }

  PGconn* raw() const { return pg_.get(); }
  const ConnectionFacts& facts() const { return facts_; }
  bool watches_client() const { return PQserverVersion(pg_.get()) >= 140'000; }
  void TakeBackNotices();

  bool has_plans() const { return !plans_.empty(); }
  // Plans are kept here, and nothing but Execute has touched them.
  bool keeps_plans() const { return has_plans() && !plans_in_doubt; }
  // The server has forgotten them, by DISCARD ALL.
  void ForgetPlans();

  // Statements of the application ran here, so the session must be reset before it is used again.
  bool touched = false;
  // It may have prepared statements of its own, or taken ours away.
  bool plans_in_doubt = false;

 private:
  explicit Connection(PGconn* pg);
  Status SetUp(Clock::time_point deadline);
  bool SendOne(const Statement& statement);
  bool SendKept(const Statement& statement, const std::vector<const char*>& values);
  // False when the deadline passed.
  bool AwaitInput(Clock::time_point deadline);
  std::optional<Reply> NextReply(Clock::time_point deadline);
  // The deadline is asked for with the number of replies that are there already.
  std::vector<Reply> AwaitAll(const std::function<Clock::time_point(std::size_t)>& deadline);
  static void OnNotice(void* self, const PGresult* notice);

  std::unique_ptr<PGconn, void (*)(PGconn*)> pg_;
  ConnectionFacts facts_;
  // A descriptor of our own for the same socket: libpq closes its own at will, and its number may
  // be someone else's by the time that another thread calls Sever.
  int socket_ = -1;
  pid_t process_;
  int pending_ = 0;  // synchronisation points not yet seen
  // The SQL whose plan is kept, and its name at the server.
  std::unordered_map<std::string, std::string> plans_;
  std::uint64_t plans_made_ = 0;  // numbers their names
  // What was sent and is not answered yet: empty, or the SQL of a plan that is being made.
  std::deque<std::string> sent_;
  bool broken_ = false;
  bool replication_cancelled_ = false;
};

// The server's process notices within this time that its client is gone, also while it is
// executing.
inline constexpr const char* kWatchClient = "SET client_connection_check_interval = '1s'";

}  // namespace settle::postgres
