// A bank's database without Settle: to make its tables, and to check it afterwards by looking for
// oneself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "settle/vocabulary/status.h"

namespace bank_transfer {

// Used by one thread.
class Database {
 public:
  using Rows = std::vector<std::vector<std::string>>;

  virtual ~Database() = default;
  // One statement; several, separated by semicolons, when no rows are wanted. Blocking.
  virtual settle::Result<Rows> Run(const std::string& sql) = 0;
};

// kUnavailable says why it cannot be opened. Makes the file if it does not exist.
settle::Result<std::unique_ptr<Database>> OpenSqlite(const std::string& path);
settle::Result<std::unique_ptr<Database>> OpenPostgres(const std::string& conninfo);

}  // namespace bank_transfer
