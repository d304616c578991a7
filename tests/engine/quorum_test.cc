// Three-phase commit in the engine: sites, the witness, and what is told of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recovery/replay.h"
#include "support/sites_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::vector<std::string> TimelineOf(EngineUnderTest& engine, const Gtid& gtid) {
  std::vector<std::string> all;
  for (const TimelineEntry& entry : engine.Show(gtid).timeline) all.push_back(entry.what);
  return all;
}

std::vector<std::string> EndedTimeline(EngineUnderTest& engine, const Gtid& gtid) {
  std::vector<std::string> all;
  for (const EndRecord& end : engine.log().Durable<EndRecord>()) {
    if (end.summary.gtid != gtid) continue;
    for (const TimelineEntry& entry : end.summary.timeline) all.push_back(entry.what);
  }
  return all;
}

TEST(EngineQuorum, PrepareBringsTheSitesWithTheAddressesOfWhoServesThem) {
  EngineUnderTest engine;
  const SiteProcess agent(engine, {"orders"}, "10.0.0.9:7421");
  const Participant deaf(engine, {"orders"});
  ThreeSites sites(engine);
  sites.Prepared();
  ASSERT_THAT(sites.prepares, SizeIs(2));
  const Roster roster{{0, "", {}},
                      {1, "orders", {"10.0.0.1:7421", "10.0.0.9:7421"}},
                      {2, "stock", {"10.0.0.2:7421"}}};
  EXPECT_EQ(sites.prepares[0].sites, roster);
  EXPECT_EQ(sites.prepares[1].sites, roster);
}

TEST(EngineQuorum, ATwoPhaseCommitHasNoSites) {
  EngineUnderTest engine;
  SiteProcess orders(engine, {"orders"}, "10.0.0.1:7421");
  const Gtid gtid = engine.Begin();
  orders.Enlist(gtid, "orders");
  Answer<CommitAnswer> committed;
  engine.engine().Commit({gtid, {}, Wait::kDecision, 0ms}, committed.done());
  const std::vector<Command> commands = orders.Take();
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_THAT(commands[0].sites, IsEmpty());
  EXPECT_EQ(engine.Show(gtid).quorum, std::nullopt);
}

TEST(EngineQuorum, AtMostSixteenAddressesAreNamed) {
  EngineUnderTest engine;
  std::vector<std::unique_ptr<SiteProcess>> others;
  for (int i = 0; i < 20; ++i) {
    others.push_back(std::make_unique<SiteProcess>(engine, std::vector<std::string>{"orders"},
                                                   "10.0.1." + std::to_string(i) + ":7421"));
  }
  ThreeSites sites(engine);
  sites.Prepared();
  ASSERT_THAT(sites.prepares, SizeIs(2));
  ASSERT_THAT(sites.prepares[0].sites[1].addresses, SizeIs(kPeerAddressesMost));
  EXPECT_EQ(sites.prepares[0].sites[1].addresses[0], "10.0.0.1:7421") << "the owner's";
}

TEST(EngineQuorum, ABatchWithManyAddressesFitsTheWiresFrame) {
  EngineUnderTest engine;
  const std::string address = std::string(290, 'h') + ":7421";
  SiteProcess orders(engine, {"orders"}, address);
  constexpr std::size_t kBranches = 63;
  constexpr std::size_t kTransactions = 5;
  for (std::size_t i = 0; i < kTransactions; ++i) {
    const Gtid gtid = engine.Begin({{}, "", "shop", Protocol::kThreePhase});
    for (std::size_t branch = 0; branch < kBranches; ++branch)
      orders.Enlist(gtid, "orders", std::to_string(branch));
    Answer<CommitAnswer> committed;
    engine.engine().Commit({gtid, {}, Wait::kDecision, 0ms}, committed.done());
    engine.Run();
  }
  Answer<CommandBatch> batch;
  engine.engine().Fetch({orders.session(), 0, 1'000, 0ms}, batch.done());
  engine.Run();
  ASSERT_TRUE(batch.ok());
  const std::size_t bytes = batch->commands.size() * kBranches * address.size();
  EXPECT_LE(bytes, 4u << 20);
  EXPECT_GT(bytes, 3u << 20) << "as many as fit";
  const std::size_t rest = orders.Take().size();  // it comes again: nobody said that it arrived
  EXPECT_EQ(rest, kTransactions * kBranches);
}

TEST(EngineQuorum, AResourceThatAnswersNoPeersIsRefused) {
  EngineUnderTest engine;
  const Participant deaf(engine, {"orders"});
  const Gtid gtid = engine.Begin({{}, "", "", Protocol::kThreePhase});
  Answer<BranchNumber> joined;
  engine.engine().Enlist({gtid, "orders", deaf.session(), "k"}, joined.done());
  engine.Run();
  EXPECT_EQ(joined.error().code, ErrorCode::kRefused);
  EXPECT_THAT(joined.error().message, HasSubstr("orders"));
}

TEST(EngineQuorum, AMajorityDecidesAndTheTimelineTellsHow) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  sites.orders.Work();  // with the witness that is a majority; stock has not answered
  engine.Run();
  ASSERT_TRUE(sites.committed.ok());
  EXPECT_TRUE(sites.committed->ending.committed());
  sites.Work();
  const std::vector<std::string> timeline = EndedTimeline(engine, gtid);
  EXPECT_THAT(timeline,
              AllOf(Contains("begun by shop, for three-phase commit"),
                    Contains("pre-commit under ballot 1.0 sent to branch 1 in orders"),
                    Contains("pre-commit under ballot 1.0 sent to branch 2 in stock"),
                    Contains("site 1 (orders) is pre-committed, elected 1.0, accepted 1.0"),
                    Contains("sites witness, 1 are the quorum for commit under ballot 1.0"),
                    Contains("commit sent to branch 2 in stock")));
  const TransactionSummary summary = engine.log().Durable<EndRecord>().back().summary;
  ASSERT_TRUE(summary.quorum);
  EXPECT_EQ(summary.quorum->by, (DecidedBy{{1, 0}, {0, 1}}));
  EXPECT_EQ(summary.quorum->needed, 2U);
}

TEST(EngineQuorum, WhatWentToItsSitesAndCameBackIsCounted) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  EXPECT_EQ(engine.engine().messages(), (Messages{0, 0}));
  sites.Prepared();
  EXPECT_EQ(engine.engine().messages(), (Messages{4, 2})) << "prepare, vote, pre-commit";
  sites.Work();
  ASSERT_TRUE(sites.committed->ending.committed());
  EXPECT_EQ(engine.engine().messages(), (Messages{6, 8}))
      << "of each, beside the vote: pre-committed, committed, and the branch's end";
}

TEST(EngineQuorum, ASessionSpeaksForTheSitesThatItServesAlone) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  sites.stock.Say(gtid, 1, {SiteState::kPreCommitted, {1, 0}, {1, 0}, {}});
  sites.stock.Say(gtid, 7, {SiteState::kPreCommitted, {1, 0}, {1, 0}, {}});
  EXPECT_EQ(engine.Show(gtid).state, "quorum");
  EXPECT_TRUE(engine.observer().Saw("spoke for branch 1 in orders, which is not its own"));
  sites.orders.Say(gtid, 1, {SiteState::kPreCommitted, {1, 0}, {1, 0}, {}});
  EXPECT_EQ(engine.Show(gtid).state, "committing");
}

TEST(EngineQuorum, TheWitnessOfAnUnknownTransactionIsNotHere) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  EXPECT_EQ(sites.Tell(Gtid::Make("k3m9qxw4c7ab", 2, 99, 1), {}).error().code,
            ErrorCode::kNotFound);
}

TEST(EngineQuorum, ATwoPhaseCommitHasNoWitness) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Answer<SiteAnswer> told = sites.Tell(engine.Begin(), {PeerVerb::kElect, {2, 1}, {}});
  EXPECT_EQ(told.count(), 1U);
  EXPECT_EQ(told.error().code, ErrorCode::kRefused);
}

TEST(EngineQuorum, TheWitnessAnswersWhatItJoinsOnceThatIsDurable) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  engine.log().held = true;
  const Answer<SiteAnswer> told = sites.Tell(gtid, {PeerVerb::kElect, {2, 1}, {}});
  EXPECT_FALSE(told.came());
  engine.log().held = false;
  engine.Run();
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(told->elected, (Ballot{2, 1}));
  EXPECT_EQ(told->state, SiteState::kPreCommitted);
  EXPECT_THAT(engine.log().Durable<BallotRecord>(), SizeIs(1));
  EXPECT_THAT(TimelineOf(engine, gtid),
              AllOf(Contains("the witness was told by site 1: elect, ballot 2.1"),
                    Contains("the witness is pre-committed, elected 2.1, accepted 1.0, which "
                             "outbids ballot 1.0")));
  sites.Work();
  EXPECT_EQ(told.count(), 1U);
}

TEST(EngineQuorum, ARefusedRecordLeavesTheWitnessAsItWas) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  engine.log().judge = [](const Record& record) -> FakeLog::Verdict {
    if (std::holds_alternative<BallotRecord>(record)) return {AppendResult::kRefused, "no room"};
    return {};
  };
  const Answer<SiteAnswer> told = sites.Tell(gtid, {PeerVerb::kElect, {2, 1}, {}});
  ASSERT_EQ(told.count(), 1U);
  EXPECT_TRUE(!told.ok() || told->elected == kFirstBallot) << "it joined nothing";
}

TEST(EngineQuorum, WhoWaitsForTheWitnessHearsTheDecisionThatComesFirst) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  engine.log().held = true;
  sites.orders.Work();  // the decision is on its way to the disk
  const Answer<SiteAnswer> told = sites.Tell(gtid, {PeerVerb::kElect, {2, 2}, {}});
  const Answer<SiteAnswer> asked = sites.Tell(gtid, {PeerVerb::kState, {}, {}});
  EXPECT_FALSE(told.came());
  engine.log().held = false;
  engine.Run();
  sites.Work();
  for (const Answer<SiteAnswer>& answer : {told, asked}) {
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer.count(), 1U);
    EXPECT_EQ(answer->state, SiteState::kCommitted);
    EXPECT_EQ(answer->decided, (DecidedBy{{1, 0}, {0, 1}}));
  }
}

TEST(EngineQuorum, TheEndIsToldWhileItsRecordIsOnItsWay) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  engine.log().judge = [](const Record& record) -> FakeLog::Verdict {
    if (std::holds_alternative<EndRecord>(record)) return {AppendResult::kRefused, "no room"};
    return {};
  };
  sites.Work();
  ASSERT_EQ(engine.Show(gtid).state, "done");
  const Answer<SiteAnswer> told = sites.Tell(gtid, {});
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(told->state, SiteState::kCommitted);
  EXPECT_EQ(told->decided, (DecidedBy{{1, 0}, {0, 1}}));
}

TEST(EngineQuorum, QuestionsThatWaitForTheLogAreBounded) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  engine.log().held = true;
  std::vector<Answer<SiteAnswer>> told;
  for (std::uint64_t round = 2; round < 1'003; ++round)
    told.push_back(sites.Tell(gtid, {PeerVerb::kElect, {round, 1}, {}}));
  EXPECT_EQ(told.back().error().code, ErrorCode::kRetry);
  EXPECT_FALSE(told.front().came());
  engine.log().held = false;
  for (int i = 0; i < 200; ++i) engine.Run();
  for (const Answer<SiteAnswer>& answer : told) EXPECT_EQ(answer.count(), 1U);
  EXPECT_TRUE(told.front().ok());
}

TEST(EngineQuorum, M10_SitesThatDecidedWithoutTheCoordinatorAreSaidSo) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  const Answer<SiteAnswer> told = sites.Tell(gtid, {PeerVerb::kCommit, {2, 1}, {1, 2}});
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(told->state, SiteState::kCommitted);
  ASSERT_TRUE(sites.committed.ok());
  EXPECT_TRUE(sites.committed->ending.committed());
  EXPECT_THAT(TimelineOf(engine, gtid),
              Contains("sites decided without the coordinator: commit under ballot 2.1, led by "
                       "site 1 (orders), quorum 1, 2"));
}

TEST(EngineQuorum, WhatSitesDecidedIsSaidAlsoOfWhatAPersonForced) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  Answer<Gtid> forced;
  engine.engine().Intervene(
      {gtid, {HeuristicAct::kForce, Decision::kCommit, {}, "", "alice", "b is gone", 0}},
      forced.done());
  engine.Run();
  ASSERT_TRUE(forced.ok());
  for (auto [site, number] : {std::pair{&sites.orders, 1U}, {&sites.stock, 2U}})
    site->kept({gtid, number}) = {SiteState::kCommitted, {2, 1}, {2, 1}, {{2, 1}, {1, 2}}};
  sites.Work();
  EXPECT_THAT(TimelineOf(engine, gtid),
              Contains("sites decided without the coordinator: commit under ballot 2.1, led by "
                       "site 1 (orders), quorum 1, 2"));
}

TEST(EngineQuorum, M11_AnOutbidBallotIsFollowedByAHigherOne) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  ASSERT_TRUE(sites.Tell(gtid, {PeerVerb::kElect, {2, 1}, {}}).ok());
  sites.orders.kept({gtid, 1}).elected = {2, 1};
  sites.stock.kept({gtid, 2}).elected = {2, 1};
  sites.Work();  // refuses pre-commit under 1.0
  EXPECT_EQ(engine.Show(gtid).state, "quorum");
  for (int i = 0; i < 20; ++i) {
    engine.Advance(500ms);
    sites.Work();
  }
  EXPECT_THAT(EndedTimeline(engine, gtid),
              AllOf(Contains("ballot 1.0 came to no decision; the coordinator leads ballot 3.0"),
                    Contains("elect under ballot 3.0 sent to branch 1 in orders")));
}

TEST(EngineQuorum, ALaterBallotReplacesWhatWasNotFetched) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  ASSERT_TRUE(sites.Tell(gtid, {PeerVerb::kElect, {2, 1}, {}}).ok());
  sites.orders.kept({gtid, 1}).elected = {2, 1};
  sites.orders.Work();
  engine.Advance(2s);  // the coordinator leads 3.0; stock fetches nothing
  ASSERT_TRUE(sites.Tell(gtid, {PeerVerb::kElect, {4, 1}, {}}).ok());
  sites.orders.kept({gtid, 1}).elected = {4, 1};
  sites.orders.Work();
  engine.Advance(5s);
  std::vector<Ballot> elected;
  for (const Command& command : sites.stock.Take()) {
    if (command.kind == CommandKind::kElect) elected.push_back(command.ballot);
  }
  ASSERT_THAT(elected, SizeIs(1)) << "one election is worth an answer: the latest";
  EXPECT_GT(elected[0], (Ballot{4, 1}));
}

TEST(EngineQuorum, TheMarkIsHeldUntilTheEndIsDurableAndToldToSites) {
  EngineUnderTest engine;
  ThreeSites sites(engine);
  const Gtid gtid = sites.Prepared();
  const EndedThrough below{gtid.epoch(), gtid.sequence() - 1};
  const EndedThrough through{gtid.epoch(), gtid.sequence()};
  engine.log().judge = [](const Record& record) -> FakeLog::Verdict {
    if (std::holds_alternative<EndRecord>(record)) return {AppendResult::kRefused, "no room"};
    return {};
  };
  sites.Work();
  EXPECT_EQ(engine.Show(gtid).state, "done");
  EXPECT_EQ(engine.engine().ended_through(), below);
  engine.Advance(6s);
  EXPECT_THAT(sites.orders.Take(), IsEmpty());
  EXPECT_EQ(sites.orders.ended_through(), below);
  engine.log().judge = nullptr;
  engine.Advance(30s);
  EXPECT_EQ(engine.engine().ended_through(), through);
  EXPECT_THAT(sites.orders.Take(), IsEmpty());
  engine.Advance(6s);
  EXPECT_THAT(sites.orders.Take(), IsEmpty());
  EXPECT_EQ(sites.orders.ended_through(), through);
}

TEST(EngineQuorum, ASessionThatAnswersNobodyIsNotToldTheMark) {
  EngineUnderTest engine;
  Participant deaf(engine, {"orders"});
  EXPECT_THAT(deaf.Take(), IsEmpty());
  engine.Advance(6s);
  EXPECT_THAT(deaf.Take(), IsEmpty());
  EXPECT_EQ(deaf.ended_through(), std::nullopt);
}

TEST(EngineQuorum, M10_ARestartLeadsARoundAndTellsWhatTheSitesSay) {
  EngineUnderTest before;
  ThreeSites earlier(before);
  const Gtid gtid = earlier.Prepared();
  ASSERT_EQ(before.Show(gtid).state, "quorum");

  EngineUnderTest engine({}, {"k3m9qxw4c7ab", 3});
  for (const Record& record : before.log().durable()) engine.log().Keep(record);
  engine.engine().Restore(*ReplayLog(engine.log()));
  engine.Run();
  const EndedThrough below{gtid.epoch(), gtid.sequence() - 1};
  EXPECT_EQ(engine.engine().ended_through(), below);
  ThreeSites sites(engine);
  for (auto [site, number] : {std::pair{&sites.orders, 1U}, {&sites.stock, 2U}})
    site->kept({gtid, number}) = {SiteState::kCommitted, {2, 1}, {2, 1}, {{2, 1}, {1, 2}}};
  sites.Work();
  EXPECT_THAT(EndedTimeline(engine, gtid),
              AllOf(Contains("begun by shop, for three-phase commit"),
                    Contains("every site had voted yes; pre-commit may have been sent"),
                    Contains("recovered from the log in epoch 3"),
                    Contains("site 1 (orders) is committed, elected 2.1, accepted 2.1"),
                    Contains("sites decided without the coordinator: commit under ballot 2.1, led "
                             "by site 1 (orders), quorum 1, 2")));
  EXPECT_TRUE(engine.log().Durable<EndRecord>().back().summary.ending.committed());
  EXPECT_GT(engine.engine().ended_through(), below);
}

}  // namespace
}  // namespace settle::coordinator
