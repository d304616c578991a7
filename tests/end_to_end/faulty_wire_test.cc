// Messages are lost at every place, and partitions come and go: what was lost is repeated, once in
// effect.
#include "support/faulty_wire.h"

#include <csignal>
#include <functional>
#include <tuple>

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

INSTANTIATE_TEST_SUITE_P(Network, FaultyWires, ::testing::Values(kBothPostgres, kBothSqlite),
                         NameOfKinds);

// How far the service's branch had come when the network was parted.
struct Phase {
  const char* name;
  const char* failpoint;  // where the service is held meanwhile; empty: before the prepare
  const char* outcome;    // that it must have; empty: what the shop was told, whichever it is
};
enum class Ways { kTowardDaemon, kTowardProgram, kBoth };

class Partition : public EndToEnd,
                  public ::testing::WithParamInterface<std::tuple<Phase, Ways>> {
 protected:
  Partition() : EndToEnd(kMixed) {}

  std::vector<Toward> ways() const {
    switch (std::get<Ways>(GetParam())) {
      case Ways::kTowardDaemon: return {Toward::kDaemon};
      case Ways::kTowardProgram: return {Toward::kProgram};
      case Ways::kBoth: break;
    }
    return {Toward::kDaemon, Toward::kProgram};
  }
  bool ServiceIsLost() {
    const CliAnswer listed = world_.Cli({"participants"});
    if (listed.code != 0) return false;
    for (const auto& participant : listed.json["participants"]) {
      if (participant["resource"] == "b") return participant["sessions"].empty();
    }
    return false;
  }
};

TEST_P(Partition, N01_UntilTheSessionIsGivenUp_ThenHealed_AgreesWithinTheBound) {
  const Phase& phase = std::get<Phase>(GetParam());
  world_.daemon().options = {"--session-timeout", "1s", "--vote-timeout", "1s"};
  world_.daemon().Start();
  FaultyWire wire(world_.daemon().port());
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b",
                                       .failpoint = phase.failpoint,
                                       .fault = Fault::kFreezes,
                                       .coordinator = wire.address()});
  const std::string gtid = world_.MoveTogether(shop, service);
  const bool held = phase.failpoint[0] != 0;
  if (held) {
    shop.Send("commit decision");
    ASSERT_TRUE(service.AwaitFrozen()) << "it never came to " << phase.failpoint;
  }
  wire.Partition(ways());
  if (held) service.process().Signal(SIGCONT);
  if (!held) shop.Send("commit decision");

  EXPECT_TRUE(WaitUntil([&] { return ServiceIsLost(); })) << "the partition was not felt";
  EXPECT_TRUE(wire.HeldBytes());
  const std::string told = FirstWord(shop.Answer());
  EXPECT_THAT(told, AnyOf("committed", "aborted"));
  if (phase.outcome[0] != 0) {
    EXPECT_EQ(told, phase.outcome);
  }
  wire.Heal();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), told == "committed" ? 2u : 0u);
}

std::string NameOfPartition(const ::testing::TestParamInfo<std::tuple<Phase, Ways>>& info) {
  const char* const ways[] = {"TowardTheDaemon", "TowardTheProgram", "BothWays"};
  const auto& [phase, way] = info.param;
  return std::string(phase.name) + "_" + ways[static_cast<int>(way)];
}

INSTANTIATE_TEST_SUITE_P(
    Network, Partition,
    ::testing::Combine(
        ::testing::Values(Phase{"BeforeThePrepare", "", "aborted"},
                          Phase{"BeforeTheVote", "participant.before_vote", ""},
                          Phase{"BeforeTheCommit", "participant.before_finish", "committed"},
                          Phase{"BeforeTheAcknowledgement", "participant.finished", "committed"}),
        ::testing::Values(Ways::kTowardDaemon, Ways::kTowardProgram, Ways::kBoth)),
    NameOfPartition);

// N06, on a real wire: the reply comes when nobody waits for it any more.
class LateReply : public EndToEnd {
 protected:
  LateReply() : EndToEnd(kBothSqlite) {}
};

TEST_F(LateReply, N06_ReadAfterTheCallerTimedOut_IsThrownAwayWithItsConnection) {
  world_.daemon().Start();
  FaultyWire wire(world_.daemon().port());
  Application& shop = world_.Start({.call_timeout = 2s, .coordinator = wire.address()});
  const std::string gtid = world_.Move(shop);
  wire.Partition({Toward::kProgram});
  EXPECT_EQ(FirstWord(shop.Ask("commit")), "unknown");
  EXPECT_TRUE(wire.HeldBytes()) << "its reply is on the wire";
  wire.Heal();
  // The late reply comes first; whatever is asked now has an answer of its own.
  const auto outcome = [&] { return FirstWord(shop.Ask("outcome " + gtid)); };
  EXPECT_TRUE(WaitUntil([&] { return outcome() == "committed"; }));
  std::string next;
  const auto works_again = [&] {  // once its session, which the partition ended, is there again
    next = shop.Begin();
    return Does(shop, "move a -10");
  };
  ASSERT_TRUE(WaitUntil(works_again));
  EXPECT_NE(next, gtid);
  EXPECT_EQ(world_.OutcomeShown(next), "undecided");
  shop.Tell("move b 10");
  EXPECT_EQ(FirstWord(shop.Ask("commit")), "committed");
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid) + world_.HalvesOf(next), 4u);
}

}  // namespace
}  // namespace settle::testing
