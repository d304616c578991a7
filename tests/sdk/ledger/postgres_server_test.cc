// A site's ledger and the server that it is on: tables, roles, settings, lost replies, standbys.
#include <thread>

#include "sdk/ledger/postgres_site.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using Durability = SiteLedger::Durability;

TEST_F(PostgresSite, WithoutTheOptionThereIsNoLedgerAndNoBranchIsASite) {
  EXPECT_EQ(world_.bank->site_ledger(), nullptr);
  const auto branch = world_.Working(*world_.bank, world_.key);
  const Status site = branch->BecomeSite(ThreeSites());
  ASSERT_FALSE(site);
  EXPECT_THAT(site.error().advice, HasSubstr("three_phase"));
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
}

TEST_F(PostgresSite, WithoutItsTablesIdentifySaysWhatToRunAndTwoPhaseCommitNeedsNone) {
  world_.Query("DROP TABLE settle_migration, settle_three_phase, settle_barrier_mark");
  const Result<std::string> missing = Resource()->Identify();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("resource \"bank\""));
  EXPECT_THAT(missing.error().advice, HasSubstr("run: settle barrier install --dsn 'postgresql:"));
  EXPECT_TRUE(world_.bank->Identify());
}

TEST_F(PostgresSite, ARoleThatMayNotUseTheTableIsToldWhatToGrant) {
  world_.Query(
      "CREATE ROLE teller LOGIN; GRANT ALL ON account TO teller; "
      "GRANT SELECT ON settle_migration TO teller");
  const auto bank = Resource(" user=teller");
  const Result<std::string> denied = bank->Identify();
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::kDenied);
  EXPECT_THAT(denied.error().message, HasSubstr("INSERT on settle_three_phase"));
  const auto found = bank->site_ledger()->Find(world_.key);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kDenied);
  EXPECT_THAT(found.error().advice, HasSubstr("GRANT "));
  // What the header says is enough.
  world_.Query(
      "GRANT SELECT, INSERT, UPDATE, DELETE ON settle_three_phase, settle_barrier_mark "
      "TO teller");
  ASSERT_TRUE(bank->Identify());
  const auto branch = world_.Working(*bank, world_.key);
  const VoteResult vote = PrepareSite(*branch);
  EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_TRUE(bank->site_ledger()->Prune({kLog, 1, 99}));
}

TEST_F(PostgresSite, APasswordIsNotRepeated) {
  world_.Query("DROP TABLE settle_migration");
  const auto bank = Resource(" password=swordfish");
  EXPECT_THAT(Describe(bank->Identify().error()), ::testing::Not(HasSubstr("swordfish")));
}

TEST_F(PostgresSite, OfManyAtOnceOneWinsAtEveryIsolationLevel) {
  for (const char* level : {R"(repeatable\\ read)", "serializable"}) {
    const auto bank = Resource(std::string(" options='-c default_transaction_isolation=") + level +
                               " -c default_transaction_read_only=on'");
    const BranchKey key = world_.NextKey();
    std::optional<SiteRecord> before;
    for (std::uint64_t round = 2; round < 12; ++round) {
      std::atomic<int> won{0};
      {
        std::vector<std::jthread> leaders;
        for (BranchNumber leader = 0; leader < 3; ++leader) {
          leaders.emplace_back([&, leader] {
            const auto put =
                bank->site_ledger()->Put(key, before, Fenced({round, leader}), Durability::kLazy);
            EXPECT_TRUE(put) << Describe(put.error());
            if (put.value_or(false)) ++won;
          });
        }
      }
      ASSERT_EQ(won, 1) << level;
      before = *bank->site_ledger()->Find(key);
    }
  }
}

TEST_F(PostgresSite, PutAndFindNeverWaitForOpenBranches) {
  PostgresOptions options{.name = "bank",
                          .dsn = world_.cluster.Dsn("bank"),
                          .connections_max = 1,
                          .connect_timeout = std::chrono::milliseconds(500),
                          .three_phase = true};
  const auto narrow = world_.Resource(options);
  const auto branch = world_.Working(*narrow, world_.key);
  EXPECT_FALSE(narrow->Open(world_.NextKey())) << "the only connection is taken";
  const BranchKey other = world_.NextKey();
  EXPECT_TRUE(*narrow->site_ledger()->Put(other, std::nullopt, Waiting(), Durability::kForce));
  EXPECT_EQ(*narrow->site_ledger()->Find(other), Waiting());
  EXPECT_EQ(PrepareSite(*branch).vote, Vote::kCommit);
}

TEST_F(PostgresSite, G04_AServerThatIsAwayIsUnavailableAndTheLedgerWorksAgainWhenItIsBack) {
  ASSERT_TRUE(*ledger_->Put(world_.key, std::nullopt, Waiting(), Durability::kForce));
  world_.cluster.Kill();
  EXPECT_EQ(ledger_->Find(world_.key).error().code, ErrorCode::kUnavailable);
  const auto put = ledger_->Put(world_.key, Waiting(), Fenced({2, 1}), Durability::kForce);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(ledger_->Prune({kLog, 1, 1}).error().code, ErrorCode::kUnavailable);
  world_.cluster.Start();
  EXPECT_EQ(*ledger_->Find(world_.key), Waiting());
}

TEST_F(PostgresSite, ADsnThatLeadsElsewhereByNowIsRefused) {
  world_.Query("ALTER DATABASE postgres RENAME TO spare");
  world_.cluster.Query("spare",
                       "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                       "WHERE datname = 'bank'");
  world_.cluster.Query("spare", "ALTER DATABASE bank RENAME TO bank_then");
  world_.cluster.Query("spare", "CREATE DATABASE bank TEMPLATE bank_then");
  const auto found = ledger_->Find(world_.key);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kRefused);
}

// A server whose synchronous standby is missing: what asks for it is durable here and then waits
// for ever.
class PostgresSiteWithoutItsStandby : public PostgresSite {
 protected:
  PostgresSiteWithoutItsStandby()
      : PostgresSite({"synchronous_standby_names=missing", "synchronous_commit=local"}) {}

  // Puts, and does this to the server's process once it waits for the standby.
  Result<bool> PutAndMeanwhile(const std::string& act) {
    std::jthread meanwhile([&] {
      EXPECT_TRUE(world_.AwaitEvent("SyncRep"));
      world_.Query("SELECT " + act + "(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    });
    const auto bank = Resource(" options='-c synchronous_commit=remote_write'");
    return bank->site_ledger()->Put(world_.key, std::nullopt, Waiting(), Durability::kForce);
  }
};

TEST_F(PostgresSiteWithoutItsStandby, APutWhoseReplyWasLostIsNotReadAsDone) {
  const Result<bool> put = PutAndMeanwhile("pg_terminate_backend");
  ASSERT_TRUE(put) << Describe(put.error());
  EXPECT_FALSE(*put) << "the second try found what the first had done, and cannot tell whose it is";
  EXPECT_EQ(*ledger_->Find(world_.key), Waiting()) << "who reads again sees it";
}

TEST_F(PostgresSiteWithoutItsStandby, APutThatDidNotReachItsStandbysIsNotReadAsDone) {
  const Result<bool> put = PutAndMeanwhile("pg_cancel_backend");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kAskOutcome);
  EXPECT_THAT(put.error().message, HasSubstr("standbys"));
}

TEST_F(PostgresSite, AHotStandbyAnswersForNobody) {
  PostgresClusterOptions options;
  options.standby_of = &world_.cluster;
  PostgresCluster standby(options);
  const auto bank =
      world_.Resource({.name = "bank", .dsn = standby.Dsn("bank"), .three_phase = true});
  EXPECT_EQ(bank->site_ledger()->Find(world_.key).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(bank->site_ledger()
                ->Put(world_.key, std::nullopt, Waiting(), Durability::kForce)
                .error()
                .code,
            ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace settle::testing
