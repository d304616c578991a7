// The audit trail in the log's file: what is appended stays as it was, and whoever changes it by
// hand is found out.
#include <gmock/gmock.h>

#include <future>

#include "log/sqlite.h"
#include "samples.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kUnguarded =
    "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_removed; "
    "DROP TRIGGER audit_is_not_replaced; ";

class AuditTrail : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  void Open(std::uint64_t keep = kKeepAudit) {
    log.reset();
    auto opened = OpenSqliteDecisionLog({.path = path, .keep_audit = keep});
    ASSERT_TRUE(opened) << Describe(opened.error());
    log = *std::move(opened);
  }
  static AuditRow Asking(const std::string& action, const std::string& who = "alice") {
    return {100, 0, "uid 1000 (pid 77)", who, action, "bank-b", "its disk is full", "asked"};
  }
  std::uint64_t Append(const AuditRow& row) {
    std::promise<std::uint64_t> number;
    log->AppendAudit(row, Durability::kForce,
                     [&](AppendResult result, const std::string& reason, std::uint64_t given) {
                       EXPECT_EQ(result, AppendResult::kDurable) << reason;
                       number.set_value(given);
                     });
    return number.get_future().get();
  }
  std::uint64_t AppendAnswer(std::uint64_t number, const std::string& result) {
    AuditRow row = Asking("pause");
    row.at = 200;
    row.answers = number;
    row.result = result;
    return Append(row);
  }
  std::vector<std::string> Actions(const AuditQuery& query = {}) {
    std::vector<std::string> actions;
    const AuditPage page = *log->ListAudit(query);
    for (const AuditEntry& entry : page.entries) actions.push_back(entry.asked.action);
    return actions;
  }
  // Whatever it does while nobody has the log open, with a shell of its own.
  std::string ByHand(const std::string& sql) {
    log.reset();
    auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
    const auto done = shell.Run(sql);
    return done ? "" : done.error().message;
  }
  std::string DamageAfter(const std::string& sql) {
    EXPECT_EQ(ByHand(kUnguarded + sql), "");
    Open();
    return log->audit_totals().damage;
  }

  const TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
  std::unique_ptr<DecisionLog> log;
};

TEST_F(AuditTrail, AnActionIsShownWithItsResultAfterAnotherStartToo) {
  Open();
  const std::uint64_t number = Append(Asking("pause"));
  EXPECT_EQ(log->ListAudit({})->entries.front().result, "asked");
  EXPECT_EQ(AppendAnswer(number, "done"), number + 1);
  Open();
  const AuditPage page = *log->ListAudit({});
  EXPECT_THAT(page.entries, ElementsAre(AuditEntry{number, Asking("pause"), 200, "done"}));
  EXPECT_EQ(log->audit_totals(), (AuditTotals{2, 0, ""}));
}

TEST_F(AuditTrail, APageGoesOnWhereTheLastOneEndedAndFiltersHold) {
  Open();
  Append(Asking("pause"));
  Append(Asking("resume", "bob"));
  AuditRow late = Asking("forget");
  late.at = 300;
  late.target = "k3m9qxw4c7ab.2.1.00000001";
  Append(late);
  const AuditPage first = *log->ListAudit({.most = 2});
  ASSERT_EQ(first.entries.size(), 2U);
  EXPECT_TRUE(first.more);
  const AuditPage last = *log->ListAudit({.below = first.entries.back().number, .most = 2});
  EXPECT_FALSE(last.more);
  EXPECT_EQ(last.entries.front().asked.action, "pause");
  EXPECT_THAT(Actions({.since = 300}), ElementsAre("forget"));
  EXPECT_THAT(Actions({.operator_name = "bob"}), ElementsAre("resume"));
  EXPECT_THAT(Actions({.target = late.target}), ElementsAre("forget"));
  EXPECT_THAT(Actions({.target = "bank"}), IsEmpty());
}

TEST_F(AuditTrail, RowsAndRecordsOfOneGroupDoNotDisturbEachOther) {
  Open();
  const std::string log_id = log->identity().log_id;
  std::vector<std::promise<std::uint64_t>> rows(20);
  std::vector<std::promise<AppendResult>> records(20);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    log->AppendAudit(Asking("pause"), Durability::kLazy,
                     [&row = rows[i]](AppendResult, const std::string&, std::uint64_t number) {
                       row.set_value(number);
                     });
    log->Append(SampleEnd(SampleGtid(log_id, 1, i + 1)), Durability::kForce,
                [&record = records[i]](AppendResult result, const std::string&) {
                  record.set_value(result);
                });
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].get_future().get(), i + 1);
    EXPECT_EQ(records[i].get_future().get(), AppendResult::kDurable);
  }
  EXPECT_EQ(log->writes().records, 20U);
  Open();
  EXPECT_EQ(ReplayOrThrow(*log).size(), 20U);
  EXPECT_EQ(log->audit_totals(), (AuditTotals{20, 0, ""}));
}

TEST_F(AuditTrail, TheOldestRowsGoAndAreCounted) {
  Open(4);
  for (int i = 0; i < 10; ++i) Append(Asking("pause " + std::to_string(i)));
  EXPECT_EQ(log->audit_totals(), (AuditTotals{4, 6, ""}));
  EXPECT_THAT(Actions(), ElementsAre("pause 9", "pause 8", "pause 7", "pause 6"));
  Open(2);  // fewer are kept from now on
  Append(Asking("resume"));
  EXPECT_EQ(log->audit_totals(), (AuditTotals{2, 9, ""}));
  Open();
  EXPECT_EQ(log->audit_totals(), (AuditTotals{2, 9, ""}));
}

TEST_F(AuditTrail, TheFileItselfRefusesToChangeOrRemoveARow) {
  Open(3);
  for (int i = 0; i < 5; ++i) Append(Asking("pause"));
  EXPECT_THAT(ByHand("UPDATE audit SET operator_name = 'nobody' WHERE number = 4"),
              HasSubstr("only appended to"));
  EXPECT_THAT(ByHand("DELETE FROM audit WHERE number = 4"), HasSubstr("only appended to"));
  EXPECT_THAT(ByHand("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE number = 4"),
              HasSubstr("only appended to"));
  Open();
  EXPECT_EQ(log->audit_totals(), (AuditTotals{3, 2, ""}));
}

TEST_F(AuditTrail, WhatWasChangedByHandIsFoundAtTheNextStart) {
  Open();
  for (int i = 0; i < 5; ++i) Append(Asking("pause"));
  EXPECT_EQ(DamageAfter("UPDATE audit SET reason = 'on my own' WHERE number = 3"),
            "row 3 is not as it was written");
  Append(Asking("resume"));  // it goes on, and the damage does not go away
  Open();
  EXPECT_EQ(log->audit_totals().damage, "row 3 is not as it was written");
}

TEST_F(AuditTrail, WhatWasTakenOutByHandIsFoundAtTheNextStart) {
  Open();
  for (int i = 0; i < 5; ++i) Append(Asking("pause"));
  EXPECT_EQ(DamageAfter("DELETE FROM audit WHERE number IN (2, 3)"), "rows 2 to 3 are missing");
}

TEST_F(AuditTrail, ItsNewestRowTakenOutByHandIsMissedAndItsNumberNotGivenAgain) {
  Open();
  for (int i = 0; i < 3; ++i) Append(Asking("pause"));
  EXPECT_EQ(DamageAfter("DELETE FROM audit WHERE number = 3"), "row 3 is missing");
  EXPECT_EQ(Append(Asking("resume")), 4U);
}

TEST_F(AuditTrail, ARowThatSomebodyPutThereIsFoundAndDoesNotStopTheLog) {
  Open();
  Append(Asking("pause"));
  EXPECT_EQ(
      DamageAfter("INSERT INTO audit VALUES (2, 1, NULL, 'c', 'o', 'a', 't', 'r', 'done', 7)"),
      "row 2 does not belong there");
  EXPECT_EQ(Append(Asking("resume")), 3U);
  EXPECT_EQ(AppendAndWait(*log, SampleResource()).result, AppendResult::kDurable);
}

constexpr const char* kForeign =
    "INSERT INTO audit VALUES (9223372036854775807, 1, NULL, 'c', 'o', 'a', 't', 'r', 'done', 7), "
    "(4, 1, NULL, 'c', 'o', 'a', 't', 'r', 'done', 7), "
    "(5, 1, NULL, 'c', 'o', 'a', 't', 'r', 'done', 7)";

TEST_F(AuditTrail, RowsThatSomebodyPutFarBehindDoNotStopTheOnesThatCome) {
  Open();
  Append(Asking("pause"));
  EXPECT_EQ(DamageAfter(kForeign), "row 4 does not belong there");
  for (const std::uint64_t number : {2U, 3U, 6U, 7U}) {
    EXPECT_EQ(Append(Asking("resume")), number) << "the numbers that are taken are left out";
  }
  EXPECT_EQ(AppendAndWait(*log, SampleResource()).result, AppendResult::kDurable);
  Open();
  EXPECT_EQ(log->audit_totals().damage, "row 4 is not as it was written");
  EXPECT_EQ(Append(Asking("resume")), 8U);
}

TEST_F(AuditTrail, ARowWithTheLargestNumberIsFoundAtEveryStart) {
  Open();
  Append(Asking("pause"));
  const std::string found = "row 9223372036854775807 does not belong there";
  EXPECT_EQ(DamageAfter("INSERT INTO audit VALUES (9223372036854775807, 1, NULL, 'c', 'o', 'a', "
                        "'t', 'r', 'done', 7)"),
            found);
  for (std::uint64_t number = 2; number < 5; ++number) {
    EXPECT_EQ(Append(Asking("resume")), number);
    Open();
    EXPECT_EQ(log->audit_totals().damage, found);
  }
}

}  // namespace
}  // namespace settle::coordinator
