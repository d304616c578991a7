// The life of the decision log across its loss: backed up while it serves, lost, restored.
#include <sys/stat.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include "end_to_end/fixture.h"
#include "wire/AdminService.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Clock = std::chrono::steady_clock;

constexpr int kLogUnavailable = 69;  // of `settled --help`

double Since(Clock::time_point from) {
  return std::chrono::duration<double>(Clock::now() - from).count();
}

class LogLost : public EndToEnd {
 protected:
  LogLost() : EndToEnd(kBothPostgres) {}

  CliAnswer Backup(const std::string& name) { return world_.Cli({"backup", world_ / name}); }
  std::string LogPath() { return world_.daemon().log_path(); }

  void LoseTheLog() {
    world_.daemon().Kill();
    for (const char* suffix : {"", "-wal", "-shm", ".lock"})
      std::filesystem::remove(LogPath() + suffix);
  }
  CliAnswer Restore(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"restore", world_ / name, LogPath(), "--reason", "disk broke"};
    words.insert(words.end(), more.begin(), more.end());
    return world_.Cli(words);
  }

  // Decided and told to commit, and its program died before it finished anything. Its gtid.
  std::string DieOnceDecided() {
    Application& shop = world_.Start({.failpoint = "client.decided"});
    const std::string gtid = world_.Move(shop);
    shop.Send("commit");
    EXPECT_TRUE(shop.AwaitFailpoint());
    return gtid;
  }

  std::size_t Transfers() { return world_.bank('a').Transfers().size(); }
};

TEST_F(LogLost, C15_ACommitThatWasLostIsNeverPresumedAbortedAndOneThatTheBackupHasIsFinished) {
  world_.daemon().Start();
  // Under load.
  Application& shop = world_.Start();
  shop.StartLoad();
  ASSERT_TRUE(WaitUntil([&] { return Transfers() > 50; }));
  const auto from = Clock::now();
  const CliAnswer under_load = Backup("load.db");
  const double took = Since(from);
  ASSERT_EQ(under_load.code, 0) << under_load.out;
  ASSERT_THAT(shop.StopLoad(), StartsWith("ok"));
  ASSERT_TRUE(shop.Quit());
  const std::size_t in_backup = under_load.json["committed"];
  EXPECT_GE(Transfers(), in_backup) << "the load went on";

  const std::string early = DieOnceDecided();
  ASSERT_EQ(world_.PreparedBranches(), 2U);
  const CliAnswer backup = Backup("settle.backup");
  ASSERT_EQ(backup.code, 0) << backup.out;
  ASSERT_EQ(backup.json["in_doubt_gtids"], nlohmann::json::array({early}));
  struct stat file {};
  ASSERT_EQ(::stat((world_ / "settle.backup").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600U);

  // What comes now is lost.
  Application& second = world_.Start();
  ASSERT_TRUE(WaitUntil([&] { return world_.HalvesOf(early) == 2; }));
  const std::string told = world_.Move(second);
  ASSERT_THAT(second.Ask("commit"), StartsWith("committed"));
  ASSERT_TRUE(second.Quit());
  const std::string late = DieOnceDecided();
  ASSERT_EQ(world_.PreparedBranches(), 2U);
  LoseTheLog();

  ASSERT_EQ(world_.Cli({"verify-log", world_ / "settle.backup"}).code, 0);
  const CliAnswer restored = Restore("settle.backup");
  ASSERT_EQ(restored.code, 0) << restored.out;
  world_.daemon().Start();
  const std::uint64_t epoch = world_.Cli({"status"}).json["epoch"];
  EXPECT_GT(epoch, 1'000'000U);

  Application& finisher = world_.Start();
  const auto strays = [&] { return world_.Cli({"in-doubt"}).json["strays"]; };
  ASSERT_TRUE(WaitUntil([&] { return strays().size() == 2; }));
  for (const auto& stray : strays()) {
    EXPECT_THAT(std::string(stray["database_name"]), HasSubstr(late));
    EXPECT_THAT(std::string(stray["why"]),
                AllOf(HasSubstr("restored from the backup"), HasSubstr("by hand")));
  }
  EXPECT_EQ(world_.OutcomeShown(late), "unknown");
  EXPECT_EQ(world_.OutcomeShown(told), "unknown");
  EXPECT_THAT(finisher.Ask("outcome " + late), StartsWith("unknown"));
  EXPECT_TRUE(WaitUntil([&] { return world_.OutcomeShown(early) == "committed"; }));
  EXPECT_EQ(world_.HalvesOf(early), 2U);
  EXPECT_EQ(world_.HalvesOf(told), 2U);
  EXPECT_EQ(world_.PreparedBranches(), 2U) << "nobody touched them";

  // New work goes on, and an operator who has looked ends what is left, all of it alike.
  const std::string fresh = world_.Move(finisher);
  EXPECT_THAT(finisher.Ask("commit"), StartsWith("committed"));
  EXPECT_THAT(fresh, HasSubstr("." + std::to_string(epoch) + "."));
  for (const char bank : {'a', 'b'}) {
    const auto prepared = world_.bank(bank).Prepared();
    ASSERT_THAT(prepared, SizeIs(1));
    world_.bank(bank).CommitByHand(prepared[0]);
  }
  EXPECT_EQ(world_.HalvesOf(late), 2U);
  EXPECT_EQ(world_.bank('a').Total() + world_.bank('b').Total(), 2 * kAccounts * kOpeningBalance);
  std::cout << "backup under load: " << under_load.json["bytes"] << " bytes with " << in_backup
            << " committed transactions in " << took << " s; restored in epoch " << epoch
            << ", 1 commit driven on, 2 branches left alone\n";
}

TEST_F(LogLost, C15_ALogOfBeforeTheRestoreAndABackupAreNotServedFrom) {
  world_.daemon().Start();
  ASSERT_EQ(Backup("one.db").code, 0);
  EXPECT_EQ(Backup("one.db").code, 1) << "it is there";
  EXPECT_EQ(Restore("one.db").code, 1) << "the log is there, and served from";
  LoseTheLog();
  std::filesystem::copy_file(world_ / "one.db", LogPath());
  Process& refused = world_.daemon().StartUnawaited();
  const auto ended = refused.Wait();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->code, kLogUnavailable);
  EXPECT_THAT(world_.daemon().Said(), HasSubstr("settle restore"));
  std::filesystem::remove(LogPath());

  // Restored twice: participants that saw the later epoch refuse the earlier one.
  ASSERT_EQ(Restore("one.db", {"--epoch-above", "9000000000"}).code, 0);
  world_.daemon().Start();
  Application& shop = world_.Start();
  world_.Move(shop);
  ASSERT_THAT(shop.Ask("commit"), StartsWith("committed"));
  LoseTheLog();
  ASSERT_EQ(Restore("one.db").code, 0);
  world_.daemon().Start();
  EXPECT_TRUE(WaitUntil([&] {
    return world_.daemon().Said().find("restored from an older copy") != std::string::npos ||
           world_.Said().find("restored from an older copy") != std::string::npos;
  })) << world_.Said();
}

// Somebody who begins a backup and goes away leaves nothing, and keeps nobody else from making one
// any longer.
TEST_F(LogLost, ABackupGoesWithTheConnectionThatAskedForIt) {
  world_.daemon().Start();
  const std::string copy = LogPath() + ".being-fetched";
  {
    const auto socket =
        std::make_shared<apache::thrift::transport::TSocket>("127.0.0.1", world_.daemon().port());
    const auto frames = std::make_shared<apache::thrift::transport::TFramedTransport>(socket);
    wire::AdminServiceClient admin(std::make_shared<apache::thrift::protocol::TMultiplexedProtocol>(
        std::make_shared<apache::thrift::protocol::TBinaryProtocol>(frames), "admin"));
    frames->open();
    EXPECT_THROW(
        {
          wire::BackupView view;
          admin.backup_progress(view);
        },
        wire::ServiceError)
        << "none was begun";
    wire::BackupView view;
    admin.backup_begin(view);
    ASSERT_TRUE(std::filesystem::exists(copy));
    const CliAnswer refused = Backup("other.db");
    EXPECT_EQ(refused.code, 1);
    EXPECT_EQ(refused.json["error"]["code"], "retry");
  }
  EXPECT_TRUE(WaitUntil([&] { return !std::filesystem::exists(copy); }));
  EXPECT_TRUE(WaitUntil([&] { return Backup("other.db").code == 0; }));
}

// Commits while one backup after another is made, against commits alone. SETTLE_LARGE_LOG names the
// log of a long life to begin with, as settle-log-filler makes one.
TEST_F(LogLost, ABackupHoldsUpNoCommitAndTheWalIsBoundedByWhatIsWrittenMeanwhile) {
  const char* large = std::getenv("SETTLE_LARGE_LOG");
  if (large == nullptr) world_.daemon().options = {"--keep-ended", "200"};
  if (large != nullptr) std::filesystem::copy_file(large, LogPath());
  world_.daemon().Start();
  Application& shop = world_.Start();
  shop.StartLoad();
  const auto rate = [&](const auto& meanwhile) {
    const std::size_t before = Transfers();
    const auto from = Clock::now();
    while (Since(from) < 3.0) meanwhile();
    return static_cast<double>(Transfers() - before) / Since(from);
  };
  ASSERT_TRUE(WaitUntil([&] { return Transfers() > 50; }));
  const double alone = rate([] { std::this_thread::sleep_for(20ms); });
  int backups = 0;
  const double beside = rate([&] { ASSERT_EQ(Backup("b" + std::to_string(++backups)).code, 0); });
  ASSERT_THAT(shop.StopLoad(), StartsWith("ok"));
  const auto wal = std::filesystem::file_size(LogPath() + "-wal");
  const auto main = std::filesystem::file_size(LogPath());
  std::cout << "transfers/s alone " << alone << ", beside " << backups
            << " backups, one after the other, " << beside << "; log " << main << " bytes, -wal "
            << wal << " bytes\n";
  EXPECT_GT(backups, large == nullptr ? 1 : 0);
  EXPECT_GT(beside, alone / 10) << "a backup stops commits";
  EXPECT_LT(wal, 16U << 20) << "a checkpoint at 4 MB, and what was written while a backup read";
  EXPECT_FALSE(std::filesystem::exists(LogPath() + ".being-fetched"));
}

}  // namespace
}  // namespace settle::testing
