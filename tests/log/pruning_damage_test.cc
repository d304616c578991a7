// L05: damage to what the log knows of what it has pruned.
#include "pruning_fixture.h"

namespace settle::coordinator {
namespace {

using ::testing::HasSubstr;

class PrunedAndDamaged : public Pruning {
 protected:
  // What is said of a pruned log after `sql`.
  std::string RefusalAfter(const std::string& sql) {
    Reopen();
    CommitAndEnd(1, 100);
    AwaitPruned();
    log.reset();
    {
      auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
      EXPECT_TRUE(shell.Run(sql));
      EXPECT_GT(sqlite3_total_changes(shell.raw()), 0);
    }
    const auto opened = OpenSqliteDecisionLog({.path = path});
    const Status replayed =
        opened ? (*opened)->Replay([](std::uint64_t, const Record&) {}) : Fail(opened.error());
    if (replayed) return "nothing";
    EXPECT_EQ(replayed.error().code, ErrorCode::kCorrupt);
    return replayed.error().message;
  }
};

TEST_F(PrunedAndDamaged, L05_ARangeThatIsGoneIsMissed) {
  EXPECT_THAT(RefusalAfter("DELETE FROM pruned"),
              HasSubstr("transactions were pruned, and it names 0 of them"));
}

TEST_F(PrunedAndDamaged, L05_ARangeThatWasEditedIsNamed) {
  EXPECT_THAT(RefusalAfter("UPDATE pruned SET first = 2"), HasSubstr("begins with 2.2 is damaged"));
}

TEST_F(PrunedAndDamaged, L05_AFactThatWasEditedIsNamed) {
  EXPECT_THAT(RefusalAfter("UPDATE meta SET value = '1' WHERE name = 'first_position'"),
              HasSubstr("the log's first_position is damaged"));
}

TEST_F(PrunedAndDamaged, L05_AFactThatIsGoneIsNamed) {
  EXPECT_THAT(RefusalAfter("DELETE FROM meta WHERE name = 'pruned'"),
              HasSubstr("the log's pruned is missing"));
}

TEST_F(PrunedAndDamaged, L05_RecordsGoneFromTheFrontAreMissed) {
  EXPECT_THAT(
      RefusalAfter("DELETE FROM record WHERE position = (SELECT min(position) FROM record)"),
      HasSubstr("it is missing"));
}

TEST_F(Pruning, L05_ADamagedRecordIsNotPrunedButStopsTheLog) {
  Reopen();
  CommitAndEnd(1, 12);
  AppendAndWait(*log, SampleResource());
  {
    auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 1000ms).value();
    ASSERT_TRUE(shell.Run("UPDATE record SET payload = zeroblob(80) WHERE position = 5"));
  }
  CommitAndEnd(13, 30);
  Appended told;
  const auto give_up = std::chrono::steady_clock::now() + 30s;
  do {
    told = AppendAndWait(*log, SampleResource());
  } while (told.result != AppendResult::kUnknown && std::chrono::steady_clock::now() < give_up);
  EXPECT_EQ(told.result, AppendResult::kUnknown);
  EXPECT_THAT(told.reason, HasSubstr("could not prune: the record at position 5 is damaged"));
  EXPECT_EQ(Ask("SELECT count(*) FROM record WHERE position = 5"), "1");
}

}  // namespace
}  // namespace settle::coordinator
