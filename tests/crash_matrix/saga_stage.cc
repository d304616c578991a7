#include "crash_matrix/saga_stage.h"

#include <algorithm>

namespace settle::crash_matrix {

using coordinator::SagaAct;
using coordinator::SagaCall;
using coordinator::saga::StepDefinition;
using simulation::BarrierDatabase;
using simulation::Service;

SagaStage::SagaStage(const Scenario& scenario, crash_matrix::Databases databases,
                     const std::vector<Crash>& crashes, const Staging& staging)
    : Stage(scenario, crashes, staging),
      witness_(world_, coordinator_, notes_),
      client_(world_, coordinator_, witness_, "client-1") {
  disk_.watch = [this](const coordinator::Record& record) { witness_.Appends(record); };
  coordinator_.when_it_starts = [this] { witness_.Nudged(); };
  for (const auto& [name, kind] : DatabasesOf(scenario, databases)) {
    databases_.emplace_back(world_, name,
                            [this](const SagaCall& call, const settle::Answer& answer) {
                              witness_.TookEffect(call, answer);
                            });
  }
  processes_["client-1"] = &client_;
  for (const auto& [name, participants] : Served()) {
    Service::Databases own;
    for (const std::string& participant : participants) {
      for (BarrierDatabase& database : databases_) {
        if (database.name() == participant + "-db") own.emplace(participant, &database);
      }
    }
    if (own.empty()) continue;
    Service& service =
        services_.emplace_back(world_, coordinator_, witness_, smooth_, name, std::move(own));
    service.by_plan = [this](const SagaCall& call) { return ByPlanOf(call); };
    service.delay_by_plan = [this](const SagaCall& call) {
      const bool first = call.op == ActionOp::kAction && call.attempt == 1;
      const SagaStep& step = scenario_.saga->steps[call.key.number - 1];
      return microseconds(first ? step.first_call_lies : milliseconds(0));
    };
    processes_[name] = &service;
  }
}

BarrierDatabase& SagaStage::DatabaseNamed(const std::string& name) {
  return *std::find_if(databases_.begin(), databases_.end(),
                       [&](const BarrierDatabase& database) { return database.name() == name; });
}

std::optional<Gtid> SagaStage::First() const {
  // A start that is repeated may leave some behind that never began.
  for (const auto& [gtid, note] : notes_) {
    if (disk_.sagas.contains(gtid)) return gtid;
  }
  return std::nullopt;
}

std::vector<std::string> SagaStage::Databases() const {
  std::vector<std::string> names;
  for (const BarrierDatabase& database : databases_) names.push_back(database.name());
  return names;
}

bool SagaStage::Ready() const {
  return std::all_of(services_.begin(), services_.end(),
                     [](const Service& service) { return service.attached(); });
}

coordinator::StartSagaCall SagaStage::StartCall() const {
  coordinator::StartSagaCall call;
  call.owner = "shop";
  call.definition.name = "staged";
  call.definition.deadline_ms = scenario_.saga->deadline.count();
  for (const SagaStep& one : scenario_.saga->steps) {
    StepDefinition step;
    step.name = one.name;
    step.participant = one.participant;
    step.action = "do-" + one.name;
    step.after = one.after;
    step.kind = one.kind;
    step.timeout_ms = 40;
    step.retry = {one.attempts_max, 10, 60, 200};
    std::string results;
    for (const std::string& before : one.after)
      results += (results.empty() ? "" : ",") + ("{\"$result\":\"/" + before + "\"}");
    step.input = "[" + results + "]";
    call.definition.steps.push_back(std::move(step));
  }
  return call;
}

void SagaStage::BeginWork() {
  if (!client_.up()) return;
  std::optional<microseconds> cancelled_after;
  if (scenario_.saga->cancelled_after) cancelled_after = *scenario_.saga->cancelled_after;
  client_.Start(StartCall(), cancelled_after);
}

std::optional<settle::Answer> SagaStage::ByPlanOf(const SagaCall& call) {
  const SagaStep& step = scenario_.saga->steps[call.key.number - 1];
  const ByPlan& plan = call.op == ActionOp::kCompensate ? step.compensation : step.action;
  int& carried_out = carried_out_[{call.key.number, call.op}];
  if (carried_out >= plan.times) return std::nullopt;
  ++carried_out;
  return settle::Answer{plan.answer, "by plan", plan.answer == AnswerKind::kOngoing ? 1 : 0};
}

void SagaStage::HappenOwn(const Trouble& trouble) {
  if (const auto* skips = std::get_if<OperatorSkips>(&trouble)) Skip(skips->step);
}

void SagaStage::Skip(const std::string& name) {
  const auto& steps = scenario_.saga->steps;
  const auto named = std::find_if(steps.begin(), steps.end(),
                                  [&](const SagaStep& step) { return step.name == name; });
  const auto number = static_cast<BranchNumber>(named - steps.begin() + 1);
  KeepAsking(
      [this, number](coordinator::Engine& engine, const Done& done) {
        if (!First()) return;
        simulation::StepNote& step = notes_.at(*First()).steps[number - 1];
        ++step.skipped;
        const coordinator::SagaActCall call{*First(), number,        SagaAct::kSkip,
                                            "",       "an operator", "it is settled by hand"};
        engine.ActOnSaga(call, [this, call, &step, done](const Result<std::monostate>& acted) {
          if (acted) {
            witness_.Acted(call);
            return done();
          }
          --step.skipped;
          if (acted.error().code == ErrorCode::kNotFound) done();
        });
      },
      50);
}

// Asks as a client does that was never answered.
void SagaStage::Judge() {
  for (auto& [gtid, note] : notes_) {
    if (!disk_.sagas.contains(gtid)) continue;
    Fate fate{gtid, Ask(gtid), note.told, 0, 0};
    note.said_at_the_end = fate.answer.outcome;
    played_.fates.push_back(std::move(fate));
  }
  for (std::string& violation : simulation::FindViolations(scene_)) Violation(std::move(violation));
}

}  // namespace settle::crash_matrix
