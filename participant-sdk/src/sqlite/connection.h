// One connection to a SQLite file with the settings that a prepared branch needs, and statements on
// it.
#pragma once

#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "settle/sqlite_resource.h"
#include "settle/vocabulary/status.h"

namespace settle::sqlite {

// The connection's last error in SQLite's own words, its code chosen by what the caller can do
// about it.
Error LastError(sqlite3* db, const std::string& what);

class Statement {
 public:
  // A failure to compile is told by the first Step.
  Statement(sqlite3* db, std::string_view sql);
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters are numbered from 1. Text and blobs must outlive the last Step.
  Statement& Bind(int parameter, std::int64_t value);
  Statement& Bind(int parameter, std::string_view text);
  Statement& BindBlob(int parameter, std::string_view bytes);

  // True: a row is there.
  [[nodiscard]] Result<bool> Step();

  std::int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string Text(int column) const;
  std::optional<std::string> OptionalText(int column) const;  // nothing: NULL
  std::string Blob(int column) const;

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  int compiled_ = SQLITE_OK;
};

// Nothing is committed on it except by Commit: a commit hook turns any other one into a rollback.
class Connection {
 public:
  // The file must exist. synchronous=FULL is set and read back.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> Open(const SqliteOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* raw() const { return db_; }
  const char* wal_path() const { return sqlite3_filename_wal(sqlite3_db_filename(db_, "main")); }
  void SetBusyTimeout(std::chrono::milliseconds timeout);
  [[nodiscard]] Status Run(const std::string& sql);
  // The first column of the only row.
  [[nodiscard]] Result<std::string> Ask(const std::string& sql);

  [[nodiscard]] Status BeginImmediate() { return Run("BEGIN IMMEDIATE"); }
  [[nodiscard]] Status Commit();
  // Leaves no transaction open, whatever statements are still unfinished.
  void Rollback();
  // Ends the statements that the application has left half read.
  void ResetStatements();
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

  // WAL mode for the file, read back.
  [[nodiscard]] Status RequireWal();
  // From here on nothing that runs on the connection can change anything.
  void Neutralise();

 private:
  explicit Connection(sqlite3* db) : db_(db) {}
  [[nodiscard]] Status Configure(const SqliteOptions& options);

  int PauseBeforeRetry(int attempts);

  sqlite3* db_;
  bool committing_ = false;
  std::chrono::milliseconds busy_timeout_{0};
  std::chrono::steady_clock::time_point busy_since_;
};

// Keeps other threads' statements off a connection while it lives. May be nested.
class Exclusive {
 public:
  explicit Exclusive(sqlite3* db) : mutex_(sqlite3_db_mutex(db)) { sqlite3_mutex_enter(mutex_); }
  ~Exclusive() { sqlite3_mutex_leave(mutex_); }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  sqlite3_mutex* mutex_;
};

}  // namespace settle::sqlite
