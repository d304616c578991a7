#include "bench/bare_sqlite.h"

#include <sqlite3.h>

#include <stdexcept>
#include <utility>

namespace settle::bench {
namespace {

sqlite3* Open(const std::string& path) {
  sqlite3* database = nullptr;
  sqlite3_open(path.c_str(), &database);  // whether it went well is seen at the first statement
  return database;
}

}  // namespace

BareSqlite::BareSqlite(const std::string& directory, std::vector<std::string> records)
    : records_(std::move(records)),
      database_(Open(directory + "/bare.db"), sqlite3_close),
      insert_(nullptr, sqlite3_finalize) {
  Check(sqlite3_exec(database_.get(),
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                     "CREATE TABLE record (position INTEGER PRIMARY KEY, payload BLOB)",
                     nullptr, nullptr, nullptr));
  sqlite3_stmt* insert = nullptr;
  Check(sqlite3_prepare_v2(database_.get(), "INSERT INTO record (payload) VALUES (?)", -1, &insert,
                           nullptr));
  insert_.reset(insert);
}

void BareSqlite::Write(int batch) {
  Check(sqlite3_exec(database_.get(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr));
  for (int i = 0; i < batch; ++i) {
    for (const std::string& record : records_) {
      const int size = static_cast<int>(record.size());
      Check(sqlite3_bind_blob(insert_.get(), 1, record.data(), size, SQLITE_STATIC));
      if (sqlite3_step(insert_.get()) != SQLITE_DONE) Check(SQLITE_ERROR);
      Check(sqlite3_reset(insert_.get()));
    }
  }
  Check(sqlite3_exec(database_.get(), "COMMIT", nullptr, nullptr, nullptr));
}

void BareSqlite::Check(int code) const {
  if (code == SQLITE_OK) return;
  throw std::runtime_error(std::string("a bare SQLite file: ") + sqlite3_errmsg(database_.get()));
}

}  // namespace settle::bench
