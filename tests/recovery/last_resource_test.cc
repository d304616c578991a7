// A last resource from leave to end through the engine, and what a start, a scan or a question does
// about one of which little or nothing was recorded.
#include "recovery/inquiry_under_test.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr auto kCommitted = BranchEnd::kCommitted;

class LastResourceTest : public InquiryTest {
 protected:
  const Evidence last_{"db:bank-a", 1, "701"};
  const Evidence other_{"db:bank-b", 1, "58"};

  Gtid Begin() {
    BeginCall call;
    call.last_resource = true;
    call.timeout = 1s;
    return under_test_.Begin(std::move(call));
  }
  // Bank a is branch 1, the last one; bank b has prepared branch 2 in its name.
  Gtid BeginIn(Participant& banks) {
    const Gtid gtid = Begin();
    banks.Enlist(gtid, "bank-a", "k1");
    banks.Enlist(gtid, "bank-b", "k2");
    return gtid;
  }
  Answer<OnePhaseAnswer> AskLeave(const Gtid& gtid) {
    Answer<OnePhaseAnswer> leave;
    under_test_.engine().CommitOnePhase(
        {gtid, 1, last_, {}, {}, std::vector<BranchVote>{{2, {Vote::kCommit, other_, "", false}}}},
        leave.done());
    under_test_.Run();
    return leave;
  }
  void FindNamed(const Gtid& gtid, BranchNumber number = 2, const Evidence& evidence = {}) {
    inquiry_.Found("bank-b", *NameInNameOf({gtid, number}, {1, "bank-a", last_}), evidence);
    Settle();
  }
  Gtid Earlier(std::uint64_t sequence = 17) const {
    return Gtid::MakeForLastResource(kLog, 1, sequence, 7);
  }
  template <typename R>
  std::size_t CountOf() {
    std::size_t count = 0;
    EXPECT_TRUE(under_test_.log().Replay([&](std::uint64_t, const Record& record) {
      count += std::holds_alternative<R>(record) ? 1 : 0;
    }));
    return count;
  }
};

TEST_F(LastResourceTest, ForcesNothingFromLeaveToEnd) {
  Participant banks(under_test_, {"bank-a", "bank-b"});
  const Gtid gtid = BeginIn(banks);
  under_test_.log().held = true;  // nothing that is written comes through
  const Answer<OnePhaseAnswer> leave = AskLeave(gtid);
  ASSERT_TRUE(leave.ok());
  EXPECT_TRUE(leave->granted);
  under_test_.clock().Advance(2s);
  under_test_.RunShards();
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kUndecided) << "no deadline ends it any more";
  banks.Finish(gtid, 1, kCommitted);
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kCommitted);
  banks.Finish(gtid, 2, kCommitted);
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kCommitted);
  under_test_.log().held = false;
  under_test_.Run();
  EXPECT_EQ(CountOf<CommitRecord>(), 0U);
  EXPECT_EQ(CountOf<EndRecord>(), 1U);
}

TEST_F(LastResourceTest, LeaveIsRefusedToWhatWasBegunWithout) {
  Participant banks(under_test_, {"bank-a", "bank-b"});
  const Gtid gtid = under_test_.Begin();
  banks.Enlist(gtid, "bank-a", "k1");
  banks.Enlist(gtid, "bank-b", "k2");
  const Answer<OnePhaseAnswer> leave = AskLeave(gtid);
  ASSERT_FALSE(leave.ok());
  EXPECT_EQ(leave.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kUndecided);
}

TEST_F(LastResourceTest, P12_TheClientIsGone_AndTheLastResourceIsAskedElsewhere) {
  Participant banks(under_test_, {"bank-a", "bank-b"});
  const Gtid gtid = BeginIn(banks);
  ASSERT_TRUE(AskLeave(gtid).ok());
  Participant others(under_test_, {"bank-a", "bank-b"});
  others.Take();
  banks.Detach();
  EXPECT_THAT(others.TakeWords(), ElementsAre("prove 1"));
  others.Finish(gtid, 1, kCommitted);
  EXPECT_EQ(CountOf<CommitRecord>(), 1U);
  EXPECT_THAT(others.TakeWords(), ElementsAre("commit 2"));
  others.Finish(gtid, 2, kCommitted);
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kCommitted);
}

TEST_F(LastResourceTest, C04_AStartWithTheRecordAsksItsDatabase) {
  const Gtid gtid = Earlier();
  under_test_.log().Keep(LastResourceRecord{
      gtid, {}, 5, 1, {{1, "bank-a", Vote::kCommit, last_}, {2, "bank-b", Vote::kCommit, other_}}});
  Start();
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kUndecided);
  EXPECT_EQ(under_test_.Show(gtid).state, "last-resource");
  Participant banks(under_test_, {"bank-a", "bank-b"});
  const std::vector<Command> asked = banks.Take();
  ASSERT_FALSE(asked.empty());
  EXPECT_EQ(asked[0].kind, CommandKind::kProve);
  EXPECT_EQ(asked[0].evidence, last_);
  banks.Finish(gtid, 1, BranchEnd::kAborted);
  EXPECT_THAT(banks.TakeWords(), ElementsAre("abort 2"));
  banks.Finish(gtid, 2, BranchEnd::kAborted);
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kAborted);
}

TEST_F(LastResourceTest, C04_WithoutAnyRecordTheNameSaysWhomToAsk) {
  const Gtid gtid = Earlier();
  Participant banks(under_test_, {"bank-a", "bank-b"});
  FindNamed(gtid, 2, other_);
  EXPECT_THAT(banks.TakeWords(), ElementsAre("prove 1"));
  EXPECT_EQ(under_test_.Show(gtid).state, "last-resource");
  FindNamed(gtid, 2, other_);
  FindNamed(gtid, 3);
  EXPECT_THAT(banks.TakeWords(), IsEmpty()) << "it is known already, and undecided";
  banks.Finish(gtid, 1, kCommitted);
  EXPECT_THAT(banks.TakeWords(), UnorderedElementsAre("commit 2", "commit 3"));
  banks.Finish(gtid, 2, kCommitted);
  banks.Finish(gtid, 3, kCommitted);
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kCommitted);
  // A database that was out of reach until now.
  FindNamed(gtid, 4);
  EXPECT_THAT(banks.TakeWords(), ElementsAre("commit 4"));
}

TEST_F(LastResourceTest, C04_WhatIsFoundInTwoDatabasesAtOnceIsAllOfIt) {
  const Gtid gtid = Earlier();
  Participant banks(under_test_, {"bank-a", "bank-b", "bank-c"});
  const LastResource last{1, "bank-a", last_};
  inquiry_.Found("bank-b", *NameInNameOf({gtid, 2}, last), other_);
  inquiry_.Found("bank-c", *NameInNameOf({gtid, 3}, last), other_);
  Settle();
  EXPECT_THAT(banks.TakeWords(), ElementsAre("prove 1"));
  banks.Finish(gtid, 1, kCommitted);
  EXPECT_THAT(banks.TakeWords(), UnorderedElementsAre("commit 2", "commit 3"));
}

TEST_F(LastResourceTest, G05_ASiblingThatAFailOverPreparedAgainIsToldAlsoWhenAnotherIsDamaged) {
  const Gtid gtid = Earlier();
  under_test_.log().Keep(
      CommitRecord{gtid,
                   {},
                   5,
                   {{1, "bank-a", Vote::kCommit, last_}, {2, "bank-b", Vote::kCommit, other_}},
                   {}});
  Start();
  Participant banks(under_test_, {"bank-a", "bank-b"});
  banks.Take();
  banks.Finish(gtid, 1, BranchEnd::kHazard);
  banks.Finish(gtid, 2, kCommitted);
  ASSERT_EQ(under_test_.Show(gtid).state, "damaged");
  FindNamed(gtid, 3, other_);
  EXPECT_THAT(banks.TakeWords(), ElementsAre("commit 3"));
}

TEST_F(LastResourceTest, P06_SiblingsFoundAfterAHandDidDamageAreToldTheDecision) {
  const Gtid gtid = Earlier();
  Participant banks(under_test_, {"bank-a", "bank-b"});
  FindNamed(gtid, 3, other_);  // 2 was passed over
  banks.Finish(gtid, 1, kCommitted);
  banks.Take();
  banks.Finish(gtid, 3, BranchEnd::kAborted);
  ASSERT_EQ(under_test_.Show(gtid).state, "damaged");
  for (const BranchNumber late : {2, 4}) {
    FindNamed(gtid, late, other_);
    EXPECT_THAT(banks.TakeWords(), ElementsAre("commit " + std::to_string(late)));
  }
  FindNamed(gtid, 3, other_);
  EXPECT_THAT(banks.TakeWords(), IsEmpty()) << "what is damaged is for whoever repairs it";
}

TEST_F(LastResourceTest, C04_WithoutAnyRecordAndRolledBack) {
  const Gtid gtid = Earlier();
  Participant banks(under_test_, {"bank-a", "bank-b"});
  FindNamed(gtid);
  banks.Take();
  banks.Finish(gtid, 1, BranchEnd::kAborted);
  EXPECT_THAT(banks.TakeWords(), ElementsAre("abort 2"));
  banks.Finish(gtid, 2, BranchEnd::kAborted);
  FindNamed(gtid, 3);
  EXPECT_THAT(banks.TakeWords(), ElementsAre("abort 3"));
}

TEST_F(LastResourceTest, NoLeaveIsGivenInALaterLife) {
  const Gtid gtid = Earlier();
  Participant banks(under_test_, {"bank-a", "bank-b"});
  EXPECT_EQ(AskLeave(gtid).error().code, ErrorCode::kNotFound);
  FindNamed(gtid);
  const Answer<OnePhaseAnswer> leave = AskLeave(gtid);
  ASSERT_TRUE(leave.ok());
  EXPECT_FALSE(leave->granted);
}

TEST_F(LastResourceTest, AbortIsNotPresumedOfAGtidThatALastResourceMayHaveDecided) {
  Participant banks(under_test_, {"bank-a", "bank-b"});
  EXPECT_EQ(Ask(Earlier())->outcome, Outcome::kUnknown);
  EXPECT_THAT(Ask(Earlier())->reason, HasSubstr("last resource"));
  EXPECT_EQ(Ask(EarlierGtid())->outcome, Outcome::kAborted) << "of any other it is";
}

TEST_F(LastResourceTest, AbortIsPresumedOfABranchThatIsPreparedInNobodysName) {
  Participant banks(under_test_, {"bank-a", "bank-b"});
  Find(Earlier());
  EXPECT_THAT(banks.TakeWords(), ElementsAre("abort 1"));
}

TEST_F(LastResourceTest, P06_WhatItCommittedIsNoDamageWhereNothingIsKnown) {
  Participant banks(under_test_, {"bank-a", "bank-b"});
  inquiry_.Committed({Earlier(), 1}, "by its client", banks.session());
  Settle();
  EXPECT_EQ(CountOf<HeuristicRecord>(), 0U);
  inquiry_.Committed({EarlierGtid(), 1}, "by a hand", banks.session());
  Settle();
  EXPECT_EQ(CountOf<HeuristicRecord>(), 1U) << "of any other it is";
}

TEST_F(LastResourceTest, RecordsThatCannotBeBelievedTogetherAreQuarantined) {
  const auto keep = [&](std::uint64_t sequence, BranchNumber last, Vote vote) {
    under_test_.log().Keep(
        LastResourceRecord{Earlier(sequence),
                           {},
                           5,
                           last,
                           {{1, "bank-a", vote, last_}, {2, "bank-b", Vote::kCommit, other_}}});
  };
  keep(1, 3, Vote::kCommit);
  keep(2, 0, Vote::kCommit);
  keep(3, 1, Vote::kReadOnly);
  keep(4, 1, Vote::kNo);
  keep(5, 1, Vote::kCommit);
  keep(5, 1, Vote::kCommit);
  Start();
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
    EXPECT_EQ(under_test_.Show(Earlier(sequence)).state, "quarantined") << sequence;
    EXPECT_EQ(Ask(Earlier(sequence))->outcome, Outcome::kUnknown);
  }
}

}  // namespace
}  // namespace settle::coordinator
