// What the tables of a file allow a branch to do, and the triggers that guard them.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "settle/vocabulary/status.h"
#include "sqlite/connection.h"

namespace settle::sqlite {

struct TableRule {
  // Why a branch may not write to it; empty if it may.
  std::string refusal;
  // The columns of its primary key that may be NULL. SQLite's session extension overlooks such
  // rows.
  std::vector<std::string> nullable_key;
  std::vector<std::string> columns;  // quoted, in their order; of what a branch may write to
};

struct TableRules {
  std::string schema_version;
  std::unordered_map<std::string, TableRule> tables;  // and views, by the name as it was created
  bool has_nullable_keys = false;
};

// Reads them in the caller's transaction, so that they hold for as long as its write lock.
[[nodiscard]] Result<TableRules> ReadTableRules(Connection& connection);

// Makes the guard triggers that are missing, in the caller's write transaction; true if there were
// any. While a prepared row exists they refuse every INSERT, UPDATE and DELETE on every ordinary
// table: they outlive crashes, and bind programs that know nothing of Settle.
[[nodiscard]] Result<bool> AddMissingGuards(Connection& connection);

// How many of them are missing. Reads, as any reader does.
[[nodiscard]] Result<int> CountMissingGuards(Connection& connection);

// "name" as an SQL identifier.
std::string Quoted(const std::string& name);

}  // namespace settle::sqlite
