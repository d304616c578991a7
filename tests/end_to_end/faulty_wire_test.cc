// Messages are lost at every place, and partitions come and go: what was lost is repeated, once in
// effect.
#include "end_to_end/faulty_wire.h"

#include <functional>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::AnyOf;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class FaultyWires : public WithBothBanks {
 protected:
  void SetUp() override {
    world_.daemon().Start();
    wire_ = std::make_unique<FaultyWire>(world_.daemon().port());
  }
  std::unique_ptr<FaultyWire> wire_;
};

constexpr std::size_t kStride = 40;  // bytes between one cut and the next

using Transfer = std::function<std::string()>;  // the answer to its commit or abort

// A transfer for each place of its exchange where the wire can be cut, until it is over before the
// cut comes. How many were cut and committed all the same.
int CutEverywhere(FaultyWire& wire, const Transfer& transfer) {
  int committed = 0;
  for (const Toward direction : {Toward::kDaemon, Toward::kProgram}) {
    for (std::size_t bytes = 0;; bytes += kStride) {
      wire.CutAfter(direction, bytes);
      const std::string told = transfer();
      EXPECT_THAT(told, AnyOf("committed", "aborted", "unknown")) << "after " << bytes << " bytes";
      if (wire.SpareTheRest()) {
        EXPECT_GT(bytes, 4 * kStride) << "nothing was cut";
        break;
      }
      if (told == "committed") ++committed;
    }
  }
  return committed;
}

bool Does(Application& program, const std::string& command) {
  return FirstWord(program.Ask(command)) == "ok";
}

// Which reply is lost depends on the byte: of the enlistment, the vote, the end's report, the next
// fetch.
TEST_P(FaultyWires, N02_P01_P03_CutAfterAnyByteOfAServicesExchange_IsALostMessageAndNoMore) {
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b", .coordinator = wire_->address()});
  const int committed = CutEverywhere(*wire_, [&] {
    shop.Begin(5s);
    shop.Tell("move a -10");
    const std::string context = shop.Tell("context");
    // Work that a lost message made impossible is no fault: the shop gives up.
    const bool joined =
        Does(service, "join " + context) && Does(service, "move b 10") && Does(service, "leave");
    return FirstWord(shop.Ask(joined ? "commit" : "abort"));
  });
  EXPECT_GT(committed, 0) << "no message was repeated to a good end";
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_P(FaultyWires, N02_P16_CutAfterAnyByteOfAClientsExchange_TheSameOutcomeIsToldAgain) {
  Application& shop = world_.Start({.banks = "ab", .coordinator = wire_->address()});
  const int committed = CutEverywhere(*wire_, [&]() -> std::string {
    if (!Does(shop, "begin 5000")) return "aborted";
    const bool worked = Does(shop, "move a -10") && Does(shop, "move b 10");
    return FirstWord(shop.Ask(worked ? "commit" : "abort"));
  });
  EXPECT_GT(committed, 0) << "no message was repeated to a good end";
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_P(FaultyWires, N01_PartitionedBeforeThePrepare_AbortsAndHealsWithoutAZombie) {
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b", .coordinator = wire_->address()});
  const std::string gtid = world_.MoveTogether(shop, service);
  wire_->Partition();
  EXPECT_THAT(shop.Ask("commit"), StartsWith("aborted"));
  wire_->Heal();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
}

TEST_P(FaultyWires, N01_PartitionedAfterThePrepare_WaitsAndAgreesWhenHealed) {
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b", .coordinator = wire_->address()});
  const std::string gtid = world_.MoveTogether(shop, service);
  shop.Send("commit decision");
  ASSERT_TRUE(WaitUntil([&] { return world_.HalvesOf(gtid) + world_.PreparedBranches() > 0; }));
  wire_->Partition();  // anywhere between its vote and its acknowledgement
  const std::string told = FirstWord(shop.Answer());
  EXPECT_THAT(told, AnyOf("committed", "aborted"));
  wire_->Heal();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), told == "committed" ? 2u : 0u);
}

INSTANTIATE_TEST_SUITE_P(Network, FaultyWires, ::testing::Values(kBothPostgres, kBothSqlite),
                         NameOfKinds);

}  // namespace
}  // namespace settle::testing
