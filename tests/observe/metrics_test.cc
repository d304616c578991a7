#include "observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <optional>

#include "engine/shard_threads.h"
#include "observe/families.h"
#include "support/service_under_test.h"
#include "support/sites_under_test.h"

namespace settle::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Time passes only by being looked at.
class SlowClock : public Clock {
 public:
  Instant Now() const override { return now += 100ms; }
  WallTime WallNow() const override { return 1; }
  mutable Instant now{1h};
};

class MetricsOfAnEngine : public ::testing::Test {
 protected:
  std::string Text() {
    const access::Gate gate(access::Policy::WithoutRules(0), [](const auto&...) {});
    const Metrics metrics({"1.2.3", "/nonexistent/settle.db", [] { return 3; }},
                          under_test.engine(), under_test.log(), under_test.clock(), gate);
    const auto text = under_test.Blocking([&] { return metrics.Text(); });
    return text ? *text : Describe(text.error());
  }
  // One transaction committed by this protocol, in `seconds` from its begin, and by no other.
  void ExpectOneCommitted(const std::string& protocol, const std::string& seconds) {
    const std::string text = Text();
    for (const std::string one : {"two-phase", "three-phase", "one-phase", "tcc", "saga"}) {
      const std::string count = one == protocol ? "1" : "0";
      EXPECT_THAT(text, HasSubstr("\nsettle_transactions_ended_total{protocol=\"" + one +
                                  "\",outcome=\"committed\"} " + count + "\n"));
      EXPECT_THAT(text, HasSubstr("\nsettle_transactions_ended_total{protocol=\"" + one +
                                  "\",outcome=\"aborted\"} 0\n"));
      EXPECT_THAT(text, HasSubstr("\nsettle_transaction_duration_seconds_count{protocol=\"" + one +
                                  "\"} " + count + "\n"));
    }
    EXPECT_THAT(text, HasSubstr("\nsettle_transaction_duration_seconds_sum{protocol=\"" + protocol +
                                "\"} " + seconds + "\n"));
  }

  EngineUnderTest under_test;
};

TEST_F(MetricsOfAnEngine, X03_WhoeverScrapesHowOftenWhatIsOpenIsNotCountedAllTheTime) {
  SlowClock clock;
  const access::Gate gate(access::Policy::WithoutRules(0), [](const auto&...) {});
  const Metrics metrics({"1.2.3", "/nonexistent/settle.db", [] { return 3; }}, under_test.engine(),
                        under_test.log(), clock, gate);
  const auto open = [&](int count) {
    EXPECT_THAT(*under_test.Blocking([&] { return metrics.Text(); }),
                HasSubstr("\nsettle_transactions_open{state=\"active\"} " + std::to_string(count)));
  };
  open(0);
  under_test.Begin();
  open(0);  // to count took 100 ms, so that it is done once in 5 s
  clock.now += 4s;
  open(0);
  clock.now += 2s;
  open(1);
}

TEST_F(MetricsOfAnEngine, CountAndTimeACommit) {
  Participant a(under_test, {"bank-a"});
  Participant b(under_test, {"bank-b"});
  const Gtid gtid = under_test.Begin();
  a.Enlist(gtid, "bank-a");
  b.Enlist(gtid, "bank-b");
  under_test.Advance(200ms);
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, [](const auto&) {});
  under_test.Run();
  under_test.Advance(1s);
  a.Vote(gtid, 1);
  b.Vote(gtid, 2);
  under_test.Advance(4s);
  const std::string decided = Text();
  EXPECT_THAT(decided, HasSubstr("\nsettle_transactions_open{state=\"committing\"} 1\n"));
  EXPECT_THAT(decided, HasSubstr("\nsettle_transactions_in_doubt 1\n"));
  EXPECT_THAT(decided, HasSubstr("\nsettle_transactions_in_doubt_oldest_age_seconds 5.2"));
  a.Finish(gtid, 1, BranchEnd::kCommitted);
  b.Finish(gtid, 2, BranchEnd::kCommitted);

  const std::string ended = Text();
  ExpectOneCommitted("two-phase", "5.2");
  EXPECT_THAT(ended, HasSubstr("\nsettle_transactions_in_doubt 0\n"));
  EXPECT_THAT(ended, HasSubstr("\nsettle_transactions_in_doubt_oldest_age_seconds 0\n"));
  const auto phase = [&](const char* name, const char* sum) {
    const std::string of = std::string("{phase=\"") + name + "\"} ";
    EXPECT_THAT(ended, HasSubstr("settle_transaction_phase_seconds_count" + of + "1\n"));
    EXPECT_THAT(ended, HasSubstr("settle_transaction_phase_seconds_sum" + of + sum + "\n"));
  };
  phase("work", "0.2");
  phase("prepare", "1");
  phase("log", "0");
  phase("apply", "4");
  EXPECT_THAT(ended, HasSubstr("_bucket{phase=\"apply\",le=\"2.5\"} 0\n"));
  EXPECT_THAT(ended, HasSubstr("_bucket{phase=\"apply\",le=\"5\"} 1\n"));
  EXPECT_THAT(ended, HasSubstr("_bucket{phase=\"apply\",le=\"+Inf\"} 1\n"));
  EXPECT_THAT(ended, HasSubstr("\nsettle_sessions 2\n"));
  EXPECT_THAT(ended, HasSubstr("\nsettle_commands_sent_total 4\n"));
  EXPECT_THAT(ended, HasSubstr("\nsettle_reports_received_total 4\n"));
  EXPECT_THAT(ended, HasSubstr("\nsettle_heuristics_total 0\n"));
}

TEST_F(MetricsOfAnEngine, TellADamagedTransactionFromOneThatIsForgotten) {
  Participant a(under_test, {"bank-a"});
  Participant b(under_test, {"bank-b"});
  const Gtid gtid = under_test.Begin();
  a.Enlist(gtid, "bank-a");
  b.Enlist(gtid, "bank-b");
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, [](const auto&) {});
  under_test.Run();
  a.Vote(gtid, 1);
  b.Vote(gtid, 2);
  a.Finish(gtid, 1, BranchEnd::kCommitted);
  b.Finish(gtid, 2, BranchEnd::kAborted);
  under_test.Advance(1h);  // until a person looks
  const std::string damaged = Text();
  EXPECT_THAT(damaged, HasSubstr("\nsettle_transactions_damaged 1\n"));
  EXPECT_THAT(damaged, HasSubstr("\nsettle_heuristics_total 1\n"));
  under_test.engine().Forget({gtid, "ann", "repaired"}, [](const auto&) {});
  under_test.Run();
  const std::string forgotten = Text();
  EXPECT_THAT(forgotten, HasSubstr("\nsettle_transactions_damaged 0\n"));
  EXPECT_THAT(forgotten, HasSubstr("\nsettle_heuristics_total 1\n"));
  EXPECT_THAT(forgotten, HasSubstr("{protocol=\"two-phase\",outcome=\"mixed\"} 1\n"));
  EXPECT_THAT(forgotten, HasSubstr("_phase_seconds_count{phase=\"apply\"} 0\n"))
      << "a person's hour is no latency";
  EXPECT_THAT(forgotten, HasSubstr("_duration_seconds_count{protocol=\"two-phase\"} 0\n"));
}

TEST_F(MetricsOfAnEngine, TellWhatItsOnlyResourceDecided) {
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  under_test.engine().CommitOnePhase({gtid, 1, {"db", 1, "7"}}, [](const auto&) {});
  under_test.Run();
  under_test.Advance(300ms);
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  ExpectOneCommitted("one-phase", "0.3");
}

TEST_F(MetricsOfAnEngine, TellWhatSitesDecided) {
  ThreeSites sites(under_test);
  sites.Prepared();
  under_test.Advance(700ms);
  sites.Work();
  ExpectOneCommitted("three-phase", "0.7");
}

TEST_F(MetricsOfAnEngine, TellWhatReservationsAreConfirmed) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin();
  under_test.engine().Try({gtid, "inventory", "reserve", "{}", "t", 10s}, [](const auto&) {});
  under_test.Run();
  inventory.ReportDone(inventory.Take().at(0));
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, [](const auto&) {});
  under_test.Run();
  inventory.ReportDone(inventory.Take().at(0));
  ExpectOneCommitted("tcc", "0.2");
}

TEST_F(MetricsOfAnEngine, TellASaga) {
  Service airline(under_test, {"airline"});
  StartSagaCall call;
  saga::StepDefinition step;
  step.name = step.participant = step.action = "airline";
  call.definition = {"trip", 1, 0, {step}};
  under_test.engine().StartSaga(call, [](const auto&) {});
  under_test.Run();
  airline.ReportDone(airline.Take().at(0));
  ExpectOneCommitted("saga", "0.1");
}

TEST_F(MetricsOfAnEngine, TellWhatContradictsItself) {
  const Gtid gtid = Gtid::Make("k3m9qxw4c7ab", 1, 5, 5);
  RestoredSaga saga;
  saga.begin.gtid = Gtid::Make("k3m9qxw4c7ab", 1, 6, 6);
  saga.contradiction = "two ends";
  RestoredState state;
  state.open.push_back(
      {.heuristics = {{gtid, 1, BranchEnd::kHazard, "?", 0}}, .contradiction = "two decisions"});
  state.sagas.push_back(saga);
  under_test.engine().Restore(std::move(state));
  EXPECT_THAT(Text(), HasSubstr("\nsettle_transactions_quarantined 2\n"));
  for (const Gtid& one : {gtid, saga.begin.gtid})
    under_test.engine().Forget({one, "ann", "looked after"}, [](const auto&) {});
  under_test.Run();
  const std::string forgotten = Text();
  EXPECT_THAT(forgotten, HasSubstr("\nsettle_transactions_quarantined 0\n"));
  EXPECT_THAT(forgotten, Not(HasSubstr("outcome=\"unknown\"")));
}

TEST_F(MetricsOfAnEngine, HaveEveryStateFromTheStart) {
  const std::string text = Text();
  for (const char* state : {"active", "committing", "damaged", "compensating", "quarantined"}) {
    EXPECT_THAT(text,
                HasSubstr(std::string("\nsettle_transactions_open{state=\"") + state + "\"} 0\n"));
  }
  EXPECT_THAT(text, HasSubstr("\nsettle_strays 3\n"));
}

TEST_F(MetricsOfAnEngine, TellAnAbort) {
  const Gtid gtid = under_test.Begin();
  under_test.engine().Abort({gtid, AbortCause::kRequested, "no", {}}, [](const auto&) {});
  under_test.Run();
  EXPECT_THAT(Text(), HasSubstr("{protocol=\"two-phase\",outcome=\"aborted\"} 1\n"));
}

std::optional<double> StartOfThisProcess() {
  Families families;
  AddProcess(families);
  for (const auto& family : families.all()) {
    if (family.name == "process_start_time_seconds") return family.metric.at(0).gauge.value;
  }
  return std::nullopt;
}

// The packaged service sees of /proc what is about processes alone (systemd's ProcSubset=pid).
TEST(ProcessMetrics, TellItsStartAlsoWhereNothingButProcessesCanBeSeen) {
  constexpr int kMayNotMount = 77;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("proc", "/proc", "proc", 0, "subset=pid") != 0) {
      ::_exit(kMayNotMount);
    }
    const double now = static_cast<double>(std::time(nullptr));
    const double began = StartOfThisProcess().value_or(0);
    ::_exit(::access("/proc/stat", R_OK) != 0 && began <= now + 1 && began > now - 60 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kMayNotMount) GTEST_SKIP() << "takes the right to mount";
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(StartOfThisProcess(), StartOfThisProcess()) << "or it looks like a restart";
}

TEST(Readiness, NamesAShardThatDoesNotTurn) {
  EngineUnderTest under_test;  // nothing drives it
  const Status ready = CheckReady(under_test.engine(), 10ms);
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().message, HasSubstr("shard 0 has not answered"));
}

TEST(Readiness, IsGivenByShardsThatTurnUntilTheDrain) {
  EngineUnderTest under_test;
  const ShardThreads threads(under_test.engine());
  EXPECT_TRUE(CheckReady(under_test.engine(), 20s));
  under_test.engine().Drain([] {});
  const Status ready = CheckReady(under_test.engine(), 20s);
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().message, HasSubstr("shutting down"));
  EXPECT_TRUE(CheckShards(under_test.engine(), 20s));
}

}  // namespace
}  // namespace settle::coordinator
