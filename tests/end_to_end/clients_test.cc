// Clients of another release, and clients that give up and come back.
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>

#include <csignal>
#include <functional>

#include "end_to_end/fixture.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"
#include "wire/types_constants.h"

namespace settle::testing {
namespace {

using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::protocol::TMultiplexedProtocol;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class Clients : public EndToEnd {
 protected:
  Clients() : EndToEnd(kBothSqlite) { world_.daemon().Start(); }

  template <typename Service>
  Service Connect(const char* name) {
    auto frames = std::make_shared<apache::thrift::transport::TFramedTransport>(
        std::make_shared<apache::thrift::transport::TSocket>("127.0.0.1", world_.daemon().port()));
    frames->open();
    return Service(
        std::make_shared<TMultiplexedProtocol>(std::make_shared<TBinaryProtocol>(frames), name));
  }
};

// As the SDK of a later, an earlier and our own release says it.
TEST_F(Clients, P15_ANewerAndAnOlderProgramAgreeOnAVersionOrAreRefusedByName) {
  const std::int32_t kOurs = wire::g_types_constants.PROTOCOL_VERSION;
  struct Case {
    std::int32_t low;
    std::int32_t high;
    bool agreed;
  };
  for (const Case& one : {Case{kOurs, kOurs, true}, Case{kOurs, kOurs + 8, true},
                          Case{kOurs + 1, kOurs + 8, false}, Case{kOurs - 1, kOurs - 1, false}}) {
    const std::string range = std::to_string(one.low) + " to " + std::to_string(one.high);
    auto coordinator = Connect<wire::CoordinatorServiceClient>("coordinator");
    auto participant = Connect<wire::ParticipantServiceClient>("participant");
    wire::HelloRequest hello;
    hello.version_low = one.low;
    hello.version_high = one.high;
    hello.application = "another release";
    wire::AttachRequest attach;
    attach.version_low = one.low;
    attach.version_high = one.high;
    attach.process = "another release";
    attach.epoch_seen = 0;
    wire::HelloReply greeted;
    wire::AttachReply attached;
    if (one.agreed) {
      coordinator.hello(greeted, hello);
      EXPECT_EQ(greeted.version, kOurs) << range;
      participant.attach(attached, attach);
      EXPECT_EQ(attached.version, kOurs) << range;
      continue;
    }
    for (const auto& call : std::vector<std::function<void()>>{
             [&] { coordinator.hello(greeted, hello); },
             [&] { participant.attach(attached, attach); }}) {
      try {
        call();
        ADD_FAILURE() << range << " was accepted";
      } catch (const wire::ServiceError& error) {
        if (one.low < 1) continue;  // no range at all
        EXPECT_EQ(error.code, wire::ErrorCode::VERSION) << range;
        EXPECT_THAT(error.message, HasSubstr(range));
      }
    }
  }
  Application& shop = world_.Start();
  world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed")) << "others are served on";
}

// The coordinator hangs while it is asked; the client gives up, asks anew and is told one ending.
TEST_F(Clients, P16_AClientThatGaveUpAndAsksAgainIsToldTheSameOutcome) {
  Application& shop = world_.Start({.call_timeout = 1s});
  const std::string gtid = world_.Move(shop);
  world_.daemon().process().Signal(SIGSTOP);
  EXPECT_EQ(FirstWord(shop.Ask("commit")), "unknown") << "nobody could know";
  world_.daemon().process().Signal(SIGCONT);
  std::string outcome;
  EXPECT_TRUE(WaitUntil([&] {
    outcome = FirstWord(shop.Ask("outcome " + gtid));
    return outcome == "committed" || outcome == "aborted";
  })) << outcome;
  Application& other = world_.Start();
  for (int again = 0; again < 3; ++again) {
    EXPECT_EQ(FirstWord(shop.Ask("outcome " + gtid)), outcome);
    EXPECT_EQ(FirstWord(other.Ask("outcome " + gtid)), outcome);
  }
  EXPECT_EQ(world_.OutcomeShown(gtid), outcome);
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), outcome == "committed" ? 2u : 0u);
  EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith(outcome));
}

}  // namespace
}  // namespace settle::testing
