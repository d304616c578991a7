#include "postgres/examine.h"

#include <cstdlib>

#include "migrations/postgresql.h"

namespace settle::postgres {
namespace {

constexpr const char* kBound = "SET LOCAL statement_timeout = '3s'";

// What the role has in its schemas must not pass for the server's own.
constexpr const char* kServersOwnFirst =
    "SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog', "
    "nullif(pg_catalog.current_setting('search_path'), '')), true)";

// What sessions of this role begin with is the reset_val: the line above has changed one of them.
constexpr const char* kSettings = R"sql(
SELECT current_setting('server_version_num'),
  (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
  pg_is_in_recovery(), (SELECT timeline_id FROM pg_control_checkpoint()),
  current_user, current_setting('is_superuser'),
  current_setting('max_prepared_transactions'), current_setting('max_connections'),
  current_setting('fsync'), current_setting('full_page_writes'),
  current_setting('synchronous_commit'), current_setting('wal_level'),
  current_setting('synchronous_standby_names'),
  (SELECT setting FROM pg_settings WHERE name = 'autovacuum_freeze_max_age'),
  (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()),
  (SELECT reset_val FROM pg_settings WHERE name = 'statement_timeout'),
  (SELECT reset_val FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'),
  coalesce((SELECT reset_val FROM pg_settings WHERE name = 'transaction_timeout'), '0'),
  coalesce(has_table_privilege(to_regclass('settle_migration'), 'SELECT'), false))sql";

constexpr const char* kPrepared = R"sql(
SELECT gid, owner, extract(epoch FROM clock_timestamp() - prepared)::bigint, age(transaction),
  database = current_database(), owner = current_user
FROM pg_prepared_xacts ORDER BY prepared)sql";

// Subscribers of logical replication and backups are no standbys. Of a sender only its process is
// shown to a role without pg_read_all_stats.
constexpr const char* kStandbys = R"sql(
SELECT count(*), CASE WHEN bool_or(sync_state IS NULL) THEN -1
  ELSE count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) END
FROM pg_stat_replication r WHERE state IS DISTINCT FROM 'backup' AND NOT EXISTS (
  SELECT 1 FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical'))sql";

ServerFacts SettingsOf(const Reply& row) {
  const auto number = [&](int column) { return std::atoll(row.value(column).c_str()); };
  const auto yes = [&](int column) {
    return row.value(column) == "t" || row.value(column) == "on";
  };
  ServerFacts facts;
  facts.version = static_cast<int>(number(0));
  facts.clock_us = number(1);
  facts.standby = yes(2);
  facts.timeline = static_cast<int>(number(3));
  facts.role = row.value(4);
  facts.superuser = yes(5);
  facts.slots = static_cast<int>(number(6));
  facts.connections = static_cast<int>(number(7));
  facts.fsync = yes(8);
  facts.full_page_writes = yes(9);
  facts.synchronous_commit = row.value(10);
  facts.wal_level = row.value(11);
  facts.synchronous_standby_names = row.value(12);
  facts.freeze_max_age = number(13);
  facts.database_xid_age = number(14);
  facts.statement_timeout_ms = number(15);
  facts.idle_in_transaction_timeout_ms = number(16);
  facts.transaction_timeout_ms = number(17);
  return facts;
}

std::vector<PreparedFact> PreparedOf(const Reply& reply) {
  std::vector<PreparedFact> prepared;
  for (int row = 0; row < reply.row_count(); ++row) {
    prepared.push_back({.gid = reply.value(row, 0),
                        .role = reply.value(row, 1),
                        .age_s = std::atoll(reply.value(row, 2).c_str()),
                        .xid_age = std::atoll(reply.value(row, 3).c_str()),
                        .own_database = reply.value(row, 4) == "t",
                        .own_role = reply.value(row, 5) == "t"});
  }
  return prepared;
}

}  // namespace

Result<ServerFacts> ReadServerFacts(Connection& connection, Clock::time_point deadline) {
  connection.Send(
      {{"BEGIN READ ONLY"}, {kBound}, {kServersOwnFirst}, {kSettings}, {kPrepared}, {kStandbys}});
  const std::vector<Reply> replies = connection.Await(deadline);
  if (!replies.back().ok()) return Fail(ErrorCode::kUnavailable, replies.back().words());
  ServerFacts facts = SettingsOf(replies[3]);
  facts.prepared = PreparedOf(replies[4]);
  facts.standbys = std::atoi(replies[5].value(0).c_str());
  facts.synchronous_standbys = std::atoi(replies[5].value(1).c_str());
  facts.tables_latest = migrations::postgresql().back().version;
  if (replies[3].value(18) == "f") return facts;
  const Reply version =
      connection.Run({"SELECT coalesce(max(version), 0) FROM settle_migration"}, deadline);
  if (!version.ok()) return Fail(ErrorCode::kUnavailable, version.words());
  facts.tables_version = std::atoi(version.value(0).c_str());
  return facts;
}

}  // namespace settle::postgres
