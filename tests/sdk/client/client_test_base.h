// One program with two databases, connected to a coordinator that does what the test says.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "fake_coordinator.h"
#include "fake_resource.h"
#include "settle/coordinator.h"

namespace settle::sdk {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

class ClientTest : public testing::Test {
 protected:
  void Connect() { Connect(fake_.Options({bank_a_, bank_b_})); }
  void Connect(CoordinatorOptions options) {
    Result<std::unique_ptr<Coordinator>> coordinator = Coordinator::Connect(std::move(options));
    ASSERT_TRUE(coordinator) << Describe(coordinator.error());
    coordinator_ = *std::move(coordinator);
  }

  GlobalTransaction Begin() {
    Result<GlobalTransaction> transaction = coordinator_->Begin();
    if (!transaction) throw std::runtime_error(Describe(transaction.error()));
    return *std::move(transaction);
  }
  GlobalTransaction JoinNew() {
    const Gtid gtid = Gtid::Make(coordinator_->log_id(), coordinator_->epoch(), ++joined_, 9);
    Result<GlobalTransaction> transaction = coordinator_->Join("settle1;" + gtid.text());
    if (!transaction) throw std::runtime_error(Describe(transaction.error()));
    return *std::move(transaction);
  }
  static std::shared_ptr<FakeBranch> Enlist(GlobalTransaction& transaction, FakeResource& bank) {
    Result<std::shared_ptr<FakeBranch>> branch = transaction.Enlist(bank);
    if (!branch) throw std::runtime_error(Describe(branch.error()));
    return *std::move(branch);
  }
  // A transaction with branch 1 in bank-a and branch 2 in bank-b.
  GlobalTransaction Both() {
    GlobalTransaction transaction = Begin();
    Enlist(transaction, *bank_a_);
    Enlist(transaction, *bank_b_);
    return transaction;
  }

  FakeCoordinator fake_;
  std::shared_ptr<FakeResource> bank_a_ = std::make_shared<FakeResource>("bank-a");
  std::shared_ptr<FakeResource> bank_b_ = std::make_shared<FakeResource>("bank-b");
  std::unique_ptr<Coordinator> coordinator_;
  std::uint64_t joined_ = 100;
};

// Waits for something that another thread does; false if it does not happen in the time
// that a healthy system on a busy machine must never need.
template <typename Condition>
bool Eventually(Condition&& condition) {
  const Clock::time_point until = Clock::now() + seconds(30);
  while (!condition()) {
    if (Clock::now() > until) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

}  // namespace settle::sdk
