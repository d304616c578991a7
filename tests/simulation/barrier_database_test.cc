// The simulator's barrier is held against those that ship: random calls, one after the other, must
// be answered the same and take the same effect.
#include "simulation/barrier_database.h"

#include <map>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>

#include "sdk/barrier/barrier_test_base.h"
#include "vocabulary/planted_bug.h"

namespace settle::simulation {
namespace {

using coordinator::SagaCall;
using enum ActionOp;
using enum AnswerKind;
using testing::BarrierTest;

// What a business does this time.
struct Does {
  Answer answers;
  bool throws = false;

  Answer operator()() const {
    if (throws) throw std::runtime_error("by plan");
    return answers;
  }
};

class BarrierModel : public BarrierTest {
 protected:
  ~BarrierModel() override { planted_bug = PlantedBug::kNone; }

  // The first difference in so many calls; empty: none.
  std::string Differs(int calls);

  std::string Call(const SagaCall& call, const Does& does);
  std::string Prune(std::uint64_t sequence);
  std::string DiffersInEffects();
  SagaCall DrawCall();
  Does DrawDoes();
  std::size_t Draw(std::size_t below) { return random_() % below; }
  std::size_t Fired(Fault kind) const { return sim_.faults()[static_cast<std::size_t>(kind)]; }

  // A row of the table of effects. The step is unique over transactions.
  static BranchNumber StepOf(const BranchKey& key) {
    return key.gtid.sequence() * 100 + key.number;
  }
  template <typename Call>
  static std::string WordOf(const Call& call, const std::string& input, const std::string& result) {
    return std::string(ToString(call.op)) + " " + input + " " + result;
  }

  std::mt19937 random_{20'26'12};
  std::multiset<std::pair<BranchNumber, std::string>> effects_;  // of the model
  World sim_{1};
  BarrierDatabase model_{sim_, "model", [this](const SagaCall& call, const Answer&) {
                           effects_.emplace(StepOf(call.key),
                                            WordOf(call, call.input, call.result));
                         }};
  int tokens_ = 0;
};
SETTLE_FOR_EACH_DATABASE(BarrierModel);

// Transactions with an even sequence are sagas, those with an odd one have reservations.
SagaCall BarrierModel::DrawCall() {
  const std::uint64_t sequence = 1 + Draw(8);
  const ActionOp op = (sequence % 2 == 0 ? std::array{kAction, kAction, kCompensate, kFence}
                                         : std::array{kTry, kTry, kConfirm, kCancel})[Draw(4)];
  const ActionContext like = testing::Call(op, sequence, 1 + Draw(12));
  SagaCall call;
  call.key = {like.gtid, like.step};
  call.op = op;
  call.participant = like.participant;
  call.action = like.action;
  const bool forward = op == kAction || op == kTry;
  const bool knows = op != kFence && Draw(4) == 0;  // a coordinator that did not restart
  if (forward || knows) call.input = "{\"call\": " + std::to_string(++tokens_) + "}";
  if (!forward && knows) call.result = "{\"given\": " + std::to_string(tokens_) + "}";
  return call;
}

Does BarrierModel::DrawDoes() {
  switch (Draw(8)) {
    case 0: return {Failed("none left")};
    case 1: return {Unknown("no idea")};
    case 2: return {Ongoing(std::chrono::milliseconds(5))};
    case 3: return {{}, true};
    default: return {Done("{\"token\": " + std::to_string(++tokens_) + "}")};
  }
}

std::string BarrierModel::Call(const SagaCall& call, const Does& does) {
  const Answer expected = model_.Run(
      call, 0, [&](const SagaCall&) { return does.throws ? Unknown("it threw") : does(); });
  ActionContext context = testing::Call(call.op, call.key.gtid.sequence(), call.key.number);
  context.input.reset();
  if (!call.input.empty()) context.input = call.input;
  if (!call.result.empty()) context.result = call.result;
  const Answer answer = barrier_->Run(context, [&](const ActionContext& given, Work& work) {
    const std::string word = WordOf(given, given.input.value_or(""), given.result.value_or(""));
    const auto written = work.Execute("INSERT INTO effect VALUES ($1, $2)",
                                      {std::to_string(StepOf(call.key)), word});
    return written ? does() : Unknown(Describe(written.error()));
  });
  // Why something is unknown or suppressed is said in words of its own.
  const bool worded = expected.kind == kUnknown || expected.kind == kSuppressed;
  if (answer.kind == expected.kind && (worded || answer == expected)) return "";
  return std::string(ToString(call.op)) + " of " + call.key.DatabaseName() + " is answered " +
         ToString(answer.kind) + " " + answer.text + ", and by the model " +
         ToString(expected.kind) + " " + expected.text;
}

std::string BarrierModel::Prune(std::uint64_t sequence) {
  const Epoch epoch = testing::Call(kAction).gtid.epoch();
  model_.Prune({epoch, sequence});
  const Status pruned =
      (**barrier_).Prune({std::string(testing::Call(kAction).gtid.log_id()), epoch, sequence});
  return pruned ? "" : Describe(pruned.error());
}

std::string BarrierModel::DiffersInEffects() {
  for (const auto& [step, word] : effects_) {
    if (world_->Query("SELECT count(*) FROM effect WHERE step = " + std::to_string(step) +
                      " AND word = '" + word + "'") != "1")
      return "it has not the effect of the model: " + std::to_string(step) + " " + word;
  }
  if (world_->Query("SELECT count(*) FROM effect") != std::to_string(effects_.size()))
    return "it has more effects than the model";
  return "";
}

std::string BarrierModel::Differs(int calls) {
  std::optional<SagaCall> last;
  std::uint64_t mark = 0;
  for (int i = 0; i < calls; ++i) {
    if (i != 0 && i % (calls / 4) == 0) {  // and the last transactions are never pruned
      const std::string differs = Prune(++mark);
      if (!differs.empty()) return differs;
    }
    const bool copy = last && Draw(4) == 0;
    last = copy ? *last : DrawCall();
    const std::string differs = Call(*last, DrawDoes());
    if (!differs.empty()) return "call " + std::to_string(i) + ": " + differs;
  }
  return DiffersInEffects();
}

TEST_P(BarrierModel, M01_M02_M03_M07_AnswersAndDoesWhatTheShippedBarrierDoes) {
  EXPECT_EQ(Differs(800), "");
  EXPECT_GT(effects_.size(), 50u);
  for (const Fault kind : {Fault::kCallTwice, Fault::kActionTooLate, Fault::kCompensatedBeforehand,
                           Fault::kPivotFenced, Fault::kPivotFoundDone, Fault::kCallAfterTheEnd,
                           Fault::kBarrierPruned}) {
    EXPECT_GT(Fired(kind), 0u) << ToString(kind);
  }
  for (const char* refused :
       {"a confirm without its try", "a confirm after its cancel", "a cancel after its confirm"}) {
    EXPECT_THAT(sim_.violations(), ::testing::Contains(::testing::HasSubstr(refused)));
  }
}

TEST_P(BarrierModel, AnActionThatIsForgottenIsFound) {
  planted_bug = PlantedBug::kBarrierForgetsActions;
  EXPECT_NE(Differs(800), "");
}

TEST_P(BarrierModel, ACompensationThatLeavesNoRowForItsActionIsFound) {
  planted_bug = PlantedBug::kCompensationWithoutTheActionsRow;
  EXPECT_NE(Differs(800), "");
}

TEST_P(BarrierModel, AFenceThatLeavesNoRowIsFound) {
  planted_bug = PlantedBug::kFenceLeavesNoRow;
  EXPECT_NE(Differs(800), "");
}

}  // namespace
}  // namespace settle::simulation
