// One SQLite file, for what is done outside of actions: making tables, and looking into them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "settle/vocabulary/status.h"

struct sqlite3;

namespace trip_saga {

using Rows = std::vector<std::vector<std::string>>;  // NULL is empty

// For one thread at a time.
class Database {
 public:
  // Makes the file if it is not there.
  [[nodiscard]] static settle::Result<Database> Open(const std::string& path);

  // Runs one or several statements; each takes the parameters $1, $2, ... that it names. Blocking.
  [[nodiscard]] settle::Result<Rows> Run(const std::string& sql,
                                         const std::vector<std::string>& parameters = {});

 private:
  struct Close {
    void operator()(sqlite3* file) const;
  };
  std::unique_ptr<sqlite3, Close> file_;
};

}  // namespace trip_saga
