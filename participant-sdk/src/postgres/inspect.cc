#include "postgres/inspect.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "postgres/database.h"
#include "postgres/evidence.h"

namespace settle::postgres {
namespace {

using std::chrono::milliseconds;

// Sessions that wait for any lock at all and are looked at: to ask whom each waits for makes the
// server's lock manager stop for a moment.
constexpr std::int64_t kWaitingMost = 500;

const std::string kPrepared =
    "SELECT transaction::text, (extract(epoch FROM prepared) * 1000000)::bigint, owner "
    "FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() AND " +
    std::string(kIsItsName);

// The locks of transaction $1, out of `locks`. A prepared transaction holds them without a process,
// under the virtual transaction that it had in its own process, or after a restart under none that
// says anything (twophase.c): its lock on its own number tells which.
const std::string kHeldByOne =
    "locks AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks), "
    "held AS (SELECT l.* FROM locks l JOIN locks own "
    "  ON own.virtualtransaction = l.virtualtransaction "
    "  WHERE l.pid IS NULL AND own.pid IS NULL AND own.granted "
    "  AND own.locktype = 'transactionid' AND own.transactionid::text = $1) ";

const std::string kHeld =
    "WITH " + kHeldByOne +
    "SELECT (SELECT pg_catalog.count(*) FROM held), c.oid::pg_catalog.regclass::text "
    "FROM held LEFT JOIN pg_catalog.pg_class c ON c.oid = held.relation "
    "AND c.relkind IN ('r', 'p', 'm', 'f') "
    "GROUP BY c.oid ORDER BY 2 NULLS LAST";

// Who waits for something that it holds, and who waits for those, and so on. The server reports a
// prepared transaction that blocks as process 0; which one it is, is told by what is waited for.
// Columns: process, user, application, milliseconds, what for, how many wait for anything at all.
// waitstart came with PostgreSQL 14; before, the wait counts from the beginning of its statement.
const std::string kWaiting =
    "WITH RECURSIVE " + kHeldByOne +
    ", waiting AS MATERIALIZED (SELECT w.*, pg_catalog.pg_blocking_pids(w.pid) AS blockers "
    "  FROM (SELECT * FROM locks WHERE NOT granted AND pid IS NOT NULL LIMIT $2::bigint) w), "
    "behind(pid) AS ("
    "  SELECT w.pid FROM waiting w JOIN held h ON "
    "    (w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, "
    "     w.classid, w.objid, w.objsubid) IS NOT DISTINCT FROM "
    "    (h.locktype, h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, "
    "     h.classid, h.objid, h.objsubid) "
    "  WHERE 0 = ANY (w.blockers) "
    "  UNION SELECT w.pid FROM waiting w JOIN behind b ON b.pid = ANY (w.blockers)) "
    "SELECT w.pid, a.usename, a.application_name, "
    "  pg_catalog.ceil(extract(epoch FROM pg_catalog.clock_timestamp() - "
    "    coalesce((pg_catalog.to_jsonb(w) ->> 'waitstart')::timestamptz, a.query_start)) "
    "    * 1000)::bigint, "
    "  coalesce(w.relation, (SELECT t.relation FROM locks t WHERE t.pid = w.pid AND t.granted "
    "    AND t.locktype = 'tuple' LIMIT 1))::pg_catalog.regclass::text, "
    "  (SELECT pg_catalog.count(*) FROM locks WHERE NOT granted) "
    "FROM waiting w LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid "
    "WHERE w.pid IN (SELECT pid FROM behind) ORDER BY 4 DESC NULLS LAST, 1";

std::int64_t Number(const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); }

tl::unexpected<Error> Unseen(const Reply& reply) {
  return Fail(ErrorCode::kUnavailable, reply.words());
}

void ReadHeld(const Reply& reply, LiveBranch& live) {
  for (int row = 0; row < reply.row_count(); ++row) {
    live.locks = static_cast<std::uint64_t>(Number(reply.value(row, 0)));
    if (live.relations.size() == LiveBranch::kRelationsMost) return;
    if (std::string relation = reply.value(row, 1); !relation.empty())
      live.relations.push_back(std::move(relation));
  }
}

void ReadWaiting(const Reply& reply, LiveBranch& live) {
  live.waiting = static_cast<std::uint64_t>(reply.row_count());
  for (int row = 0; row < reply.row_count(); ++row) {
    if (const std::int64_t all = Number(reply.value(row, 5)); row == 0 && all > kWaitingMost) {
      live.unseen = std::to_string(all) + " sessions of the server wait for a lock; only " +
                    std::to_string(kWaitingMost) + " of them were looked at";
    }
    if (live.waiters.size() == LiveBranch::kWaitersMost) return;
    const std::int64_t waits = std::max<std::int64_t>(Number(reply.value(row, 3)), 0);
    live.waiters.push_back({Number(reply.value(row, 0)), reply.value(row, 1), reply.value(row, 2),
                            milliseconds(waits), reply.value(row, 4)});
  }
}

// What a prepared branch holds, and who waits for it.
Status ReadLocks(Connection& connection, const std::string& transaction, Clock::time_point deadline,
                 LiveBranch& live) {
  const Reply held = connection.Run({kHeld, {transaction}}, deadline);
  if (!held.ok()) return Unseen(held);
  ReadHeld(held, live);
  const Reply waiting =
      connection.Run({kWaiting, {transaction, std::to_string(kWaitingMost)}}, deadline);
  if (!waiting.ok()) return Unseen(waiting);
  ReadWaiting(waiting, live);
  return {};
}

Status ReadProof(Connection& connection, const Evidence& evidence, Clock::time_point deadline,
                 LiveBranch& live) {
  Result<Verdict> verdict = AskForProof(connection, evidence, deadline);
  if (!verdict) return Fail(std::move(verdict).error());
  live.proof = verdict->proof;
  live.proof_detail = std::move(verdict->detail);
  return {};
}

}  // namespace

Result<LiveBranch> Inspect(Connection& connection, const BranchKey& key, const Evidence& evidence,
                           milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  connection.touched = true;  // its settings are the pool's to reset
  const Reply bounded =
      connection.Run({"SELECT pg_catalog.set_config('statement_timeout', $1, false), "
                      "pg_catalog.pg_is_in_recovery()",
                      {std::to_string(timeout.count())}},
                     deadline);
  if (!bounded.ok()) return Unseen(bounded);
  if (bounded.value(1) == "t") {
    return Fail(ErrorCode::kUnavailable, "the server is a standby; the primary has to answer");
  }
  const Reply prepared = connection.Run({kPrepared, {key.DatabaseName()}}, deadline);
  if (!prepared.ok()) return Unseen(prepared);
  LiveBranch live;
  live.prepared = prepared.row_count() > 0;
  if (live.prepared) {
    live.prepared_at = Number(prepared.value(1));
    live.owner = prepared.value(2);
    if (Status seen = ReadLocks(connection, prepared.value(0), deadline, live); !seen)
      live.unseen = "its locks: " + seen.error().message;
  }
  // Last: a branch that is being finished at this moment is not taken for one that is gone.
  if (Status seen = ReadProof(connection, evidence, deadline, live); !seen)
    return Fail(std::move(seen).error());
  return live;
}

}  // namespace settle::postgres
