#include "log/sqlite.h"

#include <cstring>
#include <utility>

namespace settle::coordinator::sqlite {
namespace {

// SQLite quotes what a damaged file holds, which may be meant for a terminal.
std::string WithoutControls(const char* words) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (; *words != '\0'; ++words) {
    const auto byte = static_cast<unsigned char>(*words);
    const bool plain = byte >= 0x20 && byte < 0x7f;
    text +=
        plain ? std::string(1, *words) : std::string{'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
  }
  return text;
}

Failure FailureOf(sqlite3* raw, int code) {
  Failure failure{code,
                  WithoutControls(raw == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(raw))};
  const int system = raw == nullptr ? 0 : sqlite3_system_errno(raw);
  const int primary = failure.primary();
  if (system != 0 && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)) {
    failure.system = system;
    failure.message += std::string(" (") + std::strerror(system) + ")";
  }
  return failure;
}

tl::unexpected<Failure> Failed(sqlite3* raw) {
  return tl::unexpected<Failure>(FailureOf(raw, sqlite3_extended_errcode(raw)));
}

// https://www.sqlite.org/uri.html
std::string ImmutableUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '/' || c == '.' || c == '-' || c == '_';
    constexpr char kHex[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    uri += plain ? std::string(1, c) : std::string{'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return uri + "?immutable=1";
}

}  // namespace

Expected<Connection> Connection::Open(const std::string& path, Access access,
                                      std::chrono::milliseconds busy_timeout) {
  const int mode = access == Access::kReadWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  const bool immutable = access == Access::kImmutable;
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2((immutable ? ImmutableUri(path) : path).c_str(), &raw,
                                     mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                                         SQLITE_OPEN_EXRESCODE | (immutable ? SQLITE_OPEN_URI : 0),
                                     nullptr);
  Connection connection;
  connection.raw_.reset(raw);  // even a failed opening leaves something to close
  if (result != SQLITE_OK) return tl::unexpected<Failure>(FailureOf(raw, result));
  sqlite3_busy_timeout(raw, static_cast<int>(busy_timeout.count()));
  return connection;
}

Expected<Connection> Connection::OpenTemporary() {
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(
      "", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Connection connection;
  connection.raw_.reset(raw);
  if (result != SQLITE_OK) return tl::unexpected<Failure>(FailureOf(raw, result));
  return connection;
}

Expected<void> Connection::CopyTo(Connection& other) {
  sqlite3_backup* const backup = sqlite3_backup_init(other.raw(), "main", raw_.get(), "main");
  if (backup == nullptr) return tl::unexpected<Failure>(other.failure());
  sqlite3_backup_step(backup, -1);
  if (sqlite3_backup_finish(backup) == SQLITE_OK) return {};
  return tl::unexpected<Failure>(other.failure());
}

Failure Connection::failure() const {
  return FailureOf(raw_.get(), sqlite3_extended_errcode(raw_.get()));
}

Expected<void> Connection::Run(const std::string& sql) {
  if (sqlite3_exec(raw_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return Failed(raw_.get());
  }
  return {};
}

Expected<std::string> Connection::Ask(const std::string& sql) {
  Expected<Statement> statement = Statement::Prepare(*this, sql);
  if (!statement) return tl::unexpected<Failure>(statement.error());
  const Expected<bool> row = statement->Step();
  if (!row) return tl::unexpected<Failure>(row.error());
  return *row ? std::string(statement->Bytes(0)) : std::string();
}

Expected<Statement> Statement::Prepare(Connection& connection, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int result = sqlite3_prepare_v3(connection.raw(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement;
  statement.raw_.reset(raw);
  if (result != SQLITE_OK) return Failed(connection.raw());
  return statement;
}

void Statement::Note(int result) {
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
}

void Statement::Bind(int parameter, std::int64_t value) {
  Note(sqlite3_bind_int64(raw_.get(), parameter, value));
}

void Statement::BindText(int parameter, std::string_view text) {
  Note(sqlite3_bind_text64(raw_.get(), parameter, text.data(), text.size(), SQLITE_STATIC,
                           SQLITE_UTF8));
}

void Statement::BindBlob(int parameter, std::string_view bytes) {
  Note(sqlite3_bind_blob64(raw_.get(), parameter, bytes.data(), bytes.size(), SQLITE_STATIC));
}

Expected<bool> Statement::Step() {
  sqlite3* const connection = sqlite3_db_handle(raw_.get());
  if (bind_result_ != SQLITE_OK) {
    return tl::unexpected<Failure>(FailureOf(nullptr, std::exchange(bind_result_, SQLITE_OK)));
  }
  const int result = sqlite3_step(raw_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return Failed(connection);
}

Expected<void> Statement::Run() {
  for (;;) {
    Expected<bool> row = Step();
    if (row && *row) continue;
    Reset();
    if (!row) return tl::unexpected<Failure>(std::move(row.error()));
    return {};
  }
}

void Statement::Reset() {
  sqlite3_reset(raw_.get());  // repeats the error of the last step, which was reported there
}

std::string_view Statement::Bytes(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(raw_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw_.get(), column));
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}

Expected<Transaction> Transaction::Begin(Connection& connection) {
  if (auto begun = connection.Run("BEGIN IMMEDIATE"); !begun) {
    return tl::unexpected<Failure>(std::move(begun.error()));
  }
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  if (connection_ != nullptr && connection_->in_transaction()) {
    static_cast<void>(connection_->Run("ROLLBACK"));
  }
}

Expected<void> Transaction::Commit() {
  Expected<void> committed = connection_->Run("COMMIT");
  if (committed) connection_ = nullptr;
  return committed;
}

}  // namespace settle::coordinator::sqlite
