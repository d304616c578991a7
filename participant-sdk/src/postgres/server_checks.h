// Whether a PostgreSQL server is fit for what Settle promises: facts in, findings out. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "settle/vocabulary/finding.h"

namespace settle::postgres {

// A prepared transaction of the server. Only those of the own database can be finished from there.
struct PreparedFact {
  std::string gid;
  std::string role;
  std::int64_t age_s = 0;
  std::int64_t xid_age = 0;
  bool own_database = false;
  bool own_role = false;
};

// Times in milliseconds, 0: no limit. What the role may not see is -1.
struct ServerFacts {
  int version = 0;  // server_version_num: 150008
  std::int64_t clock_us = 0;
  bool standby = false;
  int timeline = 0;
  std::string role;
  bool superuser = false;

  int slots = 0;  // max_prepared_transactions
  int connections = 0;
  std::vector<PreparedFact> prepared;  // of all databases, oldest first

  bool fsync = true;
  bool full_page_writes = true;
  std::string synchronous_commit;  // as sessions of this role begin with
  std::string wal_level;

  std::string synchronous_standby_names;
  int standbys = 0;              // physical ones that stream now
  int synchronous_standbys = 0;  // of those, whom commits wait for; -1: not visible

  std::int64_t freeze_max_age = 0;    // autovacuum_freeze_max_age
  std::int64_t database_xid_age = 0;  // of the own database's oldest unfrozen transaction
  std::int64_t statement_timeout_ms = 0;
  std::int64_t idle_in_transaction_timeout_ms = 0;
  std::int64_t transaction_timeout_ms = 0;  // since PostgreSQL 17

  int tables_version = 0;  // of Settle's own tables; 0: none that the role may read
  int tables_latest = 0;   // that this program makes
};

// `log_id` is of the coordinator that asks.
std::vector<Finding> CheckServer(const ServerFacts& facts, const std::string& log_id);

}  // namespace settle::postgres
