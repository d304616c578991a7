// A saga's machine in a small world: a log that may crash with it, a network that may lose, repeat
// and delay, and participants with a barrier each. Whatever can happen is a move; the rules are
// checked after every one. With a flaw the same world shows that the rules would notice.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/saga.h"
#include "protocol/saga_stage.h"

namespace settle::coordinator::saga {

// What a wrong implementation would do.
enum class Flaw {
  kNone,
  kBeginNotForced,
  kAbortingNotForced,
  kEndNotForced,
  kOnlyKnownDoneIsCompensated,
  kPivotGivenUpWithoutFence,
  kCompensatedInAnyOrder,
  kFenceLeavesNoRow,
  kCompensationLeavesNoActionRow,
  kBarrierForgetsItsRows,
};

struct Move {
  enum class Kind {
    kDeliverCall,    // and it succeeds, if there is anything to do
    kDeliverCallThatFails,
    kDeliverAnswer,
    kStepTimer,
    kCancel,
    kLogDurable,
    kLogRefuses,
    kLogTimer,
    kLogFlush,
    kCrash,
  };
  Kind kind = Kind::kCrash;
  BranchNumber step = 0;
  ActionOp op = ActionOp::kAction;
  AnswerKind answer = AnswerKind::kDone;
};

std::string Describe(const Move& move);

class World {
 public:
  World(const Definition& definition, Flaw flaw);

  // Every move that can happen now.
  std::vector<Move> Moves() const;
  void Take(const Move& move);

  // No more crashes, losses or failures: everything sent is delivered until it ends. False if it
  // does not.
  bool Heal();

  // Equal for worlds that no future can tell apart. Counts of attempts are left out.
  std::string Key() const;
  // The first rule that was broken; empty if none was.
  const std::string& broken() const { return broken_; }
  bool ended() const { return told_.has_value(); }
  const std::optional<Outcome>& told() const { return told_; }
  std::string Describe() const;

 private:
  // A participant's database: what the barrier's table says, and the effect.
  struct Database {
    enum class Row { kNone, kByAction, kByFence, kByCompensation };
    Row action = Row::kNone;
    bool compensation = false;
    int done = 0;
    int undone = 0;
  };
  using Call = std::pair<BranchNumber, ActionOp>;
  using Reply = std::tuple<BranchNumber, ActionOp, AnswerKind>;

  void Rule(bool holds, const std::string& rule);
  void Handle(const Event& event);
  void See(const effect::Call& call);
  void See(const effect::Persist& persist);
  void See(const effect::ReplyEnded& reply);
  void See(const effect::Forget&) { forgotten_ = true; }
  template <typename Other>
  void See(const Other&) {}
  AnswerKind Perform(const Call& call, bool succeeds);
  AnswerKind PerformAction(BranchNumber step, bool succeeds);
  AnswerKind PerformCompensation(BranchNumber step);
  AnswerKind PerformFence(BranchNumber step);
  void Crash();
  void CheckParticipants();
  void CheckMachine();
  StepKind KindOf(BranchNumber step) const { return definition_.steps[step - 1].kind; }
  bool ComesBefore(BranchNumber step, BranchNumber later) const;
  std::string KeyOf(const std::optional<Machine>& machine) const;

  Definition definition_;
  Flaw flaw_;
  std::optional<Machine> machine_;  // none: gone
  StagedLog log_;
  std::vector<Database> databases_;
  std::set<Call> network_;   // sent once, delivered any number of times
  std::set<Reply> replies_;  // the same
  bool started_ = false;     // its caller was told
  bool forgotten_ = false;
  std::optional<Outcome> told_;
  std::string broken_;
};

}  // namespace settle::coordinator::saga
