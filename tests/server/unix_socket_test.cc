// A Unix socket: who is at its other end, and what becomes of its file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>

#include "served.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using namespace server;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string At(const TemporaryDirectory& directory) { return "unix:" + (directory / "s.sock"); }

// What keeps a second server from listening there; "" when nothing does.
std::string WhyNot(const std::string& address) {
  Listening second;
  const Status started = second.server.Start({*ParseListenAddress(address).and_then(Resolve)});
  return started ? "" : Describe(started.error());
}

bool IsSocket(const std::string& path) {
  struct stat file {};
  return ::lstat(path.c_str(), &file) == 0 && S_ISSOCK(file.st_mode);
}

// As a daemon leaves it that was killed.
void LeaveSocket(const std::string& path) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  path.copy(un.sun_path, sizeof(un.sun_path) - 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&un), sizeof(un)), 0);
  ASSERT_EQ(::listen(socket, 1), 0);
  ::close(socket);
}

TEST(UnixSocket, C22_KeepsPlacesThatTheNetworkCannotTake) {
  const TemporaryDirectory directory;
  Settings settings;
  settings.connections_max = 16;
  Served served(settings, nullptr, {"127.0.0.1:0", At(directory)});
  std::vector<std::unique_ptr<Client>> network;
  for (int i = 0; i < 14; ++i) {
    network.push_back(std::make_unique<Client>(served.address()));
    EXPECT_EQ(network.back()->Hello("tcp"), "tcp");
  }
  EXPECT_THROW(Client(served.address()).Hello("one too many"), std::exception);
  EXPECT_TRUE(served.heard.AwaitOneWith("all 14 are in use"));
  UnixClient operators(directory / "s.sock");
  EXPECT_EQ(operators.Hello("local"), "local");
}

TEST(UnixSocket, TheKernelSaysWhoCalls) {
  const TemporaryDirectory directory;
  Served served({}, nullptr, {At(directory)});
  EXPECT_EQ(served.address(), At(directory));
  UnixClient client(directory / "s.sock");
  EXPECT_EQ(client.Hello("local"), "local");
  ASSERT_THAT(served.Callers(), SizeIs(1));
  const Caller caller = served.Callers().front();
  EXPECT_EQ(caller.proof, Caller::Proof::kUnixPeer);
  EXPECT_EQ(caller.uid, ::getuid());
  EXPECT_EQ(caller.gid, ::getgid());
  EXPECT_EQ(caller.pid, ::getpid());
  EXPECT_EQ(caller.text(),
            "uid " + std::to_string(::getuid()) + " (pid " + std::to_string(::getpid()) + ")");
}

TEST(UnixSocket, OneServerListensOnSeveralAddresses) {
  const TemporaryDirectory directory;
  Served served({}, nullptr, {"127.0.0.1:0", At(directory), "127.0.0.1:0"});
  ASSERT_THAT(served.server->addresses(), SizeIs(3));
  EXPECT_EQ(served.server->addresses()[1], At(directory));
  EXPECT_EQ(Client(served.server->addresses()[0]).Hello("a"), "a");
  EXPECT_EQ(UnixClient(directory / "s.sock").Hello("b"), "b");
  EXPECT_EQ(Client(served.server->addresses()[2]).Hello("c"), "c");
  EXPECT_EQ(served.Callers()[0].proof, Caller::Proof::kNone);
}

TEST(UnixSocket, ItsFileIsForTheOwnerAndTheGroupAndGoesWithTheServer) {
  const TemporaryDirectory directory;
  {
    Served served({}, nullptr, {At(directory)});
    struct stat file {};
    ASSERT_EQ(::lstat((directory / "s.sock").c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0660u);
    served.server->Stop(1s);
  }
  EXPECT_FALSE(IsSocket(directory / "s.sock"));
}

TEST(UnixSocket, TheFileOfADeadProcessIsReplaced) {
  const TemporaryDirectory directory;
  LeaveSocket(directory / "s.sock");
  ASSERT_TRUE(IsSocket(directory / "s.sock"));
  Served served({}, nullptr, {At(directory)});
  EXPECT_EQ(UnixClient(directory / "s.sock").Hello("again"), "again");
}

TEST(UnixSocket, OneThatIsServedIsLeftAlone) {
  const TemporaryDirectory directory;
  Served served({}, nullptr, {At(directory)});
  EXPECT_THAT(WhyNot(At(directory)), HasSubstr("Address already in use"));
  EXPECT_EQ(UnixClient(directory / "s.sock").Hello("still"), "still");
  // Also by one who does not know of the lock.
  ASSERT_EQ(::unlink((directory / "s.sock.lock").c_str()), 0);
  EXPECT_THAT(WhyNot(At(directory)), HasSubstr("Address already in use"));
  EXPECT_EQ(UnixClient(directory / "s.sock").Hello("still"), "still");
}

TEST(UnixSocket, AFileThatIsNoSocketIsNeverRemoved) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "s.sock") << "precious";
  EXPECT_THAT(WhyNot(At(directory)), HasSubstr("there is a file that is no socket"));
  std::string text;
  std::ifstream(directory / "s.sock") >> text;
  EXPECT_EQ(text, "precious");
}

TEST(UnixSocket, AFileThatTookItsPlaceIsNotRemovedAtTheEnd) {
  const TemporaryDirectory directory;
  {
    Served served({}, nullptr, {At(directory)});
    ASSERT_EQ(::unlink((directory / "s.sock").c_str()), 0);
    LeaveSocket(directory / "s.sock");
  }
  EXPECT_TRUE(IsSocket(directory / "s.sock"));
}

TEST(UnixSocket, NothingIsServedUnlessEveryAddressIs) {
  const TemporaryDirectory directory;
  Served first({}, nullptr, {"127.0.0.1:0"});
  Listening second;
  const Status started =
      second.server.Start({*ParseListenAddress(At(directory)).and_then(Resolve),
                           *ParseListenAddress(first.address()).and_then(Resolve)});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr(first.address()));
  EXPECT_FALSE(IsSocket(directory / "s.sock"));
}

}  // namespace
}  // namespace settle::testing
