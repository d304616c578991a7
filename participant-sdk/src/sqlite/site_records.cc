#include "sqlite/site_records.h"

#include <utility>

#include "quorum/record_columns.h"

namespace settle::sqlite {
namespace {

using quorum::kRecordColumns;
using quorum::RecordColumns;

std::string Columns() {
  std::string all;
  for (const char* column : kRecordColumns) all += std::string(", ") + column;
  return all;
}

std::string Placeholders(int first) {
  std::string all;
  for (std::size_t i = 0; i < kRecordColumns.size(); ++i) {
    all += ", ?" + std::to_string(first + static_cast<int>(i));
  }
  return all;
}

Statement& BindKey(Statement& statement, const std::string& name, const Gtid& gtid) {
  return statement.Bind(1, std::string_view(name))
      .Bind(2, gtid.log_id())
      .Bind(3, static_cast<std::int64_t>(gtid.epoch()))
      .Bind(4, static_cast<std::int64_t>(gtid.sequence()));
}

}  // namespace

Result<std::optional<SiteRecord>> FindRecord(Connection& connection, const BranchKey& key) {
  if (Status fit = quorum::CheckStorable(key); !fit) return Fail(std::move(fit).error());
  const std::string name = key.DatabaseName();
  // One statement, so that all of it is of one moment.
  Statement find(connection,
                 "SELECT branch IS NOT NULL, EXISTS (SELECT 1 FROM settle_barrier_mark"
                 " WHERE log_id = ?2 AND (epoch, sequence) >= (?3, ?4)),"
                 " EXISTS (SELECT 1 FROM settle_prepared WHERE branch = ?1)" +
                     Columns() + " FROM (SELECT 1) LEFT JOIN settle_three_phase ON branch = ?1");
  const Result<bool> row = BindKey(find, name, key.gtid).Step();
  if (!row) return Fail(row.error());
  const bool found = find.Int(0) != 0;
  if (!found && find.Int(1) != 0) {
    return Fail(ErrorCode::kExpired,
                "transaction " + key.gtid.text() + " ended, and its sites' records were removed");
  }
  if (!found && find.Int(2) != 0) {
    return Fail(ErrorCode::kNotFound,
                "branch " + name +
                    " is prepared, and has no record in settle_three_phase: it was "
                    "no site, or somebody removed the row",
                "its peers may know how the transaction ended");
  }
  if (!found) return std::nullopt;
  RecordColumns columns;
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = find.Text(static_cast<int>(3 + i));
  Result<SiteRecord> record = quorum::FromColumns(columns);
  if (!record) return Fail(std::move(record).error());
  return *std::move(record);
}

Status WriteRecord(Connection& connection, const BranchKey& key, const SiteRecord& record) {
  if (Status fit = quorum::CheckStorable(key); !fit) return fit;
  const Result<RecordColumns> columns = quorum::ToColumns(record);
  if (!columns) return Fail(columns.error());
  const std::string name = key.DatabaseName();
  Statement write(connection, "REPLACE INTO settle_three_phase (branch, log_id, epoch, sequence" +
                                  Columns() + ") VALUES (?1, ?2, ?3, ?4" + Placeholders(5) + ")");
  BindKey(write, name, key.gtid);
  for (std::size_t i = 0; i < columns->size(); ++i) {
    write.Bind(static_cast<int>(5 + i), std::string_view((*columns)[i]));
  }
  const Result<bool> written = write.Step();
  if (!written) return Fail(written.error());
  return {};
}

Status RemoveRecords(Connection& connection, const EndedThrough& mark) {
  Statement remove(connection,
                   "DELETE FROM settle_three_phase WHERE log_id = ?1"
                   " AND (epoch, sequence) <= (?2, ?3) AND state IN ('committed', 'aborted')");
  remove.Bind(1, std::string_view(mark.log_id))
      .Bind(2, static_cast<std::int64_t>(mark.epoch))
      .Bind(3, static_cast<std::int64_t>(mark.sequence));
  const Result<bool> removed = remove.Step();
  if (!removed) return Fail(removed.error());
  return {};
}

}  // namespace settle::sqlite
