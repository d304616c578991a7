// How far everything has ended: what participants may throw away.
#include "engine/unended.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "recovery/replay.h"
#include "saga_definition/document.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

constexpr const char kTrip[] = R"({"saga": "trip", "steps": [
  {"name": "flight", "participant": "airline", "action": "reserve-seat"}]})";

Gtid Of(Epoch epoch, std::uint64_t sequence) {
  return Gtid::Make("k3m9qxw4c7ab", epoch, sequence, 7);
}

TEST(Unended, NothingHasEndedBeforeAnythingBeganButEarlierLives) {
  EXPECT_EQ(Unended(3).Through(), (EndedThrough{3, 0}));
}

TEST(Unended, TheOldestThatHasNotEndedHoldsTheMark) {
  Unended unended(2);
  const auto make = [](std::uint64_t sequence) { return Of(2, sequence); };
  const Gtid first = unended.GiveOut(make, {});
  const Gtid second = unended.GiveOut(make, {});
  EXPECT_EQ(unended.Through(), (EndedThrough{2, 0})) << "what was given out may begin";
  unended.End(second);
  EXPECT_EQ(unended.Through(), (EndedThrough{2, 0}));
  EXPECT_EQ(unended.Oldest(), first);
  unended.End(first);
  EXPECT_EQ(unended.Through(), (EndedThrough{2, 2}));
  EXPECT_EQ(unended.Oldest(), std::nullopt);
}

TEST(Unended, WhatIsPassedForALaneIsNeverGivenOutAndHasEnded) {
  Unended unended(2);
  const auto make = [](std::uint64_t sequence) { return Of(2, sequence); };
  EXPECT_EQ(unended.GiveOut(make, {.of = 3, .at = 1}).sequence(), 1u);
  EXPECT_EQ(unended.GiveOut(make, {.of = 3, .at = 1}).sequence(), 4u);
  EXPECT_EQ(unended.GiveOut(make, {.of = 3, .at = 0}).sequence(), 6u);
  EXPECT_EQ(unended.GiveOut(make, {}).sequence(), 7u);
  for (const std::uint64_t sequence : {1, 4, 6, 7}) unended.End(Of(2, sequence));
  EXPECT_EQ(unended.Through(), (EndedThrough{2, 7}));
}

TEST(Unended, OneOfAnEarlierLifeHoldsItBelowAllOfThisOne) {
  Unended unended(5);
  unended.Restore(Of(3, 9));
  unended.End(unended.GiveOut([](std::uint64_t sequence) { return Of(5, sequence); }, {}));
  EXPECT_EQ(unended.Through(), (EndedThrough{3, 8}));
  unended.End(Of(3, 9));
  EXPECT_EQ(unended.Through(), (EndedThrough{5, 1}));
}

// A coordinator with a participant that answers some calls, is cancelled, refused by its log, and
// killed, in an order that a seed decides.
class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed) { Make(2); }

  void Step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3: return Start();
      case 4:
      case 5:
      case 6: return Serve();
      case 7: return Forget();
      case 8: refusing_ = random_() % 4 == 0; return;
      case 9: engine_->log().held = random_() % 2 == 0; return;
      case 10: return engine_->RunShards();
      case 11:
        if (random_() % 8 == 0) Crash();
        return;
    }
  }
  // The rule: nothing at or below the mark is open, or is found open by a life that follows.
  void Check() {
    const EndedThrough mark = engine_->engine().ended_through();
    if (last_ && engine_->log().identity().epoch == last_epoch_) {
      EXPECT_GE(mark, *last_);
    }
    last_ = mark;
    last_epoch_ = engine_->log().identity().epoch;
    highest_ = std::max(highest_, mark);
    for (const Gtid& gtid : begun_) {
      if (ended_.contains(gtid)) continue;
      EXPECT_LT(mark, (EndedThrough{gtid.epoch(), gtid.sequence()})) << "passed " << gtid.text();
      EXPECT_LT(highest_, (EndedThrough{gtid.epoch(), gtid.sequence()}))
          << "an earlier life had passed " << gtid.text();
    }
  }
  // Everything ends: then the mark is at the last.
  void Finish() {
    refusing_ = false;
    engine_->log().held = false;
    for (int round = 0; round < 400 && (round < 3 || ended_.size() < begun_.size()); ++round) {
      Forget();
      Serve();
      engine_->Advance(1s);
    }
    EXPECT_EQ(ended_.size(), begun_.size());
    const Engine& engine = engine_->engine();
    EXPECT_EQ(engine.ended_through(), (EndedThrough{last_epoch_, engine.last_sequence()}));
  }
  std::size_t ended() const { return ended_.size(); }
  int crashes() const { return crashes_; }

 private:
  void Make(Epoch epoch) {
    auto next = std::make_unique<EngineUnderTest>(Settings{.shards = 3},
                                                  LogIdentity{"k3m9qxw4c7ab", epoch});
    if (engine_) {
      for (const Record& record : engine_->log().durable()) next->log().Keep(record);
    }
    engine_ = std::move(next);
    engine_->log().judge = [this](const Record& record) { return Judge(record); };
    const RestoredState restored = *ReplayLog(engine_->log());
    engine_->engine().Restore(restored);
    Answer<Attached> attached;
    engine_->engine().Attach({"service", {}, "", 0, {"airline"}}, attached.done());
    engine_->Run();
    session_ = attached->session;
    received_ = 0;
  }
  // What the log has is what a later life finds: begun from here on, ended from there on.
  FakeLog::Verdict Judge(const Record& record) {
    if (refusing_) return {AppendResult::kRefused, "disk full"};
    if (const auto* begin = std::get_if<SagaBeginRecord>(&record)) begun_.insert(begin->gtid);
    if (const auto* end = std::get_if<SagaEndRecord>(&record)) ended_.insert(end->gtid);
    return {};
  }
  void Start() {
    StartSagaCall call;
    call.definition = *saga::ReadDocument(kTrip);
    call.owner = "shop";
    if (random_() % 6 == 0) call.input = "no JSON";
    engine_->engine().StartSaga(call, [](Result<Begun>) {});
    if (random_() % 3 == 0)
      engine_->engine().Begin({}, [this](Result<Begun> begun) {
        if (begun) transactions_.push_back(begun->gtid);
      });
  }
  // Answers what came: done, failed, or nothing.
  void Serve() {
    Answer<CommandBatch> batch;
    engine_->engine().Fetch({session_, received_, 100, 0ms}, batch.done());
    engine_->Run();
    engine_->Advance(100ms);
    if (!batch.ok()) return;
    if (batch->number != 0) received_ = batch->number;
    for (const SagaCall& call : batch->calls) {
      const bool fails = random_() % 3 == 0 && call.op == ActionOp::kAction;
      SagaAnswer answer{call.key,
                        call.op,
                        call.attempt,
                        {fails ? AnswerKind::kFailed : AnswerKind::kDone, fails ? "no" : "{}", 0}};
      if (random_() % 4 == 0) continue;
      engine_->engine().Report({session_, {}, {}, {answer}}, [](Result<std::monostate>) {});
    }
    engine_->Run();
  }
  void Forget() {
    for (const Gtid& gtid : transactions_)
      engine_->engine().Abort({gtid, AbortCause::kRequested, "", {}}, [](Result<Ending>) {});
    transactions_.clear();
  }
  void Crash() {
    ++crashes_;
    transactions_.clear();
    Make(engine_->log().identity().epoch + 1);
  }

  std::mt19937_64 random_;
  std::unique_ptr<EngineUnderTest> engine_;
  SessionId session_;
  std::int64_t received_ = 0;
  bool refusing_ = false;
  std::set<Gtid> begun_;
  std::set<Gtid> ended_;
  std::vector<Gtid> transactions_;
  std::optional<EndedThrough> last_;
  Epoch last_epoch_ = 0;
  EndedThrough highest_;
  int crashes_ = 0;
};

TEST(Unended, TheMarkNeverPassesASagaThatIsOpenNowOrInALaterLife) {
  std::size_t ended = 0;
  int crashes = 0;
  for (std::uint64_t seed = 1; seed <= 100 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    for (int step = 0; step < 60; ++step) {
      life.Step();
      life.Check();
    }
    life.Finish();
    life.Check();
    ended += life.ended();
    crashes += life.crashes();
  }
  EXPECT_GT(ended, 500U);
  EXPECT_GT(crashes, 20);
}

TEST(Unended, BatchesCarryTheMarkToThoseWhoServeActionsEmptyOnesToo) {
  EngineUnderTest under_test;
  const auto fetch = [&](const std::vector<std::string>& participants) {
    Answer<Attached> attached;
    under_test.engine().Attach({"service", {}, "", 0, participants}, attached.done());
    under_test.Run();
    Answer<CommandBatch> batch;
    under_test.engine().Fetch({attached->session, 0, 100, 0ms}, batch.done());
    under_test.Advance(200ms);
    return batch.ok() ? *batch : CommandBatch{};
  };
  under_test.Begin();
  EXPECT_EQ(fetch({}).ended_through, std::nullopt);
  EXPECT_EQ(fetch({"airline"}).ended_through, (EndedThrough{2, 0}));
}

}  // namespace
}  // namespace settle::coordinator
