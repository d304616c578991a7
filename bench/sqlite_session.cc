#include "bench/sqlite_session.h"

#include <sqlite3.h>

#include <memory>
#include <stdexcept>

namespace settle::bench {

Sql SqliteSession(const std::string& path) {
  sqlite3* opened = nullptr;
  sqlite3_open(path.c_str(), &opened);
  std::shared_ptr<sqlite3> db(opened, sqlite3_close);
  sqlite3_busy_timeout(opened, 60'000);
  return [db](const std::string& sql) {
    std::string first;
    const auto on_row = [](void* out, int, char** values, char**) {
      *static_cast<std::string*>(out) = values[0] == nullptr ? "" : values[0];
      return 0;
    };
    if (sqlite3_exec(db.get(), sql.c_str(), on_row, &first, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sql + ": " + sqlite3_errmsg(db.get()));
    }
    return first;
  };
}

}  // namespace settle::bench
