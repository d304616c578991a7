// One connection to a SQLite file with the settings that a prepared branch needs, and statements on
// it.
#pragma once

#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
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

class Connection;

// One of Settle's own. It stays compiled on its connection when this goes, for the next of the same
// text: texts must be few.
class Statement {
 public:
  // A failure to compile, or to bind, is told by the next Step.
  Statement(Connection& connection, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters are numbered from 1. Text and blobs must outlive the last Step.
  Statement& Bind(int parameter, std::int64_t value);
  Statement& Bind(int parameter, std::string_view text);
  Statement& Bind(int parameter, const sqlite3_value* value);  // copied
  Statement& BindBlob(int parameter, std::string_view bytes);

  // True: a row is there.
  [[nodiscard]] Result<bool> Step();

  std::int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string Text(int column) const;
  std::optional<std::string> OptionalText(int column) const;  // nothing: NULL
  std::string Blob(int column) const;

 private:
  Statement& Bound(int result);

  Connection& connection_;
  const std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
  int ready_ = SQLITE_OK;  // or the first failure
};

// Whether what is changed has the effects that tables give it, or no effects but its own.
enum class Triggers { kRun, kOff };  // with those the actions of foreign keys

// Nothing is committed on it except by Commit: a commit hook turns any other one into a rollback.
class Connection {
 public:
  // The file must exist. synchronous=FULL is set and read back.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> Open(const SqliteOptions& options,
                                                                Triggers triggers = Triggers::kRun);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* raw() const { return db_; }
  Triggers triggers() const { return triggers_; }
  const char* wal_path() const { return sqlite3_filename_wal(sqlite3_db_filename(db_, "main")); }
  void SetBusyTimeout(std::chrono::milliseconds timeout);
  [[nodiscard]] Status Run(const std::string& sql);
  // The first column of the only row.
  [[nodiscard]] Result<std::string> Ask(const std::string& sql);

  // The same for one statement, which stays compiled.
  [[nodiscard]] Status RunOften(std::string_view sql);
  [[nodiscard]] Status BeginImmediate() { return RunOften("BEGIN IMMEDIATE"); }
  [[nodiscard]] Status Commit();
  // Leaves no transaction open, whatever statements are still unfinished.
  void Rollback();
  // Ends the statements that the application has left half read.
  void ResetStatements();
  std::size_t statements_kept() const { return compiled_.size(); }
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

  // WAL mode for the file, read back.
  [[nodiscard]] Status RequireWal();
  // From here on nothing that runs on the connection can change anything.
  void Neutralise();

  // Who is asked what a statement may do when it is compiled; nobody: it may do all. Statements
  // that are compiled already stay so.
  using Authorizer = int (*)(void* self, int action, const char* first, const char* second,
                             const char* database, const char* inner);
  void Ask(Authorizer authorizer, void* self);
  // Has statements that others compiled on the connection compiled anew, and so asked about anew.
  void ExpireStatements();

  // It has been in somebody else's hands, or something went wrong on it: only its end is safe.
  void DoNotKeep() { spoilt_ = true; }
  // Makes it what it was when it was opened, its compiled statements apart. False: it cannot be.
  [[nodiscard]] bool Renew(std::chrono::milliseconds busy_timeout);

 private:
  friend class Statement;
  Connection(sqlite3* db, Triggers triggers) : db_(db), triggers_(triggers) {}
  [[nodiscard]] Status Configure(const SqliteOptions& options);

  int PauseBeforeRetry(int attempts);
  static int OnAuthorize(void* self, int action, const char* first, const char* second,
                         const char* database, const char* inner);

  sqlite3* db_;
  const Triggers triggers_;
  std::map<std::string, sqlite3_stmt*, std::less<>> compiled_;  // that nobody is using
  Authorizer authorizer_ = nullptr;
  void* authorizer_self_ = nullptr;
  bool spoilt_ = false;
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
