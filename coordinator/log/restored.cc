#include "log/restored.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "log/checksum.h"
#include "log/failures.h"
#include "log/meta.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using sqlite::Expected;
using sqlite::Failure;
using sqlite::Statement;

constexpr const char* kTaken = "backup_taken";
constexpr const char* kEpoch = "backup_epoch";
constexpr const char* kPosition = "backup_position";

tl::unexpected<Error> Damaged(const std::string& path, const std::string& what) {
  return Fail(ErrorCode::kCorrupt, fmt::format("{} is damaged: {}", path, what),
              "nothing may be presumed from a damaged log: keep it, and restore a backup");
}

std::string OrNone(const std::optional<std::int64_t>& number) {
  return number ? std::to_string(*number) : "-";
}

std::optional<std::int64_t> LostFrom(const Restoration& row) {
  if (!row.lost_from) return std::nullopt;
  return static_cast<std::int64_t>(*row.lost_from);
}

std::int64_t ChecksumOf(const Restoration& row) {
  return Checksum(fmt::format("{}:{}:{}:{}:{}:{}", row.epoch, OrNone(LostFrom(row)),
                              OrNone(row.taken), row.restored, row.by, row.reason));
}

// Of a row of epoch, lost_from, lost_from is null, taken, taken is null, restored, operator,
// reason.
Restoration ReadRow(const Statement& row) {
  Restoration read;
  read.epoch = static_cast<Epoch>(row.Number(0));
  if (row.Number(2) == 0) read.lost_from = static_cast<Epoch>(row.Number(1));
  if (row.Number(4) == 0) read.taken = row.Number(3);
  read.restored = row.Number(5);
  read.by = row.Bytes(6);
  read.reason = row.Bytes(7);
  return read;
}

}  // namespace

Result<std::optional<BackupMark>> ReadBackupMark(Connection& connection, const std::string& path) {
  const std::array<const char*, 3> names{kTaken, kEpoch, kPosition};
  std::array<std::int64_t, 3> values{};
  std::size_t there = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Result<bool> has = HasMeta(connection, path, names.at(i));
    if (!has) return Fail(has.error());
    if (!*has) continue;
    ++there;
    const Result<std::string> value = ReadMeta(connection, path, names.at(i));
    if (!value) return Fail(value.error());
    if (!ParseNumber(*value, values.at(i)) || values.at(i) < 0) {
      return Damaged(path, fmt::format("its {} cannot be", names.at(i)));
    }
  }
  if (there == 0) return std::nullopt;
  if (there != names.size()) return Damaged(path, "its mark as a backup is not whole");
  return BackupMark{values[0], static_cast<Epoch>(values[1]),
                    static_cast<std::uint64_t>(values[2])};
}

Expected<void> WriteBackupMark(Connection& connection, const BackupMark& mark) {
  const std::array<std::pair<const char*, std::string>, 3> rows{{
      {kTaken, std::to_string(mark.taken)},
      {kEpoch, std::to_string(mark.epoch)},
      {kPosition, std::to_string(mark.position)},
  }};
  for (const auto& [name, value] : rows) {
    if (auto run = WriteMeta(connection, name, value); !run) return run;
  }
  return {};
}

Expected<void> RemoveBackupMark(Connection& connection) {
  for (const char* name : {kTaken, kEpoch, kPosition}) {
    if (auto run = RemoveMeta(connection, name); !run) return run;
  }
  return {};
}

Result<std::vector<Restoration>> ReadRestorations(Connection& connection, const std::string& path) {
  Expected<Statement> rows = Statement::Prepare(
      connection,
      "SELECT epoch, lost_from, lost_from IS NULL, taken, taken IS NULL, restored, operator, "
      "reason, crc FROM restored ORDER BY epoch");
  if (!rows) return Fail(ErrorOf(rows.error(), path, "read from what it was restored"));
  std::vector<Restoration> restorations;
  for (;;) {
    const Expected<bool> row = rows->Step();
    if (!row) return Fail(ErrorOf(row.error(), path, "read from what it was restored"));
    if (!*row) break;
    Restoration read = ReadRow(*rows);
    const bool sound = rows->Number(8) == ChecksumOf(read) && read.epoch > 0 &&
                       read.lost_from.value_or(0) <= read.epoch;
    if (!sound) {
      return Damaged(path, fmt::format("what it knows of the restore before epoch {} cannot be",
                                       rows->Number(0) + 1));
    }
    restorations.push_back(std::move(read));
  }
  const Result<std::string> count = ReadMeta(connection, path, "restored");
  if (!count) return Fail(count.error());
  if (*count == std::to_string(restorations.size())) return restorations;
  return Damaged(
      path, fmt::format("it was restored {} times, and knows of {}", *count, restorations.size()));
}

Expected<void> AddRestoration(Connection& connection, const Restoration& restoration,
                              std::size_t before) {
  Expected<Statement> insert = Statement::Prepare(
      connection,
      "INSERT INTO restored (epoch, lost_from, taken, restored, operator, reason, crc) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return tl::unexpected<Failure>(std::move(insert.error()));
  insert->Bind(1, static_cast<std::int64_t>(restoration.epoch));
  // What is not bound is null.
  if (const auto lost_from = LostFrom(restoration)) insert->Bind(2, *lost_from);
  if (restoration.taken) insert->Bind(3, *restoration.taken);
  insert->Bind(4, restoration.restored);
  insert->BindText(5, restoration.by);
  insert->BindText(6, restoration.reason);
  insert->Bind(7, ChecksumOf(restoration));
  if (auto run = insert->Run(); !run) return run;
  return WriteMeta(connection, "restored", std::to_string(before + 1));
}

std::vector<LostEpochs> LostIn(const std::vector<Restoration>& restorations) {
  std::vector<LostEpochs> lost;
  for (const Restoration& one : restorations) {
    if (one.lost_from) lost.push_back({*one.lost_from, one.epoch, one.taken.value_or(0)});
  }
  return lost;
}

}  // namespace settle::coordinator
