// Plays every scripts/*.script, and those in scripts/last_resource, tcc and three_phase, against
// the two-phase machine (script_runner.h). Beside events there are
//   branches-max 2     first of all, if at all: the limit on branches
//   three-phase        first of all, if at all: by quorum
//   own-branches 2 session s1
//                      first of all, if at all: the beginner numbers that many itself, in its
//                      session
//   crash              the machine is rebuilt from the records that `persisted` made durable so
//                      far; with none it is gone, and abort is presumed, until a branch is found
//                      prepared in the name of a last resource
//   flush              what was written lazily so far is durable
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <sstream>

#include "protocol/describe.h"
#include "protocol/event_parser.h"
#include "protocol/script_runner.h"
#include "protocol/two_phase.h"

namespace settle::coordinator {
namespace {

constexpr const char* kScripts = SETTLE_PROTOCOL_SCRIPTS;

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
    if (line == "three-phase") {
      machine_ =
          std::make_unique<TwoPhase>(Gtid(), Origin{}, TwoPhase::Limits{}, Protocol::kThreePhase);
      return "";
    }
    if (line.starts_with("own-branches ")) {
      std::istringstream words(line.substr(line.find(' ')));
      Beginner beginner;
      std::string word;
      std::string session;
      words >> beginner.own_branches >> word >> session;
      beginner.session = session;
      machine_ = std::make_unique<TwoPhase>(Gtid(), Origin{}, TwoPhase::Limits{},
                                            Protocol::kTwoPhase, beginner);
      return "";
    }
    if (line == "crash") return Crash();
    if (line == "flush") {
      durable_.insert(durable_.end(), lazy_.begin(), lazy_.end());
      lazy_.clear();
      return "";
    }
    Result<Event> event = ParseEvent(line);
    if (!event) return "  " + event.error().message + "\n";
    if (machine_ == nullptr) {
      const auto* found = std::get_if<event::FoundPrepared>(&*event);
      if (found == nullptr || !found->last) return "  the machine is gone\n";
      machine_ = std::make_unique<TwoPhase>(
          RecordByName({Gtid(), found->branch}, found->resource, found->evidence, *found->last),
          std::vector<HeuristicRecord>());
      *event = event::Restored{};
    }
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
      if (const auto* lazy = std::get_if<effect::PersistLazily>(&effect))
        lazy_.push_back(lazy->record);
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
    lazy_.clear();
    std::vector<HeuristicRecord> heuristics;
    std::vector<RegisteredRecord> registered;
    std::optional<TwoPhase::RestoredQuorum> quorum;
    for (const Record& record : durable_) {
      if (const auto* one = std::get_if<PreCommitRecord>(&record))
        quorum.emplace().pre_commit = *one;
      if (const auto* one = std::get_if<BallotRecord>(&record)) quorum->ballot = *one;
      if (const auto* one = std::get_if<QuorumAbortRecord>(&record)) quorum->abort = *one;
      if (const auto* one = std::get_if<CommitRecord>(&record); one && quorum)
        quorum->commit = *one;
      if (const auto* one = std::get_if<HeuristicRecord>(&record)) heuristics.push_back(*one);
      if (const auto* one = std::get_if<RegisteredRecord>(&record)) registered.push_back(*one);
    }
    machine_.reset();
    for (const Record& record : durable_) {
      if (const auto* last = std::get_if<LastResourceRecord>(&record))
        machine_ = std::make_unique<TwoPhase>(*last, heuristics);
    }
    for (const Record& record : durable_) {
      if (const auto* commit = std::get_if<CommitRecord>(&record)) {
        machine_ = std::make_unique<TwoPhase>(*commit, heuristics, registered);
      }
      if (const auto* one_phase = std::get_if<OnePhaseRecord>(&record)) {
        machine_ = std::make_unique<TwoPhase>(*one_phase, heuristics);
      }
    }
    if (quorum) machine_ = std::make_unique<TwoPhase>(*quorum, heuristics);
    if (machine_ == nullptr && !(heuristics.empty() && registered.empty()))
      machine_ = std::make_unique<TwoPhase>(heuristics, registered);
    for (const Record& record : machine_ == nullptr ? std::vector<Record>() : durable_) {
      const auto* intent = std::get_if<HeuristicIntentRecord>(&record);
      if (intent != nullptr) machine_->TakeIntent(intent->intent);
    }
    if (machine_ == nullptr) return "  nothing in the log: abort is presumed\n";
    return "  " + Describe(*machine_) + "\n";
  }

  std::unique_ptr<TwoPhase> machine_ =
      std::make_unique<TwoPhase>(Gtid(), Origin{}, TwoPhase::Limits{});
  std::deque<Record> appended_;
  std::vector<Record> lazy_;
  std::vector<Record> durable_;
};

class Script : public testing::TestWithParam<std::string> {};

TEST_P(Script, IsWhatTheMachineDoes) {
  Stage stage;
  ExpectScript(kScripts, GetParam(), [&](const std::string& line) { return stage.Play(line); });
}

INSTANTIATE_TEST_SUITE_P(Protocol, Script, testing::ValuesIn(ScriptsIn(kScripts)),
                         [](const auto& test) { return test.param; });

class TccScript : public Script {};

TEST_P(TccScript, IsWhatTheMachineDoes) {
  Stage stage;
  ExpectScript(std::string(kScripts) + "/tcc", GetParam(),
               [&](const std::string& line) { return stage.Play(line); });
}

INSTANTIATE_TEST_SUITE_P(Protocol, TccScript,
                         testing::ValuesIn(ScriptsIn(std::string(kScripts) + "/tcc")),
                         [](const auto& test) { return test.param; });

class LastResourceScript : public Script {};

TEST_P(LastResourceScript, IsWhatTheMachineDoes) {
  Stage stage;
  ExpectScript(std::string(kScripts) + "/last_resource", GetParam(),
               [&](const std::string& line) { return stage.Play(line); });
}

INSTANTIATE_TEST_SUITE_P(Protocol, LastResourceScript,
                         testing::ValuesIn(ScriptsIn(std::string(kScripts) + "/last_resource")),
                         [](const auto& test) { return test.param; });

class ThreePhaseScript : public Script {};

TEST_P(ThreePhaseScript, IsWhatTheMachineDoes) {
  Stage stage;
  ExpectScript(std::string(kScripts) + "/three_phase", GetParam(),
               [&](const std::string& line) { return stage.Play(line); });
}

INSTANTIATE_TEST_SUITE_P(Protocol, ThreePhaseScript,
                         testing::ValuesIn(ScriptsIn(std::string(kScripts) + "/three_phase")),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace settle::coordinator
