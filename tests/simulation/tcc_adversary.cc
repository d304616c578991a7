#include "simulation/tcc_adversary.h"

#include <utility>

#include "engine/shard.h"

namespace settle::simulation {
namespace {

const char* const kOperator = "simulated operator";

}  // namespace

void TccAdversary::BeginOwn() {
  Every(operators_every, [this] { OperatorActs(); });
}

void TccAdversary::BringBackLater(Caller& process) {
  world_.After(Soon(microseconds(30'000)), [this, &process] {
    if (!process.up() && dead_for_good_ != &process) process.Start();
  });
}

void TccAdversary::OperatorActs() {
  if (!coordinator_.up() || coordinator_.frozen()) return;
  std::vector<TransactionSummary> open;
  for (const auto& shard : coordinator_.engine().shards()) {
    for (TransactionSummary& one : shard->ListOpen({.most = 1'000'000}).transactions)
      open.push_back(std::move(one));
  }
  if (open.empty()) return;
  const TransactionSummary& one = open[world_.Pick(open.size())];
  if (one.state == "damaged") return Forget(one.gtid);
  switch (world_.Pick(8)) {
    case 0: return Abort(one.gtid);
    case 1: return Hurry(one.gtid);
    default: return Skip(one);
  }
}

void TccAdversary::Abort(const Gtid& gtid) {
  coordinator_.Arrive([this, gtid](Engine& engine, Inquiry&) {
    engine.Abort({gtid, AbortCause::kOperator, kOperator, {}},
                 [this, gtid](const Result<Ending>& ending) {
                   if (ending) witness_.Told(gtid, *ending);
                 });
  });
}

// One transaction, or all that wait for somebody.
void TccAdversary::Hurry(const Gtid& gtid) {
  const bool all = world_.Happens(0.5);
  coordinator_.Arrive([this, gtid, all](Engine& engine, Inquiry&) {
    const auto hurried = [this](const Result<Hurried>& sent) {
      if (sent) world_.Count(Fault::kOperatorHurries);
    };
    all ? engine.HurryAll("", hurried) : engine.Hurry(gtid, hurried);
  });
}

void TccAdversary::Skip(const TransactionSummary& transaction) {
  for (const BranchSummary& branch : transaction.branches) {
    const bool outstanding = branch.state == "confirming" || branch.state == "cancelling";
    if (!outstanding || world_.Happens(0.6)) continue;
    const coordinator::SagaActCall call{
        transaction.gtid, branch.number, coordinator::SagaAct::kSkip, "", kOperator, "it is stuck"};
    return coordinator_.Arrive([this, call](Engine& engine, Inquiry&) {
      engine.ActOnSaga(call, [this, gtid = call.gtid](const Result<std::monostate>& skipped) {
        if (!skipped) return;
        world_.Count(Fault::kOperatorSkips);
        if (!disk_.damaged.contains(gtid))
          world_.Violates("heuristics: " + gtid.text() +
                          " is said to be skipped, and no record is");
      });
    });
  }
}

void TccAdversary::Forget(const Gtid& gtid) {
  coordinator_.Arrive([this, gtid](Engine& engine, Inquiry&) {
    engine.Forget({gtid, kOperator, "repaired by hand"},
                  [this](const Result<std::monostate>& forgotten) {
                    if (forgotten) world_.Count(Fault::kOperatorForgets);
                  });
  });
}

}  // namespace settle::simulation
