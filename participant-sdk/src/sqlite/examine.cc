#include "sqlite/examine.h"

#include <chrono>
#include <cstdlib>

#include "sqlite/file_checks.h"
#include "sqlite/store.h"
#include "sqlite/work.h"

namespace settle::sqlite {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t kQuickCheckBytesMost = 64ULL << 20;

std::uint64_t SizeOf(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

// None when it took too long.
Result<std::optional<std::string>> QuickCheck(Connection& connection, milliseconds patience) {
  Clock::time_point until = Clock::now() + patience;
  const auto is_late = [](void* deadline) {
    return Clock::now() > *static_cast<Clock::time_point*>(deadline) ? 1 : 0;
  };
  sqlite3_progress_handler(connection.raw(), 10'000, is_late, &until);
  Result<std::string> said = connection.Ask("PRAGMA quick_check(1)");
  const int error = sqlite3_errcode(connection.raw()) & 0xff;
  sqlite3_progress_handler(connection.raw(), 0, nullptr, nullptr);
  if (said) return std::optional(*std::move(said));
  if (error == SQLITE_INTERRUPT) return std::nullopt;
  if (error == SQLITE_CORRUPT || error == SQLITE_NOTADB) return std::optional(said.error().message);
  return Fail(said.error());
}

Result<std::optional<StagedFact>> ReadStaged(Connection& connection) {
  Statement find(connection,
                 "SELECT branch, strftime('%s', 'now') - strftime('%s', prepared_at) "
                 "FROM settle_prepared");
  const Result<bool> row = find.Step();
  if (!row) return Fail(row.error());
  if (!*row) return std::nullopt;
  return std::optional(StagedFact{find.Text(0), find.Int(1)});
}

std::string FindWriter(File& file, Connection& connection, milliseconds patience) {
  if (const std::shared_ptr<Work> live = file.live(); live != nullptr) return {};
  connection.SetBusyTimeout(patience);
  const Status begun = connection.BeginImmediate();
  if (begun) connection.Rollback();
  const bool busy = !begun && (sqlite3_errcode(connection.raw()) & 0xff) == SQLITE_BUSY;
  return busy ? "another program has been writing to the file for " +
                    std::to_string(patience.count()) + " ms or more"
              : "";
}

Result<FileFacts> ReadFacts(File& file, Connection& connection, milliseconds timeout) {
  FileFacts facts;
  facts.path = file.options().path;
  facts.bytes = SizeOf(facts.path);
  facts.wal_bytes = SizeOf(facts.path + "-wal");
  const Result<FileSystem> file_system = LookAtFileSystem(facts.path);
  if (!file_system) return Fail(file_system.error());
  facts.file_system = *file_system;
  const Result<std::string> journal = connection.Ask("PRAGMA journal_mode");
  if (!journal) return Fail(journal.error());
  facts.journal_mode = *journal;
  const Result<std::string> synchronous = connection.Ask("PRAGMA synchronous");
  if (!synchronous) return Fail(synchronous.error());
  facts.synchronous = std::atoi(synchronous->c_str());
  if (facts.bytes <= kQuickCheckBytesMost) {
    Result<std::optional<std::string>> said = QuickCheck(connection, timeout / 2);
    if (!said) return Fail(said.error());
    facts.quick_check = *std::move(said);
  }
  Result<std::optional<StagedFact>> staged = ReadStaged(connection);
  if (!staged) return Fail(staged.error());
  facts.staged = *std::move(staged);
  const Result<int> guards = CountMissingGuards(connection);
  if (!guards) return Fail(guards.error());
  facts.missing_guards = *guards;
  const Result<std::int64_t> version = SchemaVersion(connection);
  if (!version) return Fail(version.error());
  facts.tables_version = *version;
  facts.tables_latest = LatestVersion();
  facts.writer = FindWriter(file, connection, timeout / 4);
  return facts;
}

}  // namespace

Examination Examine(File& file, const std::string& log_id, milliseconds timeout) {
  const std::string code = "sqlite-reachable";
  const auto failed = [&](const Error& error) {
    return Examination{{{code, Severity::kProblem, error.message, error.advice}}};
  };
  const Result<std::unique_ptr<Connection>> connection = file.Connect();
  if (!connection) return failed(connection.error());
  if (Status same = file.CheckContents(**connection); !same) return failed(same.error());
  const Result<FileFacts> facts = ReadFacts(file, **connection, timeout);
  if (!facts) return failed(facts.error());
  Examination examination{CheckFile(*facts, log_id)};
  examination.findings.insert(examination.findings.begin(),
                              {code, Severity::kOk, file.identity(), ""});
  return examination;
}

}  // namespace settle::sqlite
