#include "sqlite/tables.h"

#include <array>
#include <utility>

namespace settle::sqlite {
namespace {

constexpr char kAllColumns[] = "SELECT name FROM pragma_table_info(?1, 'main') ORDER BY cid";
constexpr char kNullableKey[] =
    "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE pk > 0 AND NOT \"notnull\"";

// The table-valued pragmas tell what the session extension can see of a table. A rowid table whose
// key has an index of its own (not INTEGER PRIMARY KEY) takes NULL in every key column that is not
// declared NOT NULL.
constexpr char kTables[] = R"sql(
SELECT name, type,
  CASE WHEN type = 'table' THEN
    (SELECT count(*) FROM pragma_table_xinfo(t.name, 'main') WHERE pk > 0) END,
  CASE WHEN type = 'table' THEN
    (SELECT count(*) FROM pragma_table_xinfo(t.name, 'main') WHERE hidden IN (2, 3)) END,
  CASE WHEN type = 'table' AND NOT wr THEN
    EXISTS (SELECT 1 FROM pragma_index_list(t.name, 'main') WHERE origin = 'pk') END
FROM pragma_table_list AS t WHERE schema = 'main')sql";

// A renamed table takes its triggers along under their old names; they are made anew.
constexpr char kMisnamedGuards[] = R"sql(
SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'settle_guard_*'
  AND name NOT IN ('settle_guard_insert_' || tbl_name, 'settle_guard_update_' || tbl_name,
                   'settle_guard_delete_' || tbl_name))sql";

constexpr char kMissingGuards[] = R"sql(
SELECT t.name, e.event FROM pragma_table_list AS t,
  (SELECT 'insert' AS event UNION ALL SELECT 'update' UNION ALL SELECT 'delete') AS e
WHERE t.schema = 'main' AND t.type = 'table'
  AND t.name NOT GLOB 'sqlite_*' AND t.name NOT GLOB 'settle_*'
  AND NOT EXISTS (SELECT 1 FROM sqlite_schema AS s WHERE s.type = 'trigger'
                    AND s.name = 'settle_guard_' || e.event || '_' || t.name COLLATE NOCASE))sql";

bool IsSettles(const std::string& name) { return name.starts_with("settle_"); }

std::string RefusalOf(const std::string& name, const std::string& type, std::int64_t key_columns,
                      std::int64_t generated_columns) {
  const std::string table = "table " + Quoted(name);
  if (IsSettles(name) || name.starts_with("sqlite_")) {
    return table + " is not the application's to write";
  }
  // Its INSTEAD OF triggers write to tables, which are checked themselves.
  if (type == "view") return {};
  if (type == "virtual" || type == "shadow") {
    return table + " belongs to a virtual table, whose changes cannot be staged";
  }
  if (key_columns == 0) return table + " has no primary key, so its changes cannot be staged";
  if (generated_columns > 0) {
    return table + " has generated columns, which SQLite's session extension cannot record";
  }
  return {};
}

Result<std::vector<std::string>> Columns(Connection& connection, const char* which,
                                         const std::string& table) {
  Statement columns(connection, which);
  columns.Bind(1, std::string_view(table));
  std::vector<std::string> found;
  for (;;) {
    const Result<bool> row = columns.Step();
    if (!row) return Fail(row.error());
    if (!*row) return found;
    found.push_back(columns.Text(0));
  }
}

Status MakeGuard(Connection& connection, const std::string& table, const std::string& event) {
  return connection.Run(
      "CREATE TRIGGER " + Quoted("settle_guard_" + event + "_" + table) + " BEFORE " + event +
      " ON " + Quoted(table) +
      " WHEN EXISTS (SELECT 1 FROM settle_prepared) BEGIN SELECT RAISE(ABORT,"
      " 'settle: a prepared branch of a global transaction awaits its decision in this file;"
      " nothing else may be written until then'); END");
}

using TextRow = std::array<std::string, 2>;

Result<std::vector<TextRow>> Collect(Connection& connection, const char* sql, int columns) {
  Statement statement(connection, sql);
  std::vector<TextRow> found;
  for (;;) {
    const Result<bool> row = statement.Step();
    if (!row) return Fail(row.error());
    if (!*row) return found;
    found.push_back({statement.Text(0), columns > 1 ? statement.Text(1) : std::string()});
  }
}

}  // namespace

std::string Quoted(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

Result<TableRules> ReadTableRules(Connection& connection) {
  TableRules rules;
  Result<std::string> version = connection.Ask("PRAGMA schema_version");
  if (!version) return Fail(version.error());
  rules.schema_version = *std::move(version);
  Statement tables(connection, kTables);
  for (;;) {
    const Result<bool> row = tables.Step();
    if (!row) return Fail(row.error());
    if (!*row) return rules;
    const std::string name = tables.Text(0);
    TableRule rule{RefusalOf(name, tables.Text(1), tables.Int(2), tables.Int(3)), {}, {}};
    if (rule.refusal.empty() && tables.Text(1) == "table") {
      Result<std::vector<std::string>> columns = Columns(connection, kAllColumns, name);
      if (!columns) return Fail(columns.error());
      for (const std::string& column : *columns) rule.columns.push_back(Quoted(column));
    }
    if (rule.refusal.empty() && tables.Int(4) != 0) {
      Result<std::vector<std::string>> nullable = Columns(connection, kNullableKey, name);
      if (!nullable) return Fail(nullable.error());
      rules.has_nullable_keys = rules.has_nullable_keys || !nullable->empty();
      rule.nullable_key = *std::move(nullable);
    }
    rules.tables.emplace(name, std::move(rule));
  }
}

Result<bool> AddMissingGuards(Connection& connection) {
  const Result<std::vector<TextRow>> misnamed = Collect(connection, kMisnamedGuards, 1);
  if (!misnamed) return Fail(misnamed.error());
  for (const TextRow& trigger : *misnamed) {
    if (Status dropped = connection.Run("DROP TRIGGER " + Quoted(trigger[0])); !dropped) {
      return Fail(dropped.error());
    }
  }
  const Result<std::vector<TextRow>> missing = Collect(connection, kMissingGuards, 2);
  if (!missing) return Fail(missing.error());
  for (const auto& [table, event] : *missing) {
    if (Status made = MakeGuard(connection, table, event); !made) return Fail(made.error());
  }
  return !misnamed->empty() || !missing->empty();
}

Result<int> CountMissingGuards(Connection& connection) {
  const Result<std::vector<TextRow>> missing = Collect(connection, kMissingGuards, 2);
  if (!missing) return Fail(missing.error());
  return static_cast<int>(missing->size());
}

}  // namespace settle::sqlite
