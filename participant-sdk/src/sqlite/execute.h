// One statement of the application's, with its parameters and rows as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "settle/rows.h"
#include "sqlite/connection.h"

namespace settle::sqlite {

[[nodiscard]] Result<Rows> Execute(sqlite3* db, std::string_view sql,
                                   const std::vector<std::optional<std::string>>& parameters);

}  // namespace settle::sqlite
