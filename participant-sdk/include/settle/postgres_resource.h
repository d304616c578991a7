// PostgreSQL under a global transaction, by PREPARE TRANSACTION.
//
//   auto bank = settle::PostgresResource::Make({.name = "bank", .dsn = "host=db1 dbname=bank"});
//   ... given to Coordinator::Connect, then within a global transaction:
//   auto branch = transaction->Enlist(*bank);
//   auto rows = (*branch)->Execute("UPDATE account SET balance = balance - $1 WHERE id = $2 "
//                                  "RETURNING balance", {"10", "1"});
//   if (rows) std::cout << rows->rows[0][0].value();
//
// The server must be PostgreSQL 13 or later and have max_prepared_transactions above 0. The role of
// the dsn needs no privileges beyond those of the application's own work, and no tables, unless its
// branches are to be sites of three-phase commit (PostgresOptions::three_phase).
//
// PostgreSQL cannot prepare a transaction that used temporary tables, LISTEN or NOTIFY, WITH HOLD
// cursors or foreign tables; such a branch votes no and says so. Effects that bypass the
// transaction (dblink, a NOTIFY sent from inside a function by a branch that writes nothing else)
// are not seen.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "settle/resource.h"
#include "settle/rows.h"
#include "settle/vocabulary/status.h"

struct pg_conn;
using PGconn = struct pg_conn;  // libpq-fe.h's own

namespace settle {

struct PostgresOptions {
  // 1 to 64 of [A-Za-z0-9._-]; the same in every process that serves this database.
  std::string name;
  // A libpq connection string or URI. Settings of the session go there too: "options='-c ...'".
  std::string dsn;
  // Open branches at the same time; one more waits up to connect_timeout. Phase two never waits for
  // them: it may open a few connections beyond this number.
  int connections_max = 16;
  std::chrono::milliseconds connect_timeout{5'000};
  // Of each Execute, kept by the server; 0: the server's default. An expired one fails the branch.
  std::chrono::milliseconds statement_timeout{0};
  // How long the server may take to answer a prepare or a finish before the connection is given up
  // and the truth is looked for through another.
  std::chrono::milliseconds reply_timeout{30'000};
  // Its branches can be sites of three-phase commit (docs/three_phase_commit.md). The database then
  // needs Settle's tables, made by `settle barrier install`, and the role SELECT, INSERT, UPDATE,
  // DELETE on settle_three_phase and settle_barrier_mark and SELECT on settle_migration: Identify
  // checks that and says what to run. Branches under two-phase commit need and touch none of it.
  bool three_phase = false;
};

// Whether the dsn itself holds a password, which then stands wherever the dsn does: in a command
// line, for instance. libpq also takes it from PGPASSFILE and from service files. kInvalid: libpq
// cannot read the dsn.
[[nodiscard]] Result<bool> HoldsPassword(const std::string& dsn);

// One branch's work. Used by one thread at a time; a second one is refused, not queued. Fence is
// for any thread. After commit, abort and Fence the handle is dead, and so it is in a forked child:
// Execute is refused, connection() is null.
class PostgresBranch : public Branch {
 public:
  // Runs one statement in the branch's transaction, with parameters $1, $2, ... in PostgreSQL's
  // text form; an empty optional is NULL. Blocking.
  //
  // An error fails the branch: it will vote no, unless the program rolls back to a SAVEPOINT made
  // before. kRetryTransaction: a passing cause (serialization failure, deadlock, lost connection).
  // kInvalid, kDenied, kRefused (a constraint), kInternal: repeating will not help. The message
  // holds the SQLSTATE. Statements that end the transaction (COMMIT, ROLLBACK, PREPARE TRANSACTION)
  // are not the branch's to run: what was written before is outside of the global transaction then,
  // the branch is dead and votes no. So it does after going back to a savepoint with "chain" in its
  // name, which looks like ROLLBACK AND CHAIN. COPY needs connection().
  [[nodiscard]] virtual Result<Rows> Execute(
      const std::string& sql, const std::vector<std::optional<std::string>>& parameters = {}) = 0;

  // Takes a statement and sends it later, in one round trip with all that is queued: in front of
  // the next Execute, Flush or connection(), or of the branch's prepare. Branches that are prepared
  // at the same time then do all of their work at the same time.
  //
  //   debit->Queue("UPDATE account SET balance = balance - $1 WHERE id = $2", {"10", "1"}, 1);
  //   credit->Queue("UPDATE account SET balance = balance + $1 WHERE id = $2", {"10", "7"}, 1);
  //   settle::Ending ending = transaction->Commit();  // aborted, unless each changed one row
  //
  // Gives the statement's number, from 0, for Answer. Does not block and says nothing of what the
  // server will say: a statement that fails makes the branch vote no with its SQLSTATE and words.
  // `affected`: so many rows it must insert, update, delete or merge, or the branch votes no, and
  // no savepoint forgives it; that is found out before anything is committed. Where nothing but
  // INSERT, UPDATE, DELETE or MERGE tells that there is something to prepare, the prepare waits for
  // one round trip more. kRefused: as Execute; a statement that begins, ends or divides a
  // transaction. kInvalid: empty, or holds a NUL byte.
  [[nodiscard]] virtual Result<std::size_t> Queue(
      const std::string& sql, const std::vector<std::optional<std::string>>& parameters = {},
      std::optional<std::int64_t> affected = std::nullopt) = 0;

  // Sends what is queued and waits for the answers. Blocking; errors as Execute's, of the first
  // statement that failed or affected other rows than it must.
  [[nodiscard]] virtual Status Flush() = 0;

  // What a queued statement answered, also after the branch's end; its error as Execute's.
  // kRefused: it has not been sent yet, or was not run because one before it failed. kInvalid: no
  // such number. For any thread.
  [[nodiscard]] virtual Result<Rows> Answer(std::size_t number) const = 0;

  // The SQLSTATE of the last Execute or queued statement that failed, or empty ("the connection was
  // lost" has none).
  virtual const std::string& last_sqlstate() const = 0;

  // The connection itself, inside the branch's transaction, for what Execute cannot do. Null when
  // dead, and while a statement has failed. Valid as long as this object; after prepare, commit,
  // abort and Fence it is cut off from the server. It is not used again afterwards, so a branch
  // that asks for it costs the next one a new connection.
  virtual PGconn* connection() = 0;
};

// Thread-safe. Make does not reach for the database; Identify does, and is called by
// Coordinator::Connect. A forked child must make its own: everything is refused there.
class PostgresResource : public Resource {
 public:
  using BranchType = PostgresBranch;

  // A wrong name or dsn is reported by Identify and Open.
  static std::shared_ptr<PostgresResource> Make(PostgresOptions options);

  // Takes a connection; BEGIN travels with the first statement. Blocking. kRetry: connections_max
  // are in use. kUnavailable: the server cannot be reached. kRefused: the dsn now leads to another
  // database than at Identify. kInvalid: wrong name or dsn.
  [[nodiscard]] virtual Result<std::shared_ptr<PostgresBranch>> Open(const BranchKey& key) = 0;
};

}  // namespace settle
