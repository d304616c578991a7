// Each verb against a coordinator that answers what the test says.
#include "cli/verb.h"
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
TEST_F(Verbs, StatusShowsTheLogTheEpochAndTheCounts) {
  admin_.status_reply.log_id = "k3m9qxw4c7ab";
  admin_.status_reply.epoch = 2;
  admin_.status_reply.started_us = kBegan_us;
  admin_.status_reply.open = {{"active", 3}, {"committing", 1}, {"deciding", 0}};
  admin_.status_reply.committed = 17;
  const Printed printed = Run({"status"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out,
              AllOf(HasSubstr("log         k3m9qxw4c7ab\n"), HasSubstr("epoch       2\n"),
                    HasSubstr("open        4 (3 active, 1 committing)\n"),
                    HasSubstr("2026-01-02T03:04:05.000006Z (3 m 12 s ago)")));
  const Document json = RunJson({"status"});
  EXPECT_EQ(json["open"]["active"], 3);
  EXPECT_EQ(json["committed"], 17);
  EXPECT_EQ(json["started"], "2026-01-02T03:04:05.000006Z");
  EXPECT_EQ(json["started_us"], kBegan_us);
}

TEST_F(Verbs, StatusShowsWhatTheLogWroteUnlessTheCoordinatorDoesNotSay) {
  EXPECT_THAT(Run({"status"}).out, Not(HasSubstr("log writes")));
  EXPECT_FALSE(RunJson({"status"}).contains("log_flushes"));
  admin_.status_reply.__set_log_records(120);
  admin_.status_reply.__set_log_records_forced(80);
  admin_.status_reply.__set_log_flushes(31);
  EXPECT_THAT(Run({"status"}).out,
              HasSubstr("log writes  120 records, 80 of them forced, in 31 flushes\n"));
  const Document json = RunJson({"status"});
  EXPECT_EQ(json["log_records"], 120);
  EXPECT_EQ(json["log_records_forced"], 80);
  EXPECT_EQ(json["log_flushes"], 31);
}

TEST_F(Verbs, StatusShowsTheMessagesOfParticipantsUnlessTheCoordinatorDoesNotSay) {
  EXPECT_THAT(Run({"status"}).out, Not(HasSubstr("messages")));
  EXPECT_FALSE(RunJson({"status"}).contains("commands_sent"));
  admin_.status_reply.__set_commands_sent(60);
  admin_.status_reply.__set_reports_taken(80);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("messages    60 commands sent, 80 reports taken\n"));
  const Document json = RunJson({"status"});
  EXPECT_EQ(json["commands_sent"], 60);
  EXPECT_EQ(json["reports_taken"], 80);
}

TEST_F(Verbs, ListShowsOneLineForEachTransaction) {
  admin_.list_reply.transactions = {Committing()};
  const Printed printed = Run({"list"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out, StartsWith("GTID "));
  EXPECT_THAT(printed.out,
              HasSubstr("k3m9qxw4c7ab.2.1842.9f3c2a51  2pc       committing  committed  "
                        "2026-01-02T03:04:05.000006Z  "
                        "3 m 12 s  bank-a bank-b  shop/4711@host  order 17\n"));
  EXPECT_THAT(printed.out, Not(HasSubstr("there are more")));
  EXPECT_EQ(RunJson({"list"})["transactions"][0]["gtid"], kGtid);
}

TEST_F(Verbs, A04_ListAsksForOnePageAndSaysHowToGoOn) {
  admin_.list_reply.transactions = {Committing()};
  admin_.list_reply.next_cursor = "2.1842";
  EXPECT_THAT(Run({"list"}).out, HasSubstr("settle list --limit 100 --cursor '2.1842'"));
  EXPECT_EQ(RunJson({"list", "--ended", "--limit", "7", "--cursor", "c1"})["next_cursor"],
            "2.1842");
  ASSERT_EQ(admin_.lists.size(), 2u);
  EXPECT_EQ(admin_.lists[0].which, "all");
  EXPECT_EQ(admin_.lists[0].most, 100);
  EXPECT_EQ(admin_.lists[1].which, "ended");
  EXPECT_EQ(admin_.lists[1].most, 7);
  EXPECT_EQ(admin_.lists[1].cursor, "c1");
}

TEST_F(Verbs, ListOfNothingSaysSo) {
  EXPECT_EQ(Run({"list", "--open"}).out, "no open transactions\n");
  EXPECT_EQ(Run({"list"}).out, "no transactions\n");
  EXPECT_EQ(RunJson({"list"})["transactions"], Document::array());
}

TEST_F(Verbs, ShowPrintsBranchesWithEvidenceAndErrorsAndTheTimeline) {
  admin_.transaction = Committing();
  const Printed printed = Run({"show", kGtid});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out,
              AllOf(HasSubstr("outcome    committed\n"), HasSubstr("waits for  bank-b\n"),
                    HasSubstr("advice     bring bank-b back\n"), Not(HasSubstr("ended"))));
  EXPECT_THAT(printed.out,
              HasSubstr("2       bank-b    committing  commit  14        postgresql:730123:16384, "
                        "timeline 1, transaction 744  shop/4711@host  connection refused\n"));
  EXPECT_THAT(printed.out, HasSubstr("2026-01-02T03:04:06.000006Z  decided to commit\n"));
  EXPECT_THAT(admin_.calls, ElementsAre("look " + std::string(kGtid)));

  const Document json = RunJson({"show", kGtid});
  EXPECT_EQ(json["ending"]["outcome"], "committed");
  EXPECT_EQ(json["ended"], nullptr);
  EXPECT_EQ(json["branches"][1]["last_error"], "connection refused");
  EXPECT_EQ(json["branches"][1]["evidence"]["local_transaction"], "744");
  EXPECT_EQ(json["timeline"][0]["at_us"], kBegan_us + kSecond_us);
}

TEST_F(Verbs, ADamagedOutcomeIsAnAlarmOnATerminal) {
  admin_.transaction = Committing();
  admin_.transaction.ending.outcome = wire::Outcome::MIXED;
  const Printed printed =
      cli::Run({"show", kGtid}, {coordinator_.address(), kBegan_us, /*colours=*/true});
  EXPECT_THAT(printed.out, HasSubstr("\x1b[1;31mmixed\x1b[0m"));
  EXPECT_THAT(Run({"show", kGtid}).out, Not(HasSubstr("\x1b")));
}

TEST_F(Verbs, InDoubtSaysHowOldWhyAndWhatCanBeDone) {
  admin_.in_doubt_reply.transactions = {Committing()};
  admin_.in_doubt_reply.count = 1;
  const Printed printed = Run({"in-doubt"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out, StartsWith("1 transaction is in doubt\n"));
  EXPECT_THAT(printed.out, HasSubstr("k3m9qxw4c7ab.2.1842.9f3c2a51  committing, 3 m 12 s old\n"));
  EXPECT_THAT(printed.out,
              HasSubstr("  why        branch 2 in bank-b is committing, tried 14 times: "
                        "connection refused\n"));
  EXPECT_THAT(printed.out, Not(HasSubstr("branch 1")));
  EXPECT_THAT(printed.out, HasSubstr("  advice     bring bank-b back\n"));
  EXPECT_EQ(RunJson({"in-doubt"})["transactions"][0]["waiting_for"], "bank-b");
}

TEST_F(Verbs, InDoubtNamesTheReservationThatIsWaitedForAndNoneThatHasEnded) {
  admin_.in_doubt_reply.transactions = {Committing()};
  admin_.in_doubt_reply.count = 1;
  admin_.in_doubt_reply.transactions[0].branches[0].state = "confirmed";
  admin_.in_doubt_reply.transactions[0].branches[1].state = "confirming";
  const Printed printed = Run({"in-doubt"});
  EXPECT_THAT(printed.out, HasSubstr("branch 2 in bank-b is confirming, tried 14 times"));
  EXPECT_THAT(printed.out, Not(HasSubstr("branch 1")));
}

TEST_F(Verbs, C14_InDoubtListsStrays) {
  wire::StrayView stray;
  stray.resource = "bank-a";
  stray.database_name = "settle:other\x1b";
  stray.why = "another log";
  stray.first_seen_us = stray.last_seen_us = kBegan_us;
  admin_.in_doubt_reply.strays = {stray};
  EXPECT_THAT(Run({"in-doubt"}).out,
              AllOf(HasSubstr("1 prepared branch was found"),
                    HasSubstr("bank-a    settle:other\\x1b      another log")));
  EXPECT_EQ(RunJson({"in-doubt"})["strays"][0]["first_seen_us"], kBegan_us);
  EXPECT_EQ(Run({"in-doubt", "--check"}).exit, ExitCode::kInDoubt);
}

TEST_F(Verbs, InDoubtCheckTellsByItsExitCode) {
  EXPECT_EQ(Run({"in-doubt", "--check"}).exit, ExitCode::kOk);
  EXPECT_EQ(Run({"in-doubt"}).out, "nothing is in doubt\n");
  admin_.in_doubt_reply.transactions = {Committing()};
  EXPECT_EQ(Run({"in-doubt", "--check"}).exit, ExitCode::kInDoubt);
  EXPECT_EQ(Run({"in-doubt", "--check", "--json"}).exit, ExitCode::kInDoubt);
}

TEST_F(Verbs, ResolveSendsWhoAndWhy) {
  admin_.transaction = Committing();
  const Printed printed =
      Run({"resolve", kGtid, "abort", "--reason", "gone — Zürich", "--operator", "ann"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out, AllOf(HasSubstr("took \"abort\" from ann"), HasSubstr(kGtid)));
  ASSERT_EQ(admin_.resolves.size(), 1u);
  EXPECT_EQ(admin_.resolves[0].gtid, kGtid);
  EXPECT_EQ(admin_.resolves[0].to, "abort");
  EXPECT_EQ(admin_.resolves[0].operator_name, "ann");
  EXPECT_EQ(admin_.resolves[0].reason, "gone — Zürich");
}

TEST_F(Verbs, ResolveNamesTheLoginWhenNoOperatorIsGiven) {
  admin_.transaction = Committing();
  EXPECT_EQ(Run({"resolve", kGtid, "commit", "--reason", "hurry"}).exit, ExitCode::kOk);
  ASSERT_EQ(admin_.resolves.size(), 1u);
  EXPECT_THAT(admin_.resolves[0].operator_name, Not(IsEmpty()));
}

TEST_F(Verbs, A01_ARefusedResolveSaysWhyAndExitsWithOne) {
  FailWith(wire::ErrorCode::REFUSED, "the decision is durable: commit");
  const Printed printed = Run({"resolve", kGtid, "abort", "--reason", "x"});
  EXPECT_EQ(printed.exit, ExitCode::kRefused);
  EXPECT_THAT(printed.out, IsEmpty());
  EXPECT_EQ(printed.err, "settle: the decision is durable: commit\n        do this\n");
}

TEST_F(Verbs, A03_AWrongCommandLineSendsNothing) {
  const std::string gtid = kGtid;
  const std::vector<std::vector<std::string>> wrong{
      {"resolve", "", "abort", "--reason", "x"},
      {"resolve", "k3m9qxw4c7ab", "abort", "--reason", "x"},
      {"resolve", "k3m9qxw4c7ab.2.1842", "abort", "--reason", "x"},
      {"resolve", gtid.substr(0, gtid.size() - 1), "abort", "--reason", "x"},
      {"resolve", gtid + " ", "abort", "--reason", "x"},
      {"resolve", gtid + "\n", "abort", "--reason", "x"},
      {"resolve", "%", "abort", "--reason", "x"},
      {"resolve", gtid, "", "--reason", "x"},
      {"resolve", gtid, "Abort", "--reason", "x"},
      {"resolve", gtid, "rollback", "--reason", "x"},
      {"resolve", gtid, "abort", "--reason", ""},
      {"resolve", gtid, "abort", "--reason", "  "},
      {"resolve", gtid, "abort", "--reason", "a\nb"},
      {"resolve", gtid, "abort", "--reason", "a\x1b[2J"},
      {"resolve", gtid, "abort", "--reason", "\xff"},
      {"resolve", gtid, "abort", "--reason", std::string(1001, 'x')},
      {"resolve", gtid, "abort", "--reason", "x", "--operator", ""},
      {"resolve", gtid, "abort", "--reason", "x", "--operator", std::string(201, 'x')},
      {"resolve", gtid, "abort", "commit", "--reason", "x"},
      {"retry"},
      {"retry", ""},
      {"retry", gtid, "--all"},
      {"retry", "--all", "--resource", "bank-a"},
      {"retry", "--resource", "bank a"},
      {"list", "--open", "--ended"},
      {"forget", "", "--reason", "x"},
      {"forget", "k3m9qxw4c7ab.2.1842", "--reason", "x"},
      {"forget", gtid},
      {"forget", gtid, "--reason", " "},
      {"forget", gtid, "--reason", "a\nb"},
      {"forget", gtid, gtid, "--reason", "x"},
      {"participants", "accept", "bank a", "id", "--reason", "x"},
      {"participants", "accept", "", "id", "--reason", "x"},
      {"participants", "accept", "bank", "", "--reason", "x"},
      {"participants", "accept", "bank", "a\x1b", "--reason", "x"},
      {"list", "--cursor", "\x1b"},
      {"list", "--limit", "1001"},
      {"list", "--limit", "1e3"},
      {"show", "k3m9qxw4c7ab.0.1.9f3c2a51"},
  };
  for (const auto& words : wrong) {
    const Printed printed = Run(words);
    EXPECT_EQ(printed.exit, ExitCode::kUsage) << ::testing::PrintToString(words);
    EXPECT_TRUE(IsPrintable(printed.err.substr(0, printed.err.find('\n')))) << printed.err;
  }
  EXPECT_THAT(admin_.calls, IsEmpty());
}

TEST_F(Verbs, A03_AGtidThatTheLogHasNoRecordOfIsNotFound) {
  admin_.transaction.gtid = kGtid;
  admin_.transaction.state = "done";
  admin_.transaction.ending.outcome = wire::Outcome::ABORTED;
  admin_.transaction.ending.cause = wire::AbortCause::PRESUMED;
  admin_.transaction.ending.reason = "the log has no record of it";
  const Printed shown = Run({"show", kGtid});
  EXPECT_EQ(shown.exit, ExitCode::kNotFound);
  EXPECT_THAT(shown.out, HasSubstr("aborted (presumed): the log has no record of it"));
  EXPECT_THAT(shown.out, Not(HasSubstr("protocol"))) << "nobody knows which";
  const Printed resolved = Run({"resolve", kGtid, "abort", "--reason", "x"});
  EXPECT_EQ(resolved.exit, ExitCode::kNotFound);
  EXPECT_THAT(resolved.out, StartsWith("there is nothing to resolve:\n"));
}

TEST_F(Verbs, A03_APartialGtidIsCalledThat) {
  EXPECT_THAT(Run({"show", "k3m9qxw4c7ab.2.1842"}).err, HasSubstr("is not a whole gtid"));
  EXPECT_THAT(Run({"show", "K3M9"}).err, HasSubstr("is not a gtid"));
  EXPECT_THAT(Run({"show", ""}).err, HasSubstr("the gtid is empty"));
}

TEST_F(Verbs, A03_ControlCharactersFromTheCoordinatorAreEscapedEverywhere) {
  const std::string evil = "\x1b]0;owned\x07\r\n";
  wire::TransactionView view = Committing();
  view.state = view.owner = view.comment = view.waiting_for = view.advice = view.ending.reason =
      evil;
  view.gtid = view.timeline[0].what = evil;
  view.__set_identity(evil);
  wire::BranchView& branch = view.branches[1];
  branch.resource = branch.identity = branch.process = branch.state = branch.vote =
      branch.last_error = evil;
  branch.evidence.database = branch.evidence.local_transaction = evil;
  admin_.transaction = view;
  admin_.list_reply.transactions = admin_.in_doubt_reply.transactions = {view};
  admin_.list_reply.next_cursor = evil;
  admin_.status_reply.log_id = admin_.status_reply.release = evil;
  admin_.status_reply.open = {{evil, 1}};
  wire::SessionView session;
  session.process = evil;
  wire::ParticipantView participant;
  participant.resource = participant.identity = participant.refused_identity = evil;
  participant.sessions = {session};
  admin_.participants_reply.participants = {participant};
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"status"}, {"list"}, {"show", kGtid}, {"in-doubt"}, {"participants"}}) {
    EXPECT_THAT(Run(words).out,
                AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\r")), Not(HasSubstr("\x07"))));
    RunJson(words);
  }
  ExcuseBrokenPeer();
  FailWith(wire::ErrorCode::REFUSED, evil);
  EXPECT_THAT(Run({"status"}).err, HasSubstr("settle: \\x1b]0;owned\\x07\\x0d\\x0a\n"));
}

TEST_F(Verbs, JsonIsAsciiAndTakesBytesThatAreNotUtf8) {
  admin_.transaction = Committing();
  admin_.transaction.comment = "\xff ü \x7f \xc2\x9b";
  const Printed printed = Run({"show", kGtid, "--json"});
  EXPECT_TRUE(std::all_of(printed.out.begin(), printed.out.end(), [](char c) {
    return c == '\n' || (c >= 32 && c < 127);
  })) << printed.out;
  EXPECT_EQ(Document::parse(printed.out)["comment"], "\xef\xbf\xbd ü \x7f \xc2\x9b");
}

TEST_F(Verbs, ParticipantsShowsSessionsAndARefusedIdentity) {
  wire::SessionView session;
  session.session = "s1";
  session.process = "shop/1@a";
  session.attached_us = kBegan_us;
  session.idle_ms = 40;
  wire::ParticipantView served;
  served.resource = "bank-a";
  served.identity = "postgresql:1:2";
  served.sessions = {session, session};
  served.__set_action_sessions({session});
  served.waiting = 3;
  wire::ParticipantView alone;
  alone.resource = "bank-b";
  alone.identity = "sqlite:old";
  alone.refused_identity = "sqlite:new";
  admin_.participants_reply.participants = {served, alone};
  const Printed printed = Run({"participants"});
  EXPECT_THAT(
      printed.out,
      AllOf(HasSubstr("bank-a  postgresql:1:2  3        shop/1@a            3 m 12 s  40 ms  -\n"),
            HasSubstr("bank-b  sqlite:old      0        nobody              -         -      -\n"),
            HasSubstr("                                 shop/1@a (actions)  3 m 12 s"),
            HasSubstr("settle participants accept bank-b 'sqlite:new' --reason TEXT")));
  EXPECT_EQ(RunJson({"participants"})["participants"][0]["sessions"][1]["idle_ms"], 40);
}

TEST_F(Verbs, X01_WhatAParticipantCallsItsDatabaseRunsNothingWhenTheProposedCommandIsPasted) {
  wire::ParticipantView alone;
  alone.resource = "bank-b";
  alone.identity = "sqlite:old";
  alone.refused_identity = "x'; touch /tmp/owned; '";
  admin_.participants_reply.participants = {alone};
  EXPECT_THAT(
      Run({"participants"}).out,
      HasSubstr(R"(participants accept bank-b 'x'\''; touch /tmp/owned; '\''' --reason TEXT)"));
}

TEST_F(Verbs, P09_AcceptSendsNameIdentityWhoAndWhy) {
  const Printed printed = Run({"participants", "accept", "bank-b", "sqlite:new", "--reason",
                               "restored", "--operator", "ann"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_EQ(printed.out, "bank-b stands for sqlite:new from now on\n");
  EXPECT_THAT(admin_.calls, ElementsAre("accept bank-b sqlite:new ann restored"));
}

TEST_F(Verbs, EachErrorCodeBecomesItsExitCodeAndItsWord) {
  FailWith(wire::ErrorCode::NOT_FOUND, "no such transaction");
  EXPECT_EQ(Run({"show", kGtid}).exit, ExitCode::kNotFound);
  const Document json = RunJson({"show", kGtid});
  EXPECT_EQ(json["error"]["code"], "not-found");
  EXPECT_EQ(json["error"]["message"], "no such transaction");
  EXPECT_EQ(json["error"]["advice"], "do this");
  FailWith(wire::ErrorCode::WRONG_LOG, "another log");
  EXPECT_EQ(Run({"show", kGtid}).exit, ExitCode::kWrongLog);
  FailWith(wire::ErrorCode::INTERNAL, "a defect");
  EXPECT_EQ(Run({"show", kGtid}).exit, ExitCode::kInternal);
}

TEST_F(Verbs, HelpOfEachVerbNamesItsOptions) {
  for (const Verb* verb : cli::Verbs()) {
    std::vector<std::string> words{"help"};
    std::stringstream name(verb->name);
    for (std::string word; name >> word;) words.push_back(word);
    const Printed printed = Run(words);
    EXPECT_EQ(printed.exit, ExitCode::kOk);
    EXPECT_THAT(printed.out, StartsWith("settle " + verb->name));
    for (const VerbOption& option : verb->options)
      EXPECT_THAT(printed.out, HasSubstr("--" + option.name));
    EXPECT_THAT(Run({"help"}).out, HasSubstr("\n  " + verb->name));
  }
  EXPECT_EQ(Run({"help", "nonsense"}).exit, ExitCode::kUsage);
  EXPECT_THAT(admin_.calls, IsEmpty());
}

}  // namespace
}  // namespace settle::cli
