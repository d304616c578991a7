// Plays every scripts/saga/*.script against the saga's machine (script_runner.h). A script begins
// with the definition:
//   saga deadline 60000      if it has one
//   saga input {"a": 1}
//   step ...                 as in saga_event_parser.h
// Beside events there are
//   flush                    lazy records become durable
//   crash                    the machine is rebuilt from what is durable; a saga that never began
//                            is gone, and the script ends
#include <gtest/gtest.h>

#include "protocol/saga_describe.h"
#include "protocol/saga_event_parser.h"
#include "protocol/saga_stage.h"
#include "protocol/script_runner.h"

namespace settle::coordinator::saga {
namespace {

const std::string kScripts = std::string(SETTLE_PROTOCOL_SCRIPTS) + "/saga";

class Stage {
 public:
  std::string Play(const std::string& line) {
    if (!machine_ && !over_ && Define(line)) return "";
    if (over_) return "  the machine is gone\n";
    if (!machine_) machine_.emplace(begin_);
    if (line == "flush") {
      log_.Flush();
      return "";
    }
    if (line == "crash") return Crash();
    const Result<Event> event = ParseEvent(line);
    if (!event) return "  " + event.error().message + "\n";
    if (std::holds_alternative<event::Persisted>(*event)) log_.Answer(true);
    if (std::holds_alternative<event::PersistRefused>(*event)) log_.Answer(false);
    const Effects effects = machine_->Handle(*event);
    std::string text = "  " + Describe(*machine_) + "\n";
    for (const Effect& effect : effects) {
      text += "  " + Describe(effect) + "\n";
      if (const auto* persist = std::get_if<effect::Persist>(&effect)) log_.Append(*persist);
    }
    return text;
  }

 private:
  bool Define(const std::string& line) {
    if (line.starts_with("saga deadline ")) {
      begin_.definition.deadline_ms = std::stoll(line.substr(14));
      return true;
    }
    if (line.starts_with("saga input ")) {
      begin_.input = line.substr(11);
      return true;
    }
    const Result<StepDefinition> step = ParseStep(line);
    if (step) begin_.definition.steps.push_back(*step);
    return step.has_value();
  }

  std::string Crash() {
    machine_ = log_.Crash();
    over_ = !machine_;
    if (over_) return "  nothing in the log: it never began\n";
    return "  " + Describe(*machine_) + "\n";
  }

  SagaBeginRecord begin_{{}, {}, "", {"trip", 1, 0, {}}, "{}"};
  std::optional<Machine> machine_;
  StagedLog log_;
  bool over_ = false;
};

class SagaScript : public testing::TestWithParam<std::string> {};

TEST_P(SagaScript, IsWhatTheMachineDoes) {
  Stage stage;
  ExpectScript(kScripts, GetParam(), [&](const std::string& line) { return stage.Play(line); });
}

INSTANTIATE_TEST_SUITE_P(Protocol, SagaScript, testing::ValuesIn(ScriptsIn(kScripts)),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace settle::coordinator::saga
