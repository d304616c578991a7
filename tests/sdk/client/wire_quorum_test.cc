// What the sites of three-phase commit say over the wire, both ways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "transport/wire.h"
#include "transport/wire_values.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

const Gtid kGtid = Gtid::Make("abcdefghijkl", 3, 7, 0x01020304);

wire::Ballot WireBallot(std::int64_t round, std::int32_t leader) {
  wire::Ballot ballot;
  ballot.round = round;
  ballot.leader = leader;
  return ballot;
}

wire::Site WireSite(std::int32_t number, const std::string& resource,
                    std::vector<std::string> addresses = {}) {
  wire::Site site;
  site.number = number;
  site.resource = resource;
  site.addresses = std::move(addresses);
  return site;
}

wire::Command WirePrepare(std::vector<wire::Site> sites) {
  wire::Command command;
  command.kind = wire::CommandKind::PREPARE;
  command.gtid = kGtid.text();
  command.branch = 1;
  command.resource = "orders";
  command.epoch = 3;
  command.__set_sites(std::move(sites));
  return command;
}

Result<CommandBatch> Receive(const wire::Command& command) {
  wire::CommandBatch batch;
  batch.number = 1;
  batch.commands = {command};
  return FromWire(batch, "abcdefghijkl");
}

TEST(WireQuorum, APeerHearsWhatItWasAsked) {
  for (const PeerVerb verb : {PeerVerb::kState, PeerVerb::kElect, PeerVerb::kPreCommit,
                              PeerVerb::kPreAbort, PeerVerb::kCommit, PeerVerb::kAbort}) {
    const PeerCall call{{kGtid, 2}, "orders", {verb, {4, 2}, {0, 2}}};
    const Result<PeerCall> heard = FromWire(ToWire(call));
    ASSERT_TRUE(heard) << Describe(heard.error());
    EXPECT_EQ(heard->key, call.key);
    EXPECT_EQ(heard->resource, "orders");
    EXPECT_EQ(heard->message, call.message);
  }
}

TEST(WireQuorum, AnAbortDecidedAloneNamesNoBallot) {
  const PeerCall call{{kGtid, 0}, "", {PeerVerb::kAbort, {}, {}}};
  EXPECT_FALSE(ToWire(call).__isset.ballot);
  const Result<PeerCall> heard = FromWire(ToWire(call));
  ASSERT_TRUE(heard) << Describe(heard.error());
  EXPECT_EQ(heard->message, call.message);
}

TEST(WireQuorum, TheAnswerIsWhatTheSiteHolds) {
  for (const SiteState state :
       {SiteState::kInitial, SiteState::kWaiting, SiteState::kPreCommitted, SiteState::kPreAborted,
        SiteState::kCommitted, SiteState::kAborted}) {
    const SiteAnswer open{state, {5, 1}, {4, 2}, {}};
    const SiteAnswer decided{state, {5, 1}, {4, 2}, {{4, 2}, {0, 2}}};
    for (const SiteAnswer& answer : {open, decided}) {
      const Result<SiteAnswer> heard = FromWire(ToWire(answer));
      ASSERT_TRUE(heard) << Describe(heard.error());
      EXPECT_EQ(*heard, answer);
    }
  }
}

TEST(WireQuorum, AnAnswerThatMakesNoSenseIsRefusedByName) {
  const auto refused = [](const std::function<void(wire::SiteAnswer&)>& change) {
    wire::SiteAnswer answer =
        ToWire(SiteAnswer{SiteState::kCommitted, {5, 1}, {4, 2}, {{4, 2}, {0, 2}}});
    change(answer);
    const Result<SiteAnswer> heard = FromWire(answer);
    return heard ? std::string("accepted") : heard.error().message;
  };
  EXPECT_THAT(refused([](auto& a) { a.state = static_cast<wire::SiteState::type>(9); }),
              HasSubstr("the value 9"));
  EXPECT_THAT(refused([](auto& a) { a.state = static_cast<wire::SiteState::type>(0); }),
              HasSubstr("the value 0"));
  EXPECT_THAT(refused([](auto& a) { a.elected.round = -1; }),
              HasSubstr("elected has the round -1"));
  EXPECT_THAT(refused([](auto& a) { a.accepted.leader = -2; }), HasSubstr("the site -2 is none"));
  EXPECT_THAT(refused([](auto& a) { a.decided_ballot.round = -7; }),
              HasSubstr("decided_ballot has the round -7"));
  EXPECT_THAT(refused([](auto& a) {
                a.decided_quorum = {1, 100'000};
              }),
              HasSubstr("the site 100000 is none"));
  EXPECT_THAT(refused([](auto& a) { a.decided_quorum.assign(2'000, 1); }),
              HasSubstr("the quorum has 2000 sites"));
}

TEST(WireQuorum, ARequestThatMakesNoSenseIsRefusedByName) {
  const auto refused = [](const std::function<void(wire::PeerRequest&)>& change) {
    wire::PeerRequest request =
        ToWire(PeerCall{{kGtid, 2}, "orders", {PeerVerb::kElect, {4, 2}, {}}});
    change(request);
    const Result<PeerCall> heard = FromWire(request);
    return heard ? std::string("accepted") : heard.error().message;
  };
  EXPECT_THAT(refused([](auto& r) { r.gtid = "rm -rf"; }), HasSubstr("rm -rf"));
  EXPECT_THAT(refused([](auto& r) { r.site = -1; }), HasSubstr("the site -1 is none"));
  EXPECT_THAT(refused([](auto& r) { r.resource = "a b"; }), HasSubstr("a b"));
  EXPECT_THAT(refused([](auto& r) { r.site = 0; }), HasSubstr("the witness"));
  EXPECT_THAT(refused([](auto& r) { r.verb = static_cast<wire::PeerVerb::type>(7); }),
              HasSubstr("the value 7"));
  EXPECT_THAT(refused([](auto& r) { r.__isset.ballot = false; }),
              HasSubstr("elect is asked for without a ballot"));
  EXPECT_THAT(refused([](auto& r) { r.ballot = WireBallot(0, 0); }),
              HasSubstr("elect is asked for without a ballot"));
  EXPECT_THAT(refused([](auto& r) { r.__set_quorum({-5}); }), HasSubstr("the site -5 is none"));
}

TEST(WireQuorum, PrepareBringsTheSites) {
  const Result<CommandBatch> heard =
      Receive(WirePrepare({WireSite(0, ""), WireSite(1, "orders", {"127.0.0.1:7421"}),
                           WireSite(2, "stock", {"[::1]:7422", "db.example:7423"})}));
  ASSERT_TRUE(heard) << Describe(heard.error());
  EXPECT_EQ(heard->commands[0].sites, (Roster{{0, "", {}},
                                              {1, "orders", {"127.0.0.1:7421"}},
                                              {2, "stock", {"[::1]:7422", "db.example:7423"}}}));
}

TEST(WireQuorum, SitesThatMakeNoSenseSpoilTheBatch) {
  const auto refused = [](std::vector<wire::Site> sites) {
    const Result<CommandBatch> heard = Receive(WirePrepare(std::move(sites)));
    return heard ? std::string("accepted") : heard.error().message;
  };
  EXPECT_THAT(refused({WireSite(-1, "orders")}), HasSubstr("the site -1 is none"));
  EXPECT_THAT(refused({WireSite(1, "or ders")}), HasSubstr("or ders"));
  EXPECT_THAT(refused({WireSite(0, "orders")}), HasSubstr("the witness has the resource"));
  EXPECT_THAT(refused({WireSite(2, "a"), WireSite(2, "b")}), HasSubstr("site 2 follows site 2"));
  EXPECT_THAT(refused({WireSite(1, "orders", {"nowhere"})}), HasSubstr("nowhere"));
  EXPECT_THAT(refused({WireSite(1, "orders", std::vector<std::string>(17, "a:1"))}),
              HasSubstr("17 addresses"));
  EXPECT_THAT(refused(std::vector<wire::Site>(2'000, WireSite(1, "orders"))),
              HasSubstr("2000 sites"));
}

TEST(WireQuorum, TheCoordinatorHearsWhatASiteHolds) {
  ReportCall call;
  call.session = "s";
  EXPECT_FALSE(ToWire(call).__isset.sites);
  call.sites = {{{kGtid, 2}, {SiteState::kPreCommitted, {1, 0}, {1, 0}, {}}}};
  const wire::ReportRequest request = ToWire(call);
  ASSERT_TRUE(request.__isset.sites);
  EXPECT_EQ(request.sites.at(0).gtid, kGtid.text());
  EXPECT_EQ(request.sites.at(0).branch, 2);
  EXPECT_EQ(request.sites.at(0).answer.state, wire::SiteState::PRE_COMMITTED);
  EXPECT_EQ(request.sites.at(0).answer.accepted, WireBallot(1, 0));
}

TEST(WireQuorum, OnlyThreePhaseCommitIsSpelledOut) {
  BeginCall call;
  EXPECT_FALSE(ToWire(call).__isset.protocol);
  call.protocol = Protocol::kThreePhase;
  EXPECT_EQ(ToWire(call).protocol, wire::Protocol::THREE_PHASE);
}

TEST(WireQuorum, AnErrorSaysTheSameAtTheOtherEnd) {
  const Error error{ErrorCode::kExpired, "it has ended", "ask nobody"};
  const Error heard = FromWire(ToWire(error));
  EXPECT_EQ(heard.code, ErrorCode::kExpired);
  EXPECT_EQ(heard.message, "it has ended");
  EXPECT_EQ(heard.advice, "ask nobody");
}

}  // namespace
}  // namespace settle::sdk
