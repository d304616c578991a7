#include "log/audit_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "log/checksum.h"
#include "log/failures.h"
#include "log/schema.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using sqlite::Expected;
using sqlite::Failure;
using sqlite::Statement;

constexpr std::uint64_t kPrunedAtATime = 256;
constexpr std::size_t kPageMax = 1000;

template <typename E>
auto RowsOf(E& ends) {
  return std::array{std::pair{"audit_first", &ends.first}, std::pair{"audit_base", &ends.base},
                    std::pair{"audit_next", &ends.next}, std::pair{"audit_last", &ends.last}};
}

// Lengths before the texts, so that no two rows have the same bytes.
std::uint32_t ChainedChecksum(std::uint64_t before, std::uint64_t number, const AuditRow& row) {
  std::string bytes = fmt::format("{}:{}:{}:{}", before, number, row.at, row.answers);
  for (const std::string* text :
       {&row.caller, &row.operator_name, &row.action, &row.target, &row.reason, &row.result}) {
    bytes += fmt::format(":{}:{}", text->size(), *text);
  }
  return Checksum(bytes);
}

constexpr const char* kColumns =
    "at, coalesce(answers, 0), caller, operator_name, action, target, reason, result";

AuditRow RowOf(const Statement& row, int from) {
  const auto text = [&](int column) { return std::string(row.Bytes(from + column)); };
  return {row.Number(from), static_cast<std::uint64_t>(row.Number(from + 1)),
          text(2),          text(3),
          text(4),          text(5),
          text(6),          text(7)};
}

Expected<void> Insert(Connection& connection, const AuditRow& row, AuditEnds& ends) {
  auto insert = Statement::Prepare(
      connection,
      "INSERT INTO audit (number, at, answers, caller, operator_name, action, target, reason, "
      "result, crc) VALUES (?, ?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return tl::unexpected<Failure>(insert.error());
  const std::uint32_t crc = ChainedChecksum(ends.last, ends.next, row);
  insert->Bind(1, static_cast<std::int64_t>(ends.next));
  insert->Bind(2, row.at);
  insert->Bind(3, static_cast<std::int64_t>(row.answers));
  int parameter = 4;
  for (const std::string* text :
       {&row.caller, &row.operator_name, &row.action, &row.target, &row.reason, &row.result}) {
    insert->BindText(parameter++, *text);
  }
  insert->Bind(10, crc);
  ++ends.next;
  ends.last = crc;
  return insert->Run();
}

Expected<void> WriteEnds(Connection& connection, const AuditEnds& ends) {
  for (const auto& [name, number] : RowsOf(ends)) {
    if (auto written = WriteMetaNumber(connection, name, *number); !written) return written;
  }
  return {};
}

// The chain goes on from the last row that goes.
Expected<void> Prune(Connection& connection, std::uint64_t keep, AuditEnds& ends) {
  const std::uint64_t rows = ends.next - ends.first;
  if (rows <= keep) return WriteEnds(connection, ends);
  const std::uint64_t first = ends.first + std::min(rows - keep, kPrunedAtATime);
  const auto base =
      connection.Ask(fmt::format("SELECT crc FROM audit WHERE number = {}", first - 1));
  if (!base) return tl::unexpected<Failure>(base.error());
  ends.first = first;
  // A row that somebody took out is missing here: what comes after it is all that can be chained.
  ends.base = base->empty() ? 0 : std::stoull(*base);
  if (auto written = WriteEnds(connection, ends); !written) return written;
  return connection.Run(fmt::format("DELETE FROM audit WHERE number < {}", first));
}

// Rows that somebody put behind the newest one keep their numbers: the next row takes the first
// that is free. So one with the largest number there is stops nobody.
Expected<void> SkipForeignRows(Connection& connection, AuditEnds& ends) {
  const auto free = connection.Ask(fmt::format(
      "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM audit WHERE number = {0}) THEN {0} "
      "ELSE (SELECT min(number) + 1 FROM audit AS taken WHERE number >= {0} AND NOT EXISTS "
      "(SELECT 1 FROM audit AS next WHERE next.number = taken.number + 1)) END",
      ends.next));
  if (!free) return tl::unexpected<Failure>(free.error());
  ends.next = static_cast<std::uint64_t>(std::stoll(*free));
  return {};
}

std::string Missing(std::uint64_t from, std::uint64_t to) {
  return from == to ? fmt::format("row {} is missing", from)
                    : fmt::format("rows {} to {} are missing", from, to);
}

}  // namespace

Result<AuditEnds> ReadAuditEnds(Connection& connection, const std::string& path) {
  AuditEnds ends;
  for (const auto& [name, number] : RowsOf(ends)) {
    if (Status read = ReadMetaNumber(connection, path, name, *number); !read)
      return Fail(read.error());
  }
  if (ends.first > 0 && ends.next >= ends.first) return ends;
  return Fail(
      ErrorCode::kCorrupt,
      fmt::format("{}: the audit trail cannot go from {} to {}", path, ends.first, ends.next),
      "keep the file, and restore a backup");
}

Expected<std::string> VerifyAudit(Connection& connection, const AuditEnds& ends) {
  auto rows = Statement::Prepare(
      connection, fmt::format("SELECT number, crc, {} FROM audit ORDER BY number", kColumns));
  if (!rows) return tl::unexpected<Failure>(rows.error());
  std::uint64_t expected = ends.first;
  std::uint64_t before = ends.base;
  for (;;) {
    const Expected<bool> row = rows->Step();
    if (!row) return tl::unexpected<Failure>(row.error());
    if (!*row) break;
    const auto number = static_cast<std::uint64_t>(rows->Number(0));
    const auto crc = static_cast<std::uint64_t>(rows->Number(1));
    if (number < expected || number >= ends.next)
      return fmt::format("row {} does not belong there", rows->Number(0));
    if (number > expected) return Missing(expected, number - 1);
    const bool nothing_before = before == 0 && expected != 1;
    if (!nothing_before && crc != ChainedChecksum(before, number, RowOf(*rows, 2))) {
      return fmt::format("row {} is not as it was written", number);
    }
    before = crc;
    ++expected;
  }
  if (expected < ends.next) return Missing(expected, ends.next - 1);
  return before == ends.last || ends.next == 1 ? std::string() : "its newest row was replaced";
}

Expected<void> AddToAudit(Connection& connection, const AuditRow& row, std::uint64_t keep,
                          AuditEnds& ends) {
  if (auto skipped = SkipForeignRows(connection, ends); !skipped) return skipped;
  if (auto inserted = Insert(connection, row, ends); !inserted) return inserted;
  return Prune(connection, keep, ends);
}

Result<AuditPage> ListAudit(Connection& connection, const std::string& path,
                            const AuditQuery& query) {
  auto list = Statement::Prepare(
      connection,
      "SELECT asked.number, coalesce(answer.at, 0), coalesce(answer.result, asked.result), "
      "asked.at, 0, asked.caller, asked.operator_name, asked.action, asked.target, asked.reason, "
      "asked.result FROM audit AS asked LEFT JOIN audit AS answer ON answer.answers = asked.number "
      "WHERE asked.answers IS NULL AND asked.number < ?1 AND asked.at >= ?2 "
      "AND (?3 = '' OR asked.target = ?3) AND (?4 = '' OR asked.operator_name = ?4) "
      "ORDER BY asked.number DESC LIMIT ?5");
  if (!list) return Fail(ErrorOf(list.error(), path, "read the audit trail"));
  constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();
  const bool from_newest = query.below == 0 || query.below > static_cast<std::uint64_t>(kLargest);
  const std::size_t most = std::clamp<std::size_t>(query.most, 1, kPageMax);
  list->Bind(1, from_newest ? kLargest : static_cast<std::int64_t>(query.below));
  list->Bind(2, query.since);
  list->BindText(3, query.target);
  list->BindText(4, query.operator_name);
  list->Bind(5, static_cast<std::int64_t>(most) + 1);  // one more tells whether there are more
  AuditPage page;
  for (;;) {
    const Expected<bool> row = list->Step();
    if (!row) return Fail(ErrorOf(row.error(), path, "read the audit trail"));
    if (!*row) return page;
    page.more = page.entries.size() == most;
    if (page.more) return page;
    page.entries.push_back({static_cast<std::uint64_t>(list->Number(0)), RowOf(*list, 3),
                            list->Number(1), std::string(list->Bytes(2))});
  }
}

}  // namespace settle::coordinator
