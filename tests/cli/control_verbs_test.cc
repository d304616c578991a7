// The operator's control verbs and the audit trail, against a coordinator that answers what the
// test says.
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

wire::AuditEntry Resolved() {
  wire::AuditEntry entry;
  entry.number = 7;
  entry.asked_us = kBegan_us;
  entry.caller = "uid 1000 (pid 77)";
  entry.operator_name = "ali\x1b[31mce";
  entry.action = "resolve to abort";
  entry.target = "k3m9qxw4c7ab.2.1842.9f3c2a51";
  entry.reason = "stuck";
  entry.answered_us = kBegan_us + kSecond_us;
  entry.result = "done";
  return entry;
}

TEST_F(Verbs, AuditShowsWhoAskedForWhatAndWhatCameOfIt) {
  admin_.audit_reply.entries = {Resolved()};
  admin_.audit_reply.rows = 2;
  EXPECT_THAT(Run({"audit"}).out,
              HasSubstr("2026-01-02T03:04:05.000006Z  ali\\x1b[31mce  uid 1000 (pid 77)  resolve "
                        "to abort  k3m9qxw4c7ab.2.1842.9f3c2a51  done    stuck\n"));
  const Document json = RunJson({"audit"});
  EXPECT_EQ(json["actions"][0]["operator"], "ali\x1b[31mce");
  EXPECT_EQ(json["actions"][0]["answered_us"], kBegan_us + kSecond_us);
  EXPECT_EQ(json["actions"][0]["result"], "done");
  EXPECT_EQ(json["rows"], 2);
  EXPECT_EQ(json["damage"], "");
}

TEST_F(Verbs, AuditShowsAnActionWithoutAResultAsAskedAndDamageFirst) {
  admin_.audit_reply.entries = {Resolved()};
  admin_.audit_reply.entries[0].answered_us = 0;
  admin_.audit_reply.entries[0].result = "asked";
  admin_.audit_reply.damage = "row 3 is missing";
  EXPECT_THAT(Run({"audit"}).out, ::testing::StartsWith("the trail is not as it was written: row 3 "
                                                        "is missing\n"));
  const Document json = RunJson({"audit"});
  EXPECT_TRUE(json["actions"][0]["answered"].is_null());
  EXPECT_EQ(json["damage"], "row 3 is missing");
  admin_.audit_reply = {};
  EXPECT_EQ(Run({"audit"}).out, "no action of an operator is recorded\n");
}

TEST_F(Verbs, TheCommandThatGoesOnIsFitForAShellWhateverTheCoordinatorSays) {
  admin_.audit_reply.next_cursor = "7'; reboot; '\n";
  EXPECT_THAT(Run({"audit", "--operator", "o'brien"}).out,
              ::testing::EndsWith("settle audit --operator 'o'\\''brien' --limit 100 --cursor "
                                  "'7'\\''; reboot; '\\''\\x0a'\n"));
}

TEST_F(Verbs, AuditAsksForWhatItWasTold) {
  admin_.audit_reply.next_cursor = "7";
  const Printed printed = Run(
      {"audit", "--since", "3m", "--resource", "bank-b", "--operator", "alice", "--limit", "1"});
  EXPECT_THAT(printed.out,
              HasSubstr("settle audit --since '3m' --resource 'bank-b' --operator 'alice' --limit "
                        "1 --cursor '7'"));
  Run({"audit", "--since", "2026-11-25T14:00:00Z", "--gtid", "k3m9qxw4c7ab.2.1842.9f3c2a51"});
  Run({"audit", "--since", "2026-11-25", "--cursor", "7"});
  ASSERT_EQ(admin_.audits.size(), 3U);
  EXPECT_EQ(admin_.audits[0].since_us, kBegan_us + 12 * kSecond_us);
  EXPECT_EQ(admin_.audits[0].target, "bank-b");
  EXPECT_EQ(admin_.audits[0].operator_name, "alice");
  EXPECT_EQ(admin_.audits[1].since_us, 1'795'615'200 * kSecond_us);
  EXPECT_EQ(admin_.audits[1].target, "k3m9qxw4c7ab.2.1842.9f3c2a51");
  EXPECT_EQ(admin_.audits[2].since_us, 1'795'564'800 * kSecond_us);
  EXPECT_EQ(admin_.audits[2].cursor, "7");
}

TEST_F(Verbs, AuditRefusesWhatIsNoTimeAndNoTransaction) {
  for (const char* since : {"", "yesterday", "5", "0m", "-3m", "5m ", "2026-13-01", "99999999d"}) {
    EXPECT_EQ(Run({"audit", "--since", since}).exit, ExitCode::kUsage) << since;
  }
  EXPECT_EQ(Run({"audit", "--gtid", "k3m9"}).exit, ExitCode::kUsage);
  EXPECT_EQ(Run({"audit", "--gtid", "k3m9qxw4c7ab.2.1842.9f3c2a51", "--resource", "b"}).exit,
            ExitCode::kUsage);
  EXPECT_THAT(admin_.calls, ::testing::IsEmpty());
}

TEST_F(Verbs, RetrySaysWhoAsks) {
  Run({"retry", "--all", "--operator", "alice"});
  ASSERT_EQ(admin_.retries.size(), 1U);
  EXPECT_EQ(admin_.retries[0].operator_name, "alice");
}

wire::PauseView PausedByAlice(const std::string& scope, const std::string& name) {
  wire::PauseView pause;
  pause.scope = scope;
  pause.name = name;
  pause.operator_name = "alice";
  pause.reason = "its disk is full";
  pause.since_us = kBegan_us;
  return pause;
}

TEST_F(Verbs, PauseSaysWhatIsPausedAndThatWhatIsDecidedIsFinished) {
  admin_.pause_reply = PausedByAlice("participant", "bank-b");
  const Printed printed =
      Run({"pause", "bank-b", "--reason", "its disk is full", "--operator", "bob"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out, AllOf(HasSubstr("bank-b is paused by alice since "
                                           "2026-01-02T03:04:05.000006Z (3 m 12 s): its disk is "
                                           "full\n"),
                                 HasSubstr("what is decided is finished there")));
  ASSERT_EQ(admin_.pauses.size(), 1U);
  EXPECT_EQ(admin_.pauses[0].name, "bank-b");
  EXPECT_EQ(admin_.pauses[0].operator_name, "bob");
  EXPECT_EQ(RunJson({"pause", "bank-b", "--reason", "x"})["operator"], "alice");
}

TEST_F(Verbs, PauseAndResumeTakeANameOrEverything) {
  admin_.pause_reply = PausedByAlice("everything new", "");
  EXPECT_THAT(Run({"pause", "--all", "--reason", "x"}).out,
              HasSubstr("everything new is paused by alice"));
  EXPECT_THAT(Run({"resume", "--all", "--reason", "x"}).out, HasSubstr("it goes on"));
  EXPECT_THAT(admin_.calls, ElementsAre("pause", "resume"));
  EXPECT_EQ(admin_.pauses[1].name, "");
  for (const char* verb : {"pause", "resume"}) {
    EXPECT_EQ(Run({verb, "--reason", "x"}).exit, ExitCode::kUsage);
    EXPECT_EQ(Run({verb, "bank-b", "--all", "--reason", "x"}).exit, ExitCode::kUsage);
    EXPECT_EQ(Run({verb, "bank b", "--reason", "x"}).exit, ExitCode::kUsage);
    EXPECT_EQ(Run({verb, "bank-b"}).exit, ExitCode::kUsage) << "no reason";
  }
  EXPECT_EQ(admin_.calls.size(), 2U);
}

TEST_F(Verbs, DrainPrintsWhatIsLeftUntilNothingIs) {
  admin_.pause_reply = PausedByAlice("drain", "");
  wire::StatusReply& status = admin_.status_reply;
  status.__set_pauses({admin_.pause_reply});
  status.__set_undecided(2);
  status.open = {{"active", 2}};
  status.__set_waiting({{"bank-b", 1}});
  status.__set_sagas(3);
  admin_.before_answer = [&](std::size_t nth) {
    if (nth == 3) status.open = {{"active", 1}};
    if (nth == 3) status.undecided = 1;
    if (nth == 4) status.undecided = 0;
  };
  const Printed printed = Run({"drain", "--reason", "an upgrade"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_EQ(printed.out,
            "the coordinator is drained by alice since 2026-01-02T03:04:05.000006Z (3 m 12 s): its "
            "disk is full\n"
            "2 undecided; open: 2 active; wait for: bank-b (1)\n"
            "1 undecided; open: 1 active; wait for: bank-b (1)\n"
            "drained: no transaction is undecided; 3 sagas go on, and go on after a restart\n");
  ASSERT_EQ(admin_.drains.size(), 1U);
  EXPECT_TRUE(admin_.drains[0].on);
  EXPECT_EQ(admin_.drains[0].reason, "an upgrade");
}

TEST_F(Verbs, DrainGivesUpWaitingAndStaysDrained) {
  admin_.pause_reply = PausedByAlice("drain", "");
  admin_.status_reply.__set_pauses({admin_.pause_reply});
  admin_.status_reply.__set_undecided(2);
  const Printed printed = Run({"drain", "--wait", "1ms"});
  EXPECT_EQ(printed.exit, ExitCode::kNotEnded);
  EXPECT_THAT(printed.out, HasSubstr("not drained yet: 2 undecided"));
  admin_.status_reply.pauses.clear();
  EXPECT_THAT(Run({"drain"}).err, HasSubstr("somebody lifted the drain meanwhile"));
  EXPECT_EQ(Run({"drain", "--off", "--wait", "1s"}).exit, ExitCode::kUsage);
  EXPECT_THAT(Run({"drain", "--off"}).out, HasSubstr("it takes transactions again"));
  EXPECT_FALSE(admin_.drains.back().on);
}

TEST_F(Verbs, StatusAndParticipantsShowWhatIsPausedInDoubtAndRecorded) {
  wire::StatusReply& status = admin_.status_reply;
  EXPECT_THAT(Run({"status"}).out, ::testing::Not(HasSubstr("paused")));
  status.__set_pauses({PausedByAlice("participant", "bank-b")});
  status.__set_in_doubt(2);
  status.__set_oldest_in_doubt_us(kBegan_us);
  status.__set_audit_rows(8);
  status.__set_audit_pruned(4);
  status.__set_audit_damage("row 3 is missing");
  EXPECT_THAT(Run({"status"}).out,
              AllOf(HasSubstr("in doubt    2, the oldest for 3 m 12 s\n"),
                    HasSubstr("paused      bank-b is paused by alice since "),
                    HasSubstr("audit       8 rows, 4 older ones pruned; not as it was written: row "
                              "3 is missing\n")));
  const Document json = RunJson({"status"});
  EXPECT_EQ(json["pauses"][0]["name"], "bank-b");
  EXPECT_EQ(json["in_doubt"], 2);
  EXPECT_EQ(json["audit"]["pruned_rows"], 4);

  wire::ParticipantView bank;
  bank.resource = "bank-b";
  bank.__set_pause(PausedByAlice("participant", "bank-b"));
  admin_.participants_reply.participants = {bank};
  EXPECT_THAT(Run({"participants"}).out, HasSubstr("\nbank-b is paused by alice since "));
  EXPECT_EQ(RunJson({"participants"})["participants"][0]["pause"]["operator"], "alice");
}

}  // namespace
}  // namespace settle::cli
