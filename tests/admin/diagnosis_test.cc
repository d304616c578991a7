// From which figure on a finding about the coordinator is a warning, and from which a problem.
#include "admin/diagnosis.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "admin/machine.h"
#include "support/findings.h"
#include "support/temporary_directory.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using settle::testing::Alarming;
using settle::testing::Find;
using settle::testing::SeverityOf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr WallTime kNow = 1'794'441'600'000'000;
constexpr WallTime kSecond = 1'000'000;
constexpr std::uint64_t kMebibyte = 1 << 20;

CoordinatorFacts Sound() {
  CoordinatorFacts facts;
  facts.deployment = {
      .release = "1.2.3", .address = "127.0.0.1:7420", .connections = 1'000, .own_descriptors = 64};
  facts.identity = {"k3m9qxw4c7ab", 4};
  facts.now = kNow;
  facts.started = kNow - 3'600 * kSecond;
  facts.descriptors = 1'064;
  facts.log = LogCondition{.path = "/var/lib/settle/settle.db",
                           .journal_mode = "wal",
                           .synchronous = 2,
                           .bytes = 7 * kMebibyte,
                           .wal_bytes = 4 * kMebibyte,
                           .keep_ended = 1'000'000};
  facts.file_system =
      FileSystem{.type = "ext4", .bytes = 100'000 * kMebibyte, .free_bytes = 50'000 * kMebibyte};
  facts.flushes = {.flushes = 20, .median = 300us, .p99 = 2ms};
  facts.clock = ClockState{.synchronised = true, .error_max = 1ms};
  facts.newest_record = kNow - kSecond;
  facts.open.waiting = {{"bank-a", 3}};
  facts.participants = {{.resource = "bank-a",
                         .identity = "sqlite:1:2",
                         .sessions = {{.session = "s1", .process = "shop"}},
                         .refused_identity = {}}};
  return facts;
}

Finding About(const CoordinatorFacts& facts, const std::string& code) {
  return Find(CheckCoordinator(facts), code);
}
Severity Of(const CoordinatorFacts& facts, const std::string& code) {
  return About(facts, code).severity;
}

TEST(Diagnosis, ASoundCoordinatorIsAllWell) {
  for (const Finding& finding : CheckCoordinator(Sound())) {
    EXPECT_EQ(finding.severity, Severity::kOk) << ::testing::PrintToString(finding);
    EXPECT_THAT(finding.what, Not(IsEmpty()));
    EXPECT_THAT(finding.advice, IsEmpty());
  }
  EXPECT_THAT(About(Sound(), "coordinator-release").what,
              HasSubstr("release 1.2.3, log k3m9qxw4c7ab, epoch 4, up for 60 min"));
}

TEST(Diagnosis, ListeningUnprotectedIsAWarning) {
  CoordinatorFacts facts = Sound();
  facts.deployment.unprotected = true;
  EXPECT_EQ(Of(facts, "coordinator-listen"), Severity::kWarning);
}

TEST(Diagnosis, ACertificateIsWarnedAboutTwoWeeksBeforeItsEnd) {
  constexpr WallTime kTwoWeeks = 14 * 86'400 * kSecond;
  CoordinatorFacts facts = Sound();
  facts.certificate = {"the certificate cn:settled", kNow + kTwoWeeks};
  EXPECT_EQ(Of(facts, "coordinator-certificate"), Severity::kOk);
  --facts.certificate->until;
  EXPECT_EQ(Of(facts, "coordinator-certificate"), Severity::kWarning);
  EXPECT_THAT(About(facts, "coordinator-certificate").what, HasSubstr("ends in 13 d"));
  facts.certificate->until = kNow;
  EXPECT_EQ(Of(facts, "coordinator-certificate"), Severity::kProblem);
}

TEST(Diagnosis, TooFewDescriptorsForTheConnectionsAreAWarning) {
  CoordinatorFacts facts = Sound();
  --facts.descriptors;
  EXPECT_THAT(About(facts, "coordinator-descriptors").what, HasSubstr("1063 files, needs 1064"));
  EXPECT_EQ(Of(facts, "coordinator-descriptors"), Severity::kWarning);
}

TEST(Diagnosis, ALogThatIsNotDurableIsAProblem) {
  CoordinatorFacts facts = Sound();
  facts.log->synchronous = 1;
  EXPECT_EQ(Of(facts, "log-settings"), Severity::kProblem);
  facts = Sound();
  facts.log->journal_mode = "delete";
  EXPECT_EQ(Of(facts, "log-settings"), Severity::kProblem);
  facts.log = Fail(ErrorCode::kUnavailable, "it is gone", "bring it back");
  EXPECT_THAT(About(facts, "log-settings").what, HasSubstr("it is gone"));
  EXPECT_EQ(Of(facts, "log-settings"), Severity::kProblem);
}

TEST(Diagnosis, ALogsUnsuitableFileSystemIsTold) {
  CoordinatorFacts facts = Sound();
  facts.file_system->free_bytes = 0;
  facts.file_system->kind = FileSystem::Kind::kNetwork;
  EXPECT_EQ(Of(facts, "log-space"), Severity::kProblem);
  EXPECT_EQ(Of(facts, "log-file-system"), Severity::kWarning);
  facts.file_system = Fail(ErrorCode::kUnavailable, "it does not answer");
  EXPECT_EQ(Of(facts, "log-file-system"), Severity::kProblem);
}

TEST(Diagnosis, AWalOf256MiBIsAWarning) {
  CoordinatorFacts facts = Sound();
  facts.log->wal_bytes = 256 * kMebibyte - 1;
  EXPECT_EQ(Of(facts, "log-size"), Severity::kOk);
  ++facts.log->wal_bytes;
  EXPECT_EQ(Of(facts, "log-size"), Severity::kWarning);
}

TEST(Diagnosis, ASlowDiskIsAWarningAndOneThatFailsAProblem) {
  CoordinatorFacts facts = Sound();
  facts.flushes = {.flushes = 20, .median = 29'999us, .p99 = 199'999us};
  EXPECT_EQ(Of(facts, "log-flush"), Severity::kOk);
  facts.flushes.median = 30ms;
  EXPECT_EQ(Of(facts, "log-flush"), Severity::kWarning);
  facts.flushes = {.flushes = 20, .median = 1ms, .p99 = 200ms};
  EXPECT_EQ(Of(facts, "log-flush"), Severity::kWarning);
  EXPECT_THAT(
      About(facts, "log-flush").what,
      HasSubstr("20 flushes of 4 KiB beside the log: half within 1000 us, 99 % within 200"));
  facts.flushes = {.flushes = 20, .median = 19us, .p99 = 1ms};
  EXPECT_EQ(Of(facts, "log-flush"), Severity::kNote) << "a cache";
  facts.flushes.failure = "it could not be flushed: Input/output error";
  EXPECT_EQ(Of(facts, "log-flush"), Severity::kProblem);
}

TEST(Diagnosis, AClockThatWasSetBackIsAWarningAndAnUnsynchronisedOneANote) {
  CoordinatorFacts facts = Sound();
  facts.newest_record = kNow + kSecond;
  EXPECT_EQ(Of(facts, "clock-order"), Severity::kOk);
  facts.newest_record = kNow + 3'600 * kSecond;
  EXPECT_EQ(Of(facts, "clock-order"), Severity::kWarning);
  EXPECT_THAT(About(facts, "clock-order").what, HasSubstr("60 min in the future"));
  facts.clock->synchronised = false;
  EXPECT_EQ(Of(facts, "clock-sync"), Severity::kNote) << "nothing is decided by it";
  EXPECT_THAT(About(facts, "clock-sync").what, HasSubstr("does not know of a synchronisation"));
  facts.clock.reset();
  EXPECT_EQ(Of(facts, "clock-sync"), Severity::kNote);
  EXPECT_THAT(About(facts, "clock-sync").what, HasSubstr("is not known"));
}

TEST(Diagnosis, ANameThatIsWaitedForAndNotServedIsAProblem) {
  CoordinatorFacts facts = Sound();
  facts.open.waiting["hotels"] = 2;  // nobody ever attached with that name
  EXPECT_THAT(About(facts, "participants-served").what,
              HasSubstr("2 transactions wait for hotels"));
  facts.open.waiting.erase("hotels");
  facts.participants[0].action_sessions.swap(facts.participants[0].sessions);
  EXPECT_EQ(Of(facts, "participants-served"), Severity::kOk) << "its actions are served";
  facts.participants[0].action_sessions.clear();
  EXPECT_EQ(Of(facts, "participants-served"), Severity::kProblem);
  EXPECT_THAT(About(facts, "participants-served").advice, HasSubstr("--resource bank-a"));
}

TEST(Diagnosis, ARefusedDatabaseIsAProblemWithTheCommandThatAcceptsIt) {
  CoordinatorFacts facts = Sound();
  facts.participants[0].refused_identity = "sqlite:9:9";
  EXPECT_EQ(Of(facts, "participants-identity"), Severity::kProblem);
  EXPECT_THAT(About(facts, "participants-identity").advice,
              HasSubstr("settle participants accept bank-a 'sqlite:9:9' --reason"));
  facts.participants[0].refused_identity = "x'; id; '";
  EXPECT_THAT(About(facts, "participants-identity").advice,
              HasSubstr(R"(accept bank-a 'x'\''; id; '\''' --reason)"));
}

TEST(Diagnosis, AProcessOfAnotherSeriesOfReleasesIsAWarningAndOneOfTheSameANote) {
  CoordinatorFacts facts = Sound();
  std::string& release = facts.participants[0].sessions[0].release;
  release = "1.2.3";
  EXPECT_EQ(Of(facts, "participants-release"), Severity::kOk);
  release = "1.2.4";
  EXPECT_EQ(Of(facts, "participants-release"), Severity::kNote);
  release = "1.3.0";
  EXPECT_EQ(Of(facts, "participants-release"), Severity::kWarning);
  EXPECT_THAT(About(facts, "participants-release").what,
              HasSubstr("shop has release 1.3.0, the coordinator 1.2.3"));
}

TEST(Diagnosis, InDoubtIsAWarningFromOneMinuteOn) {
  CoordinatorFacts facts = Sound();
  facts.open.NoteInDoubt(kNow - 60 * kSecond + 1);
  EXPECT_EQ(Of(facts, "in-doubt-age"), Severity::kOk);
  facts.open.NoteInDoubt(kNow - 60 * kSecond);
  EXPECT_EQ(Of(facts, "in-doubt-age"), Severity::kWarning);
  EXPECT_THAT(About(facts, "in-doubt-age").what,
              HasSubstr("2 transactions are in doubt, the oldest for 60 s"));
  facts.open = {};
  facts.open.NoteInDoubt(0);
  EXPECT_EQ(Of(facts, "in-doubt-age"), Severity::kWarning) << "of an earlier life";
}

TEST(Diagnosis, DamageAndQuarantineAreProblems) {
  CoordinatorFacts facts = Sound();
  facts.open.damaged = 1;
  EXPECT_EQ(Of(facts, "in-doubt-heuristics"), Severity::kProblem);
  EXPECT_EQ(Of(facts, "in-doubt-quarantined"), Severity::kOk);
  facts.open.by_state["quarantined"] = 1;
  EXPECT_EQ(Of(facts, "in-doubt-quarantined"), Severity::kProblem);
}

TEST(Diagnosis, StraysAreNotedAndWarnedAboutWhenTheyStay) {
  CoordinatorFacts facts = Sound();
  const auto stray = [](WallTime seen) {
    return Stray{"bank-a", "settle:aaaaaaaaaaaa.1.1.00000000:1\x1b", "another log", seen, kNow};
  };
  facts.strays = {stray(kNow - 899 * kSecond)};
  EXPECT_EQ(Of(facts, "in-doubt-strays"), Severity::kNote);
  facts.strays = {stray(kNow), stray(kNow - 900 * kSecond)};
  EXPECT_EQ(Of(facts, "in-doubt-strays"), Severity::kWarning);
  EXPECT_THAT(
      About(facts, "in-doubt-strays").what,
      AllOf(HasSubstr("2 prepared branches"), HasSubstr("15 min ago"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(About(facts, "in-doubt-strays").advice, HasSubstr("settle resolve --resource NAME"));
}

TEST(Diagnosis, EveryAlarmHasAdvice) {
  CoordinatorFacts facts = Sound();
  facts.deployment.unprotected = true;
  facts.descriptors = 0;
  facts.log->synchronous = 0;
  facts.log->wal_bytes = 256 * kMebibyte;
  facts.file_system->free_bytes = 0;
  facts.file_system->kind = FileSystem::Kind::kMemory;
  facts.flushes.median = 1s;
  facts.newest_record = kNow + 3'600 * kSecond;
  facts.participants[0].sessions.clear();
  facts.participants[0].refused_identity = "x";
  facts.open.NoteInDoubt(1);
  facts.open.damaged = 1;
  facts.open.by_state["quarantined"] = 1;
  facts.strays = {{"a", "b", "c", 1, kNow}};
  const std::vector<Finding> alarms = Alarming(CheckCoordinator(facts));
  EXPECT_EQ(alarms.size(), 14u) << ::testing::PrintToString(alarms);
  for (const Finding& finding : alarms) EXPECT_THAT(finding.advice, Not(IsEmpty())) << finding.code;
}

TEST(DatabaseClock, IsComparedWithTheTimeOfAskingAndTheTimeOfTheAnswer) {
  const auto severity = [](WallTime database) {
    return CheckDatabaseClock(database, kNow, 500ms)->severity;
  };
  EXPECT_FALSE(CheckDatabaseClock(0, kNow, 500ms));
  EXPECT_EQ(severity(kNow - kSecond), Severity::kOk);
  EXPECT_EQ(severity(kNow - kSecond - 1), Severity::kNote);
  EXPECT_EQ(severity(kNow + kSecond / 2 + kSecond), Severity::kOk) << "it may have answered late";
  EXPECT_EQ(severity(kNow + kSecond / 2 + kSecond + 1), Severity::kNote);
  EXPECT_EQ(severity(kNow + 61 * kSecond), Severity::kWarning);
  EXPECT_EQ(severity(kNow - 61 * kSecond), Severity::kWarning);
  EXPECT_THAT(CheckDatabaseClock(kNow - 120 * kSecond, kNow, 0ms)->what, HasSubstr("2 min behind"));
}

TEST(Machine, FlushesAreTimedAndLeaveNoFileBehind) {
  settle::testing::TemporaryDirectory directory;
  const FlushTimes times = TimeFlushes(directory / "settle.db", 20, 10s);
  EXPECT_EQ(times.failure, "");
  EXPECT_EQ(times.flushes, 20);
  EXPECT_GT(times.median, 0us);
  EXPECT_GE(times.p99, times.median);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Machine, TimingEndsWithItsPatience) {
  settle::testing::TemporaryDirectory directory;
  EXPECT_LT(TimeFlushes(directory / "settle.db", 1'000'000, 20ms).flushes, 1'000'000);
}

TEST(Machine, ADirectoryThatIsGoneIsAFailureInWords) {
  const FlushTimes times = TimeFlushes("/nowhere/at/all/settle.db", 20, 1s);
  EXPECT_EQ(times.flushes, 0);
  EXPECT_THAT(times.failure, HasSubstr("No such file or directory"));
}

TEST(Machine, TheDescriptorLimitIsThatOfThisProcess) { EXPECT_GT(DescriptorLimit(), 2u); }

}  // namespace
}  // namespace settle::coordinator
