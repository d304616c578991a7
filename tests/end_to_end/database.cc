#include "end_to_end/database.h"

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

std::int64_t Database::Total() const {
  return std::stoll(Value("SELECT sum(balance) FROM account"));
}

void Database::CreateBank() const {
  Query("CREATE TABLE account (id integer PRIMARY KEY NOT NULL, balance integer NOT NULL)");
  Query("CREATE TABLE transfer (gtid varchar(200) PRIMARY KEY NOT NULL, amount integer NOT NULL)");
  std::string accounts;
  for (int id = 1; id <= kAccounts; ++id) {
    accounts +=
        (id == 1 ? "(" : ", (") + std::to_string(id) + ", " + std::to_string(kOpeningBalance) + ")";
  }
  Query("INSERT INTO account (id, balance) VALUES " + accounts);
}

}  // namespace settle::testing
