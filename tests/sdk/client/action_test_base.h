// One program that serves a participant, called by a coordinator that does what the test says.
#pragma once

#include <map>

#include "client_test_base.h"
#include "settle/action_participant.h"

namespace settle::sdk {

class ActionTest : public ClientTest {
 protected:
  // What handlers and warnings use must outlive the coordinator's threads.
  void TearDown() override {
    coordinator_.reset();
    airline_.reset();
  }

  void Serve(ActionHandler run, ActionHandler compensate = {}, ActionHandler fence = {}) {
    airline_->Serve("fly", std::move(run), std::move(compensate), std::move(fence));
  }
  CoordinatorOptions Options() {
    CoordinatorOptions options = fake_.Options();
    options.participants = {airline_};
    options.warn = [this](const std::string& line) {
      std::lock_guard lock(mutex_);
      warnings_ += line + "\n";
    };
    return options;
  }
  void ConnectToServe() { Connect(Options()); }

  wire::ActionCall Call(int step, int attempt = 1, const std::string& action = "fly") {
    wire::ActionCall call;
    call.op = wire::ActionOp::ACTION;
    call.gtid = Gtid::Make("abcdefghijkl", 1, 7, 9).text();
    call.step = step;
    call.participant = "airline";
    call.action = action;
    call.attempt = attempt;
    call.epoch = 1;
    call.timeout_ms = 30'000;
    return call;
  }
  std::string warnings() {
    std::lock_guard lock(mutex_);
    return warnings_;
  }
  // The first line that begins so; waits half a minute for it.
  std::string Heard(const std::string& beginning) {
    std::string line;
    EXPECT_TRUE(Eventually([&] {
      for (const std::string& heard : fake_.heard()) {
        if (heard.starts_with(beginning)) line = heard;
      }
      return !line.empty();
    })) << "nothing that begins with "
        << beginning;
    return line;
  }

  std::shared_ptr<ActionParticipant> airline_ =
      ActionParticipant::Make({.name = "airline", .concurrency = 2, .queue_most = 3});
  std::mutex mutex_;
  std::string warnings_;
};

// Holds handlers until it is opened, and counts them.
class Gate {
 public:
  void Pass() {
    std::unique_lock lock(mutex_);
    most_ = std::max(most_, ++inside_);
    ++entered_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --inside_;
  }
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool AwaitEntered(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(30), [&] { return entered_ >= count; });
  }
  int entered() {
    std::lock_guard lock(mutex_);
    return entered_;
  }
  int most() {
    std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
  int entered_ = 0;
  int most_ = 0;
};

}  // namespace settle::sdk
