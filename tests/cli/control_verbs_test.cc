// The operator's control verbs and the audit trail, against a coordinator that answers what the
// test says.
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

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
  EXPECT_THAT(Run({"audit"}).out, testing::StartsWith("the trail is not as it was written: row 3 "
                                                      "is missing\n"));
  const Document json = RunJson({"audit"});
  EXPECT_TRUE(json["actions"][0]["answered"].is_null());
  EXPECT_EQ(json["damage"], "row 3 is missing");
  admin_.audit_reply = {};
  EXPECT_EQ(Run({"audit"}).out, "no action of an operator is recorded\n");
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
  EXPECT_THAT(admin_.calls, testing::IsEmpty());
}

TEST_F(Verbs, RetrySaysWhoAsks) {
  Run({"retry", "--all", "--operator", "alice"});
  ASSERT_EQ(admin_.retries.size(), 1U);
  EXPECT_EQ(admin_.retries[0].operator_name, "alice");
}

}  // namespace
}  // namespace settle::cli
