// SQLite as values and owners: a connection, a statement, and failures that keep SQLite's code,
// because the code decides whether a write certainly did not happen.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace settle::coordinator::sqlite {

struct Failure {
  int code = SQLITE_OK;  // extended
  std::string message;   // SQLite's words, with the operating system's where there are any
  int system = 0;        // errno, where it says more than the code

  int primary() const { return code & 0xff; }
};

template <typename T>
using Expected = tl::expected<T, Failure>;

// kImmutable: nobody writes to the file, which is read without locks and without SQLite's own files
// beside it.
enum class Access { kReadWrite, kReadOnly, kImmutable };

// One connection, for one thread at a time. Statements must not outlive it.
class Connection {
 public:
  // `path` is absolute and free of symbolic links; the file must exist.
  [[nodiscard]] static Expected<Connection> Open(const std::string& path, Access access,
                                                 std::chrono::milliseconds busy_timeout);

  // An empty database of this connection alone, which goes with it; on the disk if it is large.
  [[nodiscard]] static Expected<Connection> OpenTemporary();

  // All that is in the database, into another one, which becomes a copy.
  [[nodiscard]] Expected<void> CopyTo(Connection& other);
  [[nodiscard]] Expected<void> Run(const std::string& sql);
  // The first column of the first row; empty if there is none.
  [[nodiscard]] Expected<std::string> Ask(const std::string& sql);

  bool in_transaction() const { return sqlite3_get_autocommit(raw_.get()) == 0; }
  // Of the last call that failed.
  Failure failure() const;
  sqlite3* raw() const { return raw_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* raw) const { sqlite3_close_v2(raw); }
  };
  std::unique_ptr<sqlite3, Close> raw_;
};

class Statement {
 public:
  [[nodiscard]] static Expected<Statement> Prepare(Connection& connection, std::string_view sql);

  // Parameters count from 1. Texts and blobs must live until the statement was reset.
  void Bind(int parameter, std::int64_t value);
  void BindText(int parameter, std::string_view text);
  void BindBlob(int parameter, std::string_view bytes);

  [[nodiscard]] Expected<bool> Step();  // true: there is a row
  [[nodiscard]] Expected<void> Run();   // to its end, then resets
  void Reset();

  // Columns count from 0; texts and blobs live until the next step or reset.
  std::int64_t Number(int column) const { return sqlite3_column_int64(raw_.get(), column); }
  std::string_view Bytes(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* raw) const { sqlite3_finalize(raw); }
  };
  void Note(int result);

  std::unique_ptr<sqlite3_stmt, Finalize> raw_;
  int bind_result_ = SQLITE_OK;
};

// Takes all locks for writing now or fails with SQLITE_BUSY; rolls back unless Commit succeeded.
class Transaction {
 public:
  [[nodiscard]] static Expected<Transaction> Begin(Connection& connection);
  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;

  [[nodiscard]] Expected<void> Commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

}  // namespace settle::coordinator::sqlite
