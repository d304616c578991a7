// From which figure on a finding about a PostgreSQL server is a warning, and from which a problem.
#include "postgres/server_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/findings.h"

namespace settle::testing {
namespace {

using postgres::CheckServer;
using postgres::PreparedFact;
using postgres::ServerFacts;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kLog = "k3m9qxw4c7ab";
constexpr std::int64_t kDay_s = 86'400;
constexpr std::int64_t kDay2026_11_12_us = 1'794'441'600'000'000;

ServerFacts Sound() {
  ServerFacts facts;
  facts.version = 150'008;
  facts.clock_us = kDay2026_11_12_us;
  facts.timeline = 1;
  facts.role = "teller";
  facts.slots = 100;
  facts.connections = 100;
  facts.synchronous_commit = "on";
  facts.wal_level = "replica";
  facts.freeze_max_age = 200'000'000;
  facts.database_xid_age = 1'000;
  facts.tables_version = 3;
  facts.tables_latest = 3;
  return facts;
}

PreparedFact Prepared(std::int64_t age_s, const std::string& gid) {
  return {.gid = gid,
          .role = "teller",
          .age_s = age_s,
          .xid_age = 0,
          .own_database = true,
          .own_role = true};
}
PreparedFact OfThisLog(std::int64_t age_s) {
  return Prepared(age_s, "settle:k3m9qxw4c7ab.1.7.9f3c2a51:1");
}
PreparedFact OfAnotherLog(std::int64_t age_s) {
  return Prepared(age_s, "settle:k3m9qxw4c7aa.1.7.9f3c2a51:1");
}

Finding About(const ServerFacts& facts, const std::string& code) {
  return Find(CheckServer(facts, kLog), code);
}

TEST(PostgresServerChecks, ASoundServerIsAllWell) {
  for (const Finding& finding : CheckServer(Sound(), kLog)) {
    EXPECT_EQ(finding.severity, Severity::kOk) << ::testing::PrintToString(finding);
    EXPECT_THAT(finding.what, Not(IsEmpty()));
    EXPECT_THAT(finding.advice, IsEmpty()) << "there is nothing to do";
  }
}

TEST(PostgresServerChecks, WhatIsWrongComesWithAdvice) {
  ServerFacts facts;  // nothing is as it should be
  facts.standby = true;
  facts.fsync = false;
  facts.freeze_max_age = 1;
  facts.synchronous_standby_names = "a";
  facts.synchronous_commit = "off";
  facts.tables_version = 1;
  facts.tables_latest = 3;
  facts.prepared = {OfThisLog(kDay_s), OfAnotherLog(kDay_s), Prepared(kDay_s, "x")};
  facts.prepared[0].own_role = false;
  facts.prepared[0].xid_age = 7;
  const std::vector<Finding> findings = Alarming(CheckServer(facts, kLog));
  EXPECT_EQ(findings.size(), 11u) << ::testing::PrintToString(findings);
  for (const Finding& finding : findings) {
    EXPECT_THAT(finding.advice, Not(IsEmpty())) << finding.code;
  }
}

TEST(PostgresServerChecks, ReleasesGetOldOnTheDaysThatTheirMakersSay) {
  ServerFacts facts = Sound();
  facts.version = 140'020;
  EXPECT_EQ(About(facts, "postgresql-version").severity, Severity::kOk);
  facts.clock_us += kDay_s * 1'000'000;
  EXPECT_EQ(About(facts, "postgresql-version").severity, Severity::kWarning);
  facts.version = 990'000;
  EXPECT_EQ(About(facts, "postgresql-version").severity, Severity::kNote) << "not known yet";
}

TEST(PostgresServerChecks, SlotsAreAWarningAboveFourFifthsAndAProblemWhenNoneIsLeft) {
  ServerFacts facts = Sound();
  const auto severity_with = [&](std::size_t used) {
    facts.prepared.assign(used, OfThisLog(0));
    return About(facts, "postgresql-prepared-slots").severity;
  };
  EXPECT_EQ(severity_with(80), Severity::kOk);
  EXPECT_EQ(severity_with(81), Severity::kWarning);
  EXPECT_EQ(severity_with(99), Severity::kWarning);
  EXPECT_EQ(severity_with(100), Severity::kProblem);
  facts.connections = 101;
  EXPECT_EQ(severity_with(80), Severity::kNote) << "fewer than sessions";
  facts.slots = 0;
  EXPECT_EQ(severity_with(0), Severity::kProblem);
  EXPECT_THAT(About(facts, "postgresql-prepared-slots").advice,
              HasSubstr("max_prepared_transactions = 101"));
}

TEST(PostgresServerChecks, VacuumIsWarnedAboutAtHalfTheAgeAndIsAProblemAtAllOfIt) {
  ServerFacts facts = Sound();
  facts.prepared = {OfThisLog(0)};
  const auto severity_at = [&](std::int64_t age) {
    facts.prepared[0].xid_age = age;
    return About(facts, "postgresql-xid-age").severity;
  };
  EXPECT_EQ(severity_at(99'999'999), Severity::kOk);
  EXPECT_EQ(severity_at(100'000'000), Severity::kWarning);
  EXPECT_EQ(severity_at(200'000'000), Severity::kProblem);
  facts.prepared.clear();
  facts.database_xid_age = 1'600'000'000;
  EXPECT_EQ(About(facts, "postgresql-xid-age").severity, Severity::kProblem);
}

TEST(PostgresServerChecks, StandbysThatNobodyWaitsForAreAWarningAndMissingOnesAProblem) {
  ServerFacts facts = Sound();
  facts.standbys = 1;
  EXPECT_EQ(About(facts, "postgresql-replication").severity, Severity::kWarning);
  facts.synchronous_standby_names = "ANY 1 (*)";
  facts.synchronous_standbys = 1;
  EXPECT_EQ(About(facts, "postgresql-replication").severity, Severity::kOk);
  facts.synchronous_standbys = -1;
  EXPECT_EQ(About(facts, "postgresql-replication").severity, Severity::kOk) << "cannot be seen";
  facts.synchronous_standbys = 0;
  EXPECT_EQ(About(facts, "postgresql-replication").severity, Severity::kProblem);
  facts.standbys = 0;
  facts.synchronous_standbys = -1;
  EXPECT_EQ(About(facts, "postgresql-replication").severity, Severity::kProblem);
}

TEST(PostgresServerChecks, NotWaitingForSynchronousStandbysIsAWarning) {
  ServerFacts facts = Sound();
  facts.synchronous_commit = "off";
  EXPECT_EQ(About(facts, "postgresql-synchronous-commit").severity, Severity::kNote);
  facts.synchronous_standby_names = "a";
  EXPECT_EQ(About(facts, "postgresql-synchronous-commit").severity, Severity::kWarning);
  facts.synchronous_commit = "local";
  EXPECT_EQ(About(facts, "postgresql-synchronous-commit").severity, Severity::kWarning);
  facts.synchronous_commit = "remote_write";
  EXPECT_EQ(About(facts, "postgresql-synchronous-commit").severity, Severity::kOk);
}

TEST(PostgresServerChecks, PreparedTransactionsAreToldApartByWhoCanFinishThem) {
  ServerFacts facts = Sound();
  facts.prepared = {OfThisLog(899), OfAnotherLog(899), Prepared(3'599, "other")};
  const auto severity = [&](const char* code) { return About(facts, code).severity; };
  EXPECT_EQ(severity("postgresql-prepared"), Severity::kOk);
  EXPECT_EQ(severity("postgresql-prepared-orphans"), Severity::kNote);
  EXPECT_EQ(severity("postgresql-prepared-foreign"), Severity::kNote);
  facts.prepared[0].age_s = 900;
  EXPECT_EQ(severity("postgresql-prepared"), Severity::kWarning);
  EXPECT_EQ(severity("postgresql-prepared-orphans"), Severity::kNote);
  facts.prepared[1].age_s = 900;
  EXPECT_EQ(severity("postgresql-prepared-orphans"), Severity::kWarning);
  EXPECT_THAT(About(facts, "postgresql-prepared-orphans").advice,
              AllOf(HasSubstr("settle resolve"), Not(HasSubstr("PREPARED or"))));
  EXPECT_EQ(severity("postgresql-prepared-foreign"), Severity::kNote);
  facts.prepared[2].age_s = 3'600;
  EXPECT_EQ(severity("postgresql-prepared-foreign"), Severity::kWarning);
  for (PreparedFact& each : facts.prepared) each.own_database = false;
  EXPECT_THAT(Alarming(CheckServer(facts, kLog)), IsEmpty()) << "another resource's business";
}

TEST(PostgresServerChecks, TheOldestOfAKindIsNamedWithItsControlCharactersEscaped) {
  ServerFacts facts = Sound();
  facts.prepared = {Prepared(kDay_s, "young"), Prepared(3 * kDay_s, "old\x1b[2J"),
                    Prepared(2 * kDay_s, "middle")};
  const Finding finding = About(facts, "postgresql-prepared-foreign");
  EXPECT_THAT(finding.what, HasSubstr("3, the oldest for 3 d: old"));
  EXPECT_THAT(finding.what, Not(HasSubstr("\x1b")));
}

TEST(PostgresServerChecks, ARoleThatCannotFinishAnothersBranchesIsAWarningUnlessItIsASuperuser) {
  ServerFacts facts = Sound();
  facts.prepared = {OfThisLog(0)};
  facts.prepared[0].own_role = false;
  facts.prepared[0].role = "cashier";
  EXPECT_THAT(About(facts, "postgresql-role").what, HasSubstr("cannot finish what cashier"));
  EXPECT_EQ(About(facts, "postgresql-role").severity, Severity::kWarning);
  facts.superuser = true;
  EXPECT_EQ(About(facts, "postgresql-role").severity, Severity::kOk);
}

TEST(PostgresServerChecks, ShortTimeoutsOfTheServerAreNoted) {
  ServerFacts facts = Sound();
  facts.idle_in_transaction_timeout_ms = 30'000;
  EXPECT_EQ(About(facts, "postgresql-timeouts").severity, Severity::kOk);
  facts.statement_timeout_ms = 29'999;
  EXPECT_EQ(About(facts, "postgresql-timeouts").severity, Severity::kNote);
  EXPECT_THAT(About(facts, "postgresql-timeouts").what, HasSubstr("statement_timeout = 29999ms"));
}

TEST(PostgresServerChecks, OldAndNewTablesOfSettleAreWarnings) {
  ServerFacts facts = Sound();
  facts.tables_version = 0;
  EXPECT_EQ(About(facts, "postgresql-tables").severity, Severity::kOk);
  facts.tables_version = 2;
  EXPECT_THAT(About(facts, "postgresql-tables").advice, HasSubstr("settle barrier install"));
  facts.tables_version = 4;
  EXPECT_THAT(About(facts, "postgresql-tables").advice, HasSubstr("upgrade this program"));
}

}  // namespace
}  // namespace settle::testing
