// What three services keep: a table of bookings each, in databases of their own within one
// PostgreSQL cluster; and how a booking in all three is written by hand.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/load.h"
#include "bench/postgres_session.h"
#include "support/postgres_cluster.h"

namespace settle::bench {

inline constexpr int kServices = 3;

// $1: the booking's name. Nothing in the table keeps a name from coming twice, so that it shows.
inline constexpr const char* kBook = "INSERT INTO booking (name) VALUES ($1)";
inline constexpr const char* kUndo = "UPDATE booking SET undone = undone + 1 WHERE name = $1";

// Thread-safe, except Check.
class Bookings {
 public:
  // Makes the cluster, its databases and their tables, the barrier's included; takes seconds. For
  // so many clients at most.
  Bookings(const std::string& directory, const std::string& binaries, int clients_most);

  const std::array<std::string, kServices>& dsns() const { return dsns_; }
  std::vector<pid_t> servers() const { return {cluster_.process()}; }

  // So many sagas more than at the last call were acknowledged as done, and so many as undone after
  // their last step was refused: every one must be there once in each service, as booked, or as
  // undone once in all but the last, and nothing else. Throws std::runtime_error when it is not so.
  void Check(std::uint64_t done, std::uint64_t undone);

  // Writes out what is dirty, so that it is not written out in the middle of a measurement.
  void Checkpoint() { cluster_.Query("postgres", "CHECKPOINT"); }

 private:
  testing::PostgresCluster cluster_;
  std::array<std::string, kServices> dsns_;
  std::uint64_t done_ = 0;
  std::uint64_t undone_ = 0;
};

// One client of all three, without a coordinator. Used by one thread. Everything throws
// std::runtime_error with the server's words.
class BooksByHand {
 public:
  explicit BooksByHand(const Bookings& bookings);

  // BEGIN, INSERT, COMMIT in one service after the other: nine round trips.
  void Book(const std::string& name);

 private:
  std::vector<PostgresSession> sessions_;
};

}  // namespace settle::bench
