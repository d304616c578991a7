#include "log/pruned_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "log/checksum.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using sqlite::Expected;
using sqlite::Failure;
using sqlite::Statement;

struct Range {
  Epoch epoch = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  std::uint64_t size() const { return last - first + 1; }
};

std::int64_t ChecksumOf(const Range& range) {
  return Checksum(fmt::format("{}:{}-{}", range.epoch, range.first, range.last));
}

// Of a row of epoch, first, last, crc.
Expected<Range> ReadRange(const Statement& row) {
  const Range range{static_cast<Epoch>(row.Number(0)), static_cast<std::uint64_t>(row.Number(1)),
                    static_cast<std::uint64_t>(row.Number(2))};
  if (row.Number(3) == ChecksumOf(range) && range.first <= range.last) return range;
  return tl::unexpected<Failure>(
      Failure{SQLITE_CORRUPT,
              fmt::format("the range of pruned transactions that begins with {}.{} is damaged",
                          range.epoch, range.first)});
}

// The range that begins at or before `sequence`, or the one that begins after it.
enum class Side { kBelow, kAbove };
Expected<Statement> PrepareFind(Connection& connection, Side side) {
  return Statement::Prepare(connection,
                            side == Side::kBelow
                                ? "SELECT epoch, first, last, crc FROM pruned "
                                  "WHERE epoch = ? AND first <= ? ORDER BY first DESC LIMIT 1"
                                : "SELECT epoch, first, last, crc FROM pruned "
                                  "WHERE epoch = ? AND first > ? ORDER BY first LIMIT 1");
}

Expected<std::optional<Range>> FindRange(Statement& find, Epoch epoch, std::uint64_t sequence) {
  find.Bind(1, static_cast<std::int64_t>(epoch));
  find.Bind(2, static_cast<std::int64_t>(sequence));
  const Expected<bool> row = find.Step();
  if (!row) return tl::unexpected<Failure>(row.error());
  if (!*row) return std::nullopt;
  Expected<Range> range = ReadRange(find);
  if (!range) return tl::unexpected<Failure>(std::move(range.error()));
  return *range;
}

Expected<std::optional<Range>> FindRange(Connection& connection, Side side, Epoch epoch,
                                         std::uint64_t sequence) {
  Expected<Statement> find = PrepareFind(connection, side);
  if (!find) return tl::unexpected<Failure>(std::move(find.error()));
  return FindRange(*find, epoch, sequence);
}

Expected<void> Remove(Connection& connection, const Range& range) {
  Expected<Statement> remove =
      Statement::Prepare(connection, "DELETE FROM pruned WHERE epoch = ? AND first = ?");
  if (!remove) return tl::unexpected<Failure>(std::move(remove.error()));
  remove->Bind(1, static_cast<std::int64_t>(range.epoch));
  remove->Bind(2, static_cast<std::int64_t>(range.first));
  return remove->Run();
}

Expected<void> Insert(Connection& connection, const Range& range) {
  Expected<Statement> insert = Statement::Prepare(
      connection, "INSERT INTO pruned (epoch, first, last, crc) VALUES (?, ?, ?, ?)");
  if (!insert) return tl::unexpected<Failure>(std::move(insert.error()));
  insert->Bind(1, static_cast<std::int64_t>(range.epoch));
  insert->Bind(2, static_cast<std::int64_t>(range.first));
  insert->Bind(3, static_cast<std::int64_t>(range.last));
  insert->Bind(4, ChecksumOf(range));
  return insert->Run();
}

// Joins `range` with all that touch it. How many transactions became named by that.
Expected<std::uint64_t> Join(Connection& connection, Range range) {
  std::uint64_t named = 0;
  const auto absorb = [&](const Range& other) {
    named += other.size();
    range.first = std::min(range.first, other.first);
    range.last = std::max(range.last, other.last);
    return Remove(connection, other);
  };
  const auto below = FindRange(connection, Side::kBelow, range.epoch, range.first);
  if (!below) return tl::unexpected<Failure>(below.error());
  if (*below && (*below)->last + 1 >= range.first) {
    if (auto run = absorb(**below); !run) return tl::unexpected<Failure>(run.error());
  }
  for (;;) {
    const auto above = FindRange(connection, Side::kAbove, range.epoch, range.first);
    if (!above) return tl::unexpected<Failure>(above.error());
    if (!*above || (*above)->first > range.last + 1) break;
    if (auto run = absorb(**above); !run) return tl::unexpected<Failure>(run.error());
  }
  if (auto run = Insert(connection, range); !run) return tl::unexpected<Failure>(run.error());
  return range.size() - named;
}

}  // namespace

Expected<PrunedLookup> PrunedLookup::Make(Connection& connection) {
  Expected<Statement> find = PrepareFind(connection, Side::kBelow);
  if (!find) return tl::unexpected<Failure>(std::move(find.error()));
  return PrunedLookup(*std::move(find));
}

Expected<bool> PrunedLookup::Has(TransactionKey key) {
  const auto range = FindRange(find_, key.epoch, key.sequence);
  find_.Reset();
  if (!range) return tl::unexpected<Failure>(range.error());
  return *range && key.sequence <= (*range)->last;
}

Expected<std::uint64_t> CountPruned(Connection& connection) {
  Expected<Statement> rows = Statement::Prepare(
      connection, "SELECT epoch, first, last, crc FROM pruned ORDER BY epoch, first");
  if (!rows) return tl::unexpected<Failure>(std::move(rows.error()));
  std::uint64_t count = 0;
  for (;;) {
    const Expected<bool> row = rows->Step();
    if (!row) return tl::unexpected<Failure>(row.error());
    if (!*row) return count;
    const Expected<Range> range = ReadRange(*rows);
    if (!range) return tl::unexpected<Failure>(range.error());
    count += range->size();
  }
}

Expected<std::uint64_t> AddPruned(Connection& connection, std::vector<TransactionKey> keys) {
  std::sort(keys.begin(), keys.end());
  std::uint64_t added = 0;
  for (std::size_t i = 0; i < keys.size();) {
    Range range{keys[i].epoch, keys[i].sequence, keys[i].sequence};
    for (++i; i < keys.size() && keys[i].epoch == range.epoch && keys[i].sequence <= range.last + 1;
         ++i) {
      range.last = keys[i].sequence;
    }
    const Expected<std::uint64_t> joined = Join(connection, range);
    if (!joined) return joined;
    added += *joined;
  }
  return added;
}

}  // namespace settle::coordinator
