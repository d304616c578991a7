// L10: old ends go, and nothing that is unresolved ever does.
#include <gmock/gmock.h>

#include <future>
#include <map>
#include <random>
#include <set>

#include "pruning_fixture.h"

namespace settle::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(Pruning, L10_TheNewestEndsStayAndOlderOnesAreExpired) {
  Reopen();
  CommitAndEnd(1, 100);
  AwaitPruned();
  for (std::uint64_t i = 1; i <= 82; ++i) EXPECT_EQ(WhatIsKnownOf(Of(i)), "expired") << i;
  for (std::uint64_t i = 91; i <= 100; ++i) EXPECT_EQ(WhatIsKnownOf(Of(i)), "ended") << i;
  EXPECT_EQ(WhatIsKnownOf(Of(101)), "nothing");
  EXPECT_EQ(WhatIsKnownOf(SampleGtid("k3m9qxw4c7ab", log->identity().epoch, 7)), "nothing")
      << "another log's";
  const Error expired = log->FindEnded(Of(7)).error();
  EXPECT_THAT(expired.message, HasSubstr(Of(7).text() + " ended here, and its record was pruned"));
  EXPECT_THAT(expired.advice, HasSubstr("--keep-ended"));
  EXPECT_THAT(log->ListEnded(100, "").value().transactions,
              SizeIs(::testing::AllOf(::testing::Ge(kKeep), ::testing::Le(kKeep + kNeeded))));
  const Epoch epoch = log->identity().epoch;
  Reopen();
  EXPECT_EQ(WhatIsKnownOf(Of(7, epoch)), "expired");
  EXPECT_EQ(WhatIsKnownOf(Of(95, epoch)), "ended");
  EXPECT_EQ(WhatIsKnownOf(Of(7)), "nothing") << "the same sequence of another epoch";
}

BallotRecord BallotOf(const Gtid& gtid, std::uint64_t round) {
  return {gtid, {SiteState::kPreCommitted, {round, 0}, kFirstBallot, {}}};
}

// A coordinator that waits for a majority leads ballot after ballot.
TEST_F(Pruning, L10_OfAnUndecidedThreePhaseCommitTheLastBallotStays) {
  Reopen();
  const Epoch epoch = log->identity().epoch;
  const auto pre_commit = [&] {
    return std::get<PreCommitRecord>(SampleVersion5Records(Of(1, epoch)).front());
  };
  Append(pre_commit());
  for (std::uint64_t round = 2; round < 40; ++round) Append(BallotOf(Of(1), round));
  CommitAndEnd(2, 101);
  AwaitPruned();
  Append(BallotOf(Of(1), 40));  // in place of one that was moved
  CommitAndEnd(102, 201);
  AwaitPruned();
  std::vector<Record> left;
  for (const Record& record : Reopen()) {
    if (GtidOf(record) == Of(1, epoch)) left.push_back(record);
  }
  EXPECT_THAT(left, ElementsAre(Record(pre_commit()), Record(BallotOf(Of(1, epoch), 40))));
}

TEST_F(Pruning, L10_WhatHasNotEndedIsNeverPruned) {
  Reopen();
  const Epoch epoch = log->identity().epoch;
  ResourceRecord other = SampleResource();
  other.resource = "stock";
  Append(other);
  const Record definition = SampleVersion4Records(Of(1)).front();
  Append(definition);
  Append(SampleCommit(Of(1)));
  Append(SampleOnePhase(Of(2)));
  Append(SampleCommit(Of(3)));
  Append(SampleHeuristic(Of(3)));
  Append(SampleHeuristic(Of(4)));
  Append(SampleRegistered(Of(5)));
  for (std::uint64_t round = 0; round < 5; ++round) {
    const std::uint64_t first = 6 + round * 100;
    CommitAndEnd(first, first + 99);
    AwaitPruned();
    EXPECT_EQ(WhatIsKnownOf(Of(1)), "nothing");
  }
  std::map<std::uint64_t, std::vector<Record>> left;
  std::vector<std::string> resources;
  int definitions = 0;
  for (const Record& record : Reopen()) {
    const Gtid& gtid = GtidOf(record);
    if (const auto* one = std::get_if<ResourceRecord>(&record)) resources.push_back(one->resource);
    definitions += record == definition ? 1 : 0;
    if (!gtid.empty() && gtid.sequence() < 6) left[gtid.sequence()].push_back(record);
  }
  EXPECT_THAT(left[1], ElementsAre(Record(SampleCommit(Of(1, epoch)))));
  EXPECT_THAT(left[2], ElementsAre(Record(SampleOnePhase(Of(2, epoch)))));
  EXPECT_THAT(left[3], ElementsAre(Record(SampleCommit(Of(3, epoch))),
                                   Record(SampleHeuristic(Of(3, epoch)))));
  EXPECT_THAT(left[4], ElementsAre(Record(SampleHeuristic(Of(4, epoch)))));
  EXPECT_THAT(left[5], ElementsAre(Record(SampleRegistered(Of(5, epoch)))));
  EXPECT_THAT(resources, ::testing::UnorderedElementsAre("stock", "accounts"));
  EXPECT_EQ(definitions, 1) << "a stored definition is never pruned";
  // Once they end they go like all others.
  for (std::uint64_t i = 1; i <= 5; ++i) Append(SampleEnd(Of(i, epoch), Outcome::kMixed));
  CommitAndEnd(1, 50);
  AwaitPruned();
  EXPECT_EQ(WhatIsKnownOf(Of(1, epoch)), "expired");
  EXPECT_EQ(Ask("SELECT count(*) FROM pruned WHERE epoch = " + std::to_string(epoch)), "1");
}

TEST_F(Pruning, L10_WhatIsPausedStaysAndOnlyTheNewestWordOnIt) {
  Reopen();
  const auto pause_of = [](const std::string& name, bool paused) {
    return PauseRecord{PauseScope::kParticipant, name, paused, "alice", "its disk is full", 7};
  };
  const PauseRecord everything{PauseScope::kEverythingNew, "", true, "alice", "an upgrade", 8};
  Append(pause_of("bank-b", false));
  Append(pause_of("bank-b", true));
  Append(everything);
  CommitAndEnd(1, 200);
  AwaitPruned();
  std::vector<PauseRecord> left;
  for (const Record& record : Reopen()) {
    if (const auto* pause = std::get_if<PauseRecord>(&record)) left.push_back(*pause);
  }
  EXPECT_THAT(left, ElementsAre(pause_of("bank-b", true), everything));
}

TEST_F(Pruning, L10_WhatWasUndecidedBesideWhatWasPrunedIsNotTakenForPruned) {
  Reopen();
  const Epoch epoch = log->identity().epoch;
  CommitAndEnd(1, 49);
  CommitAndEnd(51, 100);
  AwaitPruned();
  EXPECT_EQ(WhatIsKnownOf(Of(49)), "expired");
  EXPECT_EQ(WhatIsKnownOf(Of(50)), "nothing") << "its coordinator died before it was decided";
  EXPECT_EQ(WhatIsKnownOf(Of(51)), "expired");
  Reopen();
  EXPECT_EQ(WhatIsKnownOf(Of(50, epoch)), "nothing");
}

TEST_F(Pruning, L10_DamageFoundAfterTheEndKeepsItsRecordAndNotTheEnd) {
  Reopen();
  Append(SampleEnd(Of(1), Outcome::kAborted));
  Append(SampleHeuristic(Of(1)));
  CommitAndEnd(2, 100);
  AwaitPruned();
  EXPECT_EQ(WhatIsKnownOf(Of(1)), "nothing") << "it is open, so its shard answers for it";
  EXPECT_EQ(log->totals().aborted, 0U);
  const Gtid gtid = Of(1);
  const std::vector<Record> left = Reopen();
  EXPECT_THAT(left, ::testing::Contains(Record(SampleHeuristic(gtid))));
  Append(SampleEnd(gtid, Outcome::kHeuristicCommit));
  CommitAndEnd(1, 50);
  AwaitPruned();
  EXPECT_EQ(WhatIsKnownOf(gtid), "expired");
  EXPECT_EQ(log->totals().heuristic, 1U);
}

TEST_F(Pruning, C21_WhatContradictsItsEndIsKeptAndKnownToHaveEnded) {
  Reopen();
  const Epoch epoch = log->identity().epoch;
  Append(SampleEnd(Of(1), Outcome::kAborted));
  Append(SampleCommit(Of(1)));
  Append(SampleEnd(Of(2), Outcome::kCommitted));
  Append(SampleHeuristic(Of(2)));
  CommitAndEnd(3, 100);
  AwaitPruned();
  const std::vector<Record> left = Reopen();
  EXPECT_THAT(left, ::testing::Contains(Record(SampleCommit(Of(1, epoch)))));
  EXPECT_THAT(left, ::testing::Contains(Record(SampleHeuristic(Of(2, epoch)))));
  EXPECT_EQ(WhatIsKnownOf(Of(1, epoch)), "expired") << "so that it is never believed";
  EXPECT_EQ(WhatIsKnownOf(Of(2, epoch)), "expired");
}

TEST_F(Pruning, L10_WhatIsAppendedAgainKeepsItsPlaceInTheOrder) {
  Reopen();
  const Epoch epoch = log->identity().epoch;
  Append(SampleCommit(Of(1)));
  CommitAndEnd(2, 9);
  Append(SampleHeuristic(Of(1)));  // at position 18
  CommitAndEnd(10, 16);
  AppendAndWait(*log, SampleResource());
  ASSERT_TRUE(AwaitAnswer("SELECT min(position) > 1 AND min(position) < 18 FROM record", "1"));
  std::vector<Record> of_the_first;
  for (const Record& record : Reopen()) {
    if (GtidOf(record) == Of(1, epoch)) of_the_first.push_back(record);
  }
  EXPECT_THAT(of_the_first, ElementsAre(Record(SampleCommit(Of(1, epoch))),
                                        Record(SampleHeuristic(Of(1, epoch)))));
}

// The place where the log is cut off goes through the middle of its records, again and again.
TEST_F(Pruning, L10_TheRecordsOfASagaStayInOrderHoweverManyOthersEnd) {
  Reopen();
  const Epoch epoch = log->identity().epoch;
  std::vector<Record> written;
  std::uint64_t other = 2;
  for (const Record& record : SampleSagaRecords(Of(1))) {
    if (std::holds_alternative<EndRecord>(record)) continue;
    Append(record);
    written.push_back(record);
    CommitAndEnd(other, other + 6);
    other += 7;
  }
  for (int life = 0; life < 4; ++life) {
    AwaitPruned();
    std::vector<Record> read;
    for (const Record& record : Reopen()) {
      if (GtidOf(record) == Of(1, epoch)) read.push_back(record);
    }
    EXPECT_EQ(read, written) << "in life " << life;
    CommitAndEnd(1, 30);
  }
  EXPECT_NE(Ask("SELECT count(*) FROM record WHERE ordinal IS NOT NULL"), "0");
}

TEST_F(Pruning, L10_TotalsCountWhatWasPrunedToo) {
  Reopen();
  for (std::uint64_t i = 1; i <= 100; ++i) {
    Append(SampleEnd(Of(i), i % 4 == 0    ? Outcome::kAborted
                            : i % 50 == 1 ? Outcome::kMixed
                                          : Outcome::kCommitted));
  }
  AwaitPruned();
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(log->totals().committed, 73U);
    EXPECT_EQ(log->totals().aborted, 25U);
    EXPECT_EQ(log->totals().heuristic, 2U);
    Reopen();
  }
}

TEST_F(Pruning, L10_TheLogStaysBoundedUnderLoad) {
  Reopen();
  std::uintmax_t early = 0;
  for (std::uint64_t round = 0; round < 40; ++round) {
    CommitAndEnd(round * 100 + 1, round * 100 + 100);
    AwaitPruned();
    EXPECT_LE(std::stoul(Ask("SELECT count(*) FROM record")), 3 * (kKeep + kNeeded));
    if (round == 5) early = std::filesystem::file_size(path);
  }
  EXPECT_GT(std::stoul(Ask("SELECT max(position) FROM record")), 8000U);
  EXPECT_LE(std::filesystem::file_size(path), early * 2);
  EXPECT_EQ(Ask("SELECT count(*) FROM pruned"), "1");
}

TEST_F(Pruning, L10_ALogThatIsNeverIdleIsPrunedBetweenItsGroups) {
  Reopen();
  constexpr std::uint64_t kMany = 10'000;
  CommitAndEnd(1, kMany);
  std::promise<std::string> left;
  // On the log's thread: it has had nothing but groups to write until now.
  log->Append(SampleResource(), Durability::kForce, [&](AppendResult, const std::string&) {
    left.set_value(Ask("SELECT count(*) FROM ended"));
  });
  EXPECT_LT(std::stoul(left.get_future().get()), kMany / 4);
  AwaitPruned();
}

TEST_F(Pruning, L10_BigRecordsAreRemovedAsFastAsTheyCome) {
  Reopen();
  constexpr std::uint64_t kMany = 4'000;
  for (std::uint64_t i = 1; i <= kMany; ++i) {
    EndRecord end = SampleEnd(Of(i));
    end.summary.origin.comment = std::string(8'000, 'c');
    Append(end);
  }
  std::promise<std::string> left;
  log->Append(SampleResource(), Durability::kForce, [&](AppendResult, const std::string&) {
    left.set_value(Ask("SELECT count(*) FROM ended"));
  });
  EXPECT_LT(std::stoul(left.get_future().get()), kMany * 3 / 4);
  AwaitPruned();
}

TEST_F(Pruning, L10_EndsOfManyThreadsAreKeptOrExpiredAndNeverLost) {
  Reopen();
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (std::uint64_t i = 1; i <= 300; ++i) {
        const std::uint64_t sequence = i * 4 + t;
        AppendAndWait(*log, SampleCommit(Of(sequence)));
        AppendAndWait(*log, SampleEnd(Of(sequence)));
        // What is pruned at this moment is never seen as something that never was.
        EXPECT_NE(WhatIsKnownOf(Of(sequence)), "nothing");
        if (i > 100) {
          EXPECT_NE(WhatIsKnownOf(Of(sequence - 400)), "nothing");
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  AwaitPruned();
  EXPECT_EQ(log->totals().committed, 1200U);
}

TEST_F(Pruning, NothingIsPrunedInALifeThatDidNotReadTheLog) {
  CommitAndEnd(1, 100);
  log.reset();
  Open();
  EXPECT_THAT(ReplayOrThrow(*log), SizeIs(200));
  EXPECT_EQ(Ask("SELECT count(*) FROM pruned"), "0");
}

TEST_F(Pruning, L08_ALogOfTheFirstSchemaGoesOnAndIsPruned) {
  CommitAndEnd(1, 100);
  const Epoch epoch = log->identity().epoch;
  log.reset();
  {
    auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
    ASSERT_TRUE(shell.Run(
        "DROP TABLE restored; DROP TABLE audit; DROP TABLE pruned; DROP INDEX record_moved; "
        "ALTER TABLE record DROP COLUMN ordinal; PRAGMA user_version = 1; "
        "DELETE FROM meta WHERE name NOT IN ('log_id', 'epoch', 'tail')"));
  }
  EXPECT_THAT(Reopen(), SizeIs(200));
  CommitAndEnd(1, 1);
  AwaitPruned();
  EXPECT_EQ(WhatIsKnownOf(Of(1, epoch)), "expired");
}

class PruningOfAnyMix : public Pruning, public ::testing::WithParamInterface<unsigned> {
 protected:
  void Live() {
    for (int step = 0; step < 150; ++step) {
      const Gtid gtid = Of(++sequence);
      if (random() % 10 == 0) {
        undecided.push_back(gtid);
        continue;
      }
      Append(SampleCommit(gtid));
      open.insert(gtid);
      if (random() % 12 == 0) continue;  // stays in doubt for a while
      const std::size_t which = random() % open.size();
      const auto ended = std::next(open.begin(), static_cast<std::ptrdiff_t>(which));
      Append(SampleEnd(*ended));
      ends.push_back(*ended);
      open.erase(ended);
    }
    AwaitPruned(std::max(kNeeded, open.size() + 1));
  }

  std::mt19937 random{GetParam()};
  std::uint64_t sequence = 0;
  // What the log must know, as nothing but sets.
  std::set<Gtid> open;
  std::vector<Gtid> ends;  // oldest first
  std::vector<Gtid> undecided;
};

TEST_P(PruningOfAnyMix, L10_AgreesWithSetsInEveryLife) {
  for (int life = 0; life < 5; ++life) {
    std::set<Gtid> left;
    for (const Record& record : Reopen()) {
      if (!GtidOf(record).empty()) left.insert(GtidOf(record));
      if (std::holds_alternative<EndRecord>(record)) left.erase(GtidOf(record));
    }
    ASSERT_EQ(left, open) << "life " << life;
    Live();
    for (const Gtid& gtid : undecided) ASSERT_EQ(WhatIsKnownOf(gtid), "nothing") << gtid.text();
    for (const Gtid& gtid : open) ASSERT_EQ(WhatIsKnownOf(gtid), "nothing") << gtid.text();
    std::set<std::string> older;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const std::string known = WhatIsKnownOf(ends[i]);
      if (i + kKeep < ends.size()) {
        older.insert(known);
      } else {
        ASSERT_EQ(known, "ended") << ends[i].text();
      }
    }
    ASSERT_THAT(older, ::testing::IsSubsetOf({"ended", "expired"}));
    ASSERT_TRUE(older.contains("expired")) << "nothing was pruned";
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PruningOfAnyMix, ::testing::Range(1U, 9U));

}  // namespace
}  // namespace settle::coordinator
