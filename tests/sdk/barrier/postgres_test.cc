// What only PostgreSQL does to a barrier.
#include <libpq-fe.h>

#include <filesystem>

#include "sdk/barrier/barrier_test_base.h"
#include "settle/postgres_barrier.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using enum ActionOp;
using enum AnswerKind;
using namespace std::chrono_literals;

class PostgresBarrierTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_->Install()); }
  std::string Dsn() const { return world_->target().substr(std::string("postgresql:").size()); }

  const std::unique_ptr<BarrierWorld> world_ = BarrierWorld::Make(BarrierWorld::Kind::kPostgres);
  const std::shared_ptr<PostgresBarrier> barrier_ = PostgresBarrier::Make({.dsn = Dsn()});
};

TEST_F(PostgresBarrierTest, M01_AConnectionLostBeforeTheCommitLeavesNothing) {
  const Answer answer = barrier_->Run(Call(kAction), [&](const auto& call, Work& work) {
    const auto pid = work.Execute("SELECT pg_backend_pid()");
    const Answer done = Does("reserved")(call, work);
    EXPECT_EQ(world_->Query("SELECT pg_terminate_backend(" + *pid->rows[0][0] + ", 10000)"), "t");
    return done;
  });
  EXPECT_THAT(answer, Is(kUnknown));
  EXPECT_EQ(world_->Effects(), "");
  EXPECT_THAT(barrier_->Run(Call(kAction), Does("reserved")), IsDone());
  EXPECT_EQ(world_->Effects(), "1 reserved");
}

// The commit is carried out, and its answer is held back: by the wait for a standby that is not.
TEST_F(PostgresBarrierTest, M01_ALostAnswerToTheCommitIsUnknownAndTheNextCallFindsTheTruth) {
  const auto impatient = PostgresBarrier::Make({.dsn = Dsn(), .reply_timeout = 200ms});
  world_->Query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  world_->Query("SELECT pg_reload_conf()");
  ASSERT_TRUE(
      WaitUntil([&] { return world_->Query("SHOW synchronous_standby_names") == "nobody"; }));
  EXPECT_THAT(impatient->Run(Call(kAction), Does("reserved", R"("first")")),
              Is(kUnknown, "may or may not"));
  world_->Query("ALTER SYSTEM RESET synchronous_standby_names");
  world_->Query("SELECT pg_reload_conf()");
  EXPECT_THAT(barrier_->Run(Call(kAction), MustNotRun()), IsDone(R"("first")"));
  EXPECT_EQ(world_->Effects(), "1 reserved");
}

TEST_F(PostgresBarrierTest, ABusinessThatOverlooksAFailedStatementIsNotDone) {
  const Answer answer = barrier_->Run(Call(kAction), [&](const auto& call, PostgresWork& work) {
    EXPECT_FALSE(work.Execute("SELECT 1 / 0"));
    EXPECT_EQ(work.last_sqlstate(), "22012");
    Does("reserved")(call, work);
    return Done();
  });
  EXPECT_THAT(answer, Is(kUnknown, "division by zero"));
  EXPECT_EQ(world_->Rows(), "0");
}

TEST_F(PostgresBarrierTest, ASavepointTakesAFailedStatementBack) {
  const Answer answer = barrier_->Run(Call(kAction), [&](const auto& call, Work& work) {
    EXPECT_TRUE(work.Execute("SAVEPOINT here"));
    EXPECT_FALSE(work.Execute("SELECT 1 / 0"));
    EXPECT_TRUE(work.Execute("ROLLBACK TO here"));
    return Does("reserved")(call, work);
  });
  EXPECT_THAT(answer, IsDone());
  EXPECT_EQ(world_->Effects(), "1 reserved");
}

// After them there is a transaction again, but not the barrier's.
TEST_F(PostgresBarrierTest, ABusinessThatChainsATransactionIsNeverDone) {
  for (const char* end : {"COMMIT AND CHAIN", "ROLLBACK AND CHAIN"}) {
    const Answer answer = barrier_->Run(Call(kAction), [&](const auto&, Work& work) {
      static_cast<void>(work.Execute(end));
      return Done();
    });
    EXPECT_THAT(answer, Is(kUnknown, "ended the barrier's transaction")) << end;
    EXPECT_THAT(barrier_->Run(Call(kAction), Does("reserved")),
                Is(std::string(end).starts_with("COMMIT") ? kUnknown : kDone));
    world_->Query("DELETE FROM settle_barrier");
  }
}

TEST_F(PostgresBarrierTest, ADeferredConstraintThatFailsAtTheCommitRollsTheNotesBackToo) {
  world_->Query(
      "CREATE TABLE seat (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); "
      "INSERT INTO seat VALUES (1)");
  const Answer answer = barrier_->Run(Call(kAction), [&](const auto&, Work& work) {
    EXPECT_TRUE(work.Execute("INSERT INTO seat VALUES (1)"));
    return Done();
  });
  EXPECT_THAT(answer, Is(kUnknown, "23505"));
  EXPECT_EQ(world_->Rows(), "0");
}

TEST_F(PostgresBarrierTest, TheConnectionItselfWorksInsideTheTransaction) {
  const Answer answer = barrier_->Run(Call(kAction), [&](const auto&, PostgresWork& work) {
    PGresult* result = PQexec(work.connection(),
                              "INSERT INTO effect VALUES (1, 'by hand'); "
                              "SET statement_timeout = '7h'");
    EXPECT_EQ(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    return Done();
  });
  EXPECT_THAT(answer, IsDone());
  EXPECT_EQ(world_->Effects(), "1 by hand");
  barrier_->Run(Call(kAction, 2), [&](const auto&, Work& work) {
    EXPECT_EQ(work.Execute("SHOW statement_timeout")->rows[0][0], "0") << "the next user's is new";
    return Done();
  });
}

TEST_F(PostgresBarrierTest, PlansAreKeptFromCallToCallAndWhateverTheBusinessDoesToThem) {
  std::uint64_t sequence = 0;
  const auto count = [](Work& work) {
    return *work.Execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'settle_%'")
                ->rows[0][0];
  };
  world_->Query(
      "CREATE FUNCTION prepare() RETURNS void LANGUAGE plpgsql AS "
      "$$ BEGIN EXECUTE 'PREPARE hidden AS SELECT 1'; END $$");
  for (const char* what :
       {"SELECT 1", "DEALLOCATE ALL", "DISCARD PLANS", "PREPARE mine AS SELECT 1",
        "PREPARE mine AS SELECT 2", "SELECT prepare()", "SELECT prepare(), 2"}) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_THAT(barrier_->Run(Call(kAction, ++sequence), Does("reserved")), IsDone()) << what;
    }
    EXPECT_THAT(barrier_->Run(Call(kAction, ++sequence),
                              [&](const auto&, Work& work) {
                                EXPECT_NE(count(work), "0");
                                EXPECT_TRUE(work.Execute(what)) << what;
                                return Done();
                              }),
                IsDone())
        << what;
  }
}

TEST_F(PostgresBarrierTest, APlanThatTheServerRefusesIsMadeAnewForTheNextCall) {
  ASSERT_THAT(barrier_->Run(Call(kAction), Does("reserved")), IsDone());
  world_->Query("ALTER TABLE settle_barrier ALTER COLUMN result TYPE varchar");
  barrier_->Run(Call(kAction, 2), Does("reserved"));
  EXPECT_THAT(barrier_->Run(Call(kAction, 2), Does("reserved")), IsDone());
  EXPECT_EQ(world_->Effects(), "1 reserved; 1 reserved");
}

TEST_F(PostgresBarrierTest, TheBusinessIsCutOffAtTheDeadline) {
  ActionContext call = Call(kAction);
  call.deadline = std::chrono::steady_clock::now() + 200ms;
  EXPECT_THAT(barrier_->Run(call,
                            [](const ActionContext& its, Work& work) {
                              Does("reserved")(its, work);
                              // Not waited for: longer than the deadline, at which it is cut off.
                              EXPECT_FALSE(work.Execute("SELECT pg_sleep(60)"));
                              return Done();
                            }),
              Is(kUnknown));
  EXPECT_THAT(barrier_->Run(Call(kAction), Does("reserved")), IsDone())
      << "as soon as the server has noticed";
  EXPECT_EQ(world_->Effects(), "1 reserved");
}

TEST_F(PostgresBarrierTest, OneCallMoreThanConnectionsIsUnknown) {
  const auto narrow =
      PostgresBarrier::Make({.dsn = Dsn(), .connections_max = 1, .connect_timeout = 200ms});
  narrow->Run(Call(kAction), [&](const auto&, Work&) {
    EXPECT_THAT(narrow->Run(Call(kAction, 2), MustNotRun()), Is(kUnknown, "are in use"));
    return Done();
  });
}

TEST_F(PostgresBarrierTest, AServerThatIsAwayIsUnknown) {
  const auto nowhere = PostgresBarrier::Make({.dsn = "host=/nowhere", .connect_timeout = 200ms});
  EXPECT_THAT(nowhere->Run(Call(kAction), MustNotRun()), Is(kUnknown, "cannot be reached"));
  EXPECT_EQ(nowhere->Check().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(nowhere->Prune({"k3m9qxw4c7ab", 1, 1}).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace settle::testing
