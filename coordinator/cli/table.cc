#include "cli/table.h"

#include <algorithm>
#include <numeric>

namespace settle::cli {
namespace {

// Characters, not bytes: the bytes that continue a character do not count.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string Padded(const std::string& text, std::size_t width) {
  const std::size_t has = Width(text);
  return has < width ? text + std::string(width - has, ' ') : text;
}

const std::string& Cell(const Row& row, std::size_t column) {
  static const std::string kNothing = "-";
  return column < row.size() && !row[column].empty() ? row[column] : kNothing;
}

std::string Line(const Row& row, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t column = 0; column < widths.size(); ++column) {
    line += column + 1 < widths.size() ? Padded(Cell(row, column), widths[column] + 2)
                                       : Cell(row, column);
  }
  return line;
}

}  // namespace

std::string Table(const Row& head, const std::vector<Row>& rows, Paint paint) {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < head.size(); ++column) {
    widths.push_back(std::accumulate(rows.begin(), rows.end(), Width(head[column]),
                                     [&](std::size_t most, const Row& row) {
                                       return std::max(most, Width(Cell(row, column)));
                                     }));
  }
  std::string text = paint.Bold(Line(head, widths)) + "\n";
  for (const Row& row : rows) text += Line(row, widths) + "\n";
  return text;
}

std::string Fields(const std::vector<std::pair<std::string, std::string>>& fields, Paint paint) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, Width(name));
  std::string text;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) text += paint.Bold(Padded(name, width)) + "  " + value + "\n";
  }
  return text;
}

}  // namespace settle::cli
