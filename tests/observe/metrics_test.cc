#include "observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/shard_threads.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using ::testing::HasSubstr;

class MetricsOfAnEngine : public ::testing::Test {
 protected:
  std::string Text() {
    const access::Gate gate(access::Policy::WithoutRules(0), [](const std::string&) {});
    const Metrics metrics({"1.2.3", "/nonexistent/settle.db"}, under_test.engine(),
                          under_test.log(), under_test.clock(), gate);
    const auto text = under_test.Blocking([&] { return metrics.Text(); });
    return text ? *text : Describe(text.error());
  }

  EngineUnderTest under_test;
};

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
  EXPECT_THAT(ended, HasSubstr("{protocol=\"two-phase\",outcome=\"committed\"} 1\n"));
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
  const std::string damaged = Text();
  EXPECT_THAT(damaged, HasSubstr("\nsettle_transactions_damaged 1\n"));
  EXPECT_THAT(damaged, HasSubstr("\nsettle_heuristics_total 1\n"));
  under_test.engine().Forget({gtid, "ann", "repaired"}, [](const auto&) {});
  under_test.Run();
  const std::string forgotten = Text();
  EXPECT_THAT(forgotten, HasSubstr("\nsettle_transactions_damaged 0\n"));
  EXPECT_THAT(forgotten, HasSubstr("\nsettle_heuristics_total 1\n"));
  EXPECT_THAT(forgotten, HasSubstr("{protocol=\"two-phase\",outcome=\"mixed\"} 1\n"));
}

TEST_F(MetricsOfAnEngine, TellAnAbort) {
  const Gtid gtid = under_test.Begin();
  under_test.engine().Abort({gtid, AbortCause::kRequested, "no", {}}, [](const auto&) {});
  under_test.Run();
  EXPECT_THAT(Text(), HasSubstr("{protocol=\"two-phase\",outcome=\"aborted\"} 1\n"));
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
