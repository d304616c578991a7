// Sagas over a real daemon that is killed at every effect, in both directions. The participant is
// this process, on nothing but the wire contract, so that it survives and remembers what it did.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "end_to_end/daemon.h"
#include "end_to_end/wire_link.h"
#include "support/temporary_directory.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"

namespace settle::testing {
namespace {

const char kTrip[] = R"({"saga": "trip", "steps": [
  {"name": "flight", "participant": "travel", "action": "reserve-seat"},
  {"name": "hotel", "participant": "travel", "action": "reserve-room"},
  {"name": "payment", "participant": "travel", "action": "pay", "pivot": true,
   "input": [{"$result": "/flight/price"}, {"$result": "/hotel/price"}]},
  {"name": "ticket", "participant": "travel", "action": "issue-ticket", "after": ["payment"],
   "compensate": "never"}]})";
constexpr int kPayment = 3;

// Serves every action, behind a barrier: it takes effect once and is answered the same ever after.
class Travel {
 public:
  explicit Travel(const Daemon& daemon) : link_(daemon, "participant") {}

  ~Travel() {
    link_.Try([&](auto& service) { service.detach(session_); });
  }

  // Fetches what there is, does it and reports it.
  void ServeOnce() {
    try {
      if (session_.empty() && !link_.Try([&](auto& service) { Attach(service); })) return;
      wire::CommandBatch batch;
      const auto fetch = [&](auto& service) {
        wire::FetchRequest request;
        request.session = session_;
        request.received_through = received_;
        request.most = 1;
        request.wait_ms = 50;
        service.fetch(batch, request);
      };
      if (!link_.Try(fetch) || batch.number == 0) return;
      received_ = batch.number;
      wire::ReportRequest report;
      report.session = session_;
      report.__set_answers({Answer(batch.calls.at(0))});
      link_.Try([&](auto& service) { service.report(report); });
      if (after_report) after_report();
    } catch (const wire::ServiceError&) {
      session_.clear();  // it belongs to a daemon that was killed
    }
  }

  bool payment_fails = false;
  std::map<int, int> done;  // by step
  std::map<int, int> undone;
  int effects = 0;  // changes of rows_
  std::function<void()> after_effect;
  std::function<void()> after_report;

 private:
  using Key = std::pair<int, wire::ActionOp::type>;

  void Attach(wire::ParticipantServiceClient& service) {
    wire::AttachRequest request;
    request.version_low = request.version_high = 1;
    request.process = "travel";
    request.__set_participants({"travel"});
    wire::AttachReply reply;
    service.attach(reply, request);
    session_ = reply.session;
    received_ = 0;
  }

  wire::ActionAnswer Answer(const wire::ActionCall& call) {
    wire::ActionAnswer answer;
    answer.gtid = call.gtid;
    answer.step = call.step;
    answer.op = call.op;
    answer.attempt = call.attempt;
    answer.poll_after_ms = 0;
    answer.kind = Perform(call);
    if (answer.kind == wire::AnswerKind::DONE) answer.text = R"({"price": 7})";
    return answer;
  }

  wire::AnswerKind::type Perform(const wire::ActionCall& call) {
    const Key action{call.step, wire::ActionOp::ACTION};
    const auto row = rows_.find(action);
    const bool ran = row != rows_.end() && row->second == wire::ActionOp::ACTION;
    switch (call.op) {
      case wire::ActionOp::ACTION:
        if (ran) return wire::AnswerKind::DONE;
        if (row != rows_.end()) return wire::AnswerKind::SUPPRESSED;
        if (call.step == kPayment && payment_fails) return wire::AnswerKind::FAILED;
        ++done[call.step];
        TakeEffect(action, call.op);
        return wire::AnswerKind::DONE;
      case wire::ActionOp::COMPENSATE:
        if (rows_.contains({call.step, call.op})) return wire::AnswerKind::DONE;
        if (ran) ++undone[call.step];
        rows_.try_emplace(action, call.op);
        TakeEffect({call.step, call.op}, call.op);
        return wire::AnswerKind::DONE;
      case wire::ActionOp::FENCE:
        if (ran) return wire::AnswerKind::DONE;
        if (row == rows_.end()) TakeEffect(action, call.op);
        return wire::AnswerKind::SUPPRESSED;
      case wire::ActionOp::TRY:
      case wire::ActionOp::CONFIRM:
      case wire::ActionOp::CANCEL: break;  // not of a saga
    }
    return wire::AnswerKind::UNKNOWN;
  }

  void TakeEffect(const Key& key, wire::ActionOp::type by) {
    rows_.emplace(key, by);
    ++effects;
    if (after_effect) after_effect();
  }

  WireLink<wire::ParticipantServiceClient> link_;
  std::string session_;
  std::int64_t received_ = 0;
  std::map<Key, wire::ActionOp::type> rows_;  // what put it there
};

struct Killed {
  int at_effect = 0;      // the n-th
  bool reported = false;  // after that was reported, else before
};

class SagaOverADaemon : public ::testing::Test {
 protected:
  // Runs a trip while the daemon is killed once. The ending as a client hears it.
  wire::Ending Run(Travel& travel, Killed killed) {
    const auto kill_now = [this, &travel, killed, once = std::make_shared<bool>(false)] {
      if (travel.effects != killed.at_effect || std::exchange(*once, true)) return;
      daemon_.Kill();
      daemon_.Start();
      ++kills_;
    };
    (killed.reported ? travel.after_report : travel.after_effect) = kill_now;
    WireLink<wire::CoordinatorServiceClient> client(daemon_, "coordinator");
    wire::BeginReply started;
    EXPECT_TRUE(client.Try([&](auto& service) {
      wire::StartSagaRequest request;
      request.definition = kTrip;
      request.input = "{}";
      request.owner = "test";
      service.start_saga(started, request);
    }));
    wire::Ending ending;
    const bool ended = WaitUntil([&] {
      travel.ServeOnce();
      return client.Try([&](auto& service) { service.outcome(ending, started.gtid); }) &&
             ending.outcome != wire::Outcome::UNDECIDED;
    });
    EXPECT_TRUE(ended) << daemon_.Said();
    return ending;
  }

  TemporaryDirectory directory_;
  Daemon daemon_{directory_.path()};
  int kills_ = 0;
};

TEST_F(SagaOverADaemon, M04_KilledAtEveryEffectGoingForwardItCommitsAndEachStepIsDoneOnce) {
  daemon_.Start();
  for (int effect = 1; effect <= 4; ++effect) {
    for (const bool reported : {false, true}) {
      Travel travel(daemon_);
      const wire::Ending ending = Run(travel, {effect, reported});
      EXPECT_EQ(ending.outcome, wire::Outcome::COMMITTED) << ending.reason;
      EXPECT_EQ(travel.done, (std::map<int, int>{{1, 1}, {2, 1}, {3, 1}, {4, 1}}));
      EXPECT_TRUE(travel.undone.empty());
    }
  }
  EXPECT_EQ(kills_, 8) << "a fault did not fire";
}

TEST_F(SagaOverADaemon, M04_M07_KilledAtEveryEffectGoingBackwardWhatWasDoneIsUndoneOnce) {
  daemon_.Start();
  for (int effect = 1; effect <= 5; ++effect) {
    for (const bool reported : {false, true}) {
      Travel travel(daemon_);
      travel.payment_fails = true;
      const wire::Ending ending = Run(travel, {effect, reported});
      EXPECT_EQ(ending.outcome, wire::Outcome::ABORTED);
      EXPECT_EQ(ending.cause, wire::AbortCause::STEP_FAILED) << ending.reason;
      EXPECT_EQ(travel.done, (std::map<int, int>{{1, 1}, {2, 1}}));
      EXPECT_EQ(travel.undone, travel.done);
    }
  }
  EXPECT_EQ(kills_, 10) << "a fault did not fire";
}

}  // namespace
}  // namespace settle::testing
