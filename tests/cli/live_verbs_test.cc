// `show` and `explain`: the decision beside what the databases say now.
#include <gtest/gtest.h>

#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

wire::LiveView Answered(std::int32_t branch, const std::string& comparison, bool contradicts) {
  wire::LiveView view;
  view.branch = branch;
  view.how.asked_us = kBegan_us + 60 * kSecond_us;
  view.how.took_ms = 12;
  view.how.process = "shop/4711@host";
  view.comparison = comparison;
  view.contradicts = contradicts;
  wire::LiveBranch live;
  live.proof = wire::Proof::COMMITTED;
  view.__set_live(live);
  return view;
}

wire::LiveView Waiting() {
  wire::LiveView view = Answered(2, "prepared; is committed when the decision reaches it", false);
  view.live.prepared = true;
  view.live.prepared_us = kBegan_us;
  view.live.owner = "teller";
  view.live.proof = wire::Proof::IN_PROGRESS;
  view.live.locks = 5;
  view.live.relations = {"account", "audit\x1b[2J"};
  view.live.waiting = 1;
  view.live.waiters.resize(1);
  view.live.waiters[0].process_id = 4711;
  view.live.waiters[0].application = "bill\x1b]0;owned\x07ing";
  view.live.waiters[0].waits_ms = 240'000;
  view.live.waiters[0].relation = "account";
  view.waiting = "1 session waits behind it, for 4 min: pid 4711 app 'bill\x1b]0;owned\x07ing'";
  view.live.unseen = "writers in other processes";
  return view;
}

wire::LiveView Unserved(std::int32_t branch) {
  wire::LiveView view;
  view.branch = branch;
  view.how.asked_us = kBegan_us + 60 * kSecond_us;
  view.how.why_not = "no process serves it since 2026-01-02 03:05:05 UTC";
  view.__set_unserved_since_us(kBegan_us + 60 * kSecond_us);
  return view;
}

TEST_F(Verbs, ShowHasAColumnOfWhatTheDatabasesSayAndWhoWaitsBelow) {
  admin_.transaction = Committing();
  admin_.live = {Answered(1, "committed (transaction 744 committed)", false), Waiting()};
  const Printed printed = Run({"show", kGtid});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out,
              HasSubstr("BRANCH  RESOURCE  STATE       LIVE       VOTE    ATTEMPTS  EVIDENCE"));
  EXPECT_THAT(printed.out, HasSubstr("1       bank-a    committed   committed  commit"));
  EXPECT_THAT(printed.out, HasSubstr("2       bank-b    committing  prepared   commit"));
  EXPECT_THAT(printed.out, HasSubstr("LIVE, asked at 2026-01-02T03:05:05.000006Z\n"));
  EXPECT_THAT(
      printed.out,
      HasSubstr("  branch 2 in bank-b: prepared; is committed when the decision reaches it, "
                "since 2026-01-02T03:04:05.000006Z, by role teller; holds 5 locks on "
                "account, audit\\x1b[2J (answered in 12 ms by shop/4711@host)\n"));
  EXPECT_THAT(printed.out, HasSubstr("    1 session waits behind it, for 4 min: pid 4711 app "
                                     "'bill\\x1b]0;owned\\x07ing'\n"));
  EXPECT_THAT(printed.out, HasSubstr("    not seen: writers in other processes\n"));
  EXPECT_THAT(printed.out, Not(HasSubstr("CONTRADICTS")));
  EXPECT_THAT(printed.out, Not(HasSubstr("\x1b")));
}

TEST_F(Verbs, ShowSaysInWordsWhatContradictsTheDecision) {
  admin_.transaction = Committing();
  admin_.live = {Answered(1, "committed", false),
                 Answered(2, "rolled back against the decision: heuristic rollback", true)};
  admin_.live[1].live.proof = wire::Proof::ABORTED;
  const std::string out = Run({"show", kGtid}).out;
  EXPECT_THAT(out, HasSubstr("2       bank-b    committing  rolled back!  commit"));
  EXPECT_THAT(out, HasSubstr("branch 2 in bank-b: CONTRADICTS THE DECISION: rolled back against "
                             "the decision: heuristic rollback (answered"));
  EXPECT_EQ(RunJson({"show", kGtid})["live"][1]["contradicts"], true);
}

TEST_F(Verbs, ShowSaysWhyADatabaseGaveNoAnswer) {
  admin_.transaction = Committing();
  admin_.live = {Answered(1, "committed", false), Unserved(2)};
  const std::string out = Run({"show", kGtid}).out;
  EXPECT_THAT(out, HasSubstr("2       bank-b    committing  no answer  commit"));
  EXPECT_THAT(out, HasSubstr("  branch 2 in bank-b: no answer: no process serves it since "
                             "2026-01-02 03:05:05 UTC\n"));
  const Document live = RunJson({"show", kGtid})["live"][1];
  EXPECT_EQ(live["state"], nullptr);
  EXPECT_EQ(live["unserved"], true);
  EXPECT_EQ(live["unserved_since"], "2026-01-02T03:05:05.000006Z");
}

TEST_F(Verbs, ShowGivesTheLiveStateAsJson) {
  admin_.transaction = Committing();
  admin_.live = {Waiting()};
  const Document live = RunJson({"show", kGtid})["live"][0];
  EXPECT_EQ(live["branch"], 2);
  EXPECT_EQ(live["asked"], "2026-01-02T03:05:05.000006Z");
  EXPECT_EQ(live["took_ms"], 12);
  EXPECT_EQ(live["unserved"], false);
  EXPECT_EQ(live["state"]["prepared"], true);
  EXPECT_EQ(live["state"]["prepared_at_us"], kBegan_us);
  EXPECT_EQ(live["state"]["proof"], "in progress");
  EXPECT_EQ(live["state"]["locks"], 5);
  EXPECT_EQ(live["state"]["waiters"][0]["process_id"], 4711);
  EXPECT_EQ(live["state"]["waiters"][0]["waits_ms"], 240'000);
}

TEST_F(Verbs, TheDatabasesHaveTwoSecondsOrThreeQuartersOfTheTimeOut) {
  admin_.transaction = Committing();
  Run({"show", kGtid});
  Run({"show", kGtid, "--timeout", "20s"});
  Run({"explain", kGtid, "--timeout", "60m"});
  Run({"show", kGtid, "--no-live"});
  ASSERT_THAT(admin_.looks, SizeIs(4));
  EXPECT_EQ(admin_.looks[0].wait_ms, 0) << "the coordinator's default";
  EXPECT_EQ(admin_.looks[1].wait_ms, 15'000);
  EXPECT_EQ(admin_.looks[2].wait_ms, 60'000);
  EXPECT_FALSE(admin_.looks[0].without_live);
  EXPECT_TRUE(admin_.looks[3].without_live);
}

TEST_F(Verbs, WithoutLiveThereIsNeitherColumnNorDocument) {
  admin_.transaction = Committing();
  admin_.live = {Waiting()};
  EXPECT_THAT(Run({"show", kGtid, "--no-live"}).out, Not(HasSubstr("LIVE")));
  EXPECT_FALSE(RunJson({"show", kGtid, "--no-live"}).contains("live"));
}

TEST_F(Verbs, ExplainPrintsTheWordsWrappedAndTheCommandsWhole) {
  admin_.transaction = Committing();
  admin_.explanation.happened = {"It is decided, durably: commit.",
                                 "Branch 2 in bank-b is committing, called 14 times; last: the "
                                 "connection was refused by a host that\x1b[2J is not there."};
  admin_.explanation.waits_for = {"bank-b"};
  admin_.explanation.safe = {"Waiting."};
  admin_.explanation.harmful = {"Rolling it back."};
  const std::string command = "settle agent --resource bank-b --dsn 'DSN' " + std::string(120, 'x');
  admin_.explanation.commands = {command};
  const Printed printed = Run({"explain", kGtid});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_EQ(printed.out,
            std::string(kGtid) +
                "  committing, committed\n"
                "\nWhat happened\n"
                "  - It is decided, durably: commit.\n"
                "  - Branch 2 in bank-b is committing, called 14 times; last: the connection was "
                "refused by a host\n"
                "    that\\x1b[2J is not there.\n"
                "\nWhat it waits for\n  - bank-b\n"
                "\nWhat is safe\n  - Waiting.\n"
                "\nWhat would do damage\n  - Rolling it back.\n"
                "\nCommands\n  " +
                command + "\n");
  EXPECT_THAT(Run({"--address", coordinator_.address(), "explain", kGtid}).out,
              HasSubstr(command + " --address " + coordinator_.address() + "\n"));
}

TEST_F(Verbs, ExplainGivesTheSameAsJson) {
  admin_.transaction = Committing();
  admin_.live = {Unserved(2)};
  admin_.explanation.happened = {"one", "two"};
  admin_.explanation.commands = {"settle retry x"};
  const Document json = RunJson({"explain", kGtid});
  EXPECT_EQ(json["gtid"], kGtid);
  EXPECT_EQ(json["ending"]["outcome"], "committed");
  EXPECT_EQ(json["happened"], Document({"one", "two"}));
  EXPECT_THAT(json["waits_for"], IsEmpty());
  EXPECT_EQ(json["commands"][0], "settle retry x");
  EXPECT_EQ(json["live"][0]["unserved"], true);
}

TEST_F(Verbs, ExplainOfWhatIsNotKnownAnyMoreSaysWhatWouldDoDamage) {
  FailWith(wire::ErrorCode::EXPIRED, "it ended here, and its record was pruned");
  const Printed printed = Run({"explain", kGtid});
  EXPECT_EQ(printed.exit, ExitCode::kNotFound);
  EXPECT_THAT(printed.err, AllOf(StartsWith("settle: it ended here"),
                                 HasSubstr("doing its work again before that may do it twice")));
}

TEST_F(Verbs, ExplainOfWhatTheLogDoesNotKnowIsToldFromWhatItKnows) {
  admin_.transaction.gtid = kGtid;
  admin_.transaction.state = "done";
  admin_.transaction.ending.outcome = wire::Outcome::ABORTED;
  admin_.transaction.ending.cause = wire::AbortCause::PRESUMED;
  EXPECT_EQ(Run({"explain", kGtid}).exit, ExitCode::kNotFound);
}

TEST_F(Verbs, InDoubtRowsCarryTheBusinessKeyAndTheOwner) {
  admin_.in_doubt_reply.transactions = {Committing()};
  admin_.in_doubt_reply.transactions[0].comment = "order 17\x1b[2J";
  admin_.in_doubt_reply.count = 1;
  EXPECT_THAT(Run({"in-doubt"}).out, AllOf(HasSubstr("  owner      shop/4711@host\n"),
                                           HasSubstr("  comment    order 17\\x1b[2J\n")));
  EXPECT_EQ(RunJson({"in-doubt"})["transactions"][0]["owner"], "shop/4711@host");
}

}  // namespace
}  // namespace settle::cli
