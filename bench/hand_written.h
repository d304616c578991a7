// Two-phase commit as people write it by hand with libpq: no log, no recovery, no proof. A crash
// between its commits leaves money half moved.
#pragma once

#include <string>

#include "bench/banks.h"
#include "bench/postgres_session.h"

namespace settle::bench {

// One client with a connection to each bank. Used by one thread. Everything throws
// std::runtime_error with the server's words.
class HandWritten {
 public:
  // `name` begins the names of what it prepares; no other client may have the same.
  HandWritten(const Banks& banks, std::string name);

  // One statement after another, one database after the other: eight round trips.
  void MoveOneAfterAnother(const Transfer& transfer);
  // Every step is sent to both databases, then both are waited for: four round trips.
  void MoveBothAtOnce(const Transfer& transfer);

 private:
  std::string NextGid();
  void BothAtOnce(const std::string& sql, const char* tag);

  PostgresSession a_;
  PostgresSession b_;
  const std::string name_;
  unsigned long count_ = 0;
};

}  // namespace settle::bench
