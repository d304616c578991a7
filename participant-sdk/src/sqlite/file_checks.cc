#include "sqlite/file_checks.h"

#include <array>

#include "settle/vocabulary/gtid.h"

namespace settle::sqlite {
namespace {

using std::to_string;

// While a branch is prepared nothing else can be written to the file, so this is sooner than for a
// server.
constexpr std::int64_t kPreparedForLong_s = 300;
// SQLite begins at its start again after a checkpoint, at 4 MB by default. Only a reader that does
// not end lets it grow so far.
constexpr std::uint64_t kWalLarge = 256ULL << 20;

Finding CheckJournal(const FileFacts& facts, const std::string&) {
  const std::string code = "sqlite-journal";
  const std::string what =
      "journal_mode is " + facts.journal_mode + ", synchronous " + to_string(facts.synchronous);
  if (facts.journal_mode == "wal" && facts.synchronous >= 2) return {code, Severity::kOk, what, ""};
  return {
      code, Severity::kProblem, what + ": a crash can lose what was prepared or committed",
      "find the program that changes it; until then: PRAGMA journal_mode = WAL, and restart the "
      "processes that serve the file"};
}

Finding CheckWal(const FileFacts& facts, const std::string&) {
  const std::string code = "sqlite-wal";
  const std::string what =
      "the file has " + Bytes(facts.bytes) + ", its -wal " + Bytes(facts.wal_bytes);
  if (facts.wal_bytes < kWalLarge) return {code, Severity::kOk, what, ""};
  return {code, Severity::kWarning, what + ": some reader has not ended for a long time",
          "find who has the file open (fuser -v " + Escaped(facts.path) +
              ") and ends no read transaction"};
}

Finding CheckIntegrity(const FileFacts& facts, const std::string&) {
  const std::string code = "sqlite-integrity";
  if (!facts.quick_check) {
    return {code, Severity::kOk, "not looked at: the file is too large to do so in passing", ""};
  }
  if (*facts.quick_check == "ok")
    return {code, Severity::kOk, "PRAGMA quick_check found nothing", ""};
  return {code, Severity::kProblem, "the file is damaged: " + Escaped(*facts.quick_check),
          "stop what writes to it, save the file with its -wal, then restore a backup"};
}

bool IsOfLog(const std::string& name, const std::string& log_id) {
  return name.starts_with(std::string(kDatabaseNamePrefix) + log_id + ".");
}

std::string PreparedFor(const StagedFact& staged) {
  return Escaped(staged.name) + " is prepared for " + to_string(staged.age_s) +
         " s; no other write is let through";
}

Finding CheckPrepared(const FileFacts& facts, const std::string& log_id) {
  const std::string code = "sqlite-prepared";
  if (!facts.staged || !IsOfLog(facts.staged->name, log_id)) {
    return {code, Severity::kOk, "no branch of this log is prepared", ""};
  }
  if (facts.staged->age_s < kPreparedForLong_s) {
    return {code, Severity::kOk, PreparedFor(*facts.staged), ""};
  }
  return {code, Severity::kWarning, PreparedFor(*facts.staged),
          "settle show its transaction, then 'settle retry' or 'settle resolve': the gtid is "
          "between 'settle:' and the last ':'"};
}

Finding CheckOtherLogs(const FileFacts& facts, const std::string& log_id) {
  const std::string code = "sqlite-prepared-orphans";
  if (!facts.staged || IsOfLog(facts.staged->name, log_id)) {
    return {code, Severity::kOk, "no branch of another log is prepared", ""};
  }
  const std::string what = "of another log, " + PreparedFor(*facts.staged);
  if (facts.staged->age_s < kPreparedForLong_s) return {code, Severity::kNote, what, ""};
  return {code, Severity::kProblem, what,
          "ask the coordinator whose log it names (the 12 characters after 'settle:'), e.g. with "
          "settle agent --once at its address"};
}

Finding CheckGuards(const FileFacts& facts, const std::string&) {
  const std::string code = "sqlite-guards";
  if (facts.missing_guards == 0) {
    return {code, Severity::kOk, "every table has its guard triggers", ""};
  }
  const std::string what = to_string(facts.missing_guards) + " guard triggers are missing";
  if (!facts.staged) {
    return {code, Severity::kOk, what + ": the next branch makes them", ""};
  }
  return {code, Severity::kProblem,
          what + " while a branch is prepared: other programs may write what it rests on",
          "stop other writers of the file until 'settle in-doubt' shows nothing of this resource"};
}

Finding CheckTables(const FileFacts& facts, const std::string&) {
  const std::string code = "sqlite-tables";
  const std::string what = "Settle's tables have version " + to_string(facts.tables_version) +
                           ", this program makes version " + to_string(facts.tables_latest);
  if (facts.tables_version == facts.tables_latest) return {code, Severity::kOk, what, ""};
  if (facts.tables_version < facts.tables_latest) {
    return {code, Severity::kWarning, what + ": the file was exchanged for an older one",
            "restart the processes that serve the file: they bring the tables up to date"};
  }
  return {code, Severity::kWarning, what,
          "upgrade this program to a release at least as new as the one that made them"};
}

Finding CheckWriter(const FileFacts& facts, const std::string&) {
  const std::string code = "sqlite-writer";
  if (facts.writer.empty()) return {code, Severity::kOk, "the file can be written to", ""};
  return {code, Severity::kNote, facts.writer,
          "branches wait for it: keep transactions that write to the file short"};
}

using Check = Finding (*)(const FileFacts& facts, const std::string& log_id);
constexpr std::array<Check, 8> kChecks{CheckJournal,   CheckWal,    CheckIntegrity, CheckPrepared,
                                       CheckOtherLogs, CheckGuards, CheckTables,    CheckWriter};

}  // namespace

std::vector<Finding> CheckFile(const FileFacts& facts, const std::string& log_id) {
  std::vector<Finding> findings = CheckFileSystem(facts.file_system, "sqlite", facts.path);
  for (const Check check : kChecks) findings.push_back(check(facts, log_id));
  return findings;
}

}  // namespace settle::sqlite
