// What Prune removes, and that nothing which comes late can take effect by it.
#include <atomic>
#include <thread>

#include "sdk/barrier/barrier_test_base.h"

namespace settle::testing {
namespace {

using enum ActionOp;
using enum AnswerKind;

constexpr const char* kLog = "k3m9qxw4c7ab";

class BarrierPrune : public BarrierTest {};
SETTLE_FOR_EACH_DATABASE(BarrierPrune);

TEST_P(BarrierPrune, RowsUpToTheMarkGoAndTheOthersStay) {
  for (std::uint64_t sequence = 1; sequence <= 4; ++sequence) {
    ASSERT_THAT(barrier_->Run(Call(kAction, sequence), Does("reserved")), IsDone());
  }
  ActionContext other_log = Call(kAction);
  other_log.gtid = Gtid::Make("zzzzzzzzzzzz", 1, 1, 7);
  ASSERT_THAT(barrier_->Run(other_log, Does("reserved")), IsDone());
  ASSERT_TRUE((**barrier_).Prune({kLog, 2, 3}));
  EXPECT_EQ(world_->Rows(), "2");
  EXPECT_THAT(barrier_->Run(Call(kAction, 4), MustNotRun()), IsDone());
  EXPECT_THAT(barrier_->Run(other_log, MustNotRun()), IsDone());
  ASSERT_TRUE((**barrier_).Prune({kLog, 3, 0})) << "a later epoch is above all of an earlier one";
  EXPECT_EQ(world_->Rows(), "1");
}

TEST_P(BarrierPrune, ALateCopyOfWhateverCallTakesNoEffect) {
  ASSERT_THAT(Run(kAction, Does("reserved")), IsDone());
  ASSERT_TRUE((**barrier_).Prune({kLog, 2, 1}));
  for (const ActionOp op : {kAction, kCompensate, kFence, kTry, kConfirm, kCancel}) {
    EXPECT_THAT(Run(op, MustNotRun()), Is(kSuppressed, "pruned")) << ToString(op);
    EXPECT_THAT(world_->Open()->Run(Call(op), MustNotRun()), Is(kSuppressed));
  }
  EXPECT_EQ(world_->Rows(), "0") << "nor does it leave rows behind";
  EXPECT_EQ(world_->Effects(), "1 reserved");
}

TEST_P(BarrierPrune, TheMarkNeverGoesBack) {
  ASSERT_TRUE((**barrier_).Prune({kLog, 2, 5}));
  ASSERT_TRUE((**barrier_).Prune({kLog, 1, 9}));
  ASSERT_TRUE((**barrier_).Prune({kLog, 2, 3}));
  EXPECT_THAT(barrier_->Run(Call(kAction, 5), MustNotRun()), Is(kSuppressed));
  EXPECT_THAT(barrier_->Run(Call(kAction, 6), Does("reserved")), IsDone());
  EXPECT_EQ((**barrier_).Prune({"no log", 2, 3}).error().code, ErrorCode::kInvalid);
}

TEST_P(BarrierPrune, ManyRowsGoInBatches) {
  for (std::uint64_t sequence = 1; sequence <= 8; ++sequence) {
    ASSERT_THAT(barrier_->Run(Call(kCompensate, sequence), MustNotRun()), IsDone());
  }
  ASSERT_TRUE((**world_->Open({.prune_batch = 3})).Prune({kLog, 2, 7}));
  EXPECT_EQ(world_->Rows(), "2") << "those of the last transaction";
}

// The race that the mark alone does not close: a call which has seen an older one is at work.
TEST(BarrierPruneOnPostgres, RowsStayWhileACallThatSawAnOlderMarkIsAtWork) {
  const auto world = BarrierWorld::Make(BarrierWorld::Kind::kPostgres);
  ASSERT_TRUE(world->Install());
  const auto barrier = world->Open({.prune_wait = std::chrono::milliseconds(100)});
  ASSERT_THAT(barrier->Run(Call(kAction, 1), Does("reserved")), IsDone());
  const Answer late = barrier->Run(Call(kAction, 2), [&](const auto& call, Work& work) {
    const Status blocked = (**barrier).Prune({kLog, 2, 2});
    EXPECT_FALSE(blocked);
    EXPECT_EQ(blocked.error().code, ErrorCode::kRetry) << blocked.error().message;
    EXPECT_EQ(world->Rows(), "1") << "the row of the first";
    EXPECT_EQ(world->Query("SELECT sequence FROM settle_barrier_mark"), "2") << "durable already";
    EXPECT_THAT(barrier->Run(Call(kAction, 3), Does("reserved")), IsDone()) << "nobody waits";
    EXPECT_THAT(barrier->Run(Call(kAction, 1), MustNotRun()), Is(kSuppressed));
    return Does("late")(call, work);
  });
  EXPECT_THAT(late, IsDone()) << "its mark was older, and no row that it needs was gone";
  EXPECT_TRUE((**barrier).Prune({kLog, 2, 2}));
  EXPECT_EQ(world->Rows(), "1");
  EXPECT_THAT(barrier->Run(Call(kAction, 2), MustNotRun()), Is(kSuppressed));
}

TEST(BarrierPruneOnPostgres, AnUnrelatedTransactionHoldsNothingUp) {
  const auto world = BarrierWorld::Make(BarrierWorld::Kind::kPostgres);
  ASSERT_TRUE(world->Install());
  const auto barrier = world->Open();
  ASSERT_THAT(barrier->Run(Call(kAction, 1), Does("reserved")), IsDone());
  world->Query(
      "BEGIN; INSERT INTO effect VALUES (1, 'x'); PREPARE TRANSACTION 'in doubt for days'");
  EXPECT_TRUE((**barrier).Prune({kLog, 2, 1}));
  EXPECT_EQ(world->Rows(), "0");
  world->Query("ROLLBACK PREPARED 'in doubt for days'");
}

// A call takes its snapshot, then has to wait in its first insert; meanwhile everything below the
// mark goes. With one snapshot for the whole transaction it would not see that.
class BarrierPruneRace : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(At, BarrierPruneRace,
                         ::testing::Values("read committed", "repeatable read", "serializable"),
                         [](const auto& level) { return std::string(level.param, 4); });

// For "options='...'" of a dsn, where a space and the quoting of a backslash cost one each.
std::string SettingFor(std::string level) {
  if (const auto space = level.find(' '); space != std::string::npos) {
    level.replace(space, 1, R"(\\ )");
  }
  return "-c default_transaction_isolation=" + level;
}

TEST_P(BarrierPruneRace, WhoMissedTheMarkByItsSnapshotTakesNoEffect) {
  const auto world = BarrierWorld::Make(BarrierWorld::Kind::kPostgres);
  ASSERT_TRUE(world->Install());
  const std::string level = GetParam();
  const auto barrier = world->Open({.session_settings = SettingFor(level)});
  for (const bool mark_exists : {false, true}) {
    const std::uint64_t sequence = mark_exists ? 2 : 1;
    const auto plain = world->Open();
    ASSERT_THAT(plain->Run(Call(kAction, sequence, 2), Does("reserved")), IsDone());
    std::atomic<bool> holding{false};
    std::atomic<bool> let_go{false};
    // Holds the key that the call will wait for, and lets go of it without a trace.
    std::jthread holder([&] {
      plain->Run(Call(kAction, sequence, 1), [&](const ActionContext&, Work&) {
        holding = true;
        EXPECT_TRUE(WaitUntil([&] { return let_go.load(); }));
        return Failed("changed my mind");
      });
    });
    ASSERT_TRUE(WaitUntil([&] { return holding.load(); }));
    Answer answer;
    std::jthread late([&] { answer = barrier->Run(Call(kAction, sequence, 1), MustNotRun()); });
    ASSERT_TRUE(world->AwaitBlocked());
    const auto impatient = world->Open({.prune_wait = std::chrono::milliseconds(1)});
    EXPECT_EQ((**impatient).Prune({kLog, 2, sequence}).error().code, ErrorCode::kRetry);
    let_go = true;
    late.join();
    holder.join();
    if (level == "read committed") {
      EXPECT_THAT(answer, Is(kSuppressed, "pruned"));
    } else {
      EXPECT_THAT(answer, Is(kUnknown, "40001"));
    }
    EXPECT_THAT(barrier->Run(Call(kAction, sequence, 1), MustNotRun()), Is(kSuppressed, "pruned"));
    EXPECT_TRUE((**plain).Prune({kLog, 2, sequence}));
  }
}

TEST_P(BarrierPruneRace, M01_OfTwoCopiesAtOnceOneTakesEffect) {
  const auto world = BarrierWorld::Make(BarrierWorld::Kind::kPostgres);
  ASSERT_TRUE(world->Install());
  const std::string level = GetParam();
  const auto barrier = world->Open({.session_settings = SettingFor(level)});
  std::atomic<bool> inside{false};
  std::atomic<bool> go_on{false};
  std::jthread first([&] {
    const Answer answer = barrier->Run(Call(kAction), [&](const auto& call, Work& work) {
      EXPECT_EQ(work.Execute("SHOW transaction_isolation")->rows[0][0], level);
      inside = true;
      EXPECT_TRUE(WaitUntil([&] { return go_on.load(); }));
      return Does("reserved")(call, work);
    });
    EXPECT_THAT(answer, IsDone());
  });
  ASSERT_TRUE(WaitUntil([&] { return inside.load(); }));
  Answer second;
  std::jthread copy([&] { second = barrier->Run(Call(kAction), MustNotRun()); });
  ASSERT_TRUE(world->AwaitBlocked());
  go_on = true;
  first.join();
  copy.join();
  EXPECT_EQ(second.kind, level == "read committed" ? kDone : kUnknown) << second.text;
  EXPECT_THAT(barrier->Run(Call(kAction), MustNotRun()), IsDone());
  EXPECT_EQ(world->Effects(), "1 reserved");
}

}  // namespace
}  // namespace settle::testing
