// A bank: one database, seen by Settle as a resource and by the checker as it is.
//
// Tables:
//   account(id, balance)      balances, never below zero
//   transfer(gtid, amount)    one row for each transfer that touched this bank: what its account
//   got (or gave, < 0) opening(total)            the sum of all balances when the bank was made
// So at any moment: sum(balance) = total + sum(amount).
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "database.h"
#include "settle/postgres_resource.h"
#include "settle/sqlite_resource.h"

namespace bank_transfer {

struct Bank {
  std::variant<std::shared_ptr<settle::PostgresResource>, std::shared_ptr<settle::SqliteResource>>
      resource;
  std::string dsn;

  std::shared_ptr<settle::Resource> base() const {
    return std::visit([](const auto& one) -> std::shared_ptr<settle::Resource> { return one; },
                      resource);
  }
};

// `dsn` is "postgresql:<libpq conninfo>" or "sqlite:<path>". kInvalid otherwise. Reaches for
// nothing.
settle::Result<Bank> MakeBank(const std::string& name, const std::string& dsn);

settle::Result<std::unique_ptr<Database>> OpenDatabase(const std::string& dsn);

// Makes the tables and `accounts` accounts of `balance` each, unless they are there already.
settle::Status CreateBank(const std::string& dsn, int accounts, int balance);

}  // namespace bank_transfer
