#include "bank.h"

namespace bank_transfer {
namespace {

constexpr const char* kPostgres = "postgresql:";
constexpr const char* kSqlite = "sqlite:";

std::string After(const char* prefix, const std::string& dsn) {
  return dsn.substr(std::string(prefix).size());
}

settle::Error WrongDsn(const std::string& dsn) {
  return {settle::ErrorCode::kInvalid, "\"" + settle::Escaped(dsn) + "\" names no database",
          "give postgresql:<conninfo> or sqlite:<path>"};
}

// Both databases take the same SQL.
constexpr const char* kTables = R"(
  BEGIN;
  CREATE TABLE account (id BIGINT NOT NULL PRIMARY KEY,
                        balance BIGINT NOT NULL CHECK (balance >= 0));
  CREATE TABLE transfer (gtid TEXT NOT NULL PRIMARY KEY, amount BIGINT NOT NULL);
  CREATE TABLE opening (total BIGINT NOT NULL PRIMARY KEY);
  INSERT INTO account (id, balance)
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ACCOUNTS)
    SELECT n, BALANCE FROM numbers;
  INSERT INTO opening (total) SELECT sum(balance) FROM account;
  COMMIT)";

std::string Replaced(std::string text, const std::string& what, int by) {
  return text.replace(text.find(what), what.size(), std::to_string(by));
}

}  // namespace

settle::Result<Bank> MakeBank(const std::string& name, const std::string& dsn) {
  if (dsn.starts_with(kPostgres)) {
    return Bank{settle::PostgresResource::Make({.name = name, .dsn = After(kPostgres, dsn)}), dsn};
  }
  if (dsn.starts_with(kSqlite)) {
    return Bank{settle::SqliteResource::Make({.name = name, .path = After(kSqlite, dsn)}), dsn};
  }
  return settle::Fail(WrongDsn(dsn));
}

settle::Result<std::unique_ptr<Database>> OpenDatabase(const std::string& dsn) {
  if (dsn.starts_with(kPostgres)) return OpenPostgres(After(kPostgres, dsn));
  if (dsn.starts_with(kSqlite)) return OpenSqlite(After(kSqlite, dsn));
  return settle::Fail(WrongDsn(dsn));
}

settle::Status CreateBank(const std::string& dsn, int accounts, int balance) {
  auto database = OpenDatabase(dsn);
  if (!database) return settle::Fail(database.error());
  if ((*database)->Run("SELECT total FROM opening")) return {};
  auto made =
      (*database)->Run(Replaced(Replaced(kTables, "ACCOUNTS", accounts), "BALANCE", balance));
  if (!made) return settle::Fail(made.error());
  return {};
}

}  // namespace bank_transfer
