// The Python program of examples/python_client, which speaks nothing but Thrift, against a real
// daemon.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include "end_to_end/cli.h"
#include "end_to_end/daemon.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// transfer.py, with an end of a pipe as its stdin.
class Transfer {
 public:
  Transfer(std::vector<std::string> words, std::string path) : path_(std::move(path)) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    input_ = ends[1];
    process_ = std::make_unique<Process>(
        Launch{.arguments = std::move(words),
               .output_path = path_ + ".out",
               .error_path = path_ + ".err",
               .environment = {"PYTHONPATH=" PYTHON_GENERATED, "PYTHONDONTWRITEBYTECODE=1"},
               .user = std::nullopt,
               .input = ends[0]});
    ::close(ends[0]);
  }
  ~Transfer() { EndInput(); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void EndInput() {
    if (input_ >= 0) ::close(std::exchange(input_, -1));
  }
  void Kill() { process_->Kill(); }
  std::optional<Ended> Wait() { return process_->Wait(); }
  std::string Said() const { return process_->Output() + process_->Errors(); }
  // The line that says which transaction it began; empty before.
  std::string Gtid() const {
    const std::string said = process_->Output();
    const std::size_t end = said.find('\n');
    if (!said.starts_with("began ") || end == std::string::npos) return "";
    return said.substr(6, end - 6);
  }

 private:
  const std::string path_;
  int input_ = -1;
  std::unique_ptr<Process> process_;
};

class PythonClient : public ::testing::Test {
 protected:
  PythonClient() : daemon_(directory_.path()) {}

  Transfer Run(std::vector<std::string> words, const std::string& patience = "15") {
    words.insert(words.begin(), {PYTHON, SOURCE "/examples/python_client/transfer.py",
                                 "--coordinator", daemon_.address(), "--patience", patience,
                                 directory_ / "a.db", directory_ / "b.db"});
    return Transfer(words, directory_ / ("run-" + std::to_string(++runs_)));
  }
  // What both ledgers hold: "-100 100" when the move is in both.
  std::string Ask(const std::string& sql) const {
    std::string found;
    for (const char* file : {"a.db", "b.db"}) {
      sqlite3* database = nullptr;
      sqlite3_open_v2((directory_ / file).c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
      sqlite3_busy_timeout(database, 5'000);
      sqlite3_exec(
          database, sql.c_str(),
          [](void* into, int, char** values, char**) {
            std::string& text = *static_cast<std::string*>(into);
            text += (text.empty() ? "" : " ") + std::string(values[0]);
            return 0;
          },
          &found, nullptr);
      sqlite3_close(database);
    }
    return found;
  }
  std::string Entries() const { return Ask("SELECT amount FROM entry"); }
  std::string Staged() const { return Ask("SELECT amount FROM staged"); }
  // As `settle show` has it.
  std::string Shown(const std::string& gtid, const std::string& field) const {
    const CliAnswer shown = RunCli(daemon_.address(), {"show", gtid});
    return shown.json.value(nlohmann::json::json_pointer(field), "not shown: " + shown.out);
  }
  bool NothingInDoubt() const {
    return WaitUntil(
        [&] { return RunCli(daemon_.address(), {"in-doubt", "--check"}).code == 0; });
  }

  const TemporaryDirectory directory_;
  Daemon daemon_;
  int runs_ = 0;
};

TEST_F(PythonClient, CommitsInBothLedgersOrInNeither) {
  daemon_.Start();
  Transfer moved = Run({"move", "17", "100"});
  EXPECT_EQ(moved.Wait(), (Ended{0, {}})) << moved.Said();
  EXPECT_THAT(moved.Said(), HasSubstr("\ncommitted " + moved.Gtid()));
  EXPECT_EQ(Shown(moved.Gtid(), "/ending/outcome"), "committed");
  EXPECT_EQ(Shown(moved.Gtid(), "/branches/1/resource"), "to");
  EXPECT_EQ(Shown(moved.Gtid(), "/branches/1/state"), "committed");
  EXPECT_EQ(Entries(), "-100 100");

  // One ledger has it already, so it votes no and the other one gets nothing either.
  EXPECT_EQ(Ask("DELETE FROM entry WHERE amount > 0"), "");
  Transfer refused = Run({"move", "17", "5"});
  EXPECT_EQ(refused.Wait(), (Ended{1, {}})) << refused.Said();
  EXPECT_THAT(refused.Said(), HasSubstr("voted no: there is an entry 17 already"));
  EXPECT_EQ(Shown(refused.Gtid(), "/ending/cause"), "voted-no");
  EXPECT_EQ(Entries(), "-100");

  Transfer aborted = Run({"move", "18", "5", "--abort"});
  EXPECT_EQ(aborted.Wait(), (Ended{1, {}})) << aborted.Said();
  EXPECT_EQ(Shown(aborted.Gtid(), "/ending/outcome"), "aborted");
  EXPECT_EQ(Entries(), "-100");

  for (const auto& [gtid, exit, word] : {std::tuple{moved.Gtid(), 0, "committed "},
                                         std::tuple{refused.Gtid(), 1, "aborted "},
                                         std::tuple{aborted.Gtid(), 1, "aborted "}}) {
    Transfer asked = Run({"outcome", gtid});
    EXPECT_EQ(asked.Wait(), (Ended{exit, {}}));
    EXPECT_THAT(asked.Said(), StartsWith(word + gtid));
  }
  EXPECT_TRUE(NothingInDoubt());
  EXPECT_EQ(Staged(), "");
}

// The decision is durable and nobody has heard of it: neither the caller nor a branch.
TEST_F(PythonClient, C06_SaysUnknownWhenNobodyAnswersAndAnotherProcessCommits) {
  daemon_.Start("engine.decided");
  Transfer move = Run({"move", "17", "100"}, "1");
  ASSERT_TRUE(daemon_.AwaitFailpoint());
  EXPECT_EQ(move.Wait(), (Ended{3, {}})) << move.Said();
  EXPECT_THAT(move.Said(), HasSubstr("\nunknown " + move.Gtid()));
  ASSERT_EQ(Staged(), "-100 100") << "it was not prepared in both";
  EXPECT_EQ(Entries(), "");

  daemon_.Start();
  Transfer serve = Run({"serve"});
  EXPECT_TRUE(WaitUntil([&] { return Entries() == "-100 100"; })) << serve.Said();
  EXPECT_TRUE(NothingInDoubt());
  EXPECT_EQ(Staged(), "");
  Transfer asked = Run({"outcome", move.Gtid()});
  EXPECT_EQ(asked.Wait(), (Ended{0, {}}));
  EXPECT_EQ(Shown(move.Gtid(), "/ending/outcome"), "committed");
  serve.EndInput();
  EXPECT_EQ(serve.Wait(), (Ended{0, {}}));
}

TEST_F(PythonClient, C06_ACommitThatIsRepeatedHearsWhatTheDeadCoordinatorDecided) {
  daemon_.Start("engine.decided");
  Transfer move = Run({"move", "17", "100"});
  ASSERT_TRUE(daemon_.AwaitFailpoint());
  ASSERT_EQ(Staged(), "-100 100");
  daemon_.Start();
  EXPECT_EQ(move.Wait(), (Ended{0, {}})) << move.Said();
  EXPECT_THAT(move.Said(), HasSubstr("trying again: "));
  EXPECT_EQ(Entries(), "-100 100");
}

TEST_F(PythonClient, C04_KilledWithItsCoordinatorBeforeTheDecisionItIsAbortedByItsScan) {
  daemon_.Start("engine.before_decision");
  Transfer move = Run({"move", "17", "100"});
  ASSERT_TRUE(daemon_.AwaitFailpoint());
  move.Kill();
  ASSERT_EQ(Staged(), "-100 100");
  daemon_.Start();
  Transfer serve = Run({"serve"});
  EXPECT_TRUE(WaitUntil([&] { return Staged() == ""; })) << serve.Said();
  EXPECT_EQ(Entries(), "");
  EXPECT_EQ(Shown(move.Gtid(), "/ending/cause"), "presumed");
  // Nothing is held any more.
  Transfer again = Run({"move", "17", "7"});
  EXPECT_EQ(again.Wait(), (Ended{0, {}})) << again.Said();
  EXPECT_EQ(Entries(), "-7 7");
}

TEST_F(PythonClient, P07_KilledBeforePrepareItIsAborted) {
  daemon_.Start();
  Transfer move = Run({"move", "17", "100", "--hold"});
  ASSERT_TRUE(WaitUntil([&] { return move.Said().find("\nholding") != std::string::npos; }));
  move.Kill();
  EXPECT_TRUE(
      WaitUntil([&] { return Shown(move.Gtid(), "/ending/outcome") == "aborted"; }));
  EXPECT_EQ(Shown(move.Gtid(), "/ending/cause"), "participant-lost");
  EXPECT_EQ(Entries(), "");
}

TEST_F(PythonClient, C22_WaitsWhenTheCoordinatorSaysRetry) {
  daemon_.options = {"--max-open-transactions", "1"};
  daemon_.Start();
  Transfer first = Run({"move", "17", "100", "--hold"});
  ASSERT_TRUE(WaitUntil([&] { return first.Said().find("\nholding") != std::string::npos; }));
  Transfer second = Run({"move", "18", "5"});
  ASSERT_TRUE(WaitUntil([&] {
    return second.Said().find("trying again: the limit of 1 open transactions") !=
           std::string::npos;
  }));
  first.EndInput();
  EXPECT_EQ(first.Wait(), (Ended{0, {}})) << first.Said();
  EXPECT_EQ(second.Wait(), (Ended{0, {}})) << second.Said();
  EXPECT_EQ(Entries(), "-100 -5 100 5");
}

}  // namespace
}  // namespace settle::testing
