// Every named place of the SDK is passed where its name says, so that the crash tests die where
// they mean to.
#include <cstdlib>

#include "client_test_base.h"

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
};

class ClientPlace : public Failpoint, public testing::WithParamInterface<const char*> {};
class ParticipantPlace : public Failpoint, public testing::WithParamInterface<const char*> {};

TEST_P(ClientPlace, IsPassedByACommit) {
  EXPECT_EXIT((Arm(GetParam()), CommitBoth()), testing::KilledBySignal(SIGKILL), "");
}

TEST_P(ParticipantPlace, IsPassedByCommands) {
  EXPECT_EXIT((Arm(GetParam()), ServeCommands()), testing::KilledBySignal(SIGKILL), "");
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

#endif

}  // namespace
}  // namespace settle::sdk
