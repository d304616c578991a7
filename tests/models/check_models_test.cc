// scripts/check-models must fail when it should: on a model that is broken, on a mistake that goes
// unfound, and on a search that did not come to its end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "support/child_process.h"
#include "support/temporary_directory.h"
#include "support/wait_until.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

fs::path Source() {
  const char* source = std::getenv("SETTLE_SOURCE");
  return source == nullptr ? fs::current_path() : fs::path(source);
}

std::string TextOf(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void Write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

struct Output {
  int exit_code;
  std::string text;
};

// The script with a folder of models of the test's own, and a TMPDIR of its own.
class CheckModels : public ::testing::Test {
 protected:
  CheckModels() {
    fs::create_directory(models());
    fs::create_directory(temporary());
  }

  std::string models() const { return directory_ / "models"; }
  std::string temporary() const { return directory_ / "temporary"; }

  // A copy of a model in which `from` is replaced everywhere, which must be there.
  void Copy(const std::string& model, const std::string& from = "", const std::string& to = "") {
    std::string text = TextOf(Source() / "tests/models" / (model + ".pml"));
    ASSERT_FALSE(text.empty()) << "is SETTLE_SOURCE set?";
    std::size_t replaced = 0;
    for (std::size_t at = 0; !from.empty() && (at = text.find(from, at)) != std::string::npos;
         at += to.size()) {
      text.replace(at, from.size(), to);
      ++replaced;
    }
    ASSERT_EQ(replaced > 0, !from.empty()) << model << ".pml has no \"" << from << '"';
    Write(models() + "/" + model + ".pml", text);
  }

  Launch Script(const std::vector<std::string>& more = {},
                const std::vector<std::string>& environment = {}) const {
    Launch launch;
    launch.arguments = {(Source() / "scripts/check-models").string(), "--models", models()};
    launch.arguments.insert(launch.arguments.end(), more.begin(), more.end());
    launch.output_path = directory_ / "output";
    launch.environment = environment;
    launch.environment.push_back("TMPDIR=" + temporary());
    return launch;
  }

  Output Run(const std::vector<std::string>& more = {},
             const std::vector<std::string>& environment = {}) const {
    const Launch launch = Script(more, environment);
    fs::remove(launch.output_path);
    const int status = AwaitProcess(StartProcess(launch));
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, TextOf(launch.output_path)};
  }

  Output Check(const std::string& checks) const {
    Write(models() + "/checks", checks + "\n");
    return Run();
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(CheckModels, PassesWhatHoldsAndWhatIsFoundAndLeavesNothingBehind) {
  Copy("two_phase");
  const Output output = Check(
      "small exhaustive holds two_phase\n"
      "full bit-state holds two_phase -DBRANCHES=3\n"
      "small shortest violates:one_decision two_phase -DREPLIES_BEFORE_DURABLE");
  EXPECT_EQ(output.exit_code, 0) << output.text;
  EXPECT_THAT(output.text, HasSubstr("holds\n"));
  EXPECT_THAT(output.text, HasSubstr("holds, hash factor "));
  EXPECT_THAT(output.text, HasSubstr("counter-example found, as it must: one_decision\n"));
  EXPECT_THAT(output.text, HasSubstr("3 checks, all as they must be\n"));
  EXPECT_TRUE(fs::is_empty(temporary()));
  EXPECT_EQ(std::distance(fs::directory_iterator(models()), fs::directory_iterator()), 2);
}

TEST_F(CheckModels, FailsWhenAModelIsBroken) {
  Copy("three_phase", "((ballot) == elected[site])", "true");
  const Output output = Check("small exhaustive holds three_phase");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.text, HasSubstr("FAILED: violates one_decision\n"));
  EXPECT_THAT(output.text, HasSubstr("1 of 1 checks FAILED\n"));
  EXPECT_TRUE(fs::is_empty(temporary()));
}

TEST_F(CheckModels, FailsWhenOneCheckOfSeveralDoes) {
  Copy("two_phase", "commit_acks == ALL", "commit_acks != 0");
  const Output output = Check(
      "small exhaustive holds two_phase\n"
      "small shortest violates:one_decision two_phase -DREPLIES_BEFORE_DURABLE");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.text, HasSubstr("FAILED: violates all_ends\n"));
  EXPECT_THAT(output.text, HasSubstr("1 of 2 checks FAILED\n"));
}

TEST_F(CheckModels, FailsWhenAMistakeIsNotFound) {
  Copy("two_phase");
  const Output output = Check("small shortest violates:one_decision two_phase -DNO_SUCH_MISTAKE");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.text, HasSubstr("FAILED: no counter-example found\n"));
}

TEST_F(CheckModels, FailsWhenAMistakeBreaksAnotherProperty) {
  Copy("two_phase");
  const Output output =
      Check("small shortest violates:all_ends two_phase -DREPLIES_BEFORE_DURABLE");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.text, HasSubstr("FAILED: violates one_decision instead\n"));
}

TEST_F(CheckModels, FailsWhenASearchIsNotDeepEnough) {
  Write(models() + "/deep.pml", "int x; active proctype P() { end: do :: x < 300000 -> x++ od }\n");
  const Output output = Check("small exhaustive holds deep");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.text, HasSubstr("FAILED: not completed: error: max search depth too small\n"));
}

TEST_F(CheckModels, FailsWhenAModelStopsWithoutAnAssertion) {
  Write(models() + "/stuck.pml", "active proctype P() { false }\n");
  const Output output = Check("small exhaustive holds stuck");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.text, HasSubstr("FAILED: pan found an error\n"));
}

TEST_F(CheckModels, FailsWhenAModelDoesNotCompile) {
  Write(models() + "/wrong.pml", "active proctype P() { no such thing }\n");
  const Output output = Check("small exhaustive holds wrong");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.text, HasSubstr("FAILED: does not compile\n"));
  EXPECT_THAT(output.text, HasSubstr("undeclared variable: no"));
}

TEST_F(CheckModels, RefusesWhatItCannotRead) {
  Copy("two_phase");
  for (const char* checks :
       {"", "small exhaustive holds no_such_model", "small exhaustive maybe two_phase",
        "small shortest violates: two_phase", "sometimes exhaustive holds two_phase"}) {
    const Output output = Check(checks);
    EXPECT_EQ(output.exit_code, 2) << checks;
    EXPECT_THAT(output.text, HasSubstr("check-models: ")) << checks;
  }
  EXPECT_EQ(Run({"--jobs", "many"}).exit_code, 2);
  EXPECT_EQ(Run({"--only"}).exit_code, 2);
  EXPECT_EQ(Run({"--fast"}).exit_code, 2);
  EXPECT_EQ(Run({"--models", "/no/such/folder"}).exit_code, 2);
}

TEST_F(CheckModels, SaysWhatToInstallWhenSpinIsMissing) {
  Copy("two_phase");
  Write(models() + "/checks", "small exhaustive holds two_phase\n");
  // All that the script needs but spin.
  const std::string programs = models() + "/programs";
  fs::create_directory(programs);
  for (const std::string& program : std::vector<std::string>{"bash", "dirname", "gcc"}) {
    const std::string path = "/usr/bin/" + program;
    ASSERT_TRUE(fs::exists(path)) << path;
    fs::create_symlink(path, programs + "/" + program);
  }
  const Output output = Run({}, {"PATH=" + programs});
  EXPECT_EQ(output.exit_code, 2);
  EXPECT_THAT(output.text, HasSubstr("spin is missing; scripts/install-dependencies test"));
}

TEST_F(CheckModels, TellsTheStoryOfACounterExampleIfAsked) {
  Copy("two_phase");
  Write(models() + "/checks",
        "small shortest violates:one_decision two_phase -DPRESUMES_WHILE_REPLAYING\n");
  const Output output = Run({"--trace"});
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_THAT(output.text, HasSubstr("    the coordinator dies\n"
                                     "    the coordinator is back and reads its log\n"
                                     "    somebody asks and is told: aborted\n"));
  EXPECT_THAT(Run().text, Not(HasSubstr("the coordinator dies")));
}

TEST_F(CheckModels, StopsItsSearchesWhenItIsTold) {
  Write(models() + "/endless.pml",
        "int x, y; active [2] proctype P() { end: do :: x < 1000000000 -> x++ :: x > 0 -> x-- "
        ":: y < 1000000000 -> y++ :: y > 0 -> y-- od }\n");
  Write(
      models() + "/checks",
      "small shortest holds endless\nsmall shortest holds endless\nsmall shortest holds endless\n");
  const pid_t script = StartProcess(Script({"--jobs", "2"}));
  const auto searches = [&] {
    std::vector<pid_t> found;
    for (const pid_t process : DescendantsOf(script)) {
      if (TextOf("/proc/" + std::to_string(process) + "/comm") == "pan\n") found.push_back(process);
    }
    return found;
  };
  const bool both = WaitUntil([&] { return searches().size() == 2; });
  const std::vector<pid_t> running = searches();
  ASSERT_EQ(kill(script, SIGTERM), 0);
  const int status = AwaitProcess(script);
  EXPECT_TRUE(both) << TextOf(Script().output_path);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 130);
  for (const pid_t search : running) {
    EXPECT_TRUE(WaitUntil([&] { return HasEnded(search); })) << search;
  }
  EXPECT_TRUE(fs::is_empty(temporary()));
}

// A switch that no check sets would be a mistake that nobody looks for.
TEST(Models, EveryMistakeThatAModelKnowsIsChecked) {
  const std::string checks = TextOf(Source() / "tests/models/checks");
  const std::regex condition("(?:#ifdef |defined\\()([A-Z_]+)");
  int switches = 0;
  for (const auto& entry : fs::directory_iterator(Source() / "tests/models")) {
    if (entry.path().extension() != ".pml") continue;
    const std::string model = TextOf(entry.path());
    for (std::sregex_iterator found(model.begin(), model.end(), condition), end; found != end;
         ++found) {
      ++switches;
      const std::regex checked("\\b" + entry.path().stem().string() + "( -D[A-Z_0-9=]+)* -D" +
                               (*found)[1].str() + "\\b");
      EXPECT_TRUE(std::regex_search(checks, checked))
          << entry.path() << " knows " << (*found)[1] << ", which tests/models/checks does not set";
    }
  }
  EXPECT_GT(switches, 30);
}

TEST(Models, TheDocumentNamesMistakesAndPlantedBugsThatThereAre) {
  const std::string bugs = TextOf(Source() / "participant-sdk/src/vocabulary/planted_bug.h");
  const std::string checks = TextOf(Source() / "tests/models/checks");
  const std::string document = TextOf(Source() / "docs/models.md");
  const std::regex name("\\bk[A-Z][A-Za-z]+|`[A-Z]+_[A-Z_]+`");
  int names = 0;
  for (std::sregex_iterator found(document.begin(), document.end(), name), end; found != end;
       ++found, ++names) {
    const std::string text = found->str();
    if (text.front() == 'k') {
      EXPECT_THAT(bugs, HasSubstr("  " + text + ",\n"));
    } else {
      EXPECT_THAT(checks, HasSubstr("-D" + text.substr(1, text.size() - 2)));
    }
  }
  EXPECT_GT(names, 50);
}

}  // namespace
}  // namespace settle::testing
