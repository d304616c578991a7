// What one client can take, and what is left for others: of a real daemon.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <sstream>

#include "settled_process.h"
#include "support/raw_peer.h"
#include "support/sanitized.h"
#include "support/wait_until.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

class Limits : public ::testing::Test {
 protected:
  std::vector<std::string> Options(const std::vector<std::string>& more = {}) {
    return OptionsIn(directory_, more);
  }

  const TemporaryDirectory directory_;
};

std::size_t ResidentBytes(pid_t process) {
  std::size_t pages = 0;
  std::ifstream("/proc/" + std::to_string(process) + "/statm") >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// Seconds that the process has computed.
double CpuSeconds(pid_t process) {
  const std::string stat = ReadFile("/proc/" + std::to_string(process) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(") ") + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

bool CommitsOne(Client& client) {
  wire::BeginRequest begin;
  begin.owner = "shop";
  wire::CommitRequest commit;
  commit.gtid = client.Begin(begin);
  commit.wait = wire::Wait::APPLIED;
  wire::CommitReply reply;
  client->commit(reply, commit);
  return reply.ending.outcome == wire::Outcome::COMMITTED;
}

// What became of the begins of a client that ends none of them.
struct Flood {
  std::atomic<int> begun{0};
  std::atomic<int> refused{0};
  std::atomic<int> otherwise{0};  // refused in other words than the quota's
};

// Many at a time on one connection, as fast as they are answered.
void Begin(int port, int count, std::int64_t timeout_ms, Flood& flood) {
  Client client(port);
  wire::BeginRequest request;
  request.owner = "leaky 4711 here";
  request.timeout_ms = timeout_ms;
  constexpr int kAtOnce = 100;
  for (int sent = 0; sent < count; sent += kAtOnce) {
    for (int i = 0; i < kAtOnce; ++i) client->send_begin_transaction(request);
    for (int i = 0; i < kAtOnce; ++i) {
      try {
        wire::BeginReply reply;
        client->recv_begin_transaction(reply);
        ++flood.begun;
      } catch (const wire::ServiceError& error) {
        const bool by_quota = error.code == wire::ErrorCode::RETRY &&
                              error.message.find("\"leaky 4711 here\" has") != std::string::npos &&
                              error.advice.find("--max-undecided-per-owner") != std::string::npos;
        ++(by_quota ? flood.refused : flood.otherwise);
      }
    }
  }
}

TEST_F(Limits, X03_AHundredThousandBegunAndNeverEnded_AreRefusedBeyondTheQuota_OthersAreServed) {
  Settled settled(directory_, Options());
  const int port = settled.AwaitPort();
  Flood flood;
  std::atomic<int> running{4};
  std::vector<std::thread> connections;
  for (int i = 0; i < 4; ++i) {
    connections.emplace_back([&] {
      Begin(port, 25'000, 3'600'000, flood);
      --running;
    });
  }
  Client other(port);
  int meanwhile = 0;
  while (running > 0) meanwhile += CommitsOne(other) ? 1 : 0;
  for (std::thread& connection : connections) connection.join();
  EXPECT_EQ(flood.begun, 10'000) << "the quota, of all its connections together";
  EXPECT_EQ(flood.refused, 90'000);
  EXPECT_EQ(flood.otherwise, 0);
  EXPECT_GT(meanwhile, 10);
  EXPECT_TRUE(CommitsOne(other));
  const std::size_t resident = ResidentBytes(settled.id());
  std::cout << meanwhile << " transactions of others meanwhile; " << resident / 1'000'000
            << " MB resident\n";
  EXPECT_TRUE(kSanitized || resident < 100'000'000u);
}

TEST_F(Limits, X03_TheDeadlinesOfWhatWasNeverEndedMakeRoomAgain) {
  Settled settled(directory_, Options({"--max-undecided-per-owner", "50"}));
  const int port = settled.AwaitPort();
  Flood flood;
  Begin(port, 100, 2'000, flood);
  EXPECT_EQ(flood.begun, 50);
  const auto until = std::chrono::steady_clock::now() + 20s;
  Flood later;
  while (later.begun == 0 && std::chrono::steady_clock::now() < until) {
    Begin(port, 100, 2'000, later);
  }
  EXPECT_GT(later.begun, 0);
}

// Sets how many files the process may have open; the descriptors it has stay.
void LimitDescriptors(pid_t process, rlim_t most, rlimit* before = nullptr) {
  rlimit limit{};
  ASSERT_EQ(::prlimit(process, RLIMIT_NOFILE, nullptr, &limit), 0);
  if (before != nullptr) *before = limit;
  limit.rlim_cur = most;
  ASSERT_EQ(::prlimit(process, RLIMIT_NOFILE, &limit, nullptr), 0);
}

// The lowest number that no open file of the process has: the next one it would get.
rlim_t NextDescriptor(pid_t process) {
  rlim_t next = 0;
  while (std::filesystem::exists(std::filesystem::symlink_status(
      "/proc/" + std::to_string(process) + "/fd/" + std::to_string(next)))) {
    ++next;
  }
  return next;
}

bool Readable(Client& client, std::chrono::milliseconds at_most) {
  pollfd entry{client.socket().getSocketFD(), POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(at_most.count())) > 0;
}

class WithoutDescriptors : public Limits {
 protected:
  // The log is written by a thread of its own.
  bool Said(const std::string& line) {
    return WaitUntil([&] { return ReadFile(directory_ / "out").find(line) != std::string::npos; });
  }
  // A transaction with a prepared branch: its commit is a forced write to the log.
  wire::CommitRequest BeginAndWork(Client& client, const std::string& session) {
    wire::EnlistRequest enlist;
    enlist.gtid = client.Begin();
    enlist.resource = "bank";
    enlist.session = session;
    enlist.request_key = "k";
    wire::EnlistReply branch;
    client->enlist(branch, enlist);
    wire::BranchVote vote;
    vote.branch = branch.branch;
    vote.vote = wire::Vote::COMMIT;
    vote.evidence.database = "db:bank";
    wire::CommitRequest commit;
    commit.gtid = enlist.gtid;
    commit.votes = {vote};
    commit.wait = wire::Wait::DECISION;
    return commit;
  }
  bool CommitsAndEnds(Client& client, ParticipantClient& participant, const std::string& session,
                      const wire::CommitRequest& commit) {
    wire::CommitReply reply;
    client->commit(reply, commit);
    wire::EndReport end;
    end.gtid = commit.gtid;
    end.branch = 1;
    end.became = wire::BranchEnd::COMMITTED;
    wire::ReportRequest report;
    report.session = session;
    report.ends = {end};
    participant->report(report);
    return reply.ending.outcome == wire::Outcome::COMMITTED;
  }
};

TEST_F(WithoutDescriptors, C22_StartedWorkEndsNewConnectionsWaitAndNothingSpins) {
  Settled settled(directory_, Options());
  const int port = settled.AwaitPort();
  Client client(port);
  ParticipantClient participant(port);
  wire::AttachRequest attach;
  attach.version_low = attach.version_high = 1;
  attach.resources.resize(1);
  attach.resources[0].name = "bank";
  attach.resources[0].identity = "db:bank";
  wire::AttachReply attached;
  participant->attach(attached, attach);
  const wire::CommitRequest started = BeginAndWork(client, attached.session);
  // A sanitizer looks at an object of each kind by way of a pipe, once: here while it can have one.
  EXPECT_TRUE(CommitsAndEnds(client, participant, attached.session,
                             BeginAndWork(client, attached.session)));
  RawPeer rude("127.0.0.1:" + std::to_string(port));
  ASSERT_TRUE(rude.Send("\xff\xff\xff\xff"));
  ASSERT_TRUE(settled.AwaitSaid("a connection was closed"));

  rlimit before{};
  LimitDescriptors(settled.id(), NextDescriptor(settled.id()), &before);
  Client late(port);  // the kernel takes it; the daemon cannot
  wire::HelloRequest hello;
  hello.version_low = hello.version_high = 1;
  late->send_hello(hello);
  ASSERT_TRUE(settled.AwaitSaid("an accept failed and is tried again: Too many open files"));

  EXPECT_TRUE(CommitsAndEnds(client, participant, attached.session, started));
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(CommitsAndEnds(client, participant, attached.session,
                               BeginAndWork(client, attached.session)));
  }
  const double computed = CpuSeconds(settled.id());
  EXPECT_FALSE(Readable(late, 1s)) << "it was not without descriptors";
  EXPECT_LT(CpuSeconds(settled.id()) - computed, 0.3) << "it spins";

  LimitDescriptors(settled.id(), before.rlim_cur);
  wire::HelloReply served;
  late->recv_hello(served);
  EXPECT_EQ(served.version, 1);
  settled.Signal(SIGTERM);
  EXPECT_EQ(settled.ExitCode(), 0);
}

TEST_F(WithoutDescriptors, C22_TooFewFromTheStart_TheLimitIsLoweredByNameAndHolds) {
  std::vector<std::string> options = Options();
  const std::string program = std::string(std::getenv("SETTLE_BIN")) + "/settled";
  std::string line = "ulimit -n 130; exec " + program;
  for (const std::string& option : options) line += " " + option;
  Launch launch{
      .arguments = {"sh", "-c", line}, .output_path = directory_ / "out", .user = std::nullopt};
  launch.ends_with_starter = true;
  const pid_t process = StartProcess(launch);
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (!Exists(directory_ / "ready") && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(2ms);
  }
  const std::string address = ReadFile(directory_ / "ready");
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  EXPECT_TRUE(Said("--max-connections 4000 is lowered to 66: this process may open 130"));
  std::vector<std::unique_ptr<Client>> clients;
  int served = 0;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<Client>(port));
    try {
      served += CommitsOne(*clients.back()) ? 1 : 0;
    } catch (const apache::thrift::TException&) {
      break;  // closed at once
    }
  }
  EXPECT_EQ(served, 66);
  EXPECT_TRUE(CommitsOne(*clients.front())) << "those that are in are served";
  EXPECT_TRUE(Said("all 66 are in use"));
  ::kill(process, SIGKILL);
  AwaitProcess(process);
}

}  // namespace
}  // namespace settle::testing
