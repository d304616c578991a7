#include <sqlite3.h>

#include "database.h"
#include "settle/vocabulary/gtid.h"

namespace bank_transfer {
namespace {

int TakeRow(void* rows, int count, char** values, char**) {
  std::vector<std::string> row;
  for (int i = 0; i < count; ++i) row.emplace_back(values[i] != nullptr ? values[i] : "");
  static_cast<Database::Rows*>(rows)->push_back(std::move(row));
  return 0;
}

class SqliteDatabase : public Database {
 public:
  explicit SqliteDatabase(sqlite3* file) : file_(file) {}
  ~SqliteDatabase() override { sqlite3_close(file_); }
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  settle::Result<Rows> Run(const std::string& sql) override {
    Rows rows;
    if (sqlite3_exec(file_, sql.c_str(), TakeRow, &rows, nullptr) == SQLITE_OK) return rows;
    const std::string why = sqlite3_errmsg(file_);
    if (sqlite3_get_autocommit(file_) == 0)
      sqlite3_exec(file_, "ROLLBACK", nullptr, nullptr, nullptr);
    return settle::Fail(settle::ErrorCode::kUnavailable, "SQLite says: " + why);
  }

 private:
  sqlite3* const file_;
};

}  // namespace

settle::Result<std::unique_ptr<Database>> OpenSqlite(const std::string& path) {
  sqlite3* file = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int opened = sqlite3_open_v2(path.c_str(), &file, flags, nullptr);
  auto database = std::make_unique<SqliteDatabase>(file);
  if (opened != SQLITE_OK) {
    return settle::Fail(settle::ErrorCode::kUnavailable,
                        "cannot open " + settle::Escaped(path) + ": " + sqlite3_errstr(opened));
  }
  sqlite3_busy_timeout(file, 10'000);
  return database;
}

}  // namespace bank_transfer
