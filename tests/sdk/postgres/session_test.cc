// Nothing that a branch leaves in its session is seen by the next, however it got there and however
// the branch ended; and what a transaction must still be when the application may have ended it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

// What a function does cannot be told by a command's tag.
constexpr const char* kLeave =
    "CREATE ROLE teller; CREATE SEQUENCE numbers; "
    "CREATE FUNCTION leave(what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN CASE what "
    "WHEN 'setting' THEN PERFORM set_config('search_path', 'nowhere', false); "
    "PERFORM set_config('app.user', 'me', false); "
    "PERFORM set_config('client_connection_check_interval', '0', false); "
    "WHEN 'role' THEN PERFORM set_config('role', 'teller', false); "
    "WHEN 'lock' THEN PERFORM pg_advisory_lock(17); "
    "WHEN 'statement' THEN EXECUTE 'PREPARE p AS SELECT 1'; "
    "WHEN 'listener' THEN EXECUTE 'LISTEN news'; "
    "WHEN 'sequence' THEN PERFORM nextval('numbers'); "
    "WHEN 'table' THEN EXECUTE 'CREATE TEMP TABLE temporary AS SELECT 1 AS x'; "
    "END CASE; END $$";

// As a row each, the same in every new session.
constexpr const char* kSession =
    "SELECT pg_catalog.concat_ws(' ', current_user, current_setting('search_path'), "
    "coalesce(current_setting('app.user', true), ''), "
    "current_setting('client_connection_check_interval', true), "
    "(SELECT count(*) FROM pg_catalog.pg_prepared_statements), "
    "(SELECT count(*) FROM pg_catalog.pg_listening_channels()), "
    "(SELECT count(*) FROM pg_catalog.pg_locks "
    "WHERE locktype = 'advisory' AND pid = pg_backend_pid()), "
    "pg_catalog.to_regclass('pg_temp.temporary'))";

enum class End { kTwoPhase, kOnePhase, kReadOnly, kAbort };

void Finish(PostgresBranch& branch, End end) {
  switch (end) {
    case End::kTwoPhase:
      ASSERT_EQ(branch.AwaitPrepare().vote, Vote::kCommit) << branch.AwaitPrepare().reason;
      ASSERT_EQ(branch.AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
      break;
    case End::kOnePhase:
      ASSERT_TRUE(branch.TakeEvidence());
      ASSERT_EQ(branch.CommitOnePhase().end, BranchEnd::kCommitted);
      break;
    case End::kReadOnly: ASSERT_EQ(branch.AwaitPrepare().vote, Vote::kReadOnly); break;
    case End::kAbort: branch.Fence(); break;
  }
}

class PostgresSession : public ::testing::Test {
 protected:
  PostgresSession() {
    world_.Query(kLeave);
    PostgresOptions options;
    options.connections_max = 1;
    bank_ = world_.Resource(options);
    fresh_ = Found();
  }

  std::shared_ptr<PostgresBranch> Open() { return *bank_->Open(world_.NextKey()); }
  static std::string Only(PostgresBranch& branch, const std::string& sql) {
    const Result<Rows> rows = branch.Execute(sql);
    return rows ? rows->rows.at(0).at(0).value_or("null") : Describe(rows.error());
  }
  std::string Found() {
    auto branch = Open();
    process_ = Only(*branch, "SELECT pg_backend_pid()");
    return Only(*branch, kSession);
  }

  void ExpectForgotten(const std::string& what, End end) {
    SCOPED_TRACE(what + " " + std::to_string(static_cast<int>(end)));
    const std::string process = process_;
    auto branch = Open();
    ASSERT_EQ(Only(*branch, "SELECT pg_backend_pid()"), process);
    const Result<Rows> left = branch->Execute("SELECT public.leave($1)", {what});
    ASSERT_TRUE(left) << Describe(left.error());
    // A listener is one when its transaction is committed; of a sequence lastval() tells.
    if (what != "sequence" && what != "listener") {
      ASSERT_NE(Only(*branch, kSession), fresh_) << "it left nothing behind";
    }
    if (end == End::kTwoPhase || end == End::kOnePhase) {
      ASSERT_TRUE(branch->Execute("UPDATE public.account SET balance = balance WHERE id = 1"));
    }
    Finish(*branch, end);
    branch.reset();
    EXPECT_EQ(Found(), fresh_);
    EXPECT_EQ(process_, process) << "another session shows nothing";
    EXPECT_THAT(Only(*Open(), "SELECT lastval()"), HasSubstr("55000"));
  }

  World world_;
  std::shared_ptr<PostgresResource> bank_;
  std::string fresh_;
  std::string process_;
};

TEST_F(PostgresSession, G09_WhatAFunctionLeftIsGoneAfterTwoPhases) {
  for (const char* what : {"setting", "lock", "statement", "sequence"}) {
    ExpectForgotten(what, End::kTwoPhase);
  }
}

TEST_F(PostgresSession, G09_WhatAFunctionLeftIsGoneAfterOnePhase) {
  for (const char* what : {"setting", "lock", "statement", "listener", "sequence", "table"}) {
    ExpectForgotten(what, End::kOnePhase);
  }
}

TEST_F(PostgresSession, G09_WhatAFunctionLeftIsGoneAfterReading) {
  for (const char* what : {"setting", "lock", "statement", "listener"}) {
    ExpectForgotten(what, End::kReadOnly);
  }
}

TEST_F(PostgresSession, G09_WhatAFunctionLeftIsGoneAfterAnAbort) {
  for (const char* what : {"setting", "role", "lock", "statement", "sequence"}) {
    ExpectForgotten(what, End::kAbort);
  }
}

TEST_F(PostgresSession, ARoleThatAFunctionTookIsANoVote) {
  world_.Query("GRANT ALL ON account TO teller");
  auto branch = Open();
  ASSERT_TRUE(branch->Execute("UPDATE account SET balance = 1 WHERE id = 1"));
  ASSERT_TRUE(branch->Execute("SELECT leave('role')"));
  EXPECT_THAT(branch->AwaitPrepare().reason, HasSubstr("RESET ROLE"));
  EXPECT_EQ(world_.PreparedCount(), 0);
  branch.reset();
  EXPECT_EQ(Found(), fresh_);
}

// The check of the role must not ask what the application put in front of PostgreSQL's own.
TEST_F(PostgresSession, ASearchPathHidesNothingFromTheEvidence) {
  world_.Query(
      "CREATE SCHEMA evil; CREATE FUNCTION evil.int4div(int, int) RETURNS int LANGUAGE sql AS "
      "'SELECT 1'; CREATE FUNCTION evil.nameeq(name, name) RETURNS bool LANGUAGE sql AS "
      "'SELECT true'; GRANT ALL ON account TO teller; GRANT USAGE ON SCHEMA evil TO teller");
  auto branch = Open();
  ASSERT_TRUE(branch->Execute("SET LOCAL search_path = evil, pg_catalog"));
  ASSERT_TRUE(branch->Execute("UPDATE public.account SET balance = 1 WHERE id = 1"));
  ASSERT_TRUE(branch->Execute("SET LOCAL ROLE teller"));
  EXPECT_THAT(branch->AwaitPrepare().reason, HasSubstr("RESET ROLE"));
}

TEST(PostgresChain, HoweverItIsWrittenATransactionOfTheApplicationIsNeverPrepared) {
  World world;
  for (const char* end :
       {"commit and chain", "END AND CHAIN", "ROLLBACK TRANSACTION AND ChAiN",
        "abort\tand/* no */chain", "/* TO s */ ROLLBACK -- TO SAVEPOINT s\n AND CHAIN",
        ";;ROLLBACK WORK AND CHAIN;"}) {
    auto branch = *world.bank->Open(world.NextKey());
    ASSERT_TRUE(branch->Execute("UPDATE account SET balance = balance WHERE id = 1"));
    const Result<Rows> ended = branch->Execute(end);
    ASSERT_FALSE(ended) << end;
    EXPECT_THAT(ended.error().message, HasSubstr("ended by the application")) << end;
    EXPECT_FALSE(branch->Execute("UPDATE account SET balance = 7 WHERE id = 2")) << end;
    const VoteResult vote = branch->AwaitPrepare();
    EXPECT_EQ(vote.vote, Vote::kNo) << end;
    EXPECT_THAT(vote.reason, HasSubstr("ended by the application")) << end;
    EXPECT_EQ(world.PreparedCount(), 0) << end;
    EXPECT_EQ(world.Balance(2), 100) << end;
  }
}

TEST(PostgresChain, ASavepointMayBeCalledAnythingElse) {
  World world;
  auto branch = world.Working();
  ASSERT_TRUE(branch->Execute("SAVEPOINT \"and\""));
  EXPECT_FALSE(branch->Execute("SELECT 1/0"));
  ASSERT_TRUE(branch->Execute("ROLLBACK/**/TO \"and\""));
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  branch->AwaitFinish(Decision::kCommit);
  // The text alone does not tell this from another transaction: no is safe.
  auto unlucky = world.Working(*world.Resource(), world.NextKey());
  ASSERT_TRUE(unlucky->Execute("SAVEPOINT chain"));
  EXPECT_FALSE(unlucky->Execute("ROLLBACK TO chain"));
  EXPECT_EQ(unlucky->AwaitPrepare().vote, Vote::kNo);
}

TEST(PostgresChain, OnTheConnectionItselfItIsFoundByTheTransactionsNumber) {
  World world;
  const char* const update = "UPDATE account SET balance = 7 WHERE id = 2";
  for (const char* end : {"ROLLBACK AND CHAIN", "COMMIT AND CHAIN", "ROLLBACK; BEGIN"}) {
    auto branch = *world.bank->Open(world.NextKey());
    ASSERT_TRUE(branch->Execute("SAVEPOINT s"));
    PGconn* const connection = branch->connection();
    PQclear(PQexec(connection, end));
    ASSERT_EQ(branch->connection(), connection) << "asked for twice";
    PQclear(PQexec(connection, update));
    ASSERT_EQ(PQtransactionStatus(connection), PQTRANS_INTRANS) << end;
    EXPECT_THAT(branch->AwaitPrepare().reason, HasSubstr("ended by the application")) << end;
    EXPECT_EQ(world.PreparedCount(), 0) << end;
    EXPECT_EQ(world.Balance(2), 100) << end;
  }
  // It is the branch's own still when a savepoint from before the loan is gone back to.
  auto branch = *world.bank->Open(world.NextKey());
  ASSERT_TRUE(branch->Execute("SAVEPOINT s"));
  PGconn* const connection = branch->connection();
  PQclear(PQexec(connection, "SELECT 1/0"));
  PQclear(PQexec(connection, "ROLLBACK TO SAVEPOINT s"));
  PQclear(PQexec(connection, "RESET ALL"));
  PQclear(PQexec(connection, update));
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
}

}  // namespace
}  // namespace settle::testing
