// What the verbs show of a three-phase commit.
#include "cli/verb.h"
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

wire::SiteView SiteNumber(int number, const std::string& resource, const std::string& state = "",
                          const std::string& elected = "", const std::string& accepted = "") {
  wire::SiteView site;
  site.number = number;
  site.resource = resource;
  site.state = state;
  site.elected = elected;
  site.accepted = accepted;
  if (number != 0) site.addresses = {"10.0.0." + std::to_string(number) + ":7421"};
  return site;
}

// Two branches and the witness; one branch was not heard under the coordinator's second ballot.
wire::TransactionView WaitingForAMajority() {
  wire::TransactionView view = Committing();
  view.state = "quorum";
  view.ending.outcome = wire::Outcome::UNDECIDED;
  view.branches[0].state = view.branches[1].state = "prepared";
  wire::QuorumView quorum;
  quorum.sites = {SiteNumber(0, "", "pre-committed", "2.0", "1.0"),
                  SiteNumber(1, "bank-a", "pre-committed", "2.0", "1.0"), SiteNumber(2, "bank-b")};
  quorum.sites[1].addresses.push_back("[fd00::7]:7422");
  quorum.needed = 2;
  quorum.ballot = "2.0";
  quorum.leader = "coordinator";
  quorum.missing = {2};
  view.__set_quorum(quorum);
  view.waiting_for = "1 more of its 3 sites";
  return view;
}

wire::TransactionView DecidedBySites() {
  wire::TransactionView view = WaitingForAMajority();
  view.state = "committing";
  view.ending.outcome = wire::Outcome::COMMITTED;
  view.quorum.sites[2] = SiteNumber(2, "bank-b", "committed", "3.1", "3.1");
  view.quorum.ballot = "3.1";
  view.quorum.leader = "site 1 (bank-a)";
  view.quorum.missing.clear();
  view.quorum.quorum = {0, 1};
  return view;
}

TEST_F(Verbs, M10_ShowSaysWhichSitesAreMissingForAMajority) {
  admin_.transaction = WaitingForAMajority();
  const std::string out = Run({"show", kGtid}).out;
  EXPECT_THAT(
      out, AllOf(HasSubstr("protocol   3pc\n"), HasSubstr("ballot     2.0, led by coordinator\n"),
                 HasSubstr("quorum     2 of 3 sites decide; have not answered: 2\n")));
  EXPECT_THAT(
      out,
      HasSubstr(
          "SITE  RESOURCE                   STATE          ELECTED  ACCEPTED  ANSWERS PEERS AT\n"
          "0     the coordinator's witness  pre-committed  2.0      1.0       where the "
          "coordinator listens\n"
          "1     bank-a                     pre-committed  2.0      1.0       10.0.0.1:7421 "
          "[fd00::7]:7422\n"
          "2     bank-b                     -              -        -         10.0.0.2:7421\n"));
}

TEST_F(Verbs, M10_ShowSaysWhichSitesDecidedAndWhoLedThem) {
  admin_.transaction = DecidedBySites();
  EXPECT_THAT(Run({"show", kGtid}).out,
              AllOf(HasSubstr("ballot     3.1, led by site 1 (bank-a)\n"),
                    HasSubstr("quorum     witness, 1 (2 of 3 sites decide)\n")));
}

TEST_F(Verbs, ShowAsJsonHasTheSites) {
  admin_.transaction = DecidedBySites();
  const Document json = RunJson({"show", kGtid});
  EXPECT_EQ(json["protocol"], "3pc");
  EXPECT_EQ(json["quorum"]["needed"], 2);
  EXPECT_EQ(json["quorum"]["ballot"], "3.1");
  EXPECT_EQ(json["quorum"]["leader"], "site 1 (bank-a)");
  EXPECT_EQ(json["quorum"]["quorum"], (std::vector<int>{0, 1}));
  EXPECT_EQ(json["quorum"]["missing"], Document::array());
  EXPECT_EQ(json["quorum"]["sites"][1],
            (Document{{"site", 1},
                      {"resource", "bank-a"},
                      {"addresses", {"10.0.0.1:7421", "[fd00::7]:7422"}},
                      {"state", "pre-committed"},
                      {"elected", "2.0"},
                      {"accepted", "1.0"}}));
}

TEST_F(Verbs, NoSitesAreShownOfATwoPhaseCommit) {
  admin_.transaction = Committing();
  EXPECT_THAT(Run({"show", kGtid}).out, AllOf(HasSubstr("protocol   2pc\n"), Not(HasSubstr("SITE")),
                                              Not(HasSubstr("quorum")), Not(HasSubstr("ballot"))));
  const Document json = RunJson({"show", kGtid});
  EXPECT_EQ(json["protocol"], "2pc");
  EXPECT_FALSE(json.contains("quorum"));
}

TEST_F(Verbs, AThreePhaseCommitWithoutSitesYetIsOneAllTheSame) {
  admin_.transaction = Committing();
  admin_.transaction.__set_quorum({});
  EXPECT_THAT(Run({"show", kGtid}).out, AllOf(HasSubstr("protocol   3pc\n"), Not(HasSubstr("SITE")),
                                              Not(HasSubstr("quorum"))));
}

TEST_F(Verbs, ListSaysTheProtocol) {
  admin_.list_reply.transactions = {Committing(), WaitingForAMajority()};
  EXPECT_THAT(Run({"list"}).out, AllOf(HasSubstr("GTID                          PROTOCOL  STATE"),
                                       HasSubstr("9f3c2a51  2pc       committing"),
                                       HasSubstr("9f3c2a51  3pc       quorum")));
}

TEST_F(Verbs, M10_InDoubtSaysHowTheSitesStand) {
  admin_.in_doubt_reply.transactions = {WaitingForAMajority()};
  admin_.in_doubt_reply.count = 1;
  EXPECT_THAT(Run({"in-doubt"}).out,
              AllOf(HasSubstr("  protocol   3pc\n"),
                    HasSubstr("  why        the witness is pre-committed; site 1 (bank-a) is "
                              "pre-committed; site 2 (bank-b) was not heard\n"),
                    HasSubstr("  waits for  1 more of its 3 sites\n"), Not(HasSubstr("tried"))));
}

TEST_F(Verbs, A03_WhatSitesAreCalledIsPrintedHarmless) {
  admin_.transaction = WaitingForAMajority();
  admin_.transaction.quorum.leader = "site \x1b[31m";
  admin_.transaction.quorum.sites[1].resource = "a\x07";
  admin_.transaction.quorum.sites[1].addresses = {"h\nost:1"};
  EXPECT_THAT(Run({"show", kGtid}).out,
              AllOf(HasSubstr("\\x1b"), HasSubstr("a\\x07"), HasSubstr("h\\x0aost:1"),
                    Not(HasSubstr("\x1b")), Not(HasSubstr("\x07"))));
}

TEST_F(Verbs, ParticipantsShowsWhereTheirPeersReachThem) {
  wire::SessionView session;
  session.process = "shop/1@a";
  session.attached_us = kBegan_us;
  session.__set_peer_address("10.0.0.7:7421");
  wire::ParticipantView served;
  served.resource = "bank-a";
  served.identity = "postgresql:1:2";
  served.sessions = {session};
  admin_.participants_reply.participants = {served};
  EXPECT_THAT(Run({"participants"}).out,
              AllOf(HasSubstr("ANSWERS PEERS AT\n"), HasSubstr("10.0.0.7:7421\n")));
  EXPECT_EQ(RunJson({"participants"})["participants"][0]["sessions"][0]["peer_address"],
            "10.0.0.7:7421");
}

}  // namespace
}  // namespace settle::cli
