// The daemon as a service: stopping, two of them, its log exchanged, restored, newer or out of
// reach.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// The exit codes of `settled --help`.
constexpr int kLogNewer = 66;
constexpr int kLogUnavailable = 69;

class DaemonStops : public WithBothBanks {};

TEST_P(DaemonStops, C11_SigtermWithTransfersInFlight_DrainsWithinTheBoundAndExits0) {
  world_.daemon().Start();
  std::vector<Application*> shops{&world_.Start(), &world_.Start()};
  for (Application* shop : shops) shop->StartLoad();
  ASSERT_TRUE(WaitUntil([&] { return world_.bank('a').Transfers().size() > 3; }));

  const auto ended = world_.daemon().Terminate(10s);
  ASSERT_TRUE(ended.has_value()) << "it did not stop";
  EXPECT_EQ(ended->code, 0);
  world_.daemon().Start();
  for (Application* shop : shops) EXPECT_THAT(shop->StopLoad(), StartsWith("ok"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Service, DaemonStops, ::testing::Values(kBothPostgres, kBothSqlite),
                         NameOfKinds);

class DaemonAndLog : public EndToEnd {
 protected:
  explicit DaemonAndLog(Kinds kinds = kBothSqlite) : EndToEnd(kinds) {}

  std::vector<std::string> LogFiles() {
    std::vector<std::string> files;
    for (const char* suffix : {"", "-wal", "-shm"}) {
      const std::string file = world_.daemon().log_path() + suffix;
      if (std::filesystem::exists(file)) files.push_back(file);
    }
    return files;
  }
  void MoveLog(const std::string& from, const std::string& to) {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(to + suffix);
      if (std::filesystem::exists(from + suffix)) {
        std::filesystem::rename(from + suffix, to + suffix);
      }
    }
  }
  void CopyLog(const std::string& to) {
    for (const std::string& file : LogFiles()) {
      std::filesystem::copy_file(file, to + file.substr(world_.daemon().log_path().size()));
    }
  }
  bool IsServed(const std::string& resource) {
    const CliAnswer listed = world_.Cli({"participants"});
    if (listed.code != 0) return false;
    for (const auto& participant : listed.json["participants"]) {
      if (participant["resource"] == resource) return !participant["sessions"].empty();
    }
    return false;
  }
};

TEST_F(DaemonAndLog, C11_ATransactionThatNobodyEnds_DoesNotHoldUpTheStopBeyondTheDrainTime) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  world_.Move(shop);
  const auto ended = world_.daemon().Terminate(10s);
  ASSERT_TRUE(ended.has_value()) << "it did not stop";
  EXPECT_EQ(ended->code, 0);
  world_.daemon().Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(DaemonAndLog, C13_ASecondDaemonOnTheLog_RefusesAndSaysWhoHoldsIt) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  Process second({.arguments = {Program("settled"), "--log", world_.daemon().log_path(), "--listen",
                                "127.0.0.1:0"},
                  .output_path = world_ / "second.out",
                  .error_path = world_ / "second.err",
                  .user = std::nullopt});
  const auto ended = second.Wait();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, kLogUnavailable);
  EXPECT_THAT(second.Errors(), AllOf(HasSubstr(world_.daemon().log_path()),
                                     HasSubstr(std::to_string(world_.daemon().process().id()))));
  world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed")) << "the first one is unharmed";
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

class LogExchanged : public DaemonAndLog, public ::testing::WithParamInterface<Kinds> {
 protected:
  LogExchanged() : DaemonAndLog(GetParam()) {}
};

TEST_P(LogExchanged, C14_ByAnEmptyOne_PreparedBranchesAreLeftAloneAndListedAsStrays) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  MoveLog(world_.daemon().log_path(), world_ / "kept.db");
  world_.daemon().Start();

  const auto strays = [&] {
    const CliAnswer answer = world_.Cli({"in-doubt"});
    return answer.code == 0 ? answer.json["strays"] : nlohmann::json::array();
  };
  ASSERT_TRUE(WaitUntil([&] { return strays().size() == 2; })) << world_.Cli({"in-doubt"}).out;
  // Seen by a later scan again, and still alone.
  ASSERT_TRUE(WaitUntil([&] {
    for (const auto& stray : strays()) {
      if (stray["last_seen_us"] == stray["first_seen_us"]) return false;
    }
    return true;
  }));
  EXPECT_EQ(world_.PreparedBranches(), 2u) << "nothing may be presumed by another's log";
  EXPECT_THAT(strays()[0]["database_name"].get<std::string>(), HasSubstr(gtid));
  EXPECT_EQ(FirstWord(shop.Answer()), "unknown");

  ASSERT_EQ(world_.daemon().Terminate()->code, 0);
  MoveLog(world_ / "kept.db", world_.daemon().log_path());
  world_.daemon().Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(FirstWord(shop.Ask("outcome " + gtid)), "committed");
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

INSTANTIATE_TEST_SUITE_P(Service, LogExchanged, ::testing::Values(kBothPostgres, kBothSqlite),
                         NameOfKinds);

TEST_F(DaemonAndLog, C15_RestoredFromAnOlderCopy_TheParticipantsRefuseIt) {
  world_.daemon().Start();
  ASSERT_EQ(world_.daemon().Terminate()->code, 0);
  CopyLog(world_ / "backup.db");
  world_.daemon().Start();
  ASSERT_EQ(world_.daemon().Terminate()->code, 0);
  world_.daemon().Start();
  Application& shop = world_.Start();  // has seen the third life, which the copy knows nothing of
  ASSERT_EQ(world_.daemon().Terminate()->code, 0);
  MoveLog(world_ / "backup.db", world_.daemon().log_path());
  world_.daemon().Start();

  EXPECT_THAT(shop.Ask("begin 1000"), StartsWith("error"));
  EXPECT_TRUE(WaitUntil([&] { return world_.Said().find("older copy") != std::string::npos; }));
  EXPECT_FALSE(IsServed("a"));
}

TEST_F(DaemonAndLog, L08_ASchemaNewerThanTheProgram_IsRefusedWithItsOwnExitCode) {
  world_.daemon().Start();
  ASSERT_EQ(world_.daemon().Terminate()->code, 0);
  const auto log = OpenSqliteFile(world_.daemon().log_path());
  const std::string version = log->Value("PRAGMA user_version");
  log->Query("PRAGMA user_version = 999");
  Process& refused = world_.daemon().StartUnawaited();
  const auto ended = refused.Wait();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, kLogNewer);
  EXPECT_THAT(refused.Errors(), HasSubstr(world_.daemon().log_path()));
  log->Query("PRAGMA user_version = " + version);
  world_.daemon().Start();
}

// What a daemon says that cannot have its log at `log`.
struct Refusal {
  std::optional<Ended> ended;
  std::string errors;
};
Refusal RunWithLog(const World& world, const std::string& log) {
  Launch launch{.arguments = {Program("settled"), "--log", log, "--listen", "127.0.0.1:0"},
                .output_path = world / "refused.out",
                .error_path = world / "refused.err",
                .user = std::nullopt};
  if (::geteuid() == 0) {
    // Root may write everywhere: another user, with standard error given, stands for the daemon's.
    launch.arguments.insert(launch.arguments.begin(),
                            {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
  }
  Process process(launch);
  const auto ended = process.Wait();
  return {ended, process.Errors()};
}

TEST_F(DaemonAndLog, L09_AMissingDirectory_IsNamedWithTheExitCodeOfAnUnavailableLog) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  const std::string missing = directory / "missing";
  const Refusal refusal = RunWithLog(world_, missing + "/settle.db");
  ASSERT_TRUE(refusal.ended.has_value());
  EXPECT_EQ(refusal.ended->code, kLogUnavailable) << refusal.errors;
  EXPECT_THAT(refusal.errors, HasSubstr(missing));
}

TEST_F(DaemonAndLog, L09_ADirectoryWhereNothingCanBeMade_IsNamedLikewise) {
  const TemporaryDirectory locked;
  ASSERT_EQ(::chmod(locked.path().c_str(), 0555), 0);
  const Refusal refusal = RunWithLog(world_, locked / "settle.db");
  ASSERT_TRUE(refusal.ended.has_value());
  EXPECT_EQ(refusal.ended->code, kLogUnavailable) << refusal.errors;
  EXPECT_THAT(refusal.errors, HasSubstr(locked / "settle.db"));
}

}  // namespace
}  // namespace settle::testing
