// What a statement gave back, whatever the database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace settle {

struct Rows {
  std::vector<std::string> columns;
  // In the database's text form; nullopt is NULL.
  std::vector<std::vector<std::optional<std::string>>> rows;
  // Rows that the statement inserted, updated or deleted; 0 for a query.
  std::int64_t affected = 0;
};

}  // namespace settle
