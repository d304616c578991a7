#include "checker/database.h"

#include <stdexcept>

namespace settle::testing {

std::string Database::Value(const std::string& sql) const {
  const std::vector<Row> rows = Query(sql);
  return rows.empty() || rows.front().empty() ? "" : rows.front().front();
}

std::map<std::string, std::int64_t> Database::Transfers() const {
  std::map<std::string, std::int64_t> transfers;
  for (const Row& row : Query("SELECT gtid, amount FROM transfer")) {
    transfers[row.at(0)] = std::stoll(row.at(1));
  }
  return transfers;
}

std::vector<EffectRow> Database::Effects() const {
  std::vector<EffectRow> effects;
  for (const Row& row : Query("SELECT id, gtid, step, op, amount FROM effect ORDER BY id")) {
    effects.push_back({std::stoll(row.at(0)), row.at(1), std::stoll(row.at(2)), row.at(3),
                       std::stoll(row.at(4))});
  }
  return effects;
}

std::int64_t Database::Total() const {
  return std::stoll(Value("SELECT sum(balance) FROM account"));
}

void Database::CreateBank() const {
  Query("CREATE TABLE account (id integer PRIMARY KEY NOT NULL, balance integer NOT NULL)");
  Query("CREATE TABLE transfer (gtid varchar(200) PRIMARY KEY NOT NULL, amount integer NOT NULL)");
  Query("CREATE TABLE effect (id " +
        std::string(kind() == Kind::kPostgres ? "bigserial" : "integer") +
        " PRIMARY KEY NOT NULL, gtid varchar(200) NOT NULL, step integer NOT NULL, "
        "op varchar(20) NOT NULL, amount integer NOT NULL)");
  std::string accounts;
  for (int id = 1; id <= kAccounts; ++id) {
    accounts +=
        (id == 1 ? "(" : ", (") + std::to_string(id) + ", " + std::to_string(kOpeningBalance) + ")";
  }
  Query("INSERT INTO account (id, balance) VALUES " + accounts);
}

std::unique_ptr<Database> OpenBank(const std::string& dsn) {
  const std::size_t colon = dsn.find(':');
  const std::string scheme = dsn.substr(0, colon);
  if (colon != std::string::npos && scheme == "sqlite")
    return OpenSqliteFile(dsn.substr(colon + 1));
  if (colon != std::string::npos && scheme == "postgresql") {
    return OpenPostgresDatabase(dsn.substr(colon + 1));
  }
  throw std::runtime_error("neither postgresql:... nor sqlite:...: " + dsn);
}

}  // namespace settle::testing
