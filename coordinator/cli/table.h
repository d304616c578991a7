// Aligned columns for people.
#pragma once

#include <string>
#include <vector>

#include "cli/text.h"

namespace settle::cli {

using Row = std::vector<std::string>;

// Columns two spaces apart, as wide as their widest cell, counted in characters; no blanks at line
// ends. Cells must be printable already. Empty cells read "-". Each line ends with a newline.
std::string Table(const Row& head, const std::vector<Row>& rows, Paint paint);

// "name   value" lines with the values aligned; a line whose value is empty is left out.
std::string Fields(const std::vector<std::pair<std::string, std::string>>& fields, Paint paint);

}  // namespace settle::cli
