// A PostgreSQL server with one bank in it, and the resource that puts the bank under global
// transactions.
#pragma once

#include <memory>
#include <string>

#include "settle/postgres_resource.h"
#include "settle/vocabulary/branch.h"
#include "support/postgres_cluster.h"
#include "support/wait_until.h"

namespace settle::testing {

// From a template, which saves the time of initdb; such clusters have one and the same system
// identifier.
PostgresClusterOptions FromTemplate(std::vector<std::string> settings = {});

class World {
 public:
  // The database "bank" with the accounts 1 and 2, 100 each.
  explicit World(PostgresClusterOptions options = FromTemplate());

  std::shared_ptr<PostgresResource> Resource(PostgresOptions options = {}) const;

  // Of a transaction that nobody used before.
  BranchKey NextKey();

  // A branch that took 10 from account 1.
  std::shared_ptr<PostgresBranch> Working(PostgresResource& resource, const BranchKey& key);
  std::shared_ptr<PostgresBranch> Working() { return Working(*bank, key); }

  std::string Query(const std::string& sql) const { return cluster.Query("bank", sql); }
  int Balance(int account = 1) const;
  int PreparedCount() const;
  // Until a server process waits for this (pg_stat_activity.wait_event); false after half a minute.
  bool AwaitEvent(const std::string& event) const;
  // From now on a PREPARE or COMMIT of a branch that changed an account waits (AwaitEvent
  // "advisory") until what is returned is fenced. That is an open transaction itself.
  std::shared_ptr<PostgresBranch> HoldEnds();
  // Makes a table "meeting" there: an INSERT, or with "DEFERRABLE INITIALLY DEFERRED" its end,
  // waits for another one anywhere in the cluster, and fails when none comes in half a minute.
  void MakeMeetingPlace(const std::string& database, const std::string& when) const;
  // Plays `key`'s branch in a process that dies at the failpoint, by "two-phase", "one-phase",
  // "three-phase" or "queued"; what it said of its evidence.
  Evidence DieAt(const std::string& failpoint, const std::string& mode) const;
  // Ends every server process that is in a transaction, the one who asks excepted.
  void TerminateOpen() const;
  // Open transactions of others than the one who asks.
  int OpenCount() const;

  PostgresCluster cluster;
  std::shared_ptr<PostgresResource> bank;
  BranchKey key;

 private:
  std::uint64_t sequence_ = 0;
};

}  // namespace settle::testing
