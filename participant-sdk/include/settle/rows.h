// What a statement gave back, whatever the database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace settle {

struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;  // in the database's text form; nullopt: NULL
  std::int64_t affected = 0;  // rows that the statement inserted, updated or deleted; 0 for a query
};

}  // namespace settle
