#include <sqlite3.h>

#include <memory>
#include <stdexcept>

#include "checker/database.h"

namespace settle::testing {
namespace {

using File = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;

constexpr int kBusyMilliseconds = 2'000;
constexpr int kProbeMilliseconds = 100;

class SqliteBank : public Database {
 public:
  explicit SqliteBank(std::string path) : path_(std::move(path)) {}

  void Create() {
    Query("PRAGMA journal_mode = WAL");
    CreateBank();
  }

  std::string Dsn() const override { return "sqlite:" + path_; }
  Kind kind() const override { return Kind::kSqlite; }

  std::vector<Row> Query(const std::string& sql) const override {
    const File file = Open(kBusyMilliseconds);
    std::vector<Row> rows;
    const auto take = [](void* to, int columns, char** values, char**) {
      Row& row = static_cast<std::vector<Row>*>(to)->emplace_back();
      for (int i = 0; i < columns; ++i) row.emplace_back(values[i] == nullptr ? "" : values[i]);
      return 0;
    };
    if (sqlite3_exec(file.get(), sql.c_str(), take, &rows, nullptr) != SQLITE_OK) {
      throw std::runtime_error("\"" + sql + "\": " + sqlite3_errmsg(file.get()));
    }
    return rows;
  }

  std::vector<std::string> Prepared() const override {
    const std::string table = "SELECT 1 FROM sqlite_master WHERE name = 'settle_prepared'";
    if (Query(table).empty()) return {};
    std::vector<std::string> names;
    for (const Row& row : Query("SELECT branch FROM settle_prepared")) names.push_back(row.front());
    return names;
  }

  bool Writable() const override {
    const File file = Open(kProbeMilliseconds);
    const char* probe = "BEGIN IMMEDIATE; UPDATE account SET balance = balance; ROLLBACK";
    const int code = sqlite3_exec(file.get(), probe, nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return true;
    if (code == SQLITE_BUSY || code == SQLITE_CONSTRAINT) return false;
    throw std::runtime_error("\"" + std::string(probe) + "\": " + sqlite3_errmsg(file.get()));
  }

  void CommitByHand(const std::string&) const override {
    throw std::logic_error("nobody commits a staged change set by hand");
  }
  void RollBackByHand(const std::string& prepared) const override {
    Query("DELETE FROM settle_prepared WHERE branch = '" + prepared + "'");
  }

 private:
  File Open(int busy_milliseconds) const {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open(path_.c_str(), &opened);
    File file(opened, sqlite3_close);
    if (code != SQLITE_OK) throw std::runtime_error(path_ + ": " + sqlite3_errmsg(opened));
    sqlite3_busy_timeout(opened, busy_milliseconds);
    // What the tests themselves write need not outlive the machine.
    sqlite3_exec(opened, "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr);
    return file;
  }

  const std::string path_;
};

}  // namespace

std::unique_ptr<Database> MakeSqliteBank(const std::string& path) {
  auto bank = std::make_unique<SqliteBank>(path);
  bank->Create();
  return bank;
}

std::unique_ptr<Database> OpenSqliteFile(const std::string& path) {
  return std::make_unique<SqliteBank>(path);
}

}  // namespace settle::testing
