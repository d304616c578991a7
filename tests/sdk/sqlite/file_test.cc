// The file behind the resource: what it must be, and that it stays the same one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "bank_file.h"

namespace settle::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";

Result<std::string> IdentityOf(const std::string& path, bool existing_only = false) {
  SqliteOptions options;
  options.name = "bank";
  options.path = path;
  options.existing_only = existing_only;
  return SqliteResource::Make(options)->Identify();
}

// Every file of the directory, by name, with its bytes.
std::map<std::string, std::string> BytesIn(const TemporaryDirectory& directory) {
  std::map<std::string, std::string> bytes;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory.path())) {
    std::ifstream file(entry.path(), std::ios::binary);
    bytes[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  return bytes;
}

void CopyDatabase(const std::string& from, const std::string& to) {
  PlainConnection(from).Query("PRAGMA wal_checkpoint(TRUNCATE)");
  fs::copy_file(from, to, fs::copy_options::overwrite_existing);
}

TEST(SqliteFile, ItsIdentityIsMadeOnceAndNamesThisFile) {
  const BankFile bank;
  const auto identity = bank.Resource()->Identify();
  ASSERT_TRUE(identity) << Describe(identity.error());
  EXPECT_THAT(*identity, MatchesRegex("sqlite:[0-9a-f]+:[0-9]+"));
  EXPECT_EQ(*bank.Resource()->Identify(), *identity);
  EXPECT_NE(*BankFile().Resource()->Identify(), *identity);
}

TEST(SqliteFile, P09_ACopyOfTheFileIsAnotherDatabase) {
  const BankFile bank;
  const TemporaryDirectory directory;
  const auto identity = bank.Resource()->Identify();
  CopyDatabase(bank.path(), directory / "copy.db");
  const auto copy = IdentityOf(directory / "copy.db");
  ASSERT_TRUE(copy) << Describe(copy.error());
  EXPECT_NE(*copy, *identity);
}

TEST(SqliteFile, TheFileIsInWalModeWithSettlesTables) {
  const BankFile bank;
  ASSERT_TRUE(bank.Resource()->Identify());
  EXPECT_EQ(bank.Query("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(
      bank.Query("SELECT name FROM sqlite_schema WHERE name GLOB 'settle_*' AND type = "
                 "'table'"
                 " ORDER BY name"),
      "settle_barrier settle_barrier_mark settle_counter settle_identity settle_lock "
      "settle_migration settle_outcome settle_prepared settle_reservation settle_three_phase");
}

TEST(SqliteFile, ABranchsConnectionIsFullySynchronous) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {});
  EXPECT_EQ(branch->Execute("PRAGMA synchronous")->rows[0][0], "2");
  EXPECT_EQ(branch->Execute("PRAGMA foreign_keys")->rows[0][0], "1");
}

TEST(SqliteFile, Q03_AMissingFileOrDirectoryIsRefusedAndNotMade) {
  const TemporaryDirectory directory;
  const auto missing = IdentityOf(directory / "none.db");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(missing.error().message, HasSubstr("no database file at " + (directory / "none.db")));
  EXPECT_FALSE(fs::exists(directory / "none.db"));
  EXPECT_EQ(IdentityOf(directory.path()).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(IdentityOf("").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(IdentityOf(":memory:").error().code, ErrorCode::kInvalid);
}

TEST(SqliteFile, AFileThatIsNoDatabaseIsRefused) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "text.db") << std::string(5000, 'x');
  const auto identity = IdentityOf(directory / "text.db");
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code, ErrorCode::kInvalid) << Describe(identity.error());
  EXPECT_THAT(identity.error().message, HasSubstr("text.db is not a SQLite database"));
}

TEST(SqliteFile, ADecisionLogIsRefusedAndLeftAsItIs) {
  for (const char* mode : {"DELETE", "WAL"}) {
    const TemporaryDirectory directory;
    const std::string log = directory / "log.db";
    PlainConnection(log).Query(std::string("PRAGMA journal_mode = ") + mode);
    ASSERT_EQ(PlainConnection(log).Run("PRAGMA application_id = 0x53746c65;"
                                       "CREATE TABLE record (position INTEGER PRIMARY KEY)"),
              "");
    const auto before = BytesIn(directory);
    const auto identity = IdentityOf(log);
    ASSERT_FALSE(identity);
    EXPECT_EQ(identity.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(identity.error().message, HasSubstr("decision log"));
    EXPECT_EQ(BytesIn(directory), before) << mode;
  }
}

TEST(SqliteFile, ADecisionLogThatIsInUseIsRefusedAndLeftAsItIs) {
  const TemporaryDirectory directory;
  PlainConnection log(directory / "log.db");
  log.Query("PRAGMA journal_mode = WAL");
  ASSERT_EQ(log.Run("PRAGMA application_id = 0x53746c65; CREATE TABLE record (position)"), "");
  const auto schema = log.Query("PRAGMA schema_version");
  ASSERT_FALSE(IdentityOf(directory / "log.db"));
  EXPECT_EQ(log.Query("PRAGMA schema_version"), schema);
  EXPECT_EQ(log.Query("SELECT name FROM sqlite_schema"), "record");
}

TEST(SqliteFile, ADecisionLogOfACrashedCoordinatorIsLeftAsItIs) {
  const TemporaryDirectory directory;
  const TemporaryDirectory crashed;
  PlainConnection log(directory / "log.db");
  log.Query("PRAGMA journal_mode = WAL");
  ASSERT_EQ(log.Run("PRAGMA application_id = 0x53746c65; CREATE TABLE record (position)"), "");
  for (const char* name : {"log.db", "log.db-wal"}) {
    fs::copy_file(directory / name, crashed / name);
  }
  const auto before = BytesIn(crashed);
  ASSERT_FALSE(IdentityOf(crashed / "log.db"));
  auto after = BytesIn(crashed);
  after.erase("log.db-shm");  // every reader needs it
  EXPECT_EQ(after, before);
}

TEST(SqliteFile, ExistingOnlyRefusesAFileThatWasNeverAResourceAndLeavesItAsItIs) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "empty.db").flush();
  const BankFile bank(directory / "bank.db");
  const auto before = BytesIn(directory);
  for (const char* name : {"empty.db", "bank.db"}) {
    const auto identity = IdentityOf(directory / name, /*existing_only=*/true);
    ASSERT_FALSE(identity) << name;
    EXPECT_EQ(identity.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(identity.error().message, HasSubstr("was never a resource"));
    EXPECT_EQ(BytesIn(directory), before) << name;
  }
  const auto made = bank.Resource()->Identify();
  EXPECT_EQ(*IdentityOf(bank.path(), /*existing_only=*/true), *made);
}

// In a child, as root may write to everything.
TEST(SqliteFile, AFileThatMayNotBeWrittenIsRefused) {
  const BankFile bank;
  ::chmod(bank.path().c_str(), 0444);
  ::chmod(fs::path(bank.path()).parent_path().c_str(), 0755);
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(2);
    const auto identity = bank.Resource()->Identify();
    ::_exit(!identity && identity.error().code == ErrorCode::kUnavailable ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(SqliteFile, AWrongResourceNameIsRefused) {
  const BankFile bank;
  const auto identity = bank.Resource(5s, "a bank")->Identify();
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code, ErrorCode::kInvalid);
}

// All in one transaction: killed in it, the file is as it was.
TEST(SqliteFile, L08_TablesOfEachOlderReleaseComeUpToDateAndKeepWhatIsInThem) {
  const BankFile bank;
  const auto identity = bank.Resource()->Identify();
  ASSERT_TRUE(identity);
  ASSERT_EQ(bank.Run("INSERT INTO settle_outcome VALUES (1, 'settle:x:1', 'committed')"), "");
  const std::string tables =
      "SELECT group_concat(name || sql) FROM (SELECT name, sql FROM sqlite_schema WHERE name GLOB "
      "'settle_*' ORDER BY name)";
  const std::string newest = bank.Query(tables);
  const std::vector<std::pair<int, std::string>> came_with{
      {4, "DROP TABLE settle_three_phase"},
      {3, "DROP TABLE settle_lock; DROP TABLE settle_reservation; DROP TABLE settle_counter"},
      {2, "DROP TABLE settle_barrier; DROP TABLE settle_barrier_mark"}};
  std::string older;
  for (const auto& [version, drop] : came_with) {
    older += drop + "; ";
    ASSERT_EQ(bank.Run(older +
                       "DELETE FROM settle_migration WHERE version >= " + std::to_string(version)),
              "");
    EXPECT_EQ(bank.Resource()->Identify().value(), *identity) << "from before " << version;
    EXPECT_EQ(bank.Query(tables), newest) << "from before " << version;
    EXPECT_EQ(bank.Query("SELECT max(version) || '.' || count(*) FROM settle_migration"), "4.4");
    EXPECT_EQ(bank.Query("SELECT outcome FROM settle_outcome"), "committed");
  }
}

TEST(SqliteFile, TablesOfANewerReleaseAreRefused) {
  const BankFile bank;
  ASSERT_TRUE(bank.Resource()->Identify());
  ASSERT_EQ(bank.Run("INSERT INTO settle_migration VALUES (999, '0999_future.sql')"), "");
  const auto identity = bank.Resource()->Identify();
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code, ErrorCode::kVersion);
  EXPECT_THAT(identity.error().message, HasSubstr("version 999"));
}

TEST(SqliteFile, Q03_AFileReplacedUnderTheResourceIsRefused) {
  const BankFile bank;
  const TemporaryDirectory directory;
  const auto resource = bank.Resource();
  auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const auto prepared_elsewhere = BankFile(directory / "other.db").Resource()->Identify();
  fs::rename(directory / "other.db", bank.path());

  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("was replaced by another file"));
  const auto open = resource->Open(Key(2));
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, ErrorCode::kRefused);
  EXPECT_THAT(open.error().message, HasSubstr("was replaced by another file"));
  EXPECT_EQ(resource->Identify().error().code, ErrorCode::kRefused);
  EXPECT_EQ(resource->ScanPrepared().error().code, ErrorCode::kRefused);
  EXPECT_EQ(bank.Balances(), "100 100");
}

TEST(SqliteFile, Q03_AFileDeletedUnderTheResourceIsRefusedAndTheDecisionWaits) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  fs::rename(bank.path(), bank.path() + ".away");
  const FinishResult away = branch->AwaitFinish(Decision::kCommit);
  EXPECT_EQ(away.end, BranchEnd::kRetry);
  EXPECT_THAT(away.detail, HasSubstr("was deleted or moved"));
  EXPECT_EQ(bank.Resource()->Finish(Key(1), Decision::kCommit, {}).end, BranchEnd::kRetry);
  fs::rename(bank.path() + ".away", bank.path());
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 100");
}

TEST(SqliteFile, Q03_ContentsReplacedInPlaceAreRefused) {
  const BankFile bank;
  const TemporaryDirectory directory;
  BankFile other(directory / "other.db");
  ASSERT_TRUE(other.Resource()->Identify());
  const auto resource = bank.Resource();
  ASSERT_TRUE(resource->Identify());
  {
    const auto branch = OpenAndRun(*resource, Key(2), {kTake10});  // its connection is kept
    ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
    ASSERT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  }
  {
    // As ".restore" of SQLite's shell does it.
    sqlite3* from = nullptr;
    sqlite3* to = nullptr;
    ASSERT_EQ(sqlite3_open(other.path().c_str(), &from), SQLITE_OK);
    ASSERT_EQ(sqlite3_open(bank.path().c_str(), &to), SQLITE_OK);
    sqlite3_backup* backup = sqlite3_backup_init(to, "main", from, "main");
    EXPECT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    EXPECT_EQ(sqlite3_backup_finish(backup), SQLITE_OK);
    sqlite3_close(from);
    sqlite3_close(to);
  }
  const auto identity = resource->Identify();
  ASSERT_FALSE(identity);
  EXPECT_THAT(identity.error().message, HasSubstr("contents"));
  const auto open = resource->Open(Key(1));
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, ErrorCode::kRefused);
}

TEST(SqliteFile, ARelativePathIsMeantFromWhereTheResourceWasMade) {
  const BankFile bank;
  const fs::path before = fs::current_path();
  fs::current_path(fs::path(bank.path()).parent_path());
  SqliteOptions options;
  options.name = "bank";
  options.path = "bank.db";
  const auto resource = SqliteResource::Make(options);
  fs::current_path(before);
  EXPECT_TRUE(resource->Identify());
}

TEST(SqliteFile, OnConnectGivesEveryConnectionTheCollationsThatTheSchemaNeeds) {
  const BankFile bank;
  SqliteOptions options;
  options.name = "bank";
  options.path = bank.path();
  options.on_connect = [](sqlite3* connection) {
    sqlite3_create_collation(
        connection, "backwards", SQLITE_UTF8, nullptr,
        [](void*, int m, const void* a, int n, const void* b) {
          return std::string(static_cast<const char*>(b), static_cast<std::size_t>(n))
              .compare(std::string(static_cast<const char*>(a), static_cast<std::size_t>(m)));
        });
  };
  {
    PlainConnection plain(bank.path());
    options.on_connect(plain.raw());
    ASSERT_EQ(plain.Run("CREATE TABLE word (w TEXT PRIMARY KEY NOT NULL COLLATE backwards, n) "
                        "WITHOUT ROWID"),
              "");
  }
  {
    const auto resource = SqliteResource::Make(options);
    EXPECT_EQ(
        OpenAndRun(*resource, Key(1), {"INSERT INTO word VALUES ('a', 1)"})->AwaitPrepare().vote,
        Vote::kCommit);
  }
  // Without it the row stays prepared; with it any process can finish.
  EXPECT_EQ(bank.Resource()->Finish(Key(1), Decision::kCommit, {}).end, BranchEnd::kRetry);
  EXPECT_EQ(SqliteResource::Make(options)->Finish(Key(1), Decision::kCommit, {}).end,
            BranchEnd::kCommitted);
}

}  // namespace
}  // namespace settle::testing
