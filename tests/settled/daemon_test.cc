// The program itself: how it starts, what it says, how it ends.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "settled_process.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Daemon : public ::testing::Test {
 protected:
  std::vector<std::string> Options(const std::vector<std::string>& more = {}) {
    return OptionsIn(directory_, more);
  }

  // Starts it where it must refuse to serve.
  std::string Refusal(std::vector<std::string> options, int exit_code) {
    Settled settled(directory_, std::move(options));
    EXPECT_EQ(settled.ExitCode(), exit_code) << settled.Said();
    return settled.Said();
  }

  const TemporaryDirectory directory_;
};

TEST_F(Daemon, SaysThatItIsReadyAndWhereAndStopsWith0) {
  Settled settled(directory_, Options());
  const int port = settled.AwaitPort();
  Client client(port);
  wire::HelloRequest request;
  request.version_low = request.version_high = 1;
  wire::HelloReply hello;
  client->hello(hello, request);
  ASSERT_TRUE(settled.AwaitSaid("transactions recovered"));
  EXPECT_THAT(settled.Said(), AllOf(StartsWith("settled " + hello.release +
                                               ": ready on 127.0.0.1:" + std::to_string(port) +
                                               ", log " + hello.log_id + " epoch 1 at "),
                                    HasSubstr(directory_ / "settle.db, 0 transactions recovered")));
  settled.Signal(SIGTERM);
  EXPECT_EQ(settled.ExitCode(), 0);
  EXPECT_FALSE(Exists(directory_ / "ready"));
}

TEST_F(Daemon, SigintStopsItToo) {
  Settled settled(directory_, Options());
  settled.AwaitPort();
  settled.Signal(SIGINT);
  EXPECT_EQ(settled.ExitCode(), 0);
}

TEST_F(Daemon, ItsFilesAreItsUsersAlone) {
  Settled settled(directory_, Options());
  settled.AwaitPort();
  struct stat about {};
  ASSERT_EQ(::stat((directory_ / "settle.db").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(Daemon, C01_AGtidThatWasBegunBeforeAKillIsAbortedAndNeverGivenOutAgain) {
  std::string before;
  {
    Settled settled(directory_, Options());
    before = Client(settled.AwaitPort()).Begin();
  }
  ASSERT_TRUE(::unlink((directory_ / "ready").c_str()) == 0);
  Settled settled(directory_, Options());
  Client client(settled.AwaitPort());
  const wire::Ending ending = client.OutcomeOf(before);
  EXPECT_EQ(ending.outcome, wire::Outcome::ABORTED);
  EXPECT_EQ(ending.cause, wire::AbortCause::PRESUMED);
  for (int i = 0; i < 10; ++i) EXPECT_NE(client.Begin(), before);
}

TEST_F(Daemon, C11_WhileItDrainsItBeginsNothingButFinishesWhatRuns) {
  Settled settled(directory_, Options());
  Client client(settled.AwaitPort());
  const std::string running = client.Begin();
  settled.Signal(SIGTERM);
  ASSERT_TRUE(settled.AwaitSaid("no new transactions"));
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  bool refused = false;
  while (!refused && std::chrono::steady_clock::now() < deadline) {
    try {
      const std::string late = client.Begin();  // the drain has not begun yet
      wire::AbortRequest abort;
      abort.gtid = late;
      wire::Ending ending;
      client->abort(ending, abort);
    } catch (const wire::ServiceError& error) {
      EXPECT_EQ(error.code, wire::ErrorCode::RETRY);
      refused = true;
    }
  }
  EXPECT_TRUE(refused);
  wire::CommitRequest commit;
  commit.gtid = running;
  commit.wait = wire::Wait::APPLIED;
  wire::CommitReply reply;
  client->commit(reply, commit);
  EXPECT_EQ(reply.ending.outcome, wire::Outcome::COMMITTED);
  EXPECT_EQ(settled.ExitCode(), 0);
}

TEST_F(Daemon, C11_TheDrainIsBoundedByItsTimeAndASecondSignalEndsItAtOnce) {
  {
    Settled settled(directory_, Options({"--drain-timeout", "300ms"}));
    Client(settled.AwaitPort()).Begin();
    settled.Signal(SIGTERM);
    EXPECT_EQ(settled.ExitCode(), 0);
    EXPECT_THAT(settled.Said(), HasSubstr("--drain-timeout is over"));
  }
  Settled settled(directory_, Options({"--drain-timeout", "1h", "--transaction-timeout", "1h"}));
  Client(settled.AwaitPort()).Begin();
  settled.Signal(SIGTERM);
  ASSERT_TRUE(settled.AwaitSaid("no new transactions"));
  settled.Signal(SIGTERM);
  EXPECT_EQ(settled.ExitCode(), 0);
  EXPECT_THAT(settled.Said(), HasSubstr("a second signal"));
}

TEST_F(Daemon, C13_ASecondDaemonOnTheSameLogRefusesAndTheFirstIsUnharmed) {
  Settled first(directory_, Options());
  Client client(first.AwaitPort());
  const std::string refusal =
      Refusal({"--log", directory_ / "settle.db", "--listen", "127.0.0.1:0"}, 69);
  EXPECT_THAT(refusal, HasSubstr(directory_ / "settle.db"));
  EXPECT_FALSE(client.Begin().empty());
}

TEST_F(Daemon, L05_AFileThatIsNoDecisionLogIsRefusedAndLeftAsItWas) {
  const std::string text(8'192, 'x');
  std::ofstream(directory_ / "settle.db") << text;
  EXPECT_THAT(Refusal(Options(), 65), HasSubstr("settle.db"));
  EXPECT_EQ(ReadFile(directory_ / "settle.db"), text);
}

TEST_F(Daemon, L09_AMissingDirectoryIsNamed) {
  EXPECT_THAT(Refusal({"--log", directory_ / "missing/settle.db", "--listen", "127.0.0.1:0"}, 69),
              HasSubstr(directory_ / "missing"));
}

TEST_F(Daemon, AWrongOptionEndsItBeforeTheLogIsTouched) {
  EXPECT_THAT(Refusal(Options({"--vote-timeout", "soon"}), 64), HasSubstr("--vote-timeout"));
  EXPECT_FALSE(Exists(directory_ / "settle.db"));
}

TEST_F(Daemon, AnAddressThatOtherMachinesReachNeedsAnExplicitWord) {
  const std::vector<std::string> everywhere{"--log", directory_ / "settle.db", "--listen",
                                            "0.0.0.0:0"};
  EXPECT_THAT(Refusal(everywhere, 64), AllOf(HasSubstr("0.0.0.0"), HasSubstr("--insecure")));
  EXPECT_FALSE(Exists(directory_ / "settle.db"));
  Settled settled(directory_,
                  {"--log", directory_ / "settle.db", "--listen", "0.0.0.0:0", "--insecure"});
  EXPECT_TRUE(settled.AwaitSaid("ready on 0.0.0.0:"));
  EXPECT_TRUE(settled.AwaitSaid("without encryption or authentication"));
}

TEST_F(Daemon, AnAddressThatIsTakenIsNamed) {
  Settled first(directory_, Options());
  const std::string address = "127.0.0.1:" + std::to_string(first.AwaitPort());
  EXPECT_THAT(Refusal({"--log", directory_ / "other.db", "--listen", address}, 71),
              HasSubstr(address));
}

TEST_F(Daemon, AReadyFileThatCannotBeWrittenIsNamed) {
  EXPECT_THAT(Refusal({"--log", directory_ / "settle.db", "--listen", "127.0.0.1:0", "--ready-file",
                       directory_ / "missing/ready"},
                      73),
              HasSubstr("missing/ready"));
}

}  // namespace
}  // namespace settle::testing
