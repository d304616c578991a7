// The barrier of an action whose effects are in one PostgreSQL database.
//
//   auto bank = settle::PostgresBarrier::Make({.dsn = "host=db1 dbname=bank"});
//   settle::Answer answer = bank->Run(call, [](const settle::ActionContext&, settle::Work& work) {
//     auto taken = work.Execute("UPDATE account SET balance = balance - 10 WHERE id = $1 "
//                               "AND balance >= 10", {"1"});
//     if (!taken) return settle::Unknown(settle::Describe(taken.error()));
//     if (taken->affected == 0) return settle::Failed("account 1 is short of money");
//     return settle::Done();
//   });
//
// A call costs one round trip more than its business alone, which BEGIN and COMMIT share. A copy of
// a call waits for the one that is at work, at most until its deadline.
//
// Right at every isolation level: the transaction has the session's default one, which the dsn can
// set ("options='-c default_transaction_isolation=serializable'"). Above READ COMMITTED a copy that
// meets another fails with a serialization failure, which is kUnknown, and finds the truth when it
// comes again.
//
// Needs PostgreSQL 13 or later, and no prepared transactions. Minimum privileges of the role beside
// those of the business: SELECT, INSERT, UPDATE, DELETE on settle_barrier and settle_barrier_mark,
// SELECT on settle_migration. The tables are found by the search_path; a business that changes it
// must keep them in it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "settle/barrier.h"

struct pg_conn;
using PGconn = struct pg_conn;  // libpq-fe.h's own

namespace settle {

struct PostgresBarrierOptions {
  // A libpq connection string or URI.
  std::string dsn;
  // Calls at work at the same time; one more waits up to connect_timeout, and is kUnknown then.
  int connections_max = 16;
  std::chrono::milliseconds connect_timeout{5'000};
  // How long the server may take to answer the commit before the connection is given up (kUnknown).
  std::chrono::milliseconds reply_timeout{30'000};
  // How long Prune waits for transactions that began before its mark was durable.
  std::chrono::milliseconds prune_wait{1'000};
  // How many rows one transaction of Prune removes at most.
  int prune_batch = 1'000;
};

class PostgresWork : public Work {
 public:
  // A failed statement fails the transaction, and Run answers kUnknown with its words whatever the
  // business answers, unless it rolled back to a SAVEPOINT made before. COPY needs connection().
  [[nodiscard]] Result<Rows> Execute(
      const std::string& sql,
      const std::vector<std::optional<std::string>>& parameters = {}) override = 0;

  // The SQLSTATE of the last failed Execute, or empty.
  virtual const std::string& last_sqlstate() const = 0;

  // The connection, inside the transaction, for what Execute cannot do. Not to be closed or kept.
  // Null once the transaction is over.
  virtual PGconn* connection() = 0;
};

// Thread-safe, blocking. In a forked child every call is refused: make it after fork().
class PostgresBarrier : public Barrier {
 public:
  using Work = PostgresWork;
  using Business = std::function<Answer(const ActionContext&, Work&)>;

  // Does not reach for the database yet.
  [[nodiscard]] static std::shared_ptr<PostgresBarrier> Make(PostgresBarrierOptions options);

  // settle/barrier.h says what it answers. Past the call's deadline its connection is cut, and what
  // it did is rolled back: kUnknown.
  virtual Answer Run(const ActionContext& call, const Business& business) = 0;

  // kUnavailable: the server cannot be reached, or is a standby.
  [[nodiscard]] Status Check() override = 0;

  // Never waits with a lock that a business needs.
  [[nodiscard]] Status Prune(const EndedThrough& mark) override = 0;

  // Makes or upgrades Settle's tables in the first schema of the search_path; nothing to do if they
  // are there. Atomic; two at once do it one after the other. The role needs CREATE on that schema.
  // kUnavailable: the server cannot be reached; kDenied; kVersion: made by a newer release.
  [[nodiscard]] static Result<TablesInstalled> Install(const std::string& dsn);
  // What Install runs in a database without Settle's tables, as a script for psql.
  static std::string InstallSql();
};

}  // namespace settle
