#include <sqlite3.h>

#include "database.h"

namespace trip_saga {
namespace {

std::string Text(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr ? "" : text;
}

class SqliteDatabase : public Database {
 public:
  explicit SqliteDatabase(sqlite3* file) : file_(file) {}
  ~SqliteDatabase() override { sqlite3_close(file_); }
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  settle::Result<Rows> Run(const std::string& sql,
                           const std::vector<std::string>& parameters) override {
    Rows rows;
    for (const char* rest = sql.c_str(); *rest != '\0';) {
      if (RunOne(rest, parameters, rows) == SQLITE_OK) continue;
      return settle::Fail(settle::ErrorCode::kUnavailable,
                          std::string("SQLite says: ") + sqlite3_errmsg(file_));
    }
    return rows;
  }

 private:
  // Moves `rest` behind the statement.
  int RunOne(const char*& rest, const std::vector<std::string>& parameters, Rows& rows) {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v2(file_, rest, -1, &statement, &rest);
    const int wanted = sqlite3_bind_parameter_count(statement);
    for (int i = 0; code == SQLITE_OK && i < wanted; ++i) {
      code = sqlite3_bind_text(statement, i + 1, parameters.at(static_cast<std::size_t>(i)).c_str(),
                               -1, SQLITE_TRANSIENT);
    }
    while (code == SQLITE_OK && statement != nullptr && sqlite3_step(statement) == SQLITE_ROW) {
      std::vector<std::string>& row = rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) row.push_back(Text(statement, i));
    }
    const int ended = sqlite3_finalize(statement);  // says again what a step said
    return code == SQLITE_OK ? ended : code;
  }

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
                        "cannot open " + path + ": " + sqlite3_errstr(opened));
  }
  sqlite3_busy_timeout(file, 10'000);
  return database;
}

}  // namespace trip_saga
