// Sagas as clients and operators meet them: a real daemon that is killed, a participant on nothing
// but the wire contract, and the `settle` command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "end_to_end/cli.h"
#include "end_to_end/daemon.h"
#include "end_to_end/wire_link.h"
#include "support/json_output.h"
#include "support/temporary_directory.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using SteadyClock = std::chrono::steady_clock;

// Its compensation is called again soon: a thousand times within the patience of a test.
const char kTrip[] = R"({"saga": "trip", "steps": [
  {"name": "flight", "participant": "travel", "action": "reserve-seat",
   "retry": {"first_ms": 1, "maximum_ms": 10}},
  {"name": "payment", "participant": "travel", "action": "pay", "after": ["flight"]}]})";
const char kTripWithHotel[] = R"({"saga": "trip", "version": 2, "steps": [
  {"name": "flight", "participant": "travel", "action": "reserve-seat"},
  {"name": "hotel", "participant": "travel", "action": "reserve-room"},
  {"name": "payment", "participant": "travel", "action": "pay", "after": ["flight", "hotel"]}]})";

// Serves "travel" on a thread of its own, over the daemon's lives.
class Travel {
 public:
  using Perform = std::function<wire::AnswerKind::type(const wire::ActionCall&)>;

  Travel(const Daemon& daemon, Perform perform)
      : link_(daemon, "participant"), perform_(std::move(perform)), thread_([this] { Serve(); }) {}
  ~Travel() {
    stop_ = true;
    thread_.join();
  }

  std::size_t calls() const { return calls_; }
  // The highest mark that came, by epoch first.
  std::pair<std::int64_t, std::int64_t> mark() const {
    const std::lock_guard lock(mutex_);
    return mark_;
  }

 private:
  void Serve() {
    while (!stop_) {
      try {
        ServeOnce();
      } catch (const wire::ServiceError&) {
        session_.clear();  // it belongs to a daemon that was killed
      }
    }
    link_.Try([&](auto& service) { service.detach(session_); });
  }
  void ServeOnce() {
    // The daemon may be down; it comes back.
    const auto reaches = [&](const auto& call) {
      return WaitUntil([&] { return stop_ || link_.Try(call); }) && !stop_;
    };
    if (session_.empty() && !reaches([&](auto& service) { Attach(service); })) return;
    wire::FetchRequest request;
    request.session = session_;
    request.received_through = received_;
    request.most = 100;
    request.wait_ms = 50;
    wire::CommandBatch batch;
    if (!reaches([&](auto& service) { service.fetch(batch, request); })) return;
    if (batch.__isset.ended_through) {
      const std::lock_guard lock(mutex_);
      mark_ = std::max(mark_, {batch.ended_through.epoch, batch.ended_through.sequence});
    }
    if (batch.number == 0) return;
    received_ = batch.number;
    wire::ReportRequest report;
    report.session = session_;
    std::vector<wire::ActionAnswer> answers;
    for (const wire::ActionCall& call : batch.calls) {
      wire::ActionAnswer answer;
      answer.gtid = call.gtid;
      answer.step = call.step;
      answer.op = call.op;
      answer.attempt = call.attempt;
      answer.poll_after_ms = 0;
      answer.kind = perform_(call);
      answer.text = answer.kind == wire::AnswerKind::DONE ? R"({"number": 7})" : "not now";
      answers.push_back(answer);
      ++calls_;
    }
    report.__set_answers(std::move(answers));
    link_.Try([&](auto& service) { service.report(report); });
  }
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

  WireLink<wire::ParticipantServiceClient> link_;
  const Perform perform_;
  std::string session_;
  std::int64_t received_ = 0;
  std::atomic<std::size_t> calls_{0};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::pair<std::int64_t, std::int64_t> mark_;
  std::thread thread_;
};

wire::AnswerKind::type Done(const wire::ActionCall&) { return wire::AnswerKind::DONE; }

// The payment fails, and the flight's compensation answers what `undo` says.
Travel::Perform TurnsBack(std::function<wire::AnswerKind::type(const wire::ActionCall&)> undo) {
  return [undo = std::move(undo)](const wire::ActionCall& call) {
    if (call.op == wire::ActionOp::COMPENSATE && call.step == 1) return undo(call);
    const bool pays = call.op == wire::ActionOp::ACTION && call.action == "pay";
    return pays ? wire::AnswerKind::FAILED : wire::AnswerKind::DONE;
  };
}

class SagaOperator : public ::testing::Test {
 protected:
  SagaOperator() {
    apache::thrift::GlobalOutput.setOutputFunction([](const char*) {});  // of a daemon that is down
    std::ofstream(trip_) << kTrip;
    std::ofstream(trip_with_hotel_) << kTripWithHotel;
  }

  CliAnswer Cli(const std::vector<std::string>& words) {
    CliAnswer answer = RunCli(daemon_.address(), words);
    outputs_.push_back({words, answer.code, answer.out, answer.err});
    return answer;
  }
  void TearDown() override { EXPECT_THAT(WrongIn(outputs_), ::testing::IsEmpty()); }
  std::string Submit(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"saga", "submit", trip_};
    words.insert(words.end(), more.begin(), more.end());
    const CliAnswer answer = Cli(words);
    EXPECT_EQ(answer.code, 0) << answer.out;
    return answer.json.value("gtid", "");
  }
  nlohmann::json Show(const std::string& gtid) { return Cli({"saga", "show", gtid}).json; }
  std::size_t Sagas() { return Cli({"list"}).json.at("transactions").size(); }

  TemporaryDirectory directory_;
  const std::string trip_ = directory_.path() + "/trip.json";
  const std::string trip_with_hotel_ = directory_.path() + "/trip-with-hotel.json";
  Daemon daemon_{directory_.path()};
  std::vector<JsonOutput> outputs_;
};

TEST_F(SagaOperator, M04_AStartWhoseReplyAKillTookIsTheSameSagaWhenItIsRepeated) {
  daemon_.Start("log.after_commit:1");  // the begin record is durable and nobody was told
  const std::vector<std::string> submit{"saga", "submit", trip_, "--key", "order-17"};
  const CliAnswer lost = Cli(submit);
  EXPECT_EQ(lost.code, 7) << lost.out;
  EXPECT_THAT(lost.json.at("error").value("advice", ""), HasSubstr("repeat the same command"));
  ASSERT_TRUE(daemon_.AwaitFailpoint()) << "the fault did not fire";
  daemon_.Start();
  const std::string gtid = Submit({"--key", "order-17"});
  EXPECT_THAT(gtid, HasSubstr(".1.1.")) << "it was begun in the first life";
  EXPECT_EQ(Sagas(), 1u);
  daemon_.Kill();
  daemon_.Start();
  EXPECT_EQ(Submit({"--key", "order-17"}), gtid);
  {
    const Travel travel(daemon_, Done);
    const CliAnswer ended = Cli({"saga", "submit", trip_, "--key", "order-17", "--wait", "20s"});
    EXPECT_EQ(ended.code, 0) << ended.out;
    EXPECT_EQ(ended.json.value("gtid", ""), gtid);
    EXPECT_EQ(ended.json.at("results").value("flight", ""), R"({"number": 7})");
  }
  daemon_.Kill();
  daemon_.Start();
  const CliAnswer again = Cli({"saga", "submit", trip_, "--key", "order-17", "--wait", "1s"});
  EXPECT_EQ(again.json.value("gtid", ""), gtid) << "after its end, in another life";
  EXPECT_EQ(again.json.at("results").value("flight", ""), R"({"number": 7})");
  const CliAnswer other =
      Cli({"saga", "submit", trip_, "--key", "order-17", "--input", R"({"other": 1})"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.json.at("error").value("message", ""), HasSubstr(gtid));
  EXPECT_EQ(Sagas(), 1u);
}

TEST_F(SagaOperator, M08_ARunningSagaKeepsItsDefinitionOverAKillAndANewerVersion) {
  daemon_.Start();
  EXPECT_EQ(Cli({"saga", "start", "trip"}).code, 3) << "nothing is stored yet";
  ASSERT_EQ(Cli({"saga", "store", trip_}).code, 0);
  const CliAnswer started = Cli({"saga", "start", "trip"});
  const std::string gtid = started.json.value("gtid", "");
  ASSERT_EQ(Cli({"saga", "store", trip_with_hotel_}).code, 0);
  daemon_.Kill();
  daemon_.Start();
  EXPECT_THAT(Cli({"saga", "definitions"}).json.at("definitions"), SizeIs(2));
  std::ofstream(trip_) << R"({"saga": "trip", "steps": [
    {"name": "car", "participant": "travel", "action": "rent"}]})";
  EXPECT_EQ(Cli({"saga", "store", trip_}).code, 1) << "a stored version is never changed";
  const Travel travel(daemon_, Done);
  EXPECT_EQ(Cli({"saga", "start", "trip", "--wait", "20s"}).json.at("results").size(), 3u);
  ASSERT_TRUE(WaitUntil([&] { return Show(gtid).at("ending").at("outcome") == "committed"; }));
  EXPECT_THAT(Show(gtid).at("saga").at("steps"), SizeIs(2));
  EXPECT_EQ(Show(gtid).at("saga").at("version"), 1);
}

TEST_F(SagaOperator, M03_ACompensationThatFailsAThousandTimesBacksOffAlarmsAndIsNeverCalledDone) {
  daemon_.Start();
  std::atomic<std::size_t> failed{0};
  std::atomic<bool> corrected{false};
  const Travel travel(daemon_, TurnsBack([&](const wire::ActionCall& call) {
                        if (call.__isset.input && call.input == R"({"seat": 8})") {
                          corrected = true;
                          return wire::AnswerKind::DONE;
                        }
                        // As a business failure, too: a compensation may not have one.
                        return ++failed % 2 == 0 ? wire::AnswerKind::FAILED
                                                 : wire::AnswerKind::UNKNOWN;
                      }));
  const auto from = SteadyClock::now();
  const std::string gtid = Submit();
  ASSERT_TRUE(WaitUntil([&] { return failed >= 1'000; }, 120s)) << failed;
  const auto took = SteadyClock::now() - from;
  // No pause is shorter than a tenth less than the 10 ms that it grows to.
  EXPECT_GE(took, 1'000 * 7ms) << "a hot loop";
  const nlohmann::json stuck = Show(gtid);
  EXPECT_EQ(stuck.at("state"), "compensating");
  EXPECT_EQ(stuck.at("ending").at("outcome"), "undecided");
  EXPECT_GE(stuck.at("branches").at(0).at("attempts"), 1'000);
  const CliAnswer in_doubt = Cli({"in-doubt", "--check"});
  EXPECT_EQ(in_doubt.code, 6);
  ASSERT_THAT(in_doubt.json.at("transactions"), SizeIs(1));
  EXPECT_THAT(in_doubt.json.at("transactions").at(0).value("waiting_for", ""),
              HasSubstr("step flight, action reserve-seat at travel (not now)"));
  EXPECT_THAT(in_doubt.json.at("transactions").at(0).value("advice", ""),
              HasSubstr("settle set-input " + gtid));
  const std::string said = daemon_.Said();
  std::size_t alarms = 0;
  for (std::size_t at = said.find("flight"); at != std::string::npos;
       at = said.find("flight", at + 1))
    ++alarms;
  EXPECT_GE(alarms, 1u) << "nobody was told";
  EXPECT_LE(alarms, 20u) << "an alarm for each call is none";

  EXPECT_EQ(Cli({"retry", gtid, "--step", "flight"}).json.at("sent").at(0).at("command"),
            "compensate");
  EXPECT_EQ(Cli({"skip", gtid, "--step", "payment", "--reason", "x"}).code, 1)
      << "it waits for nothing";
  const CliAnswer set = Cli({"set-input", gtid, "--step", "flight", "--input", R"({"seat": 8})",
                             "--reason", "the right seat", "--operator", "ann"});
  EXPECT_EQ(set.code, 0) << set.out;
  ASSERT_TRUE(WaitUntil([&] { return Show(gtid).at("ending").at("outcome") == "aborted"; }));
  EXPECT_TRUE(corrected);
  EXPECT_EQ(Cli({"in-doubt", "--check"}).code, 0);
}

TEST_F(SagaOperator, WhatIsSkippedIsDamageThatHoldsTheMarkUntilItIsForgotten) {
  daemon_.Start();
  const Travel travel(daemon_,
                      TurnsBack([](const wire::ActionCall&) { return wire::AnswerKind::UNKNOWN; }));
  const std::string gtid = Submit();
  CliAnswer skipped;
  ASSERT_TRUE(WaitUntil([&] {
    skipped = Cli({"skip", gtid, "--step", "1", "--reason", "by telephone", "--operator", "ann"});
    return skipped.code == 0;
  })) << skipped.out;
  ASSERT_TRUE(WaitUntil([&] { return Show(gtid).at("state") == "damaged"; }));
  EXPECT_THAT(Show(gtid).at("ending").value("reason", ""), HasSubstr("by ann: by telephone"));
  const CliAnswer other = Cli({"saga", "submit", trip_, "--wait", "1ms"});
  EXPECT_EQ(other.code, 9) << "it goes on";
  daemon_.Kill();
  daemon_.Start();
  EXPECT_EQ(Cli({"status"}).json.at("oldest_unended"), gtid);
  const std::pair<std::int64_t, std::int64_t> held{1, 1};
  ASSERT_TRUE(WaitUntil([&] { return travel.calls() > 0; }));
  EXPECT_LT(travel.mark(), held);
  EXPECT_EQ(Cli({"forget", gtid, "--reason", "repaired"}).code, 0);
  EXPECT_TRUE(WaitUntil([&] { return travel.mark() >= held; })) << "the mark did not come";
}

TEST_F(SagaOperator, ASagaIsCancelledAndTheWaitSaysThatItWasUndone) {
  daemon_.Start();
  const std::string gtid = Submit({"--key", "cancelled"});
  const Travel travel(daemon_, [](const wire::ActionCall& call) {
    const bool pays = call.op == wire::ActionOp::ACTION && call.action == "pay";
    return pays ? wire::AnswerKind::UNKNOWN : wire::AnswerKind::DONE;
  });
  ASSERT_TRUE(WaitUntil([&] { return Show(gtid).at("branches").at(0).at("state") == "done"; }));
  const CliAnswer cancelled =
      Cli({"saga", "cancel", gtid, "--reason", "changed my mind", "--operator", "ann"});
  EXPECT_EQ(cancelled.code, 0) << cancelled.out;
  EXPECT_EQ(cancelled.json.at("ending").at("cause"), "operator");
  const CliAnswer undone = Cli({"saga", "submit", trip_, "--key", "cancelled", "--wait", "5s"});
  EXPECT_EQ(undone.code, 8) << undone.out;
  EXPECT_EQ(undone.json.value("gtid", ""), gtid);
}

TEST_F(SagaOperator, ABadDefinitionNamesItsFileAndPlace) {
  daemon_.Start();
  std::ofstream(trip_, std::ios::trunc)
      << R"({"saga": "trip", "steps": [{"name": "a", "participant": "p"}]})";
  const CliAnswer refused = Cli({"saga", "submit", trip_});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.json.at("error").value("message", ""),
              HasSubstr("trip.json: /steps/0/action is missing"));
  EXPECT_EQ(Sagas(), 0u);
}

}  // namespace
}  // namespace settle::testing
