// Plays every scripts/*.script against the two-phase machine and compares what it does, line by
// line.
//
//   # What this script shows, and the rule it follows.
//   commit 1=commit 2=commit                  an event, in the words of protocol/describe.h
//     deciding: 1 prepared, 2 prepared        the machine afterwards
//     persist commit record: ...              its effects, in order
//
// Lines in the margin are written by hand. Beside events there are
//   branches-max 2     first of all, if at all: the limit on branches
//   crash              the machine is rebuilt from the records that `persisted` made durable so
//   far; with
//                      none it is gone, abort is presumed, and the script ends
// Indented lines are what happened. To have them written anew after a change, and then to review
// the difference line by line as one reviews code:
//   SETTLE_REWRITE_SCRIPTS=1 build/dev/bin/protocol_test --gtest_filter='*Script*'
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "protocol/describe.h"
#include "protocol/event_parser.h"
#include "protocol/two_phase.h"

namespace settle::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScripts = SETTLE_PROTOCOL_SCRIPTS;

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A machine and the log it writes to.
class Stage {
 public:
  // The indented lines that follow `line`.
  std::string Play(const std::string& line) {
    if (line.starts_with("branches-max ")) {
      const std::size_t most = std::stoul(line.substr(line.find(' ')));
      machine_ = std::make_unique<TwoPhase>(Gtid(), Origin{}, TwoPhase::Limits{most});
      return "";
    }
    if (line == "crash") return Crash();
    if (machine_ == nullptr) return "  the machine is gone\n";
    Result<Event> event = ParseEvent(line);
    if (!event) return "  " + event.error().message + "\n";
    if (auto* restored = std::get_if<event::Restored>(&*event)) {
      for (const Record& record : durable_) {
        if (const auto* forget = std::get_if<ForgetRecord>(&record)) restored->forgotten = *forget;
      }
    }
    KeepLog(*event);
    const Effects effects = machine_->Handle(*event);
    std::string text = "  " + Describe(*machine_) + "\n";
    for (const Effect& effect : effects) {
      text += "  " + Describe(effect) + "\n";
      if (const auto* persist = std::get_if<effect::Persist>(&effect))
        appended_.push_back(persist->record);
    }
    return text;
  }

 private:
  void KeepLog(const Event& event) {
    if (appended_.empty()) return;
    if (std::holds_alternative<event::Persisted>(event)) durable_.push_back(appended_.front());
    if (std::holds_alternative<event::Persisted>(event) ||
        std::holds_alternative<event::PersistRefused>(event)) {
      appended_.pop_front();
    }
  }

  std::string Crash() {
    appended_.clear();
    std::vector<HeuristicRecord> heuristics;
    for (const Record& record : durable_) {
      if (const auto* one = std::get_if<HeuristicRecord>(&record)) heuristics.push_back(*one);
    }
    machine_.reset();
    for (const Record& record : durable_) {
      if (const auto* commit = std::get_if<CommitRecord>(&record)) {
        machine_ = std::make_unique<TwoPhase>(*commit, heuristics);
      }
      if (const auto* one_phase = std::get_if<OnePhaseRecord>(&record)) {
        machine_ = std::make_unique<TwoPhase>(*one_phase, heuristics);
      }
    }
    if (machine_ == nullptr && !heuristics.empty())
      machine_ = std::make_unique<TwoPhase>(heuristics);
    if (machine_ == nullptr) return "  nothing in the log: abort is presumed\n";
    return "  " + Describe(*machine_) + "\n";
  }

  std::unique_ptr<TwoPhase> machine_ =
      std::make_unique<TwoPhase>(Gtid(), Origin{}, TwoPhase::Limits{});
  std::deque<Record> appended_;
  std::vector<Record> durable_;
};

std::string Replay(const std::string& script) {
  Stage stage;
  std::string replayed;
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(' ')) continue;
    replayed += line + "\n";
    if (line.empty() || line.starts_with('#')) continue;
    replayed += stage.Play(line);
  }
  return replayed;
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kScripts)) {
    if (entry.path().extension() == ".script") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Script : public testing::TestWithParam<std::string> {};

TEST_P(Script, IsWhatTheMachineDoes) {
  const fs::path path = fs::path(kScripts) / (GetParam() + ".script");
  const std::string written = Read(path);
  const std::string replayed = Replay(written);
  if (std::getenv("SETTLE_REWRITE_SCRIPTS") != nullptr) {
    std::ofstream(path) << replayed;
    return;
  }
  ASSERT_FALSE(written.empty()) << path << " cannot be read";
  EXPECT_EQ(replayed, written) << path << ": if the new behaviour is right, write it down with "
                               << "SETTLE_REWRITE_SCRIPTS=1 and review the difference";
}

INSTANTIATE_TEST_SUITE_P(Protocol, Script, testing::ValuesIn(Names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace settle::coordinator
