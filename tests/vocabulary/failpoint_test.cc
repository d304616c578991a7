// What is done at a place. The plan is read once in a process, so each test asks in a child.
#include "settle/vocabulary/failpoint.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "support/temporary_directory.h"

namespace settle {
namespace {

class Place : public ::testing::Test {
 protected:
  // The child's status; it exits with what `act` returns.
  int Ask(const std::string& where, const std::string& how, const std::function<int()>& act) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("SETTLE_FAILPOINT", where.c_str(), 1);
      ::setenv("SETTLE_FAILPOINT_HOW", how.c_str(), 1);
      ::setenv("SETTLE_FAILPOINT_FIRED", (directory_ / "fired").c_str(), 1);
      ::setenv("SETTLE_FAILPOINT_PASSES", (directory_ / "passes").c_str(), 1);
      ::_exit(act());
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }
  bool Fired() const { return std::filesystem::exists(directory_ / "fired"); }
  std::string Read(const std::string& name) const {
    std::ifstream file(directory_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Write(const std::string& name, const std::string& contents) const {
    std::ofstream(directory_ / name, std::ios::binary) << contents;
  }
  static bool WasKilled(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

  const testing::TemporaryDirectory directory_;
};

TEST_F(Place, KillsAtTheNamedPassAndNotesEveryPassBefore) {
  const int status = Ask("b:2", "", [] {
    for (const char* name : {"a", "b", "a", "b", "c"}) HitFailpoint(name);
    return 0;
  });
  EXPECT_TRUE(WasKilled(status));
  EXPECT_TRUE(Fired());
  EXPECT_EQ(Read("passes"), "a\nb\na\nb\n");
}

TEST_F(Place, FailsOnceWhereItCanFail) {
  EXPECT_EQ(Ask("here:2", "error",
                [] {
                  const bool first = FailpointFails("here");
                  const bool second = FailpointFails("here");
                  const bool third = FailpointFails("here");
                  return !first && second && !third ? 0 : 1;
                }),
            0);
  EXPECT_TRUE(Fired());
}

TEST_F(Place, DoesNothingAndSaysSoWhereItCannotFailOrTear) {
  for (const char* how : {"error", "torn"}) {
    EXPECT_EQ(Ask("here", how,
                  [] {
                    HitFailpoint("here");
                    return 0;
                  }),
              0);
    EXPECT_FALSE(Fired()) << how;
  }
  EXPECT_EQ(Ask("here", "torn", [] { return FailpointFails("here") ? 1 : 0; }), 0);
  EXPECT_FALSE(Fired());
}

TEST_F(Place, KillsWhereItCanFailToo) {
  EXPECT_TRUE(WasKilled(Ask("here", "kill", [] { return FailpointFails("here") ? 1 : 0; })));
  EXPECT_TRUE(Fired());
}

TEST_F(Place, WaitsForAMomentAndGoesOn) {
  const auto from = std::chrono::steady_clock::now();
  EXPECT_EQ(Ask("here", "delay",
                [] {
                  HitFailpoint("here");
                  return 0;
                }),
            0);
  EXPECT_GE(std::chrono::steady_clock::now() - from, std::chrono::milliseconds(300));
  EXPECT_TRUE(Fired());
}

class Tear : public Place {
 protected:
  void WriteTorn(const std::string& before, const std::string& after) {
    Write("file", before);
    const std::string path = directory_ / "file";
    EXPECT_TRUE(WasKilled(Ask("here", "torn", [&] {
      const FailpointTear tear("here", path.c_str());
      Write("file", after);
      return 0;
    })));
    EXPECT_TRUE(Fired());
  }
};

TEST_F(Tear, LeavesHalfOfWhatWasAppended) {
  WriteTorn("old.", "old.12345678");
  EXPECT_EQ(Read("file"), "old.1234");
}

TEST_F(Tear, LeavesHalfOfWhatWasWrittenOver) {
  WriteTorn("head aaaaaaaa tail", "head bbbbbbbb tail");
  EXPECT_EQ(Read("file"), "head bbbbaaaa tail");
}

TEST_F(Tear, LeavesTheOldBytesWhereTheFileGrewWhileItWasWrittenOver) {
  WriteTorn("aaaaaaaa", "bbbbbbbbcccc");
  EXPECT_EQ(Read("file"), "bbbbbbaa");
  WriteTorn("aa", "bbbbbbbb");
  EXPECT_EQ(Read("file"), "bbbb");
}

TEST_F(Tear, KillsBeforeTheWriteWhereAKillIsAskedFor) {
  Write("file", "old");
  const std::string path = directory_ / "file";
  EXPECT_TRUE(WasKilled(Ask("here", "kill", [&] {
    const FailpointTear tear("here", path.c_str());
    Write("file", "new");
    return 0;
  })));
  EXPECT_EQ(Read("file"), "old");
}

}  // namespace
}  // namespace settle
