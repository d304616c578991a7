// The shop's database, looked at from outside: PostgreSQL or a SQLite file.
#pragma once

#include <string>

namespace inventory {

struct Database {
  std::string sqlite;  // a path; else:
  std::string dsn;     // libpq's

  // Runs SQL; the first column of the first row, or empty. Throws std::runtime_error.
  std::string Query(const std::string& sql) const;
};

}  // namespace inventory
