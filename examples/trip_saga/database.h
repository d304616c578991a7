// A database, for what is done outside of actions: making tables, and looking into them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "settle/vocabulary/status.h"

namespace trip_saga {

using Rows = std::vector<std::vector<std::string>>;  // NULL is empty

// For one thread at a time.
class Database {
 public:
  virtual ~Database() = default;

  // Runs one or several statements; each takes the parameters $1, $2, ... that it names.
  // PostgreSQL takes several only without parameters. Blocking.
  [[nodiscard]] virtual settle::Result<Rows> Run(
      const std::string& sql, const std::vector<std::string>& parameters = {}) = 0;
};

// Makes the file if it is not there.
[[nodiscard]] settle::Result<std::unique_ptr<Database>> OpenSqlite(const std::string& path);
[[nodiscard]] settle::Result<std::unique_ptr<Database>> OpenPostgres(const std::string& dsn);

}  // namespace trip_saga
