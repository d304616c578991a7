#include "log/meta.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "log/checksum.h"
#include "log/failures.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using sqlite::Expected;
using sqlite::Failure;
using sqlite::Statement;

constexpr std::array<std::string_view, 16> kNames{
    "log_id",     "epoch",        "tail",           "first_position",
    "pruned",     "audit_first",  "pruned_aborted", "pruned_committed",
    "audit_base", "audit_next",   "audit_last",     "pruned_heuristic",
    "restored",   "backup_taken", "backup_epoch",   "backup_position"};

// The keys of gtids have a row for each epoch (schema.h).
bool IsSeal(std::string_view name) {
  constexpr std::string_view kPrefix = "seal.";
  std::uint64_t epoch = 0;
  return name.starts_with(kPrefix) && ParseNumber(name.substr(kPrefix.size()), epoch);
}

}  // namespace

std::int64_t MetaChecksum(std::string_view name, std::string_view value) {
  return Checksum(fmt::format("{}={}", name, value));
}

Expected<void> WriteMeta(Connection& connection, std::string_view name, std::string_view value) {
  Expected<Statement> write = Statement::Prepare(
      connection, "INSERT OR REPLACE INTO meta (name, value, crc) VALUES (?, ?, ?)");
  if (!write) return tl::unexpected<Failure>(std::move(write.error()));
  write->BindText(1, name);
  write->BindText(2, value);
  write->Bind(3, MetaChecksum(name, value));
  return write->Run();
}

Expected<void> RemoveMeta(Connection& connection, std::string_view name) {
  Expected<Statement> remove = Statement::Prepare(connection, "DELETE FROM meta WHERE name = ?");
  if (!remove) return tl::unexpected<Failure>(std::move(remove.error()));
  remove->BindText(1, name);
  return remove->Run();
}

Result<bool> HasMeta(Connection& connection, const std::string& path, std::string_view name) {
  Expected<Statement> read = Statement::Prepare(connection, "SELECT 1 FROM meta WHERE name = ?");
  if (!read) return Fail(ErrorOf(read.error(), path, "read what is known of the log"));
  read->BindText(1, name);
  const Expected<bool> row = read->Step();
  if (!row) return Fail(ErrorOf(row.error(), path, "read what is known of the log"));
  return *row;
}

Result<std::string> ReadMeta(Connection& connection, const std::string& path,
                             std::string_view name) {
  Expected<Statement> read =
      Statement::Prepare(connection, "SELECT value, crc FROM meta WHERE name = ?");
  if (!read) return Fail(ErrorOf(read.error(), path, "read what is known of the log"));
  read->BindText(1, name);
  const Expected<bool> row = read->Step();
  if (!row) return Fail(ErrorOf(row.error(), path, "read what is known of the log"));
  std::string value = *row ? std::string(read->Bytes(0)) : std::string();
  if (!*row || read->Number(1) != MetaChecksum(name, value)) {
    return Fail(ErrorCode::kCorrupt,
                fmt::format("{}: the log's {} is {}", path, name, *row ? "damaged" : "missing"),
                "nothing may be presumed from a damaged log: keep it, and restore a backup");
  }
  return value;
}

Status CheckMetaNames(Connection& connection, const std::string& path) {
  Expected<Statement> names = Statement::Prepare(connection, "SELECT name FROM meta");
  if (!names) return Fail(ErrorOf(names.error(), path, "read what is known of the log"));
  for (;;) {
    const Expected<bool> row = names->Step();
    if (!row) return Fail(ErrorOf(row.error(), path, "read what is known of the log"));
    if (!*row) return {};
    const std::string_view name = names->Bytes(0);
    if (IsSeal(name) || std::find(kNames.begin(), kNames.end(), name) != kNames.end()) continue;
    return Fail(ErrorCode::kCorrupt,
                fmt::format("{}: what is known of the log has a damaged name, \"{}\"", path,
                            Escaped(std::string(name))),
                "nothing may be presumed from a damaged log: keep it, and restore a backup");
  }
}

}  // namespace settle::coordinator
