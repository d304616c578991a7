// Every named place of the SDK is passed where its name says, so that the crash tests die where
// they mean to.
#include "settle/vocabulary/failpoint.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "client_test_base.h"
#include "settle/action_participant.h"

namespace settle::sdk {
namespace {

#ifdef SETTLE_FAILPOINTS

class Failpoint : public ClientTest {
 protected:
  // The plan is read once in a process: each place has a process of its own, made by the death
  // test.
  void Arm(const char* place) { ::setenv("SETTLE_FAILPOINT", place, 1); }
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  void CommitBoth() {
    Connect();
    EXPECT_TRUE(Both().Commit().committed());
  }
  // The branch of a joined transaction is prepared and committed by command.
  void ServeCommands() {
    Connect();
    GlobalTransaction transaction = JoinNew();
    Enlist(transaction, *bank_a_);
    EXPECT_TRUE(transaction.Leave());
    const BranchKey key{transaction.gtid(), 1};
    fake_.Send(wire::CommandKind::PREPARE, key, "bank-a");
    EXPECT_TRUE(fake_.Await("vote 1=commit"));
    fake_.Send(wire::CommandKind::COMMIT, key, "bank-a");
    EXPECT_TRUE(fake_.Await("end 1=committed"));
  }
  void ServeACall() {
    auto airline = ActionParticipant::Make({.name = "airline"});
    airline->Serve("fly", [](const ActionContext&) { return Done(); });
    CoordinatorOptions options = fake_.Options();
    options.participants = {airline};
    Connect(std::move(options));
    wire::ActionCall call;
    call.op = wire::ActionOp::ACTION;
    call.gtid = Gtid::Make("abcdefghijkl", 1, 7, 9).text();
    call.step = call.attempt = 1;
    call.epoch = 1;
    call.timeout_ms = 30'000;
    call.participant = "airline";
    call.action = "fly";
    fake_.Call(call);
    EXPECT_TRUE(fake_.Await("answer 1.1=done {}"));
  }
};

// Meets a place where it freezes, beside threads that would take a signal to the process; then says
// that it went on.
[[noreturn]] void Freeze(int went_on) {
  ::setenv("SETTLE_FAILPOINT", "here", 1);
  ::setenv("SETTLE_FAILPOINT_HOW", "freeze", 1);
  std::vector<std::thread> idle;
  for (int i = 0; i < 3; ++i) {
    idle.emplace_back([] {
      for (;;) ::pause();
    });
  }
  std::thread([went_on] {
    HitFailpoint("here");
    if (::write(went_on, "x", 1) != 1) ::_exit(1);
  }).join();
  ::_exit(0);
}

// First of all: the process has no threads yet.
TEST(FailpointDeathTest, TheThreadThatIsFrozenDoesNothingMoreBeforeItIsContinued) {
  for (int i = 0; i < 30; ++i) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) Freeze(ends[1]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
    ASSERT_TRUE(WIFSTOPPED(status));
    pollfd said{ends[0], POLLIN, 0};
    EXPECT_EQ(::poll(&said, 1, 0), 0) << "it went on";
    ::kill(child, SIGCONT);
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_EQ(::poll(&said, 1, 0), 1);
    ::close(ends[0]);
    ::close(ends[1]);
  }
}

class ClientPlace : public Failpoint, public testing::WithParamInterface<const char*> {};
class ParticipantPlace : public Failpoint, public testing::WithParamInterface<const char*> {};
class ActionPlace : public Failpoint, public testing::WithParamInterface<const char*> {};

TEST_P(ClientPlace, IsPassedByACommit) {
  EXPECT_EXIT((Arm(GetParam()), CommitBoth()), testing::KilledBySignal(SIGKILL), "");
}

TEST_P(ParticipantPlace, IsPassedByCommands) {
  EXPECT_EXIT((Arm(GetParam()), ServeCommands()), testing::KilledBySignal(SIGKILL), "");
}

TEST_P(ActionPlace, IsPassedByACall) {
  EXPECT_EXIT((Arm(GetParam()), ServeACall()), testing::KilledBySignal(SIGKILL), "");
}

std::string Name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  for (char& c : name) c = c == '.' || c == ':' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, ClientPlace,
                         testing::Values("client.before_prepare", "client.prepared",
                                         "client.decided", "client.finished_one",
                                         "client.finished_one:2"),
                         Name);
INSTANTIATE_TEST_SUITE_P(All, ParticipantPlace,
                         testing::Values("participant.before_vote", "participant.before_finish",
                                         "participant.finished"),
                         Name);
INSTANTIATE_TEST_SUITE_P(All, ActionPlace,
                         testing::Values("participant.before_action", "participant.action_done"),
                         Name);

#endif

}  // namespace
}  // namespace settle::sdk
