// Three-phase commit over the wire: what the SDK says arrives at the coordinator, and back; what
// makes no sense is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "rpc/wire.h"
#include "transport/wire.h"

namespace settle::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);
const SiteAnswer kDecided{SiteState::kCommitted, {5, 1}, {4, 2}, {{4, 2}, {0, 2}}};

// A value as the generated code takes it from the wire, unchecked.
template <typename Enum>
void SetRaw(Enum& field, std::int32_t raw) {
  std::memcpy(&field, &raw, sizeof(raw));
}

template <typename T>
std::string WhyNot(const Result<T>& result) {
  return result ? "accepted" : Describe(result.error());
}

wire::ReportRequest Report(const SiteAnswer& answer) {
  sdk::ReportCall call;
  call.session = "s1";
  call.sites = {{{kGtid, 2}, answer}};
  return sdk::ToWire(call);
}

wire::PeerRequest Ask(const PeerMessage& message) {
  return sdk::ToWire(sdk::PeerCall{{kGtid, 0}, "", message});
}

TEST(QuorumWire, WhatASiteHoldsArrives) {
  for (const SiteState state :
       {SiteState::kInitial, SiteState::kWaiting, SiteState::kPreCommitted, SiteState::kPreAborted,
        SiteState::kCommitted, SiteState::kAborted}) {
    for (const SiteAnswer& answer :
         {SiteAnswer{state, {1, 0}, {}, {}}, SiteAnswer{state, {5, 1}, {4, 2}, {{4, 2}, {0, 2}}}}) {
      const Result<FullReport> full = FromWire(Report(answer));
      ASSERT_TRUE(full) << Describe(full.error());
      ASSERT_THAT(full->report.sites, SizeIs(1));
      EXPECT_EQ(full->report.sites[0].key, (BranchKey{kGtid, 2}));
      EXPECT_EQ(full->report.sites[0].answer, answer);
    }
  }
}

TEST(QuorumWire, WhatTheWitnessIsAskedAndAnswersArrives) {
  for (const PeerVerb verb : {PeerVerb::kState, PeerVerb::kElect, PeerVerb::kPreCommit,
                              PeerVerb::kPreAbort, PeerVerb::kCommit, PeerVerb::kAbort}) {
    const PeerMessage message{verb, {4, 2}, {0, 2}};
    const Result<PeerCall> call = FromWire(Ask(message));
    ASSERT_TRUE(call) << Describe(call.error());
    EXPECT_EQ(call->gtid, kGtid);
    EXPECT_EQ(call->message, message);
  }
  const Result<SiteAnswer> answer = sdk::FromWire(ToWire(kDecided));
  ASSERT_TRUE(answer) << Describe(answer.error());
  EXPECT_EQ(*answer, kDecided);
}

TEST(QuorumWire, CommandsBringSitesBallotAndQuorum) {
  CommandBatch batch;
  batch.number = 1;
  Command prepare{CommandKind::kPrepare, {kGtid, 1}, "orders", 1, 2, {}};
  prepare.sites = {{0, "", {}}, {1, "orders", {"10.0.0.1:7421", "[fd00::7]:7421"}}};
  Command elect{CommandKind::kElect, {kGtid, 1}, "orders", 1, 2, {}};
  elect.ballot = {3, 0};
  Command commit{CommandKind::kCommit, {kGtid, 1}, "orders", 1, 2, {}};
  commit.ballot = {2, 1};
  commit.quorum = {0, 1};
  batch.commands = {prepare, elect, commit};
  const Result<sdk::CommandBatch> heard = sdk::FromWire(ToWire(batch), "k3m9qxw4c7ab");
  ASSERT_TRUE(heard) << Describe(heard.error());
  ASSERT_THAT(heard->commands, SizeIs(3));
  EXPECT_EQ(heard->commands[0].sites, prepare.sites);
  EXPECT_EQ(heard->commands[1].kind, sdk::CommandKind::kElect);
  EXPECT_EQ(heard->commands[1].ballot, (Ballot{3, 0}));
  EXPECT_EQ(heard->commands[2].ballot, (Ballot{2, 1}));
  EXPECT_EQ(heard->commands[2].quorum, (std::vector<BranchNumber>{0, 1}));
}

TEST(QuorumWire, ATwoPhaseCommandCarriesNothingOfIt) {
  CommandBatch batch;
  batch.number = 1;
  batch.commands = {Command{CommandKind::kCommit, {kGtid, 1}, "orders", 1, 2, {}}};
  const wire::CommandBatch sent = ToWire(batch);
  EXPECT_FALSE(sent.commands[0].__isset.sites);
  EXPECT_FALSE(sent.commands[0].__isset.ballot);
  EXPECT_FALSE(sent.commands[0].__isset.quorum);
}

TEST(QuorumWire, BeginSaysTheProtocol) {
  sdk::BeginCall call;
  EXPECT_EQ(FromWire(sdk::ToWire(call))->protocol, Protocol::kTwoPhase);
  call.protocol = Protocol::kThreePhase;
  EXPECT_EQ(FromWire(sdk::ToWire(call))->protocol, Protocol::kThreePhase);
  for (const std::int32_t raw : {0, 3, -1}) {
    wire::BeginRequest request = sdk::ToWire(call);
    SetRaw(request.protocol, raw);
    EXPECT_THAT(WhyNot(FromWire(request)),
                HasSubstr("protocol has the value " + std::to_string(raw)));
  }
}

TEST(QuorumWire, AProcessSaysWhereItsPeersReachIt) {
  sdk::AttachCall call{
      "shop/1@here", {{"orders", "db:1", "10.0.0.1:7421"}, {"stock", "db:2", ""}}, {}, "", 0};
  const Result<AttachCall> heard = FromWire(sdk::ToWire(call));
  ASSERT_TRUE(heard) << Describe(heard.error());
  EXPECT_EQ(heard->resources[0].peer_address, "10.0.0.1:7421");
  EXPECT_THAT(heard->resources[1].peer_address, IsEmpty());
  for (const std::string& bad : {std::string("nowhere"), std::string("h:0"),
                                 std::string(300, 'h') + ":1", std::string("h\n:1")}) {
    call.resources[0].peer_address = bad;
    EXPECT_THAT(WhyNot(FromWire(sdk::ToWire(call))), HasSubstr("the peer address")) << bad;
  }
  wire::AttachRequest empty = sdk::ToWire(call);
  empty.resources[0].__set_peer_address("");
  EXPECT_THAT(WhyNot(FromWire(empty)), HasSubstr("the peer address"));
}

TEST(QuorumWire, AReportThatMakesNoSenseIsRefusedByName) {
  const auto why_not = [](const std::function<void(wire::SiteReport&)>& change) {
    wire::ReportRequest request = Report(kDecided);
    change(request.sites[0]);
    return WhyNot(FromWire(request));
  };
  EXPECT_THAT(why_not([](auto& r) { r.gtid = "rm -rf"; }), HasSubstr("rm -rf"));
  EXPECT_THAT(why_not([](auto& r) { r.branch = 0; }), HasSubstr("branch is 0"));
  EXPECT_THAT(why_not([](auto& r) { SetRaw(r.answer.state, 7); }),
              HasSubstr("state has the value 7"));
  EXPECT_THAT(why_not([](auto& r) { r.answer.elected.round = -1; }),
              HasSubstr("elected has the round -1"));
  EXPECT_THAT(why_not([](auto& r) { r.answer.accepted.leader = -2; }),
              HasSubstr("accepted names site -2"));
  EXPECT_THAT(why_not([](auto& r) { r.answer.decided_ballot.leader = 1'001; }),
              HasSubstr("decided_ballot names site 1001"));
  EXPECT_THAT(why_not([](auto& r) { r.answer.decided_quorum = {-1}; }),
              HasSubstr("decided_quorum names site -1"));
  EXPECT_THAT(why_not([](auto& r) { r.answer.decided_quorum.assign(5'000, 1); }),
              HasSubstr("decided_quorum names 5000 sites"));
}

TEST(QuorumWire, AQuestionThatMakesNoSenseIsRefusedByName) {
  const auto why_not = [](const std::function<void(wire::PeerRequest&)>& change) {
    wire::PeerRequest request = Ask({PeerVerb::kElect, {4, 2}, {}});
    change(request);
    return WhyNot(FromWire(request));
  };
  EXPECT_THAT(why_not([](auto& r) { r.gtid = ""; }), HasSubstr("gtid"));
  EXPECT_THAT(why_not([](auto& r) { r.site = -1; }), HasSubstr("site names site -1"));
  EXPECT_THAT(why_not([](auto& r) { r.resource = "orders"; }), HasSubstr("the witness has none"));
  EXPECT_THAT(why_not([](auto& r) { SetRaw(r.verb, 0); }), HasSubstr("verb has the value 0"));
  EXPECT_THAT(why_not([](auto& r) { r.ballot.round = -4; }), HasSubstr("ballot has the round -4"));
  EXPECT_THAT(why_not([](auto& r) { r.__isset.ballot = false; }), HasSubstr("ballot is missing"));
  EXPECT_THAT(why_not([](auto& r) { r.ballot.round = 0; }), HasSubstr("ballot is missing"));
  EXPECT_THAT(why_not([](auto& r) { r.__set_quorum({2'000'000'000}); }),
              HasSubstr("quorum names site 2000000000"));
}

TEST(QuorumWire, TheCoordinatorAnswersForTheWitnessAlone) {
  wire::PeerRequest request = Ask({PeerVerb::kElect, {4, 2}, {}});
  request.site = 2;
  request.resource = "orders";
  const Result<PeerCall> call = FromWire(request);
  ASSERT_FALSE(call);
  EXPECT_EQ(call.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(call.error().message, HasSubstr("answers for its witness (site 0) only"));
}

TEST(QuorumWire, PeopleSeeSitesBallotLeaderAndQuorum) {
  QuorumSummary quorum;
  quorum.sites = {
      {{0, "", {}}, std::nullopt},
      {{1, "orders", {"10.0.0.1:7421"}}, SiteAnswer{SiteState::kPreCommitted, {2, 1}, {1, 0}, {}}},
      {{2, "stock", {}}, SiteAnswer{SiteState::kWaiting, {2, 1}, {}, {}}}};
  quorum.needed = 2;
  quorum.by = {{2, 1}, {}};
  quorum.missing = {0, 2};
  const wire::QuorumView view = ToWire(quorum);
  ASSERT_THAT(view.sites, SizeIs(3));
  EXPECT_EQ(view.sites[0].state, "");
  EXPECT_EQ(view.sites[0].elected, "");
  EXPECT_EQ(view.sites[1].state, "pre-committed");
  EXPECT_EQ(view.sites[1].elected, "2.1");
  EXPECT_EQ(view.sites[1].accepted, "1.0");
  EXPECT_EQ(view.sites[2].accepted, "");
  EXPECT_EQ(view.needed, 2);
  EXPECT_EQ(view.ballot, "2.1");
  EXPECT_EQ(view.leader, "site 1 (orders)");
  EXPECT_EQ(view.missing, (std::vector<std::int32_t>{0, 2}));
  EXPECT_EQ(ToWire(QuorumSummary{}).leader, "");
}

}  // namespace
}  // namespace settle::coordinator
