// What an operator is told of a branch: whether it is prepared, what it holds, who waits behind it,
// and what the database can prove.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <optional>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A session of somebody else, which sends a statement and does not wait for its answer.
class Session {
 public:
  Session(const World& world, const std::string& application)
      : pg_(PQconnectdb(
                (world.cluster.Dsn("bank") + " application_name='" + application + "'").c_str()),
            &PQfinish) {
    EXPECT_EQ(PQstatus(pg_.get()), CONNECTION_OK) << PQerrorMessage(pg_.get());
  }
  int pid() const { return PQbackendPID(pg_.get()); }
  void Send(const std::string& sql) {
    EXPECT_EQ(PQsendQuery(pg_.get(), sql.c_str()), 1) << PQerrorMessage(pg_.get());
  }
  // Blocking, until all of it was carried out.
  void Await() {
    while (PGresult* result = PQgetResult(pg_.get())) {
      EXPECT_EQ(PQresultStatus(result), PGRES_COMMAND_OK) << PQresultErrorMessage(result);
      PQclear(result);
    }
  }

 private:
  std::unique_ptr<PGconn, void (*)(PGconn*)> pg_;
};

struct PreparedBranch {
  explicit PreparedBranch(World& world) : branch(world.Working()) {
    const VoteResult vote = branch->AwaitPrepare();
    EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
    evidence = vote.evidence;
  }
  std::shared_ptr<PostgresBranch> branch;
  Evidence evidence;
};

Result<LiveBranch> Inspect(World& world, const Evidence& evidence) {
  return world.bank->Inspect(world.key, evidence, milliseconds(10'000));
}

bool WaitsForLock(const World& world, const Session& session) {
  return WaitUntil([&] {
    return world.Query("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = " +
                       std::to_string(session.pid())) == "1";
  });
}

TEST(PostgresInspect, APreparedBranchSaysSinceWhenByWhomAndWhatItHolds) {
  World world;
  const PreparedBranch prepared(world);
  const Result<LiveBranch> live = Inspect(world, prepared.evidence);
  ASSERT_TRUE(live) << Describe(live.error());
  EXPECT_TRUE(live->prepared);
  EXPECT_EQ(live->owner, "postgres");
  EXPECT_EQ(std::to_string(live->prepared_at),
            world.Query("SELECT (extract(epoch FROM prepared) * 1000000)::bigint "
                        "FROM pg_prepared_xacts"));
  EXPECT_EQ(live->proof, Proof::kInProgress);
  EXPECT_EQ(std::to_string(live->locks),
            world.Query("SELECT count(*) FROM pg_locks WHERE pid IS NULL"));
  EXPECT_GT(live->locks, 0U);
  EXPECT_THAT(live->relations, ElementsAre("account"));
  EXPECT_EQ(live->waiting, 0U);
  EXPECT_EQ(live->unseen, "");
}

TEST(PostgresInspect, WhoWaitsForARowOfItAndWhoWaitsBehindThatIsNamedWithItsTime) {
  World world;
  const PreparedBranch prepared(world);
  Session first(world, "billing");
  first.Send("UPDATE account SET balance = 0 WHERE id = 1");
  ASSERT_TRUE(WaitsForLock(world, first));
  Session second(world, "reports");  // waits for the first one's turn
  second.Send("DELETE FROM account WHERE id = 1");
  ASSERT_TRUE(WaitsForLock(world, second));
  Session third(world, "schema");  // for the whole table
  third.Send("ALTER TABLE account ADD COLUMN note text");
  ASSERT_TRUE(WaitsForLock(world, third));
  Session other(world, "unconcerned");  // of another row, but behind the third
  other.Send("SELECT * FROM account WHERE id = 2");
  ASSERT_TRUE(WaitsForLock(world, other));
  // By the clock that says how long they wait: the last of them the shortest.
  ASSERT_TRUE(WaitUntil([&] {
    return world.Query(
               "SELECT clock_timestamp() - waitstart > interval '50 ms' FROM pg_locks "
               "WHERE NOT granted AND pid = " +
               std::to_string(other.pid())) == "t";
  }));
  const Result<LiveBranch> live = Inspect(world, prepared.evidence);
  ASSERT_TRUE(live) << Describe(live.error());
  EXPECT_EQ(live->waiting, 4U);
  ASSERT_THAT(live->waiters, SizeIs(4)) << "the longest first";
  const std::pair<const Session*, const char*> expected[] = {
      {&first, "billing"}, {&second, "reports"}, {&third, "schema"}, {&other, "unconcerned"}};
  for (std::size_t i = 0; i < 4; ++i) {
    const Waiter& waiter = live->waiters[i];
    EXPECT_EQ(waiter.process_id, expected[i].first->pid());
    EXPECT_EQ(waiter.application, expected[i].second);
    EXPECT_EQ(waiter.user, "postgres");
    EXPECT_EQ(waiter.relation, "account") << waiter.application;
    EXPECT_GE(waiter.waits, milliseconds(50)) << waiter.application;
    EXPECT_LT(waiter.waits, milliseconds(60'000)) << waiter.application;
  }
}

TEST(PostgresInspect, AfterARestartOfTheServerItHoldsTheSame) {
  World world;
  const PreparedBranch prepared(world);
  const Result<LiveBranch> before = Inspect(world, prepared.evidence);
  world.cluster.Restart(PostgresCluster::StopMode::kImmediate);
  Session waits(world, "billing");
  waits.Send("UPDATE account SET balance = 0 WHERE id = 1");
  ASSERT_TRUE(WaitsForLock(world, waits));
  const Result<LiveBranch> after = Inspect(world, prepared.evidence);
  ASSERT_TRUE(before && after) << Describe(after.error());
  EXPECT_THAT(after->relations, ElementsAre("account"));
  EXPECT_GT(after->locks, 0U);
  EXPECT_EQ(after->prepared_at, before->prepared_at);
  ASSERT_EQ(after->waiting, 1U);
  EXPECT_EQ(after->waiters[0].process_id, waits.pid());
}

TEST(PostgresInspect, WhoWaitsForAnotherPreparedBranchOrForAnybodyElseIsNotNamed) {
  World world;
  const PreparedBranch prepared(world);
  world.Query("CREATE TABLE other (id int PRIMARY KEY)");
  world.Query("INSERT INTO other VALUES (1)");
  const BranchKey key = world.NextKey();
  auto branch = *world.bank->Open(key);
  ASSERT_TRUE(branch->Execute("DELETE FROM other"));
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit);
  Session waits(world, "elsewhere");
  waits.Send("UPDATE other SET id = 2");
  ASSERT_TRUE(WaitsForLock(world, waits));
  const Result<LiveBranch> live = Inspect(world, prepared.evidence);
  ASSERT_TRUE(live) << Describe(live.error());
  EXPECT_EQ(live->waiting, 0U);
  const Result<LiveBranch> there = world.bank->Inspect(key, vote.evidence, milliseconds(10'000));
  ASSERT_TRUE(there) << Describe(there.error());
  EXPECT_EQ(there->waiting, 1U);
}

TEST(PostgresInspect, P06_AHandMadeRollbackIsProvedAndAHandMadeCommitIs) {
  for (const bool commit : {false, true}) {
    World world;
    PreparedBranch prepared(world);
    world.Query((commit ? "COMMIT PREPARED '" : "ROLLBACK PREPARED '") + world.key.DatabaseName() +
                "'");
    const Result<LiveBranch> live = Inspect(world, prepared.evidence);
    ASSERT_TRUE(live) << Describe(live.error());
    EXPECT_FALSE(live->prepared);
    EXPECT_EQ(live->proof, commit ? Proof::kCommitted : Proof::kAborted);
    EXPECT_THAT(live->proof_detail,
                HasSubstr("transaction " + prepared.evidence.local_transaction));
    EXPECT_EQ(live->locks, 0U);
  }
}

TEST(PostgresInspect, WithoutEvidenceOrAfterAFailOverThereIsNoProof) {
  World world;
  Result<LiveBranch> live = Inspect(world, {});
  ASSERT_TRUE(live) << Describe(live.error());
  EXPECT_FALSE(live->prepared);
  EXPECT_EQ(live->proof, Proof::kNone);
  EXPECT_THAT(live->proof_detail, HasSubstr("no evidence"));
  PreparedBranch prepared(world);
  Evidence other = prepared.evidence;
  other.timeline += 1;
  live = Inspect(world, other);
  ASSERT_TRUE(live) << Describe(live.error());
  EXPECT_EQ(live->proof, Proof::kNone);
  EXPECT_THAT(live->proof_detail, HasSubstr("a fail-over took place"));
  other.database = "postgresql:1:2";
  EXPECT_EQ(Inspect(world, other).error().code, ErrorCode::kUnavailable);
}

TEST(PostgresInspect, G08_ADatabaseThatCannotAnswerInTimeIsGivenUp) {
  World world;
  const PreparedBranch prepared(world);
  ASSERT_TRUE(Inspect(world, prepared.evidence));  // whose connection is kept for the next
  ASSERT_TRUE(WaitUntil([&] {                      // and made as new
    return world.Query(
               "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND "
               "query LIKE 'SET client_connection_check_interval%'") != "0";
  }));
  // A catalog table that the question needs is locked by somebody.
  Session rude(world, "rude");
  rude.Send("BEGIN; LOCK TABLE pg_catalog.pg_authid IN ACCESS EXCLUSIVE MODE");
  rude.Await();
  const Result<LiveBranch> live =
      world.bank->Inspect(world.key, prepared.evidence, milliseconds(300));
  ASSERT_FALSE(live);
  // The kept connection may have been given up meanwhile; a new one waits for that lock as well.
  EXPECT_THAT(live.error().message,
              AnyOf(HasSubstr("statement timeout"), HasSubstr("within the connect_timeout")));
}

TEST(PostgresInspect, ItsTimeOutDoesNotStayInTheConnection) {
  World world;
  const PreparedBranch prepared(world);
  ASSERT_TRUE(WaitUntil([&] {
    return bool(world.bank->Inspect(world.key, prepared.evidence, milliseconds(1'000)));
  }));
  auto branch = *world.bank->Open(world.NextKey());
  EXPECT_TRUE(branch->Execute("SELECT pg_sleep(1.2)")) << "the same connection, reset";
}

TEST(PostgresInspect, G04_AServerThatIsDownIsAnErrorInItsOwnWords) {
  World world;
  const PreparedBranch prepared(world);
  world.cluster.Stop(PostgresCluster::StopMode::kImmediate);
  const Result<LiveBranch> live = Inspect(world, prepared.evidence);
  EXPECT_EQ(live.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace settle::testing
