// Two PostgreSQL clusters with a bank in each, and what a transfer between them is.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "bench/load.h"
#include "support/postgres_cluster.h"

namespace settle::bench {

// Moves one coin from an account of bank A to one of bank B. The accounts of two clients are never
// the same, so nobody waits for another's lock, and no deadlock can span the two databases.
struct Transfer {
  std::string from;
  std::string to;
};

inline constexpr const char* kDebit = "UPDATE account SET balance = balance - 1 WHERE id = $1";
inline constexpr const char* kCredit = "UPDATE account SET balance = balance + 1 WHERE id = $1";

// The transfers of one client of several.
class Transfers {
 public:
  Transfers(int client, int clients);
  Transfer Next();

 private:
  std::string Account();

  const int client_;
  const int clients_;
  std::minstd_rand random_;
  std::uniform_int_distribution<int> turn_;
};

// Thread-safe, except Check.
class Banks {
 public:
  // Makes both clusters and fills the banks; takes seconds. For so many clients at most.
  Banks(const std::string& directory, const std::string& binaries, int clients_most);

  const std::string& dsn_a() const { return dsn_a_; }
  const std::string& dsn_b() const { return dsn_b_; }

  std::vector<pid_t> servers() const { return {a_.process(), b_.process()}; }

  // So many transfers more than at the last call were acknowledged as committed: waits until
  // nothing is prepared in either cluster, then every one must be there in both banks and nothing
  // else. Throws std::runtime_error when it is not so; throws Interrupted.
  void Check(std::uint64_t transfers, const Stop& stop);

  // Writes out what is dirty, so that it is not written out in the middle of a measurement.
  void Checkpoint();

 private:
  void AwaitNothingPrepared(const testing::PostgresCluster& cluster, const Stop& stop) const;

  testing::PostgresCluster a_;
  testing::PostgresCluster b_;
  const std::string dsn_a_;
  const std::string dsn_b_;
  std::uint64_t transfers_ = 0;
};

}  // namespace settle::bench
