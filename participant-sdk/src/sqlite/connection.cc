#include "sqlite/connection.h"

#include <algorithm>
#include <array>
#include <thread>

namespace settle::sqlite {
namespace {

ErrorCode CodeFor(int result) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT: return ErrorCode::kRetry;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: return ErrorCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ErrorCode::kCorrupt;
    case SQLITE_AUTH: return ErrorCode::kRefused;
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG: return ErrorCode::kInvalid;
    default: return ErrorCode::kInternal;
  }
}

int RefuseEverything(void*, int, const char*, const char*, const char*, const char*) {
  return SQLITE_DENY;
}

}  // namespace

Error LastError(sqlite3* db, const std::string& what) {
  const int result = sqlite3_extended_errcode(db);
  return {CodeFor(result),
          what + ": " + sqlite3_errmsg(db) + " (SQLite error " + std::to_string(result) + ")",
          {}};
}

Statement::Statement(Connection& connection, std::string_view sql)
    : connection_(connection), sql_(sql) {
  if (const auto found = connection.compiled_.find(sql); found != connection.compiled_.end()) {
    statement_ = found->second;
    connection.compiled_.erase(found);
    return;
  }
  ready_ = sqlite3_prepare_v3(connection.db_, sql.data(), static_cast<int>(sql.size()),
                              SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  const bool kept = connection_.compiled_.try_emplace(sql_, statement_).second;
  if (!kept) sqlite3_finalize(statement_);
}

Statement& Statement::Bound(int result) {
  if (ready_ == SQLITE_OK) ready_ = result;
  return *this;
}

Statement& Statement::Bind(int parameter, std::int64_t value) {
  return Bound(sqlite3_bind_int64(statement_, parameter, value));
}

Statement& Statement::Bind(int parameter, std::string_view text) {
  return Bound(sqlite3_bind_text64(statement_, parameter, text.data(), text.size(), SQLITE_STATIC,
                                   SQLITE_UTF8));
}

Statement& Statement::Bind(int parameter, const sqlite3_value* value) {
  return Bound(sqlite3_bind_value(statement_, parameter, value));
}

Statement& Statement::BindBlob(int parameter, std::string_view bytes) {
  return Bound(
      sqlite3_bind_blob64(statement_, parameter, bytes.data(), bytes.size(), SQLITE_STATIC));
}

Result<bool> Statement::Step() {
  const int result = ready_ == SQLITE_OK ? sqlite3_step(statement_) : ready_;
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  connection_.DoNotKeep();
  return Fail(LastError(connection_.db_, "SQLite refused a statement of Settle's own"));
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr ? std::string() : std::string(text);
}

std::optional<std::string> Statement::OptionalText(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return Text(column);
}

std::string Statement::Blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
}

Result<std::unique_ptr<Connection>> Connection::Open(const SqliteOptions& options,
                                                     Triggers triggers) {
  sqlite3* db = nullptr;
  const int opened = sqlite3_open_v2(options.path.c_str(), &db,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  std::unique_ptr<Connection> connection(new Connection(db, triggers));
  if (opened != SQLITE_OK) {
    return Fail(ErrorCode::kUnavailable,
                "cannot open " + options.path + ": " + sqlite3_errstr(opened),
                "the file and its directory must be readable and writable by this process");
  }
  if (Status configured = connection->Configure(options); !configured) {
    if ((sqlite3_errcode(db) & 0xff) == SQLITE_NOTADB) {
      return Fail(ErrorCode::kInvalid, Escaped(options.path) + " is not a SQLite database",
                  "correct the path");
    }
    return Fail(std::move(configured).error());
  }
  return connection;
}

Status Connection::Configure(const SqliteOptions& options) {
  sqlite3_extended_result_codes(db_, 1);
  SetBusyTimeout(options.busy_timeout);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, options.foreign_keys ? 1 : 0, nullptr);
  if (Status set = Run("PRAGMA synchronous = FULL"); !set) return set;
  const Result<std::string> synchronous = Ask("PRAGMA synchronous");
  if (!synchronous) return Fail(synchronous.error());
  if (*synchronous != "2") {
    return Fail(ErrorCode::kCorrupt, "synchronous=FULL could not be set on " + options.path,
                "use a SQLite library that honours PRAGMA synchronous");
  }
  if (options.on_connect) options.on_connect(db_);
  if (triggers_ == Triggers::kOff) {
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, 0, nullptr);
  }
  const auto refuse_unless_ours = [](void* self) {
    return static_cast<Connection*>(self)->committing_ ? 0 : 1;
  };
  sqlite3_commit_hook(db_, refuse_unless_ours, this);
  sqlite3_set_authorizer(db_, OnAuthorize, this);
  return {};
}

Connection::~Connection() {
  if (db_ == nullptr) return;
  for (const auto& [sql, statement] : compiled_) sqlite3_finalize(statement);
  compiled_.clear();
  sqlite3_set_authorizer(db_, nullptr, nullptr);
  Rollback();
  Neutralise();
  // Statements that the application forgot keep a closed connection alive; the hooks must not point
  // here.
  sqlite3_commit_hook(
      db_, [](void*) { return 1; }, nullptr);
  sqlite3_rollback_hook(db_, nullptr, nullptr);
  sqlite3_update_hook(db_, nullptr, nullptr);
  sqlite3_progress_handler(db_, 0, nullptr, nullptr);
  sqlite3_busy_handler(db_, nullptr, nullptr);
  sqlite3_close_v2(db_);
}

void Connection::SetBusyTimeout(std::chrono::milliseconds timeout) {
  busy_timeout_ = timeout;
  const auto pause = [](void* self, int attempts) {
    return static_cast<Connection*>(self)->PauseBeforeRetry(attempts);
  };
  sqlite3_busy_handler(db_, pause, this);
}

// SQLite's own handler comes to pause for 100 ms, in which a busy program writes a hundred times.
int Connection::PauseBeforeRetry(int attempts) {
  constexpr std::array<int, 4> kPausesMs = {1, 2, 5, 10};
  const auto now = std::chrono::steady_clock::now();
  if (attempts == 0) busy_since_ = now;
  if (now - busy_since_ >= busy_timeout_) return 0;
  const std::size_t step = std::min(static_cast<std::size_t>(attempts), kPausesMs.size() - 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(kPausesMs[step]));
  return 1;
}

Status Connection::Run(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  DoNotKeep();
  return Fail(LastError(db_, "SQLite refused \"" + sql.substr(0, sql.find('\n')) + "\""));
}

Status Connection::RunOften(std::string_view sql) {
  Statement statement(*this, sql);
  if (statement.Step()) return {};
  return Fail(LastError(db_, "SQLite refused \"" + std::string(sql) + "\""));
}

Result<std::string> Connection::Ask(const std::string& sql) {
  Statement statement(*this, sql);
  const Result<bool> row = statement.Step();
  if (!row) return Fail(row.error());
  return *row ? statement.Text(0) : std::string();
}

Status Connection::Commit() {
  committing_ = true;
  Status committed = RunOften("COMMIT");
  committing_ = false;
  return committed;
}

void Connection::Rollback() {
  const Exclusive exclusive(db_);
  // An interrupt stays in force while any statement is unfinished, and would stop the rollback too.
  ResetStatements();
  if (!in_transaction()) return;
  // Should even this fail, the commit hook still refuses, and closing the connection rolls back.
  sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Connection::ResetStatements() {
  for (sqlite3_stmt* each = sqlite3_next_stmt(db_, nullptr); each != nullptr;
       each = sqlite3_next_stmt(db_, each)) {
    if (sqlite3_stmt_busy(each) != 0) sqlite3_reset(each);
  }
}

Status Connection::RequireWal() {
  committing_ = true;  // changing the mode commits
  const Result<std::string> mode = Ask("PRAGMA journal_mode = WAL");
  committing_ = false;
  if (!mode) return Fail(mode.error());
  if (*mode == "wal") return {};
  return Fail(ErrorCode::kCorrupt,
              "the file could not be put into WAL mode, it is in \"" + *mode + "\"",
              "use a local file system, and close other programs that have the file open");
}

void Connection::Ask(Authorizer authorizer, void* self) {
  authorizer_ = authorizer;
  authorizer_self_ = self;
}

int Connection::OnAuthorize(void* self, int action, const char* first, const char* second,
                            const char* database, const char* inner) {
  const Connection& connection = *static_cast<Connection*>(self);
  if (connection.authorizer_ == nullptr) return SQLITE_OK;
  return connection.authorizer_(connection.authorizer_self_, action, first, second, database,
                                inner);
}

void Connection::ExpireStatements() { sqlite3_set_authorizer(db_, OnAuthorize, this); }

bool Connection::Renew(std::chrono::milliseconds busy_timeout) {
  Ask(nullptr, nullptr);
  sqlite3_update_hook(db_, nullptr, nullptr);
  sqlite3_progress_handler(db_, 0, nullptr, nullptr);
  SetBusyTimeout(busy_timeout);
  Rollback();
  std::size_t statements = 0;
  for (sqlite3_stmt* each = sqlite3_next_stmt(db_, nullptr); each != nullptr;
       each = sqlite3_next_stmt(db_, each)) {
    ++statements;
  }
  if (spoilt_ || in_transaction() || statements != compiled_.size()) return false;
  sqlite3_set_last_insert_rowid(db_, 0);
  // What is in the file is read again, even if somebody wrote to it behind SQLite's back.
  return sqlite3_db_release_memory(db_) == SQLITE_OK;
}

void Connection::Neutralise() {
  const Exclusive exclusive(db_);
  sqlite3_set_authorizer(db_, nullptr, nullptr);
  sqlite3_exec(db_, "PRAGMA query_only = ON", nullptr, nullptr, nullptr);
  // Setting an authorizer expires compiled statements: they are compiled again, and refused.
  sqlite3_set_authorizer(db_, RefuseEverything, nullptr);
}

}  // namespace settle::sqlite
