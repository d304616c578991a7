#include "postgres/sql_text.h"

#include <algorithm>
#include <array>

namespace settle::postgres {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// As PostgreSQL folds keywords: by ASCII alone.
char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// Behind a comment that begins here, which may hold others.
std::string_view AfterComment(std::string_view sql) {
  int depth = 0;
  while (!sql.empty()) {
    const bool opens = sql.starts_with("/*");
    const bool closes = sql.starts_with("*/");
    if (opens) ++depth;
    if (closes) --depth;
    sql.remove_prefix(opens || closes ? 2 : 1);
    if (closes && depth == 0) break;
  }
  return sql;
}

template <std::size_t size>
bool IsOneOf(const std::array<const char*, size>& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

std::string FirstWord(std::string_view sql) {
  constexpr std::string_view kSkipped = " \t\n\r\f\v;";
  for (;;) {
    if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.find_first_of("\n\r"), sql.size()));
    } else if (sql.starts_with("/*")) {
      sql = AfterComment(sql);
    } else if (!sql.empty() && kSkipped.find(sql.front()) != std::string_view::npos) {
      sql.remove_prefix(1);
    } else {
      break;
    }
  }
  std::string word;
  for (std::size_t i = 0; i < sql.size() && IsLetter(sql[i]); ++i) word += Upper(sql[i]);
  return word;
}

bool ControlsTransaction(const std::string& first_word) {
  // PREPARE TRANSACTION begins like PREPARE, which is not worth queueing either.
  constexpr std::array kWords = {"BEGIN", "START",     "COMMIT",  "END",    "ROLLBACK",
                                 "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"};
  return IsOneOf(kWords, first_word);
}

bool Writes(const std::string& first_word) {
  constexpr std::array kWords = {"INSERT", "UPDATE", "DELETE", "MERGE"};
  return IsOneOf(kWords, first_word);
}

bool MayChain(std::string_view sql) {
  constexpr std::string_view kChain = "CHAIN";
  const auto same = [](char in_sql, char letter) { return Upper(in_sql) == letter; };
  return std::search(sql.begin(), sql.end(), kChain.begin(), kChain.end(), same) != sql.end();
}

}  // namespace settle::postgres
