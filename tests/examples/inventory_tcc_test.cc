// The shop of examples/inventory_tcc over a real daemon: under load, and while the service, the
// shop and the daemon are killed. Judged by what the databases hold.
#include <gmock/gmock.h>
#include <signal.h>

#include "end_to_end/daemon.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class InventoryTcc : public ::testing::Test {
 protected:
  struct Run {
    std::optional<Ended> ended;
    std::string output;
    std::string errors;
  };

  void SetUp() override {
    daemon_.options = {"--session-timeout", "500ms", "--call-timeout", "1s"};
  }

  Launch Shop(const std::vector<std::string>& words) {
    const std::string name = directory_ / ("run-" + std::to_string(++runs_));
    Launch launch{.arguments = {Program("inventory_tcc"), "--directory", directory_ / "shop"},
                  .output_path = name + ".out",
                  .error_path = name + ".err"};
    launch.arguments.insert(launch.arguments.end(), words.begin(), words.end());
    return launch;
  }
  Launch Customers(std::vector<std::string> words) {
    words.insert(words.end(), {"--coordinator", daemon_.address()});
    return Shop(words);
  }
  Run Finish(const Launch& launch) {
    Process program(launch);
    const std::optional<Ended> ended = program.Wait(90s);
    return {ended, program.Output(), program.Errors()};
  }
  void Stock(int pieces) {
    const Run made = Finish(Shop({"--create", "--stock", std::to_string(pieces)}));
    ASSERT_EQ(made.ended, (Ended{0, {}})) << made.errors;
  }
  // What the databases say, once no order is under way any more.
  std::string Audited() {
    Run audit;
    EXPECT_TRUE(WaitUntil([&] {
      audit = Finish(Shop({"--audit"}));
      return audit.output.find("under way") == std::string::npos;
    })) << audit.output
        << daemon_.Said();
    EXPECT_EQ(audit.ended, (Ended{0, {}})) << audit.output << audit.errors;
    return audit.output;
  }

  const TemporaryDirectory directory_;
  Daemon daemon_{directory_.path()};
  int runs_ = 0;
};

TEST_F(InventoryTcc, WhatIsInStockIsSoldAndPaidAndNeverMoreUnderLoad) {
  daemon_.Start();
  Stock(20);
  const Run sold = Finish(Customers({"--orders", "25", "--customers", "8", "--count", "2"}));
  EXPECT_EQ(sold.ended, (Ended{0, {}})) << sold.output << sold.errors;
  EXPECT_THAT(sold.output, HasSubstr("10 orders committed\n"));
  EXPECT_THAT(sold.output, HasSubstr("15 orders aborted, sold out\n"));
  EXPECT_EQ(Audited(),
            "stock 20, free 0, reserved 0, sold 20\norders paid 10, pieces paid 20, amount 200\n");
}

TEST_F(InventoryTcc, M09_ItsServiceDiesInsideOfEveryCallAndEachTakesEffectOnce) {
  daemon_.Start();
  Stock(100);
  int orders = 0;
  for (const std::string place : {"participant.before_action", "participant.action_done"}) {
    for (const std::string call : {"1", "2"}) {  // try, confirm
      const Failpoint failpoint{place + ":" + call,
                                directory_ / ("fired-" + std::to_string(runs_))};
      Launch dying = Customers({"--stay"});
      dying.environment = failpoint.Environment();
      Process service(dying);
      ASSERT_TRUE(WaitUntil([&] { return service.Output().starts_with("serving"); }))
          << service.Errors();
      Process customer(Customers({"--elsewhere", "--orders", "1", "--customers", "1"}));
      ASSERT_TRUE(WaitUntil([&] { return !service.running(); }));
      ASSERT_TRUE(failpoint.HasFired()) << failpoint.where;
      Process successor(Customers({"--stay"}));
      EXPECT_EQ(customer.Wait(60s), (Ended{0, {}})) << customer.Output() << customer.Errors();
      const std::string pieces = std::to_string(2 * ++orders);
      EXPECT_THAT(Audited(), HasSubstr("reserved 0, sold " + pieces + "\n")) << failpoint.where;
      successor.Signal(SIGTERM);
      EXPECT_EQ(successor.Wait(), (Ended{0, {}})) << successor.Errors();
    }
  }
}

TEST_F(InventoryTcc, M09_WhatAShopReservedThatDiedBeforeItsCommitIsGivenBack) {
  daemon_.Start();
  Stock(10);
  Process service(Customers({"--stay"}));
  const Failpoint failpoint{"client.before_prepare", directory_ / "fired"};
  Launch dying = Customers({"--elsewhere", "--orders", "1", "--customers", "1"});
  dying.environment = failpoint.Environment();
  Process shop(dying);
  ASSERT_TRUE(WaitUntil([&] { return !shop.running(); }));
  ASSERT_TRUE(failpoint.HasFired());
  EXPECT_EQ(Audited(),
            "stock 10, free 10, reserved 0, sold 0\norders paid 0, pieces paid 0, amount 0\n");
}

TEST_F(InventoryTcc, M09_TheDaemonDiesAgainAndAgainUnderLoadAndItAddsUp) {
  const std::vector<std::string> deaths{"engine.try_answered:5", "engine.confirm_sent:4",
                                        "engine.registered:3", "engine.confirm_answered:6"};
  daemon_.Start(deaths[0]);
  Stock(1'000);
  Process service(Customers({"--stay"}));
  Process customers(
      Customers({"--elsewhere", "--orders", "120", "--customers", "4", "--count", "1"}));
  for (std::size_t life = 1; life <= deaths.size(); ++life) {
    ASSERT_TRUE(daemon_.AwaitFailpoint()) << deaths[life - 1] << customers.Output();
    daemon_.StartUnawaited(life < deaths.size() ? deaths[life] : "");
  }
  ASSERT_EQ(customers.Wait(90s), (Ended{0, {}})) << customers.Output() << customers.Errors();
  EXPECT_THAT(customers.Output(), HasSubstr("orders committed\n"));
  EXPECT_THAT(Audited(), Not(HasSubstr("BROKEN")));
  EXPECT_THAT(Audited(), Not(HasSubstr("sold 0\n")));
}

}  // namespace
}  // namespace settle::testing
