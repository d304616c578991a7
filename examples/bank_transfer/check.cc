#include "check.h"

#include <map>

#include "bank.h"
#include "notes.h"

namespace bank_transfer {
namespace {

using settle::Fail;
using settle::Result;

struct Book {
  long long opening = 0;
  long long balance = 0;
  long long moved = 0;                         // the sum of all transfers
  std::map<std::string, long long> transfers;  // by gtid
};

Result<Book> ReadBook(const std::string& dsn) {
  auto database = OpenDatabase(dsn);
  if (!database) return Fail(database.error());
  auto sums =
      (*database)->Run("SELECT (SELECT total FROM opening), (SELECT sum(balance) FROM account)");
  if (!sums) return Fail(sums.error());
  auto transfers = (*database)->Run("SELECT gtid, amount FROM transfer");
  if (!transfers) return Fail(transfers.error());
  Book book{std::stoll(sums->at(0).at(0)), std::stoll(sums->at(0).at(1)), 0, {}};
  for (const auto& row : *transfers) {
    const long long amount = std::stoll(row.at(1));
    book.transfers[row.at(0)] = amount;
    book.moved += amount;
  }
  return book;
}

void CheckSums(const std::string& name, const Book& book, std::vector<std::string>& violations) {
  if (book.balance != book.opening + book.moved) {
    violations.push_back(name + ": balances are " + std::to_string(book.balance) + ", but " +
                         std::to_string(book.opening) + " and what was moved make " +
                         std::to_string(book.opening + book.moved));
  }
}

void CheckAtomicity(const Book& from, const Book& to, std::vector<std::string>& violations) {
  for (const auto& [gtid, amount] : from.transfers) {
    const auto other = to.transfers.find(gtid);
    if (other == to.transfers.end()) {
      violations.push_back(gtid + " took money and gave it to nobody");
    } else if (amount + other->second != 0) {
      violations.push_back(gtid + " took " + std::to_string(-amount) + " and gave " +
                           std::to_string(other->second));
    }
  }
  for (const auto& [gtid, amount] : to.transfers) {
    if (!from.transfers.contains(gtid))
      violations.push_back(gtid + " gave money that it took from nobody");
  }
}

void CheckNotes(const std::map<std::string, std::string>& notes, const Book& from,
                std::vector<std::string>& violations) {
  for (const auto& [gtid, outcome] : notes) {
    const bool there = from.transfers.contains(gtid);
    if (outcome == "committed" && !there)
      violations.push_back(gtid + " was told committed and is not there");
    if (outcome == "aborted" && there)
      violations.push_back(gtid + " was told aborted and is there");
    if (outcome != "committed" && outcome != "aborted")
      violations.push_back(gtid + " was told " + outcome);
  }
}

}  // namespace

Result<CheckReport> Check(const std::string& from_dsn, const std::string& to_dsn,
                          const std::vector<std::string>& notes) {
  const Result<Book> from = ReadBook(from_dsn);
  if (!from) return Fail(from.error());
  const Result<Book> to = ReadBook(to_dsn);
  if (!to) return Fail(to.error());
  CheckReport report{from->balance, to->balance, from->transfers.size(), {}};
  CheckSums("the bank that gave", *from, report.violations);
  CheckSums("the bank that got", *to, report.violations);
  CheckAtomicity(*from, *to, report.violations);
  for (const std::string& path : notes) {
    const auto read = ReadNotes(path);
    if (!read) return Fail(read.error());
    CheckNotes(*read, *from, report.violations);
  }
  return report;
}

}  // namespace bank_transfer
