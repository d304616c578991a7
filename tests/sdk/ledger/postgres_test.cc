// What is PostgreSQL's own: the record outside of the prepared transaction, and what crashes, lost
// replies, roles and isolation levels make of it.
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "quorum/site.h"
#include "sdk/ledger/ledger_world.h"
#include "sdk/postgres/world.h"
#include "settle/postgres_barrier.h"
#include "support/child_process.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using enum SiteState;
using Durability = SiteLedger::Durability;

// The log is not written behind anybody's back: what nobody flushed is lost in a crash.
const char* const kNoWalWriter = "wal_writer_delay=10s";

class PostgresSite : public ::testing::Test {
 protected:
  explicit PostgresSite(std::vector<std::string> settings = {kNoWalWriter})
      : world_(FromTemplate(std::move(settings))) {
    EXPECT_TRUE(PostgresBarrier::Install(world_.cluster.Dsn("bank")));
    bank_ = Resource();
    EXPECT_TRUE(bank_->Identify());
    ledger_ = bank_->site_ledger();
  }

  std::shared_ptr<PostgresResource> Resource(const std::string& more_dsn = "") {
    return world_.Resource(
        {.name = "bank", .dsn = world_.cluster.Dsn("bank") + more_dsn, .three_phase = true});
  }
  std::string RawState() const { return world_.Query("SELECT state FROM settle_three_phase"); }

  // Moves what is found on by the message, as a peer would.
  bool Tell(const PeerMessage& message) {
    const auto found = ledger_->Find(world_.key);
    if (!found) return false;
    SiteRecord after = found->value_or(SiteRecord{});
    after.at = quorum::After(after.at, message);
    const auto put = ledger_->Put(world_.key, *found, after, Durability::kForce);
    EXPECT_TRUE(put) << Describe(put.error());
    return put.value_or(false);
  }
  SiteAnswer At() {
    const auto found = ledger_->Find(world_.key);
    EXPECT_TRUE(found) << Describe(found.error());
    return found && *found ? (*found)->at : SiteAnswer{};
  }

  void DieAt(const std::string& failpoint) {
    const TemporaryDirectory directory;
    const auto bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    Launch launch{.arguments = {bin / "postgres_one_branch", world_.cluster.Dsn("bank"),
                                world_.key.DatabaseName(), "three-phase"},
                  .output_path = directory / "output",
                  .user = std::nullopt};
    launch.environment = {"SETTLE_FAILPOINT=" + failpoint,
                          "SETTLE_FAILPOINT_FIRED=" + directory / "fired"};
    const int status = AwaitProcess(StartProcess(launch));
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    EXPECT_TRUE(std::filesystem::exists(directory / "fired"));
    EXPECT_TRUE(WaitUntil([&] { return world_.OpenCount() == 0; }));
  }

  // A PREPARE of a branch that changed an account waits while the test holds this lock.
  void MakePrepareWait() {
    world_.Query(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END'; "
        "CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION wait()");
  }

  World world_;
  std::shared_ptr<PostgresResource> bank_;
  SiteLedger* ledger_ = nullptr;
};

TEST_F(PostgresSite, M10_AVoteIsWaitingAlsoWhenTheServerForgotTheStepFromInitial) {
  const auto branch = world_.Working(*bank_, world_.key);
  const VoteResult vote = PrepareSite(*branch);
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_EQ(RawState(), "waiting");
  world_.cluster.Kill();
  world_.cluster.Start();
  ASSERT_EQ(RawState(), "initial") << "the crash took nothing back, so that nothing was shown";
  ASSERT_EQ(world_.PreparedCount(), 1);
  EXPECT_EQ(At(), (SiteAnswer{kWaiting, kFirstBallot, {}, {}}));
  // Nobody may take it for a site that has not voted.
  SiteRecord initial{{}, ThreeSites(), vote.evidence};
  SiteRecord fenced = initial;
  fenced.at = {kAborted, {2, 1}, {}, {}};
  EXPECT_FALSE(*ledger_->Put(world_.key, initial, fenced, Durability::kForce));
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 1}, {}}));
  EXPECT_EQ(At(), (SiteAnswer{kWaiting, {2, 1}, {}, {}}));
  EXPECT_EQ(RawState(), "waiting");
}

TEST_F(PostgresSite, P07_KilledBetweenPrepareAndTheStepFromInitialItIsWaiting) {
  DieAt("postgres.after_prepare");
  EXPECT_EQ(world_.PreparedCount(), 1);
  EXPECT_EQ(RawState(), "initial");
  EXPECT_EQ(At().state, kWaiting);
  EXPECT_TRUE(ledger_->Prune({kLog, 1, 99}));
  EXPECT_EQ(At().state, kWaiting) << "prepared: somebody has to end it";
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 2}, {}}));
  EXPECT_TRUE(Tell({PeerVerb::kPreAbort, {2, 2}, {}}));
  EXPECT_TRUE(Tell({PeerVerb::kAbort, {2, 2}, {1, 2}}));
  EXPECT_EQ(bank_->Finish(world_.key, Decision::kAbort, {}).end, BranchEnd::kAborted);
}

TEST_F(PostgresSite, P07_KilledBeforePrepareItIsInitialAndAnElectionAbortsIt) {
  DieAt("postgres.before_prepare");
  EXPECT_EQ(world_.PreparedCount(), 0);
  EXPECT_EQ(At().state, kInitial);
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 2}, {}}));
  EXPECT_EQ(At(), (SiteAnswer{kAborted, {2, 2}, {}, {}}));
  EXPECT_TRUE(ledger_->Prune({kLog, 1, 99}));
  EXPECT_EQ(RawState(), "");
}

TEST_F(PostgresSite, ARecordOfABranchThatNeverCameToBePreparedIsPrunedToo) {
  DieAt("postgres.before_prepare");
  EXPECT_EQ(RawState(), "initial");
  EXPECT_TRUE(ledger_->Prune({kLog, 1, 99}));
  EXPECT_EQ(RawState(), "");
}

TEST_F(PostgresSite, M11_AnElectionBetweenPrepareAndTheStepFromInitialJoinsAWaitingSite) {
  const auto branch = world_.Working(*bank_, world_.key);
  ASSERT_TRUE(branch->BecomeSite(ThreeSites()));
  branch->StartPrepare();
  ASSERT_TRUE(WaitUntil([&] { return world_.PreparedCount() == 1; }));
  ASSERT_EQ(RawState(), "initial");
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 1}, {}}));
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit) << "its answer to the peers was waiting";
  EXPECT_EQ(At(), (SiteAnswer{kWaiting, {2, 1}, {}, {}}));
  EXPECT_EQ(world_.PreparedCount(), 1);
}

TEST_F(PostgresSite, M11_AnElectionWhilePrepareIsUnderWayAbortsItAndItVotesNo) {
  MakePrepareWait();
  auto holder = world_.Resource()->Open(world_.NextKey());
  ASSERT_TRUE((*holder)->Execute("SELECT pg_advisory_xact_lock(7)"));
  const auto branch = world_.Working(*bank_, world_.key);
  ASSERT_TRUE(branch->BecomeSite(ThreeSites()));
  branch->StartPrepare();
  ASSERT_TRUE(world_.AwaitEvent("advisory"));
  ASSERT_EQ(At().state, kInitial);
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 1}, {}}));
  EXPECT_EQ(At(), (SiteAnswer{kAborted, {2, 1}, {}, {}}));
  (*holder)->Fence();
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("peers"));
  EXPECT_EQ(world_.PreparedCount(), 0);
  EXPECT_EQ(At(), (SiteAnswer{kAborted, {2, 1}, {}, {}}));
  EXPECT_EQ(world_.Balance(), 100);
}

TEST_F(PostgresSite, ANoVoteLeavesAnAbortedRecord) {
  const auto branch = world_.Working(*bank_, world_.key);
  ASSERT_TRUE(branch->Execute("CREATE TEMP TABLE t (x int)"));
  const VoteResult vote = PrepareSite(*branch);
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("0A000"));
  EXPECT_EQ(At(), (SiteAnswer{kAborted, kFirstBallot, {}, {}}));
}

TEST_F(PostgresSite, ABranchFencedWhilePreparingLeavesAnAbortedRecord) {
  MakePrepareWait();
  auto holder = world_.Resource()->Open(world_.NextKey());
  ASSERT_TRUE((*holder)->Execute("SELECT pg_advisory_xact_lock(7)"));
  const auto branch = world_.Working(*bank_, world_.key);
  ASSERT_TRUE(branch->BecomeSite(ThreeSites()));
  branch->StartPrepare();
  ASSERT_TRUE(world_.AwaitEvent("advisory"));
  branch->Fence();
  (*holder)->Fence();
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
  EXPECT_EQ(world_.PreparedCount(), 0);
  EXPECT_EQ(At(), (SiteAnswer{kAborted, kFirstBallot, {}, {}}));
}

TEST_F(PostgresSite, ABranchInWhichNothingRanIsPreparedToo) {
  auto branch = bank_->Open(world_.key);
  ASSERT_TRUE(branch);
  const VoteResult vote = PrepareSite(**branch);
  EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_EQ(world_.PreparedCount(), 1);
  EXPECT_EQ((*branch)->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
}

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

// Keidar and Dolev's count for a site: the vote, the pre-commit, the end.
TEST_F(PostgresSite, ASiteForcesThreeWritesAndABranchUnderTwoPhaseCommitTwo) {
  const auto flushed = [&] { return world_.Query("SELECT pg_current_wal_flush_lsn()"); };
  std::string before;
  int forced = 0;
  const auto count = [&] {
    const std::string now = flushed();
    if (now != before) ++forced;
    before = now;
  };
  for (const bool three_phase : {true, false}) {
    world_.Query("CHECKPOINT");
    forced = 0;
    const BranchKey key = world_.NextKey();
    const auto branch = world_.Working(*bank_, key);
    before = flushed();
    if (three_phase) {
      ASSERT_TRUE(branch->BecomeSite(ThreeSites()));
    }
    ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
    count();
    if (three_phase) {
      SiteRecord record = **ledger_->Find(key);
      for (const PeerMessage& message : {PeerMessage{PeerVerb::kPreCommit, kFirstBallot, {}},
                                         PeerMessage{PeerVerb::kCommit, kFirstBallot, {0, 1}}}) {
        SiteRecord after = record;
        after.at = quorum::After(record.at, message);
        const bool final = IsFinal(after.at.state);
        ASSERT_TRUE(
            *ledger_->Put(key, record, after, final ? Durability::kLazy : Durability::kForce));
        count();
        record = after;
      }
    }
    ASSERT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
    count();
    EXPECT_EQ(forced, three_phase ? 3 : 2);
  }
}

}  // namespace
}  // namespace settle::testing
