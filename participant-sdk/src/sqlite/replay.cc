#include "sqlite/replay.h"

#include <memory>

namespace settle::sqlite {
namespace {

// Of a table with many columns there are many kinds of updates.
constexpr std::size_t kStatementsMost = 200;

struct Finalize {
  void operator()(sqlite3_changeset_iter* at) const { sqlite3changeset_finalize(at); }
};

// One row's change.
struct Change {
  sqlite3_changeset_iter* at;
  const std::string table;                  // quoted
  const std::vector<std::string>& columns;  // quoted
  const unsigned char* key;                 // for each column, whether it is of the primary key
  int operation;

  sqlite3_value* Old(std::size_t column) const {
    sqlite3_value* value = nullptr;
    sqlite3changeset_old(at, static_cast<int>(column), &value);
    return value;
  }
  // Null: of an update, the column stays as it is.
  sqlite3_value* New(std::size_t column) const {
    sqlite3_value* value = nullptr;
    sqlite3changeset_new(at, static_cast<int>(column), &value);
    return value;
  }
};

// Column i is parameter i + 1 where it is set, and behind all of those where it is searched for.
std::string TextOf(const Change& change) {
  std::string set;
  std::string values;
  std::string where;
  const std::size_t count = change.columns.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& column = change.columns[i];
    const std::string parameter = "?" + std::to_string(i + 1);
    if (change.operation == SQLITE_INSERT) {
      set += (set.empty() ? "" : ", ") + column;
      values += (values.empty() ? "" : ", ") + parameter;
      continue;
    }
    if (change.key[i] != 0) {
      where += (where.empty() ? "" : " AND ") + column + " IS ?" + std::to_string(count + i + 1);
    } else if (change.operation == SQLITE_UPDATE && change.New(i) != nullptr) {
      set += (set.empty() ? "" : ", ") + column + " = " + parameter;
    }
  }
  switch (change.operation) {
    case SQLITE_INSERT:
      return "INSERT INTO main." + change.table + " (" + set + ") VALUES (" + values + ")";
    case SQLITE_DELETE: return "DELETE FROM main." + change.table + " WHERE " + where;
    default: return "UPDATE main." + change.table + " SET " + set + " WHERE " + where;
  }
}

Status Make(Connection& connection, const Change& change) {
  Statement statement(connection, TextOf(change));
  const std::size_t count = change.columns.size();
  for (std::size_t i = 0; i < count; ++i) {
    const int parameter = static_cast<int>(i) + 1;
    if (change.operation == SQLITE_INSERT) {
      statement.Bind(parameter, change.New(i));
    } else if (change.key[i] != 0) {
      statement.Bind(parameter + static_cast<int>(count), change.Old(i));
    } else if (sqlite3_value* set = change.operation == SQLITE_UPDATE ? change.New(i) : nullptr) {
      statement.Bind(parameter, set);
    }
  }
  const Result<bool> made = statement.Step();
  if (!made) return Fail(made.error());
  if (sqlite3_changes64(connection.raw()) == 1) return {};
  return Fail(ErrorCode::kRefused, "a row is missing");
}

}  // namespace

Status Replay(Connection& connection, const TableRules& rules, const Changes& changes) {
  sqlite3_changeset_iter* start = nullptr;
  std::string copy = changes.changeset;  // SQLite asks for memory that it could write to
  if (sqlite3changeset_start(&start, static_cast<int>(copy.size()), copy.data()) != SQLITE_OK)
    return Fail(ErrorCode::kRetry, "no memory to read the branch's changes");
  const std::unique_ptr<sqlite3_changeset_iter, Finalize> at(start);
  int next = SQLITE_DONE;
  while ((next = sqlite3changeset_next(at.get())) == SQLITE_ROW) {
    const char* table = nullptr;
    int columns = 0;
    int operation = 0;
    int indirect = 0;
    unsigned char* key = nullptr;
    sqlite3changeset_op(at.get(), &table, &columns, &operation, &indirect);
    sqlite3changeset_pk(at.get(), &key, nullptr);
    const auto rule = rules.tables.find(table);
    if (rule == rules.tables.end() ||
        rule->second.columns.size() != static_cast<std::size_t>(columns)) {
      return Fail(ErrorCode::kRefused, "the table is not known in this form");
    }
    const Change change{at.get(), Quoted(table), rule->second.columns, key, operation};
    if (Status made = Make(connection, change); !made) return made;
    if (connection.statements_kept() > kStatementsMost) {
      connection.DoNotKeep();  // the next begins with none
      return Fail(ErrorCode::kRefused, "too many kinds of statements");
    }
  }
  if (next == SQLITE_DONE) return {};
  return Fail(ErrorCode::kRefused, "the recorded changes cannot be read");
}

}  // namespace settle::sqlite
