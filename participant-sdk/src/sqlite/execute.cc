#include "sqlite/execute.h"

#include <charconv>
#include <memory>

namespace settle::sqlite {
namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Compiled = std::unique_ptr<sqlite3_stmt, Finalize>;

Result<Compiled> Compile(sqlite3* db, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int length = static_cast<int>(sql.size());
  if (sqlite3_prepare_v2(db, sql.data(), length, &statement, &rest) != SQLITE_OK) {
    return Fail(LastError(db, "the statement was not run"));
  }
  Compiled compiled(statement);
  if (compiled == nullptr) return Fail(ErrorCode::kInvalid, "there is no statement in the text");
  sqlite3_stmt* second = nullptr;
  const int left = length - static_cast<int>(rest - sql.data());
  const int more = sqlite3_prepare_v2(db, rest, left, &second, nullptr);
  sqlite3_finalize(second);
  if (more != SQLITE_OK || second != nullptr) {
    return Fail(ErrorCode::kInvalid, "there is more than one statement in the text; none was run",
                "execute them one after the other");
  }
  return compiled;
}

// Which of the given parameters a placeholder stands for, from 1; 0 if it is of another kind.
// SQLite itself would number $2 before $1 if it came first.
int NumberOf(sqlite3_stmt* statement, int index) {
  const char* name = sqlite3_bind_parameter_name(statement, index);
  if (name == nullptr || name[0] == '?') return index;
  if (name[0] != '$') return 0;
  const std::string_view digits(name + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc{} && end == digits.data() + digits.size() ? number : 0;
}

Status BindAll(sqlite3* db, sqlite3_stmt* statement,
               const std::vector<std::optional<std::string>>& parameters) {
  const int placeholders = sqlite3_bind_parameter_count(statement);
  for (int index = 1; index <= placeholders; ++index) {
    const int number = NumberOf(statement, index);
    if (number < 1 || number > static_cast<int>(parameters.size())) {
      return Fail(ErrorCode::kInvalid,
                  "placeholder " + std::to_string(index) + " of the statement has no value",
                  "write $1, $2 ... or ?, and give a value for each");
    }
    const std::optional<std::string>& value = parameters[static_cast<std::size_t>(number - 1)];
    const int bound = value ? sqlite3_bind_text64(statement, index, value->data(), value->size(),
                                                  SQLITE_STATIC, SQLITE_UTF8)
                            : sqlite3_bind_null(statement, index);
    if (bound != SQLITE_OK) return Fail(LastError(db, "a parameter was not accepted"));
  }
  return {};
}

std::vector<std::optional<std::string>> ReadRow(sqlite3_stmt* statement, int columns) {
  std::vector<std::optional<std::string>> row;
  for (int column = 0; column < columns; ++column) {
    if (sqlite3_column_type(statement, column) == SQLITE_NULL) {
      row.emplace_back();
      continue;
    }
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
    const int size = text == nullptr ? 0 : sqlite3_column_bytes(statement, column);
    row.emplace_back(std::in_place, text == nullptr ? "" : text, static_cast<std::size_t>(size));
  }
  return row;
}

}  // namespace

Result<Rows> Execute(sqlite3* db, std::string_view sql,
                     const std::vector<std::optional<std::string>>& parameters) {
  const Exclusive exclusive(db);
  Result<Compiled> compiled = Compile(db, sql);
  if (!compiled) return Fail(std::move(compiled).error());
  sqlite3_stmt* statement = compiled->get();
  if (Status bound = BindAll(db, statement, parameters); !bound) {
    return Fail(std::move(bound).error());
  }
  Rows rows;
  const int columns = sqlite3_column_count(statement);
  for (int column = 0; column < columns; ++column) {
    rows.columns.emplace_back(sqlite3_column_name(statement, column));
  }
  int result = SQLITE_OK;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    rows.rows.push_back(ReadRow(statement, columns));
  }
  if (result != SQLITE_DONE) return Fail(LastError(db, "the statement failed"));
  if (sqlite3_stmt_readonly(statement) == 0) rows.affected = sqlite3_changes64(db);
  return rows;
}

}  // namespace settle::sqlite
