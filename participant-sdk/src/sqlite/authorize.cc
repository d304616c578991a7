#include "sqlite/authorize.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace settle::sqlite {
namespace {

constexpr std::array<std::string_view, 15> kPragmasThatRead = {
    "collation_list", "compile_options", "database_list", "foreign_key_check", "foreign_key_list",
    "function_list",  "index_info",      "index_list",    "index_xinfo",       "integrity_check",
    "pragma_list",    "quick_check",     "table_info",    "table_list",        "table_xinfo"};
constexpr std::array<std::string_view, 13> kPragmasThatReadWithoutArgument = {
    "application_id", "auto_vacuum",    "cache_size",   "data_version", "encoding",
    "foreign_keys",   "freelist_count", "journal_mode", "page_count",   "page_size",
    "schema_version", "synchronous",    "user_version"};

template <std::size_t n>
bool Contains(const std::array<std::string_view, n>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string Lower(const char* text) {
  std::string lower = text == nullptr ? "" : text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return lower;
}

std::string WhyPragmaRefused(const char* first, const char* second) {
  const std::string name = Lower(first);
  // This one lasts until the end of the transaction and is looked at before the vote.
  const bool harmless = Contains(kPragmasThatRead, name) || name == "defer_foreign_keys" ||
                        (second == nullptr && Contains(kPragmasThatReadWithoutArgument, name));
  return harmless ? "" : "PRAGMA " + name + " may change what a branch cannot stage";
}

bool IsSchemaTable(const char* table) {
  const std::string_view name = table == nullptr ? "" : table;
  return name == "sqlite_master" || name == "sqlite_temp_master";
}

std::string WhyWriteRefused(const TableRules& rules, const char* table, const char* database) {
  const std::string name = table == nullptr ? "" : table;
  if (IsSchemaTable(table)) return "a branch cannot change the schema";
  if (database == nullptr || std::string_view(database) != "main") {
    return "table " + Quoted(name) + " is not in the resource's own file";
  }
  const auto rule = rules.tables.find(name);
  if (rule == rules.tables.end()) return "table " + Quoted(name) + " is unknown to the branch";
  return rule->second.refusal;
}

}  // namespace

std::string WhyRefused(const TableRules& rules, int action, const char* first, const char* second,
                       const char* database) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return {};
    case SQLITE_FUNCTION:
      return Lower(second) == "load_extension" ? "a branch cannot load extensions" : "";
    case SQLITE_UPDATE:
      // Asked when a table-valued function (json_each) is first used. An UPDATE of the schema
      // itself SQLite refuses, and every statement that means to change it asks for more than this.
      if (IsSchemaTable(first)) return {};
      return WhyWriteRefused(rules, first, database);
    case SQLITE_INSERT:
    case SQLITE_DELETE: return WhyWriteRefused(rules, first, database);
    case SQLITE_SAVEPOINT:
      return Lower(second) == kBranchSavepoint ? "savepoint settle_branch is the branch's own" : "";
    case SQLITE_PRAGMA: return WhyPragmaRefused(first, second);
    case SQLITE_TRANSACTION:
      return std::string(first == nullptr ? "" : first) +
             " belongs to the global transaction: use its Commit and Abort";
    case SQLITE_ATTACH:
    case SQLITE_DETACH: return "a branch has one file: ATTACH and DETACH are not possible";
    default: return "a branch cannot change the schema";
  }
}

}  // namespace settle::sqlite
