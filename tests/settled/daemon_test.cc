// The program itself: how it starts, what it says, how it ends.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/child_process.h"
#include "support/temporary_directory.h"
#include "wire/CoordinatorService.h"

namespace settle::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// A daemon of the test's own, killed with the object.
class Settled {
 public:
  Settled(const TemporaryDirectory& directory, std::vector<std::string> options)
      : output_(directory / ("output-" + std::to_string(++count))), ready_(directory / "ready") {
    const char* programs = std::getenv("SETTLE_BIN");
    options.insert(options.begin(), std::string(programs != nullptr ? programs : ".") + "/settled");
    Launch launch;
    launch.arguments = std::move(options);
    launch.output_path = output_;
    launch.ends_with_starter = true;
    process_ = StartProcess(launch);
  }
  ~Settled() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    AwaitProcess(process_);
  }
  Settled(const Settled&) = delete;
  Settled& operator=(const Settled&) = delete;

  void Signal(int signal) const { ::kill(process_, signal); }

  // Its exit code; none if it has not ended by then, or was killed.
  std::optional<int> ExitCode(std::chrono::milliseconds at_most = 20s) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (!HasEnded(process_)) {
      if (std::chrono::steady_clock::now() > deadline) return std::nullopt;
      std::this_thread::sleep_for(2ms);
    }
    const int status = AwaitProcess(process_);
    process_ = -1;
    return WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
  }

  // The port of the ready file.
  int AwaitPort() {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!Exists(ready_)) {
      if (HasEnded(process_) || std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error("settled does not serve: " + Said());
      }
      std::this_thread::sleep_for(2ms);
    }
    const std::string address = ReadFile(ready_);
    return std::stoi(address.substr(address.rfind(':') + 1));
  }

  std::string Said() const { return ReadFile(output_); }
  bool AwaitSaid(const std::string& words) const {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (Said().find(words) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }

 private:
  static inline int count = 0;
  const std::string output_;
  const std::string ready_;
  pid_t process_ = -1;
};

class Client {
 public:
  explicit Client(int port)
      : socket_(std::make_shared<apache::thrift::transport::TSocket>("127.0.0.1", port)),
        stub_(std::make_shared<apache::thrift::protocol::TMultiplexedProtocol>(
            std::make_shared<apache::thrift::protocol::TBinaryProtocol>(
                std::make_shared<apache::thrift::transport::TFramedTransport>(socket_)),
            "coordinator")) {
    socket_->setRecvTimeout(20'000);
    socket_->open();
  }
  wire::CoordinatorServiceClient* operator->() { return &stub_; }

  std::string Begin() {
    wire::BeginReply reply;
    stub_.begin_transaction(reply, wire::BeginRequest());
    return reply.gtid;
  }
  wire::Ending OutcomeOf(const std::string& gtid) {
    wire::Ending ending;
    stub_.outcome(ending, gtid);
    return ending;
  }

 private:
  std::shared_ptr<apache::thrift::transport::TSocket> socket_;
  wire::CoordinatorServiceClient stub_;
};

class Daemon : public ::testing::Test {
 protected:
  std::vector<std::string> Options(std::vector<std::string> more = {}) {
    std::vector<std::string> options{"--log",       directory_ / "settle.db", "--listen",
                                     "127.0.0.1:0", "--ready-file",           directory_ / "ready"};
    options.insert(options.end(), more.begin(), more.end());
    return options;
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
