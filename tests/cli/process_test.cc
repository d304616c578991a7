// The binary as a script meets it: arguments, standard output and error, exit codes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "fake_coordinator.h"
#include "views.h"

namespace settle::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Ended {
  int exit = -1;  // -1: killed by a signal
  std::string out;
  std::string err;
};

// Takes what comes from both pipes until both are closed.
void ReadBoth(int out, int err, Ended& ended) {
  pollfd pipes[] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
  std::string* texts[] = {&ended.out, &ended.err};
  for (int open = 2; open > 0;) {
    if (poll(pipes, 2, -1) < 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (pipes[i].fd < 0 || pipes[i].revents == 0) continue;
      char bytes[4096];
      const ssize_t got = read(pipes[i].fd, bytes, sizeof(bytes));
      if (got > 0) {
        texts[i]->append(bytes, static_cast<std::size_t>(got));
      } else {
        close(pipes[i].fd);
        pipes[i].fd = -1;
        --open;
      }
    }
  }
}

// `out_path`: where standard output goes instead of into Ended::out.
Ended Settle(std::vector<std::string> words, const std::string& address,
             const char* out_path = nullptr) {
  const char* bin = std::getenv("SETTLE_BIN");
  if (bin == nullptr)
    return {.exit = -1, .out = {}, .err = "SETTLE_BIN is not set: run this through ctest"};
  words.insert(words.begin(), std::string(bin) + "/settle");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::string variable = "SETTLE_ADDRESS=" + address;
  char* environment[] = {variable.data(), nullptr};

  int out[2];
  int err[2];
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  if (out_path != nullptr) {
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_path, O_WRONLY, 0);
  }
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environment), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  Ended ended;
  ReadBoth(out[0], err[0], ended);
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  ended.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

class SettleCommand : public testing::Test {
 protected:
  Ended Run(std::vector<std::string> words) {
    return Settle(std::move(words), coordinator_.address());
  }
  void FailWith(wire::ErrorCode::type code) {
    wire::ServiceError error;
    error.code = code;
    error.message = "no";
    coordinator_.admin().error = error;
  }
  FakeCoordinator coordinator_;
};

TEST_F(SettleCommand, ExitsWith0WhenDone) {
  const Ended ended = Run({"in-doubt"});
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_EQ(ended.out, "nothing is in doubt\n");
  EXPECT_THAT(ended.err, IsEmpty());
}

TEST_F(SettleCommand, ExitsWith1WhenRefused) {
  FailWith(wire::ErrorCode::REFUSED);
  EXPECT_EQ(Run({"resolve", kGtid, "abort", "--reason", "x"}).exit, 1);
}

TEST_F(SettleCommand, ExitsWith3WhenNotFound) {
  FailWith(wire::ErrorCode::NOT_FOUND);
  EXPECT_EQ(Run({"show", kGtid}).exit, 3);
}

TEST_F(SettleCommand, ExitsWith4WhenNoCoordinatorIsThere) {
  const Ended ended = Settle({"status"}, "127.0.0.1:1");
  EXPECT_EQ(ended.exit, 4);
  EXPECT_THAT(ended.err, HasSubstr("127.0.0.1:1"));
}

TEST_F(SettleCommand, ExitsWith5ForTheGtidOfAnotherLog) {
  FailWith(wire::ErrorCode::WRONG_LOG);
  EXPECT_EQ(Run({"show", kGtid}).exit, 5);
}

TEST_F(SettleCommand, ExitsWith6WhenInDoubtCheckFindsSomething) {
  coordinator_.admin().in_doubt_reply.transactions = {Committing()};
  EXPECT_EQ(Run({"in-doubt", "--check"}).exit, 6);
  EXPECT_EQ(Run({"in-doubt"}).exit, 0);
}

TEST_F(SettleCommand, ExitsWith70WhenItsAnswerCannotBeWritten) {
  const Ended ended = Settle({"help"}, coordinator_.address(), "/dev/full");
  EXPECT_EQ(ended.exit, 70);
}

TEST_F(SettleCommand, JsonErrorsAreOnStandardOutput) {
  FailWith(wire::ErrorCode::NOT_FOUND);
  const Ended ended = Run({"--json", "show", kGtid});
  EXPECT_EQ(ended.exit, 3);
  EXPECT_EQ(nlohmann::json::parse(ended.out)["error"]["code"], "not-found");
  EXPECT_THAT(ended.err, IsEmpty());
}

TEST_F(SettleCommand, HelpDocumentsEveryExitCode) {
  const Ended ended = Run({"--help"});
  EXPECT_EQ(ended.exit, 0);
  for (const char* code :
       {" 0  ", " 1  ", " 2  ", " 3  ", " 4  ", " 5  ", " 6  ", " 7  ", " 70  "}) {
    EXPECT_THAT(ended.out, HasSubstr(std::string("\n ") +
                                     (code[2] == '0' && code[1] == '7' ? "" : " ") + code));
  }
  EXPECT_THAT(ended.out, HasSubstr("in-doubt --check: something is in doubt; agent --once: "
                                   "something is left\n"));
}

TEST_F(SettleCommand, A03_HostileArgumentsChangeNothingExitNonZeroAndPrintEscaped) {
  const std::string long_text(100'000, 'A');
  const std::vector<std::vector<std::string>> hostile{
      {},
      {""},
      {"show", ""},
      {"show", "k3m9qxw4c7ab.2"},
      {"show", "' OR 1=1 --"},
      {"show", "../../etc/passwd"},
      {"show", "%s%s%n"},
      {"show", "\x1b]0;owned\x07"},
      {"show", "k3m9qxw4c7ab.2.1842.9f3c2a51\x1b[2J"},
      {"show", "\xff\xfe"},
      {"show", "k3m9qxw4c7ab.18446744073709551616.1.9f3c2a51"},
      {"show", long_text},
      {long_text},
      {"--address", long_text + ":1", "status"},
      {"--address", "\x1b[31m:1", "status"},
      {"--timeout", "\r\n", "status"},
      {"--\x1b[2J", "status"},
      {"list", "--limit", "-1"},
      {"list", "--limit", "99999999999999999999"},
      {"resolve", kGtid, "commit\n", "--reason", "x"},
      {"resolve", kGtid, "abort", "--reason", "\x1b[8mhidden"},
      {"resolve", kGtid, "abort", "--reason", "x", "--operator", "root\nadmin"},
      {"resolve", "--reason", "x", "--", "-1", "abort"},
      {"participants", "accept", "bank;rm -rf /", "id", "--reason", "x"},
      {"help", "\x1b[2J"},
  };
  for (const auto& words : hostile) {
    const Ended ended = Run(words);
    EXPECT_EQ(ended.exit, 2) << testing::PrintToString(words);
    EXPECT_THAT(ended.out, IsEmpty());
    EXPECT_THAT(ended.err, StartsWith("settle: "));
    for (const char c : ended.err) EXPECT_TRUE(c == '\n' || (c >= 32 && c < 127)) << int{c};
    EXPECT_LT(ended.err.size(), 1000u);
  }
  EXPECT_THAT(coordinator_.admin().calls, IsEmpty());
}

}  // namespace
}  // namespace settle::cli
