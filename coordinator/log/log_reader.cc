#include "log/log_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "log/failures.h"
#include "log/pruned_ranges.h"
#include "log/record_codec.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using sqlite::Expected;
using sqlite::Statement;

constexpr auto kMostStored = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

tl::unexpected<Error> Damaged(const std::string& path, std::int64_t position,
                              std::string_view what) {
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{}: the record at position {} is damaged: {}", path, position, what),
              "nothing may be presumed from this log: keep it, and restore a backup");
}

// An Error for a record that cannot be read, with its position; a newer version stays a newer
// version.
tl::unexpected<Error> Undecodable(const std::string& path, std::int64_t position,
                                  const Error& error) {
  if (error.code != ErrorCode::kVersion) return Damaged(path, position, error.message);
  return Fail(ErrorCode::kVersion,
              fmt::format("{}: the record at position {}: {}", path, position, error.message),
              error.advice);
}

// Whether the index has this end; false if it names a later position, where another end of the same
// transaction will have to be.
Result<bool> IsIndexed(Statement& find, const std::string& path, std::int64_t position,
                       const TransactionSummary& summary) {
  find.Bind(1, static_cast<std::int64_t>(summary.gtid.epoch()));
  find.Bind(2, static_cast<std::int64_t>(summary.gtid.sequence()));
  const Expected<bool> row = find.Step();
  if (!row) return Fail(ErrorOf(row.error(), path, "read the index of ended transactions"));
  const std::int64_t indexed = *row ? find.Number(0) : 0;
  const std::int64_t outcome = *row ? find.Number(1) : 0;
  find.Reset();
  const bool same =
      indexed == position && outcome == static_cast<std::int64_t>(summary.ending.outcome);
  if (same || indexed > position) return same;
  return Damaged(path, position, "the index of ended transactions does not agree with it");
}

struct Key {
  std::int64_t epoch = kMostStored;
  std::int64_t sequence = kMostStored;
};

Result<Key> ParseCursor(const std::string& cursor) {
  Key key;
  if (cursor.empty()) return key;
  const char* const end = cursor.data() + cursor.size();
  const auto epoch = std::from_chars(cursor.data(), end, key.epoch);
  if (epoch.ec == std::errc{} && epoch.ptr != end && *epoch.ptr == '.') {
    const auto sequence = std::from_chars(epoch.ptr + 1, end, key.sequence);
    if (sequence.ec == std::errc{} && sequence.ptr == end) return key;
  }
  return Fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not a cursor of a list", Escaped(cursor)),
              "give back a cursor exactly as the page before gave it, or none for the newest");
}

// The end that the index says is at `position`.
Result<TransactionSummary> DecodeEnd(const std::string& path, std::int64_t position,
                                     std::string_view payload) {
  Result<Record> record = DecodeRecord(payload);
  if (!record) return Undecodable(path, position, record.error());
  auto* end = std::get_if<EndRecord>(&*record);
  if (end == nullptr) return Damaged(path, position, "the index takes it for an end");
  return std::move(end->summary);
}

// What pruning has moved: older than all that has not moved, which begins at `first`. How many.
Result<std::uint64_t> ReplayMoved(
    Connection& connection, const std::string& path, std::uint64_t first,
    const std::function<void(const Place& place, Record record)>& visit) {
  Expected<Statement> records = Statement::Prepare(
      connection,
      "SELECT position, payload, ordinal FROM record WHERE ordinal IS NOT NULL ORDER BY ordinal");
  if (!records) return Fail(ErrorOf(records.error(), path, "read the records that were moved"));
  for (std::uint64_t count = 0;; ++count) {
    const Expected<bool> row = records->Step();
    if (!row) return Fail(ErrorOf(row.error(), path, "read the records that were moved"));
    if (!*row) return count;
    const std::int64_t position = records->Number(0);
    Result<Record> record = DecodeRecord(records->Bytes(1));
    if (!record) return Undecodable(path, position, record.error());
    const std::int64_t ordinal = records->Number(2);
    if (ordinal < 1 || ordinal >= static_cast<std::int64_t>(first) ||
        std::holds_alternative<EndRecord>(*record)) {
      return Damaged(path, position, "it cannot have been moved");
    }
    visit({static_cast<std::uint64_t>(position), static_cast<std::uint64_t>(ordinal)},
          *std::move(record));
  }
}

}  // namespace

Status ReplayRecords(Connection& connection, const std::string& path, std::uint64_t first,
                     std::uint64_t last,
                     const std::function<void(const Place& place, Record record)>& visit) {
  const Result<std::uint64_t> moved = ReplayMoved(connection, path, first, visit);
  if (!moved) return Fail(moved.error());
  Expected<Statement> records = Statement::Prepare(
      connection, "SELECT position, payload, ordinal IS NOT NULL FROM record ORDER BY position");
  if (!records) return Fail(ErrorOf(records.error(), path, "read the records"));
  Expected<Statement> find = Statement::Prepare(
      connection, "SELECT position, outcome FROM ended WHERE epoch = ? AND sequence = ?");
  if (!find) return Fail(ErrorOf(find.error(), path, "read the index of ended transactions"));

  std::uint64_t indexed = 0;
  std::uint64_t visited = 0;
  auto expected = static_cast<std::int64_t>(first);
  for (;; ++expected) {
    const Expected<bool> row = records->Step();
    if (!row) {
      return Fail(ErrorOf(row.error(), path, fmt::format("read on from position {}", expected)));
    }
    if (!*row) break;
    const std::int64_t position = records->Number(0);
    if (position != expected) return Damaged(path, expected, "it is missing");
    if (records->Number(2) != 0) continue;  // visited above
    ++visited;
    Result<Record> record = DecodeRecord(records->Bytes(1));
    if (!record) return Undecodable(path, position, record.error());
    if (const auto* end = std::get_if<EndRecord>(&*record)) {
      const Result<bool> is_indexed = IsIndexed(*find, path, position, end->summary);
      if (!is_indexed) return Fail(is_indexed.error());
      indexed += *is_indexed ? 1 : 0;
    }
    const auto place = static_cast<std::uint64_t>(position);
    visit({place, place}, *std::move(record));
  }
  if (static_cast<std::uint64_t>(expected) != last + 1) {
    return Damaged(path, expected, "it is missing");
  }
  if (*moved + visited != last + 1 - first) {
    return Fail(ErrorCode::kCorrupt,
                fmt::format("{}: the index of moved records has {} entries, and {} of {} records "
                            "have not moved",
                            path, *moved, visited, last + 1 - first),
                "nothing may be presumed from this log: keep it, and restore a backup");
  }
  const Expected<std::string> rows = connection.Ask("SELECT count(*) FROM ended");
  if (!rows) return Fail(ErrorOf(rows.error(), path, "count the index of ended transactions"));
  if (*rows == std::to_string(indexed)) return {};
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{}: the index of ended transactions has {} entries, {} of them are "
                          "right",
                          path, *rows, indexed),
              "nothing may be presumed from this log: keep it, and restore a backup");
}

Result<std::optional<TransactionSummary>> EndedTransactions::Find(const Gtid& gtid) {
  if (gtid.epoch() > kMostStored || gtid.sequence() > kMostStored) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (auto prepared = PrepareToFind(); !prepared) {
    return Fail(ErrorOf(prepared.error(), path_, "look for an ended transaction"));
  }
  Result<std::optional<TransactionSummary>> found = FindIndexed(gtid);
  // One that is not reset keeps a checkpoint from reaching the log's end.
  find_->Reset();
  return found;
}

// Both stay prepared: a start asks for every transaction that is in doubt.
Expected<void> EndedTransactions::PrepareToFind() {
  if (!find_) {
    Expected<Statement> find =
        Statement::Prepare(connection_,
                           "SELECT ended.position, record.payload FROM ended LEFT JOIN record "
                           "ON record.position = ended.position WHERE epoch = ? AND sequence = ?");
    if (!find) return tl::unexpected(std::move(find.error()));
    find_.emplace(*std::move(find));
  }
  if (!pruned_) {
    Expected<PrunedLookup> pruned = PrunedLookup::Make(connection_);
    if (!pruned) return tl::unexpected(std::move(pruned.error()));
    pruned_.emplace(*std::move(pruned));
  }
  return {};
}

Result<std::optional<TransactionSummary>> EndedTransactions::FindIndexed(const Gtid& gtid) {
  find_->Bind(1, static_cast<std::int64_t>(gtid.epoch()));
  find_->Bind(2, static_cast<std::int64_t>(gtid.sequence()));
  const Expected<bool> row = find_->Step();
  if (!row) return Fail(ErrorOf(row.error(), path_, "look for an ended transaction"));
  if (!*row) return RefuseIfPruned(gtid);
  Result<TransactionSummary> summary = DecodeEnd(path_, find_->Number(0), find_->Bytes(1));
  if (!summary) return Fail(summary.error());
  if (summary->gtid.epoch() != gtid.epoch() || summary->gtid.sequence() != gtid.sequence()) {
    return Damaged(path_, find_->Number(0), "the index takes it for another transaction");
  }
  if (summary->gtid != gtid) return std::nullopt;  // a guessed tail
  return *std::move(summary);
}

// Asked after the index: what leaves the index is in the table of what was pruned by then.
Result<std::optional<TransactionSummary>> EndedTransactions::RefuseIfPruned(const Gtid& gtid) {
  const Expected<bool> pruned = pruned_->Has({gtid.epoch(), gtid.sequence()});
  if (!pruned) return Fail(ErrorOf(pruned.error(), path_, "look for a pruned transaction"));
  if (!*pruned) return std::nullopt;
  return Fail(ErrorCode::kExpired,
              "transaction " + gtid.text() +
                  " ended here, and its record was pruned: whether it was committed is not known "
                  "any more",
              "look in the databases of its branches whether its work is there; settled "
              "--keep-ended sets how many ended transactions are remembered");
}

Result<EndedPage> EndedTransactions::List(std::size_t most, const std::string& cursor) {
  const Result<Key> before = ParseCursor(cursor);
  if (!before) return Fail(before.error());
  most = std::clamp<std::size_t>(most, 1, kPageMax);

  const std::lock_guard lock(mutex_);
  Expected<Statement> list =
      Statement::Prepare(connection_,
                         "SELECT ended.position, record.payload FROM ended LEFT JOIN record "
                         "ON record.position = ended.position WHERE (epoch, sequence) < (?, ?) "
                         "ORDER BY epoch DESC, sequence DESC LIMIT ?");
  if (!list) return Fail(ErrorOf(list.error(), path_, "list ended transactions"));
  list->Bind(1, before->epoch);
  list->Bind(2, before->sequence);
  list->Bind(3, static_cast<std::int64_t>(most) + 1);  // one more tells whether there are more
  EndedPage page;
  for (;;) {
    const Expected<bool> row = list->Step();
    if (!row) return Fail(ErrorOf(row.error(), path_, "list ended transactions"));
    if (!*row) return page;
    if (page.transactions.size() == most) {
      const Gtid& last = page.transactions.back().gtid;
      page.next_cursor = fmt::format("{}.{}", last.epoch(), last.sequence());
      return page;
    }
    Result<TransactionSummary> summary = DecodeEnd(path_, list->Number(0), list->Bytes(1));
    if (!summary) return Fail(summary.error());
    page.transactions.push_back(*std::move(summary));
  }
}

}  // namespace settle::coordinator
