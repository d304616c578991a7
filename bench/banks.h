// PostgreSQL clusters with a bank in each, and what a transfer between them is.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "bench/load.h"
#include "support/postgres_cluster.h"

namespace settle::bench {

// Moves one coin from an account of bank A to one of bank B. If a third bank takes part, it gives
// its account of B's number a coin as well. The accounts of two clients are never the same, so
// nobody waits for another's lock, and no deadlock can span the databases.
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

inline char BankLetter(int bank) { return static_cast<char>('a' + bank); }

// Thread-safe, except Check. Banks are counted from 0: bank A.
class Banks {
 public:
  // Makes a cluster for each bank and fills it; takes seconds. For so many clients at most.
  Banks(const std::string& directory, const std::string& binaries, int clients_most, int count = 2);

  int count() const { return static_cast<int>(clusters_.size()); }
  const std::string& dsn(int bank) const { return dsns_.at(static_cast<std::size_t>(bank)); }

  std::vector<pid_t> servers() const;

  // So many transfers more than at the last call, each in the first `branches` banks, were
  // acknowledged as committed: waits until nothing is prepared in any cluster, then every one must
  // be there in all of its banks and nothing else. Throws std::runtime_error when it is not so;
  // throws Interrupted.
  void Check(std::uint64_t transfers, const Stop& stop, int branches = 2);

  // Writes out what is dirty, so that it is not written out in the middle of a measurement.
  void Checkpoint();

  // From now on hardly anything but a session that asks for it makes a server wait for its
  // write-ahead log: what is written lazily is left to whoever waits next, for ten seconds.
  void LetLazyWritesRest();

  // How often each server has waited for its write-ahead log to be on disk. Empty: this release of
  // PostgreSQL does not say so in pg_stat_wal. It counts what a session did when that is over, so
  // this waits until nobody is connected; throws std::runtime_error if that takes too long, and
  // Interrupted.
  std::vector<std::uint64_t> ForcedWrites(const Stop& stop) const;

 private:
  std::deque<testing::PostgresCluster> clusters_;
  std::vector<std::string> dsns_;
  std::vector<std::int64_t> coins_;  // that each must hold
};

}  // namespace settle::bench
