// Two-phase commit as people write it by hand with libpq: no recovery, no proof. A crash between
// its commits leaves money half moved; with a log table somebody could find out what was decided.
#pragma once

#include <string>

#include "bench/banks.h"
#include "bench/postgres_session.h"

namespace settle::bench {

// In a database of its own: a row is there while a transfer is decided and not applied everywhere.
inline constexpr const char* kLogTable =
    "CREATE TABLE decision (gid text PRIMARY KEY, decided timestamptz NOT NULL DEFAULT now())";

// One client with a connection to each of the first three banks. A transfer gives how long its
// commit took in microseconds: all that comes after the work, from the first PREPARE on. Used by
// one thread. Everything throws
// std::runtime_error with the server's words.
class HandWritten {
 public:
  // `name` begins the names of what it prepares; no other client may have the same.
  HandWritten(const Banks& banks, std::string name);

  // One statement after another, one database after the other: eight round trips.
  double MoveOneAfterAnother(const Transfer& transfer);
  // Every step is sent to both databases, then both are waited for: four round trips.
  double MoveBothAtOnce(const Transfer& transfer);
  // The same, with the decision committed to kLogTable in the third bank before the commits, and
  // deleted when both are done: six round trips.
  double MoveWithLogTable(const Transfer& transfer);

 private:
  std::string NextGid();
  void WorkInBoth(const Transfer& transfer);
  void BothAtOnce(const std::string& sql, const char* tag);

  PostgresSession a_;
  PostgresSession b_;
  PostgresSession log_;
  const std::string name_;
  unsigned long count_ = 0;
};

}  // namespace settle::bench
