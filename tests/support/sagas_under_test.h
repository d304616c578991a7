// The sagas of one shard in a world that is all fake and moved by hand.
//
//   SagasUnderTest under_test;
//   under_test.Start();
//   under_test.AnswerDone(1, "{}");
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/sagas.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {

class SagasUnderTest {
 public:
  SagasUnderTest() { Make(); }

  Sagas& sagas() { return *sagas_; }
  FakeLog& log() { return log_; }
  FakeClock& clock() { return clock_; }
  FakeIds& ids() { return ids_; }
  RecordingObserver& observer() { return observer_; }
  Gtid gtid() const { return Gtid::Make("k3m9qxw4c7ab", 2, 17, 7); }

  // Flight and hotel in parallel, then payment as the pivot.
  StartSagaCall Trip() const {
    const std::string prices =
        R"({"prices": [{"$result": "/flight/price"}, {"$result": "/hotel/price"}]})";
    saga::Definition trip{"trip",
                          1,
                          0,
                          {Step("flight airline/reserve-seat"), Step("hotel hotels/reserve-room"),
                           Step("payment bank/pay")}};
    trip.steps[2].input = prices;
    trip.steps[2].after = {"flight", "hotel"};
    trip.steps[2].kind = saga::StepKind::kPivot;
    return {trip, "{}", "", "shop", "order 17"};
  }
  void Start() { StartWith(Trip()); }
  // Each step as "name participant/action".
  void Start(const std::vector<std::string>& steps, saga::Milliseconds deadline_ms = 0) {
    saga::Definition definition{"small", 1, deadline_ms, {}};
    for (const std::string& step : steps) definition.steps.push_back(Step(step));
    StartWith({definition, "{}", "", "shop", ""});
  }

  // Until nothing moves without time passing.
  void Run() {
    for (int round = 0; round < 8; ++round) {
      RunOnce();
      if (!log_.held) log_.CompleteAll();
    }
    RunOnce();
  }
  void Advance(std::chrono::milliseconds by) {
    const Instant until = clock_.Now() + by;
    while (clock_.Now() < until) {
      const std::optional<Instant> next = sagas_->FireDue();
      clock_.Advance(std::min(next.value_or(until), until) - clock_.Now());
      Run();
    }
  }
  // What was appended is lost; a new life reads the log.
  void Crash() {
    RestoredSaga restored;
    for (const Record& record : log_.durable()) Collect(record, restored);
    mailbox_.TakeAll();
    log_.held = false;
    log_.Lose();
    Make();
    sagas_->Restore(std::move(restored));
    Run();
  }

  std::vector<SagaCall> Take() {
    Run();
    for (const SagaCall& call : sent_) attempts_[{call.key.number, call.op}] = call.attempt;
    return std::exchange(sent_, {});
  }
  // "action 1" for each call, in order.
  std::vector<std::string> TakeCalls() {
    std::vector<std::string> words;
    for (const SagaCall& call : Take())
      words.push_back(settle::ToString(call.op) + (" " + std::to_string(call.key.number)));
    return words;
  }

  void AnswerAction(BranchNumber step, settle::Answer answer) {
    Answered(step, ActionOp::kAction, std::move(answer));
    Run();
  }
  void AnswerCompensation(BranchNumber step, settle::Answer answer) {
    Answered(step, ActionOp::kCompensate, std::move(answer));
    Run();
  }
  void AnswerFence(BranchNumber step, settle::Answer answer) {
    Answered(step, ActionOp::kFence, std::move(answer));
    Run();
  }
  void AnswerDone(BranchNumber step, const std::string& result = "{}") {
    AnswerAction(step, {AnswerKind::kDone, result, 0});
  }
  // The log writes only so many records.
  void AnswerDone(BranchNumber step, const std::string& result, int records) {
    Answered(step, ActionOp::kAction, {AnswerKind::kDone, result, 0});
    for (int i = 0; i < records; ++i) log_.CompleteOne();
    log_.held = true;
    Run();
  }
  void AnswerUndone(BranchNumber step) { AnswerCompensation(step, {AnswerKind::kDone, "", 0}); }
  void Cancel() {
    sagas_->Cancel(gtid(), AbortCause::kRequested, "changed my mind", 1h, [](Result<Ending>) {});
    Run();
  }

  std::string State() const { return sagas_->Show(gtid()).value_or(TransactionSummary{}).state; }
  std::string StepState(BranchNumber step) const {
    return sagas_->Show(gtid())->branches[step - 1].state;
  }
  // As people can read it in the log; kUnknown while it is not there.
  Ending Ended() const {
    const auto found = log_.FindEnded(gtid());
    return found && *found ? (*found)->ending : Ending{};
  }
  int AlarmsRaised(const std::string& words) const {
    int alarms = 0;
    for (const auto& entry : observer_.entries()) {
      const bool is_alarm = entry.level == Observer::Level::kError;
      alarms += is_alarm && entry.what.find(words) != std::string::npos ? 1 : 0;
    }
    return alarms;
  }

 private:
  static saga::StepDefinition Step(const std::string& words) {
    const std::size_t space = words.find(' ');
    const std::size_t slash = words.find('/');
    saga::StepDefinition step;
    step.name = words.substr(0, space);
    step.participant = words.substr(space + 1, slash - space - 1);
    step.action = words.substr(slash + 1);
    return step;
  }

  void Make() {
    sagas_ = std::make_unique<Sagas>(
        Sagas::Outside{settings_, log_, clock_, ids_, observer_, mailbox_,
                       [this](SagaCall call) {
                         sent_.push_back(std::move(call));
                         return true;
                       },
                       [this](const std::string&) { return paused_; }, [](const Sagas::Gone&) {}});
  }
  void StartWith(const StartSagaCall& call) {
    sagas_->Start(gtid(), call, [](Result<Gtid>) {});
    Run();
  }
  void RunOnce() {
    for (const Task& task : mailbox_.TakeAll()) task();
    sagas_->FireDue();
  }
  // To the newest call of it that was made.
  void Answered(BranchNumber step, ActionOp op, settle::Answer answer) {
    for (const SagaCall& call : sent_) attempts_[{call.key.number, call.op}] = call.attempt;
    const std::set<std::string> all{"airline", "hotels", "bank", "embassy"};
    sagas_->Answered(all, {{gtid(), step}, op, attempts_[{step, op}], std::move(answer)});
  }
  static void Collect(const Record& record, RestoredSaga& restored) {
    if (const auto* begin = std::get_if<SagaBeginRecord>(&record)) restored.begin = *begin;
    if (const auto* step = std::get_if<SagaStepRecord>(&record)) restored.later.push_back(*step);
    if (const auto* one = std::get_if<SagaAbortingRecord>(&record)) restored.later.push_back(*one);
    if (const auto* act = std::get_if<SagaActRecord>(&record)) restored.later.push_back(*act);
    if (const auto* end = std::get_if<SagaEndRecord>(&record)) restored.later.push_back(*end);
    if (const auto* gone = std::get_if<ForgetRecord>(&record)) restored.later.push_back(*gone);
  }

  Settings settings_;
  FakeLog log_;
  FakeClock clock_;
  FakeIds ids_;
  RecordingObserver observer_;
  Mailbox mailbox_{1'000};
  std::vector<SagaCall> sent_;
  std::optional<PauseRecord> paused_;  // every participant, by it
  std::map<std::pair<BranchNumber, ActionOp>, int> attempts_;
  std::unique_ptr<Sagas> sagas_;
};

}  // namespace settle::coordinator
