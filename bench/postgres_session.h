// A connection to PostgreSQL as people write it by hand with libpq.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

namespace settle::bench {

// Used by one thread. Everything throws std::runtime_error with the server's words.
class PostgresSession {
 public:
  explicit PostgresSession(const std::string& dsn);
  // One statement, with $1 if there is a parameter. Does not wait for the answer.
  void Send(const std::string& sql, const std::string* parameter = nullptr);
  // Waits. The command tag must be this one: a PREPARE that failed is answered by ROLLBACK.
  void Await(const char* tag);
  // Both.
  void Run(const std::string& sql, const char* tag, const std::string* parameter = nullptr) {
    Send(sql, parameter);
    Await(tag);
  }

 private:
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
};

}  // namespace settle::bench
