// What only SQLite does to a barrier, and a file that is a resource of global transactions as well.
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "sdk/barrier/barrier_test_base.h"
#include "settle/sqlite_barrier.h"
#include "settle/sqlite_resource.h"

namespace settle::testing {
namespace {

using enum ActionOp;
using enum AnswerKind;
using namespace std::chrono_literals;

class SqliteBarrierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_->Install());
    // A branch needs a table with a primary key.
    world_->Query("CREATE TABLE item (id INTEGER PRIMARY KEY, count INTEGER NOT NULL)");
    world_->Query("INSERT INTO item VALUES (1, 10)");
  }
  std::string Path() const { return world_->target().substr(std::string("sqlite:").size()); }
  std::string Count() const { return world_->Query("SELECT count FROM item"); }

  static Answer TakeOne(const ActionContext&, Work& work) {
    const auto taken = work.Execute("UPDATE item SET count = count - 1 WHERE id = 1");
    return taken ? Done() : Failed(taken.error().message);
  }

  const std::unique_ptr<BarrierWorld> world_ = BarrierWorld::Make(BarrierWorld::Kind::kSqlite);
  const std::shared_ptr<SqliteBarrier> barrier_ =
      SqliteBarrier::Make({.path = Path(), .busy_timeout = 100ms});
};

class SqliteBarrierBesideABranch : public SqliteBarrierTest {
 protected:
  void Prepare() {
    auto branch = resource_->Open(key_);
    ASSERT_TRUE(branch) << Describe(branch.error());
    ASSERT_TRUE((*branch)->Execute("UPDATE item SET count = count - 5 WHERE id = 1"));
    const VoteResult vote = (*branch)->AwaitPrepare();
    ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
    branch_ = *branch;
  }

  const BranchKey key_{Gtid::Make("k3m9qxw4c7ab", 1, 1, 7), 1};
  const std::shared_ptr<SqliteResource> resource_ =
      SqliteResource::Make({.name = "stock", .path = Path(), .busy_timeout = 100ms});
  std::shared_ptr<SqliteBranch> branch_;
};

TEST_F(SqliteBarrierBesideABranch, ABranchInDoubtMakesACallUnknownAndNeverAFailure) {
  ASSERT_THAT(barrier_->Run(Call(kAction, 1), TakeOne), IsDone());
  Prepare();
  EXPECT_THAT(barrier_->Run(Call(kAction, 2), MustNotRun()), Is(kUnknown, "locked"))
      << "its process holds the write lock";
  branch_.reset();  // as when that process dies: the row alone keeps others out
  EXPECT_THAT(barrier_->Run(Call(kAction, 2), MustNotRun()), Is(kUnknown, "awaits its decision"));
  EXPECT_THAT(barrier_->Run(Call(kAction, 1), MustNotRun()), IsDone()) << "what needs no business";
  EXPECT_THAT(barrier_->Run(Call(kCompensate, 3), MustNotRun()), IsDone());
  ASSERT_EQ(resource_->Finish(key_, Decision::kCommit, {}).end, BranchEnd::kCommitted);
  EXPECT_EQ(Count(), "4") << "the notes did not disturb the staged changes";
  EXPECT_THAT(barrier_->Run(Call(kAction, 2), TakeOne), IsDone());
  EXPECT_EQ(Count(), "3");
}

TEST_F(SqliteBarrierBesideABranch, ABranchThatIsOpenWaitsForTheCallAndTheCallForIt) {
  auto branch = resource_->Open(key_);
  ASSERT_TRUE(branch);
  EXPECT_THAT(barrier_->Run(Call(kAction), MustNotRun()), Is(kUnknown, "locked"));
  (*branch)->Fence();
  EXPECT_THAT(barrier_->Run(Call(kAction),
                            [&](const ActionContext& call, Work& work) {
                              const auto other = resource_->Open({key_.gtid, 2});
                              EXPECT_EQ(other.error().code, ErrorCode::kRetry);
                              return TakeOne(call, work);
                            }),
              IsDone());
}

TEST_F(SqliteBarrierTest, AFailedStatementLeavesTheTransactionUsable) {
  EXPECT_THAT(barrier_->Run(Call(kAction),
                            [](const ActionContext& call, Work& work) {
                              EXPECT_EQ(work.Execute("INSERT INTO item VALUES (1, 1)").error().code,
                                        ErrorCode::kInvalid);
                              return TakeOne(call, work);
                            }),
              IsDone());
  EXPECT_EQ(Count(), "9");
}

TEST_F(SqliteBarrierTest, ATransactionThatSqliteRolledBackIsNeverDone) {
  EXPECT_THAT(barrier_->Run(Call(kAction),
                            [](const ActionContext& call, Work& work) {
                              TakeOne(call, work);
                              const auto failed =
                                  work.Execute("INSERT OR ROLLBACK INTO item VALUES (1, 1)");
                              EXPECT_EQ(failed.error().code, ErrorCode::kRetryTransaction);
                              EXPECT_FALSE(work.Execute("UPDATE item SET count = 0"))
                                  << "outside of it";
                              return Done();
                            }),
              Is(kUnknown, "rolled the whole transaction back"));
  EXPECT_EQ(Count(), "10");
  EXPECT_EQ(world_->Rows(), "0");
}

TEST_F(SqliteBarrierTest, TheConnectionItselfWorksInsideTheTransactionAndCannotEndIt) {
  EXPECT_THAT(barrier_->Run(Call(kAction),
                            [](const ActionContext&, SqliteWork& work) {
                              sqlite3* db = work.connection();
                              const auto run = [db](const char* sql) {
                                return sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
                              };
                              EXPECT_EQ(run("UPDATE item SET count = 7"), SQLITE_OK);
                              return Done();
                            }),
              IsDone());
  EXPECT_EQ(Count(), "7");
  for (const char* end : {"COMMIT", "ROLLBACK", "ATTACH ':memory:' AS other"}) {
    EXPECT_THAT(barrier_->Run(Call(kAction, 2),
                              [end](const ActionContext&, SqliteWork& work) {
                                EXPECT_EQ(
                                    sqlite3_exec(work.connection(), end, nullptr, nullptr, nullptr),
                                    SQLITE_AUTH);
                                return Done();
                              }),
                Is(kUnknown, "would end"));
  }
}

TEST_F(SqliteBarrierTest, AFileThatWasReplacedIsNotWrittenTo) {
  ASSERT_THAT(barrier_->Run(Call(kAction), TakeOne), IsDone());
  const std::string copy = Path() + ".copy";
  std::filesystem::copy_file(Path(), copy);
  std::filesystem::rename(copy, Path());
  EXPECT_THAT(barrier_->Run(Call(kAction, 2), MustNotRun()), Is(kUnknown, "was replaced"));
}

TEST_F(SqliteBarrierTest, InAForkedChildEveryCallIsRefused) {
  ASSERT_THAT(barrier_->Run(Call(kAction), TakeOne), IsDone());
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = barrier_->Run(Call(kAction, 2), TakeOne).kind == kUnknown &&
                         !barrier_->Check() && !barrier_->Prune({"k3m9qxw4c7ab", 1, 1});
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(barrier_->Run(Call(kAction, 2), TakeOne), IsDone()) << "the parent's is untouched";
}

}  // namespace
}  // namespace settle::testing
