// From which figure on a finding about a SQLite file is a warning, and from which a problem.
#include "sqlite/file_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/findings.h"

namespace settle::testing {
namespace {

using sqlite::CheckFile;
using sqlite::FileFacts;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::uint64_t kMebibyte = 1 << 20;

FileFacts Sound() {
  FileFacts facts;
  facts.path = "/var/lib/shop/stock.db";
  facts.journal_mode = "wal";
  facts.synchronous = 2;
  facts.file_system = {.type = "ext4", .bytes = 100'000 * kMebibyte, .free_bytes = 256 * kMebibyte};
  facts.quick_check = "ok";
  facts.tables_version = 4;
  facts.tables_latest = 4;
  return facts;
}

Finding About(const FileFacts& facts, const std::string& code) {
  return Find(CheckFile(facts, "k3m9qxw4c7ab"), code);
}
Severity Of(const FileFacts& facts, const std::string& code) { return About(facts, code).severity; }

TEST(SqliteFileChecks, ASoundFileIsAllWell) {
  for (const Finding& finding : CheckFile(Sound(), "k3m9qxw4c7ab")) {
    EXPECT_EQ(finding.severity, Severity::kOk) << ::testing::PrintToString(finding);
    EXPECT_THAT(finding.what, Not(IsEmpty()));
    EXPECT_THAT(finding.advice, IsEmpty());
  }
}

TEST(SqliteFileChecks, AnyJournalButWalAndAnyFlushBelowFullIsAProblem) {
  FileFacts facts = Sound();
  facts.synchronous = 3;
  EXPECT_EQ(Of(facts, "sqlite-journal"), Severity::kOk);
  facts.synchronous = 1;
  EXPECT_EQ(Of(facts, "sqlite-journal"), Severity::kProblem);
  facts = Sound();
  facts.journal_mode = "delete";
  EXPECT_EQ(Of(facts, "sqlite-journal"), Severity::kProblem);
}

TEST(SqliteFileChecks, ABranchOfThisLogAndOneOfAnotherAreToldApart) {
  FileFacts facts = Sound();
  facts.staged = {"settle:k3m9qxw4c7ab.1.7.9f3c2a51:1", 299};
  EXPECT_EQ(Of(facts, "sqlite-prepared"), Severity::kOk);
  facts.staged->age_s = 300;
  EXPECT_EQ(Of(facts, "sqlite-prepared"), Severity::kWarning);
  EXPECT_EQ(Of(facts, "sqlite-prepared-orphans"), Severity::kOk);
  facts.staged = {"settle:aaaaaaaaaaaa.1.7.9f3c2a51:1", 299};
  EXPECT_EQ(Of(facts, "sqlite-prepared-orphans"), Severity::kNote);
  facts.staged->age_s = 300;
  EXPECT_EQ(Of(facts, "sqlite-prepared-orphans"), Severity::kProblem) << "nobody can write";
  EXPECT_EQ(Of(facts, "sqlite-prepared"), Severity::kOk);
}

TEST(SqliteFileChecks, GuardsMatterWhileABranchIsPrepared) {
  FileFacts facts = Sound();
  facts.missing_guards = 3;
  EXPECT_EQ(Of(facts, "sqlite-guards"), Severity::kOk);
  facts.staged = {"settle:k3m9qxw4c7ab.1.7.9f3c2a51:1", 0};
  EXPECT_EQ(Of(facts, "sqlite-guards"), Severity::kProblem);
}

TEST(SqliteFileChecks, AWalThatOnlyGrowsIsAWarning) {
  FileFacts facts = Sound();
  facts.wal_bytes = 256 * kMebibyte - 1;
  EXPECT_EQ(Of(facts, "sqlite-wal"), Severity::kOk);
  ++facts.wal_bytes;
  EXPECT_EQ(Of(facts, "sqlite-wal"), Severity::kWarning);
}

TEST(SqliteFileChecks, DamageIsAProblemAndAFileThatWasNotReadThroughIsNone) {
  FileFacts facts = Sound();
  facts.quick_check = "row 7 missing from index \x1b[2J";
  EXPECT_EQ(Of(facts, "sqlite-integrity"), Severity::kProblem);
  EXPECT_THAT(About(facts, "sqlite-integrity").what, Not(HasSubstr("\x1b")));
  facts.quick_check.reset();
  EXPECT_EQ(Of(facts, "sqlite-integrity"), Severity::kOk);
}

TEST(SqliteFileChecks, OtherVersionsOfTheTablesAreWarnings) {
  FileFacts facts = Sound();
  facts.tables_version = 3;
  EXPECT_EQ(Of(facts, "sqlite-tables"), Severity::kWarning);
  facts.tables_version = 5;
  EXPECT_EQ(Of(facts, "sqlite-tables"), Severity::kWarning);
}

TEST(FileSystem, RoomIsAWarningBelow256MiBAndAProblemBelow16) {
  FileSystem found{.type = "ext4", .bytes = 1'000 * kMebibyte, .free_bytes = 256 * kMebibyte};
  const auto severity = [&] {
    return SeverityOf(CheckFileSystem(found, "log", "/x"), "log-space");
  };
  EXPECT_EQ(severity(), Severity::kOk);
  --found.free_bytes;
  EXPECT_EQ(severity(), Severity::kWarning);
  found.free_bytes = 16 * kMebibyte;
  EXPECT_EQ(severity(), Severity::kWarning);
  --found.free_bytes;
  EXPECT_EQ(severity(), Severity::kProblem);
}

TEST(FileSystem, NetworksAndMemoryAreWarnedAbout) {
  const auto severity_of = [](std::int64_t magic) {
    FileSystem found;
    found.kind = KindOf(magic, found.type);
    return SeverityOf(CheckFileSystem(found, "log", "/x"), "log-file-system");
  };
  EXPECT_EQ(severity_of(0xef53), Severity::kOk) << "ext4";
  EXPECT_EQ(severity_of(0x12345678), Severity::kOk) << "nothing is known against it";
  EXPECT_EQ(severity_of(0x6969), Severity::kWarning) << "nfs";
  EXPECT_EQ(severity_of(0xff534d42), Severity::kWarning) << "cifs";
  EXPECT_EQ(severity_of(0x01021994), Severity::kWarning) << "tmpfs";
}

TEST(FileSystem, WhereAFileLivesIsReadFromTheSystem) {
  const Result<FileSystem> memory = LookAtFileSystem("/dev/shm");
  ASSERT_TRUE(memory) << Describe(memory.error());
  EXPECT_EQ(memory->type, "tmpfs");
  EXPECT_GT(memory->bytes, 0u);
  EXPECT_FALSE(LookAtFileSystem("/nowhere/at/all"));
}

TEST(FileSystem, BytesAreSaidInTheUnitThatFits) {
  EXPECT_EQ(Bytes(0), "0 B");
  EXPECT_EQ(Bytes(1536), "1.5 KiB");
  EXPECT_EQ(Bytes(~0ULL), "16777216.0 TiB");
}

}  // namespace
}  // namespace settle::testing
