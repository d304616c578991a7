#include "simulation/saga_adversary.h"

#include <utility>

#include "engine/shard.h"

namespace settle::simulation {

using coordinator::SagaAct;
using coordinator::SagaActCall;

namespace {

const char* const kOperator = "simulated operator";

}  // namespace

void SagaAdversary::BeginOwn() {
  Every(operators_every, [this] { OperatorActs(); });
}

void SagaAdversary::BringBackLater(Caller& process) {
  world_.After(Soon(microseconds(30'000)), [this, &process] {
    if (!process.up() && dead_for_good_ != &process) process.Start();
  });
}

std::vector<TransactionSummary> SagaAdversary::ListOpen() {
  std::vector<TransactionSummary> open;
  for (const auto& shard : coordinator_.engine().shards()) {
    for (TransactionSummary& one : shard->ListOpen({.most = 1'000'000}).transactions)
      open.push_back(std::move(one));
  }
  return open;
}

void SagaAdversary::OperatorActs() {
  if (!coordinator_.up() || coordinator_.frozen()) return;
  const std::vector<TransactionSummary> open = ListOpen();
  if (open.empty()) return;
  const TransactionSummary& saga = open[world_.Pick(open.size())];
  if (saga.state == "damaged") return Forget(saga.gtid);
  switch (world_.Pick(8)) {
    case 0: return Cancel(saga.gtid);
    case 1: return Hurry(saga.gtid);
    default: return ActOnAStep(saga);
  }
}

void SagaAdversary::Cancel(const Gtid& gtid) {
  coordinator_.Arrive([this, gtid](Engine& engine, Inquiry&) {
    engine.Abort({gtid, AbortCause::kOperator, kOperator, {}},
                 [this, gtid](const Result<Ending>& ending) {
                   if (!ending) {
                     if (ending.error().code == ErrorCode::kRefused) witness_.CancelRefused(gtid);
                     return;
                   }
                   witness_.Hears(gtid, *ending);
                   if (ending->cause == AbortCause::kOperator) world_.Count(Fault::kOperatorAborts);
                 });
  });
}

// One saga, or all that wait for somebody.
void SagaAdversary::Hurry(const Gtid& gtid) {
  const bool all = world_.Happens(0.5);
  coordinator_.Arrive([this, gtid, all](Engine& engine, Inquiry&) {
    witness_.Nudged();
    const auto hurried = [this](const Result<Hurried>& sent) {
      if (sent) world_.Count(Fault::kOperatorHurries);
    };
    all ? engine.HurryAll("", hurried) : engine.Hurry(gtid, hurried);
  });
}

void SagaAdversary::ActOnAStep(const TransactionSummary& saga) {
  for (const BranchSummary& step : saga.branches) {
    const bool outstanding = step.state == "undoing" || step.state == "running";
    if (!outstanding || world_.Happens(0.3)) continue;
    SagaActCall call{saga.gtid, step.number, SagaAct::kSkip, "", kOperator, "it is stuck"};
    if (world_.Happens(0.5)) {
      call.act = SagaAct::kSetInput;
      call.input = "{\"set\":" + std::to_string(world_.Pick(100)) + "}";
    }
    return Act(call);
  }
}

void SagaAdversary::Act(const SagaActCall& call) {
  const auto asked = [this, call]() -> int& {
    StepNote& step = notes_.at(call.gtid).steps[call.step - 1];
    return call.act == SagaAct::kSkip ? step.skipped : step.input_set;
  };
  coordinator_.Arrive([this, call, asked](Engine& engine, Inquiry&) {
    ++asked();
    engine.ActOnSaga(call, [this, call, asked](const Result<std::monostate>& acted) {
      if (!acted) {
        --asked();
        return;
      }
      witness_.Acted(call);
      world_.Count(call.act == SagaAct::kSkip ? Fault::kOperatorSkips : Fault::kOperatorSetsInput);
    });
  });
}

void SagaAdversary::Forget(const Gtid& gtid) {
  coordinator_.Arrive([this, gtid](Engine& engine, Inquiry&) {
    engine.Forget({gtid, kOperator, "repaired by hand"},
                  [this](const Result<std::monostate>& forgotten) {
                    if (forgotten) world_.Count(Fault::kOperatorForgets);
                  });
  });
}

}  // namespace settle::simulation
