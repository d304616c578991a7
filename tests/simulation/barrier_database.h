// A participant's database with the barrier's table: the rules of settle/barrier.h, each call in
// one local transaction. It keeps what a real one keeps over every crash of those that use it.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "engine/saga_calls.h"
#include "engine/unended.h"
#include "simulation/world.h"

namespace settle::simulation {

class BarrierDatabase {
 public:
  // `took_effect` is told of every call whose business was carried out, with the input and the
  // result that it ran with.
  using TookEffect = std::function<void(const coordinator::SagaCall&, const Answer&)>;
  BarrierDatabase(World& world, std::string name, TookEffect took_effect)
      : world_(world), name_(std::move(name)), took_effect_(std::move(took_effect)) {}

  const std::string& name() const { return name_; }

  // The server dies; until it is started again nothing works, and a local transaction under way is
  // committed but not answered.
  void Crash() { up_ = false; }
  void Start() { up_ = true; }
  bool up() const { return up_; }

  // Removes the rows of what has ended; a call of it that still comes is refused from now on.
  void Prune(const coordinator::EndedThrough& mark);

  // As settle/barrier.h. `business` is given the call with its input and result filled in. The
  // commit fails with the probability `commit_lost`, or is done and not answered.
  using Business = std::function<Answer(const coordinator::SagaCall&)>;
  Answer Run(const coordinator::SagaCall& call, double commit_lost, const Business& business);

 private:
  // Who put the row of the action or try there; a compensation stands for a cancel too.
  enum class By { kAction, kFence, kCompensation };
  struct Row {
    By by = By::kAction;
    std::string input;
    std::string result;
  };
  struct Changes {
    bool any = false;
    std::optional<Row> origin;             // to insert
    std::optional<std::string> undone;     // the compensation's or cancel's row, to insert
    std::optional<std::string> confirmed;  // the confirm's row, to insert
    bool took_effect = false;
    Answer answer;
    coordinator::SagaCall call;  // with what the business was given
  };
  Changes Decide(const coordinator::SagaCall& call, const Business& business);
  Changes DecideAction(const coordinator::SagaCall& call, const Business& business) const;
  Changes DecideCompensation(const coordinator::SagaCall& call, const Business& business) const;
  Changes DecideConfirm(const coordinator::SagaCall& call, const Business& business) const;
  Changes DecideFence(const coordinator::SagaCall& call) const;
  Changes Refuse(const coordinator::SagaCall& call, const char* what) const;
  static coordinator::SagaCall FilledIn(coordinator::SagaCall call, const Row& origin);

  World& world_;
  const std::string name_;
  const TookEffect took_effect_;
  bool up_ = true;
  coordinator::EndedThrough ended_;
  std::map<BranchKey, Row> origin_;
  std::map<BranchKey, std::string> undone_;
  std::map<BranchKey, std::string> confirmed_;
};

}  // namespace settle::simulation
