// When abort may be presumed, and what a scan's find leads to.
#include "inquiry_under_test.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(InquiryTest, ABranchOfAForgottenTransactionIsAborted) {
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid());
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1"));
  EXPECT_THAT(inquiry_.Strays(), IsEmpty());
}

TEST_F(InquiryTest, P06_ABranchCommittedByHandAgainstAPresumedAbortIsRecordedAndShown) {
  const Gtid gtid = EarlierGtid();
  inquiry_.Committed({gtid, 1}, "by an operator");
  Settle();
  Answer<Ending> ending;
  under_test_.engine().AskOutcome(gtid, ending.done());
  under_test_.Run();
  ASSERT_TRUE(ending.ok());
  EXPECT_EQ(ending->outcome, Outcome::kHeuristicCommit);
  EXPECT_THAT(ending->reason, HasSubstr("by an operator"));
  const Result<RestoredState> replayed = ReplayLog(under_test_.log());
  ASSERT_TRUE(replayed);
  EXPECT_EQ(replayed->open.size(), 1u) << "it is still known after a restart";
}

TEST_F(InquiryTest, ABranchCommittedAsItsTransactionWasIsNoDamage) {
  const Gtid gtid = EarlierGtid();
  under_test_.log().Keep(Ended(gtid, Outcome::kCommitted));
  inquiry_.Committed({gtid, 1}, "");
  Settle();
  Answer<Ending> ending;
  under_test_.engine().AskOutcome(gtid, ending.done());
  under_test_.Run();
  EXPECT_EQ(ending.error().code, ErrorCode::kNotFound);
}

// Each condition of the presumption made false, one at a time.

TEST_F(InquiryTest, C14_ABranchOfAnotherLogIsLeftAloneAndListed) {
  Participant bank(under_test_, {"bank-a"});
  Find(Gtid::Make("zzzzzzzzzzzz", 1, 17, 7));
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("belongs to log zzzzzzzzzzzz"));
}

TEST_F(InquiryTest, ABranchOfAnEpochThatIsYetToComeIsLeftAloneAndListed) {
  Participant bank(under_test_, {"bank-a"});
  Find(Gtid::Make(kLog, 3, 1, 7));
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("never begun here"));
}

TEST_F(InquiryTest, ABranchOfASequenceThatWasNeverGivenOutIsLeftAloneAndListed) {
  Participant bank(under_test_, {"bank-a"});
  const Gtid given = under_test_.Begin();
  Find(Gtid::Make(kLog, 2, given.sequence() + 1, 7));
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("never begun here"));
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
}

TEST_F(InquiryTest, SequencesCountFromOne) {
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid(0));
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("never begun here"));
}

TEST_F(InquiryTest, ABranchOfAnActiveTransactionIsLeftAlone) {
  Participant bank(under_test_, {"bank-a"});
  const Gtid gtid = under_test_.Begin();
  bank.Enlist(gtid, "bank-a");
  Find(gtid);
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(inquiry_.Strays(), IsEmpty()) << "it is undecided, not astray";
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kUndecided);
}

TEST_F(InquiryTest, ABranchIsLeftAloneWhileItsDecisionIsOnItsWayToTheDisk) {
  Participant bank(under_test_, {"bank-a"});
  const Gtid gtid = under_test_.Begin();
  bank.Enlist(gtid, "bank-a");
  under_test_.log().held = true;
  Answer<CommitAnswer> committed;
  under_test_.engine().Commit({gtid, {{1, {Vote::kCommit, {}, "", false}}}, Wait::kDecision, 0ms},
                              committed.done());
  Find(gtid);
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_EQ(Ask(gtid)->outcome, Outcome::kUndecided);
}

TEST_F(InquiryTest, ABranchWhoseDecisionIsInTheLogIsCommitted) {
  under_test_.log().Keep(Decided(EarlierGtid()));
  Start();
  Participant bank(under_test_, {"bank-a"});
  bank.Take();
  Find(EarlierGtid());
  EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1"));
  EXPECT_EQ(Ask(EarlierGtid())->outcome, Outcome::kCommitted);
}

TEST_F(InquiryTest, ABranchOfACommitThatEndedIsCommittedWithItsEvidence) {
  under_test_.log().Keep(Decided(EarlierGtid()));
  under_test_.log().Keep(Ended(EarlierGtid(), Outcome::kCommitted));
  Start();
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid());
  const std::vector<Command> commands = bank.Take();
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(commands[0].kind, CommandKind::kCommit);
  EXPECT_EQ(commands[0].evidence, (Evidence{"db:bank-a", 1, "701"}));
}

TEST_F(InquiryTest, ABranchThatTheDecisionDoesNotKnowIsLeftAloneAndListed) {
  under_test_.log().Keep(Ended(EarlierGtid(), Outcome::kCommitted));
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid(), 2);
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("committed without it"));
}

TEST_F(InquiryTest, P11_ABranchThatVotedReadOnlyAndIsPreparedIsLeftAloneAndListed) {
  EndRecord end = Ended(EarlierGtid(), Outcome::kCommitted);
  end.summary.branches[0].vote = "read-only";
  under_test_.log().Keep(end);
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid());
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("committed without it"));
}

TEST_F(InquiryTest, ABranchOfAnAbortThatEndedIsAborted) {
  under_test_.log().Keep(Ended(EarlierGtid(), Outcome::kAborted));
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid());
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1"));
}

TEST_F(InquiryTest, ABranchOfADamagedTransactionThatAPersonEndedIsLeftAloneAndListed) {
  under_test_.log().Keep(Ended(EarlierGtid(), Outcome::kHazard));
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid());
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("hazard"));
}

// It was not known when the damage was forgotten: a presumed abort keeps no list of branches.
TEST_F(InquiryTest, ABranchThatADamagedAbortDidNotKnowWhenItWasForgottenIsAborted) {
  EndRecord end = Ended(EarlierGtid(), Outcome::kHazard);
  end.summary.ending.cause = AbortCause::kPresumed;
  under_test_.log().Keep(end);
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid(), 2);
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 2"));
  EXPECT_THAT(inquiry_.Strays(), IsEmpty());
  Find(EarlierGtid(), 1);
  EXPECT_THAT(bank.TakeWords(), IsEmpty()) << "whoever repaired it knows";
}

// Its process was lost before the vote was heard, so it counted as rolled back; or its abort was
// outstanding.
TEST_F(InquiryTest, ABranchOfADamagedAbortThatWasNotDamagedItselfIsAbortedWhenItIsFound) {
  Participant bank(under_test_, {"bank-a"});
  for (const auto& [sequence, state] :
       {std::pair(17, "aborting"), std::pair(18, "aborted"), std::pair(19, "hazard")}) {
    EndRecord end = Ended(EarlierGtid(sequence), Outcome::kHazard);
    end.summary.ending.cause = AbortCause::kParticipantLost;
    end.summary.branches.at(0).state = state;
    under_test_.log().Keep(end);
    Find(EarlierGtid(sequence));
    const bool damaged = std::string_view(state) == "hazard";
    EXPECT_THAT(bank.TakeWords(), testing::SizeIs(damaged ? 0 : 1)) << state;
  }
}

TEST_F(InquiryTest, ABranchThatADamagedCommitDoesNotKnowIsLeftAloneAndListed) {
  under_test_.log().Keep(Ended(EarlierGtid(), Outcome::kMixed));
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid(), 2);
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("mixed"));
}

TEST_F(InquiryTest, ASiblingOfADamagedBranchIsAborted) {
  under_test_.log().Keep(HeuristicRecord{EarlierGtid(), 2, BranchEnd::kCommitted, "by hand", 0});
  Start();
  Participant bank(under_test_, {"bank-a"});
  Find(EarlierGtid(), 1);
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1"));
  Find(EarlierGtid(), 2);
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
}

TEST_F(InquiryTest, L10_ABranchOfAPrunedTransactionIsLeftAloneAndListedWithWhatToDo) {
  Participant bank(under_test_, {"bank-a"});
  under_test_.log().pruned.insert(EarlierGtid());
  Find(EarlierGtid());
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("pruned; if it was committed, this database is older"));
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("if it was aborted, this branch was out of reach"));
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("commit or roll back this one by hand"));
  Find(EarlierGtid(18));
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1")) << "its neighbour was never decided";
}

TEST_F(InquiryTest, L10_ACommitReportedOfAPrunedTransactionIsNoDamage) {
  under_test_.log().pruned.insert(EarlierGtid());
  inquiry_.Committed({EarlierGtid(), 1}, "again");
  Settle();
  EXPECT_THAT(under_test_.log().durable(), IsEmpty());
}

TEST_F(InquiryTest, NothingIsPresumedFromALogThatCannotBeRead) {
  Participant bank(under_test_, {"bank-a"});
  under_test_.log().unreadable = true;
  Find(EarlierGtid());
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("cannot be read"));
  EXPECT_FALSE(Ask(EarlierGtid()));
}

TEST_F(InquiryTest, ANameThatIsNotOursIsLeftAloneAndListed) {
  Find("bank-a", "somebody's own");
  EXPECT_THAT(WhyLeftAlone(), HasSubstr("not one that Settle gives"));
  EXPECT_EQ(inquiry_.Strays()[0].database_name, "somebody's own");
}

TEST_F(InquiryTest, AFindNotActedOnBecauseNobodyWasThereIsActedOnAtTheNextScan) {
  Find(EarlierGtid());
  Participant bank(under_test_, {"bank-a"});
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  Find(EarlierGtid());
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1"));
}

TEST_F(InquiryTest, AFindOfADecidedTransactionDisturbsNoOtherBranch) {
  CommitRecord record = Decided(EarlierGtid());
  record.branches.push_back({2, "bank-b", Vote::kCommit, {}});
  under_test_.log().Keep(record);
  Start();
  Participant bank(under_test_, {"bank-a", "bank-b"});
  bank.Take();
  Find(EarlierGtid(), 1);
  EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1"));
}

// What a program asks.

TEST_F(InquiryTest, L10_AnOutcomeIsAnsweredFromTheLogAfterTheEnd) {
  under_test_.log().Keep(Ended(EarlierGtid(), Outcome::kMixed));
  EXPECT_EQ(Ask(EarlierGtid())->outcome, Outcome::kMixed);
}

TEST_F(InquiryTest, L10_AfterPruningTheAnswerIsExpiredAndNeverAborted) {
  under_test_.log().pruned.insert(EarlierGtid());
  const Result<Ending> ending = Ask(EarlierGtid());
  ASSERT_FALSE(ending);
  EXPECT_EQ(ending.error().code, ErrorCode::kExpired);
}

TEST_F(InquiryTest, WhatWasNeverDecidedIsAbortedAndSaysWhy) {
  const Result<Ending> ending = Ask(EarlierGtid());
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->outcome, Outcome::kAborted);
  EXPECT_EQ(ending->cause, AbortCause::kPresumed);
}

TEST_F(InquiryTest, AnotherLogsTransactionIsNotAnswered) {
  const Result<Ending> ending = Ask(Gtid::Make("zzzzzzzzzzzz", 1, 17, 7));
  ASSERT_FALSE(ending);
  EXPECT_EQ(ending.error().code, ErrorCode::kWrongLog);
}

TEST_F(InquiryTest, AGtidThatWasNeverGivenOutIsNotFound) {
  for (const Gtid& gtid :
       {Gtid::Make(kLog, 3, 1, 7), Gtid::Make(kLog, 2, 1, 7), Gtid::Make(kLog, 1, 0, 7)}) {
    const Result<Ending> ending = Ask(gtid);
    ASSERT_FALSE(ending) << gtid.text();
    EXPECT_EQ(ending.error().code, ErrorCode::kNotFound);
  }
}

// The list of strays.

TEST(InquiryReports, C22_WhatHasNoRoomBehindWhatStaysPreparedHasItInTheNextReport) {
  Settings settings;
  settings.shards = 1;
  settings.mailbox_max = 2;
  EngineUnderTest under_test(settings);
  std::vector<std::function<void()>> off_shard;
  Inquiry inquiry(under_test.engine(), under_test.log(), under_test.clock(), under_test.observer(),
                  [&](std::function<void()> task) { off_shard.push_back(std::move(task)); });
  Participant bank(under_test, {"bank-a"});
  const Gtid running = under_test.Begin();
  bank.Enlist(running, "bank-a", "k1");
  std::vector<FoundBranch> found(3, {"bank-a", BranchKey{running, 1}.DatabaseName()});
  found.push_back({"bank-a", BranchKey{Gtid::Make(kLog, 1, 17, 7), 1}.DatabaseName()});
  std::vector<std::string> told;
  for (int report = 0; told.empty() && report < 20; ++report) {
    inquiry.Found(found);
    under_test.Run();
    for (const auto& task : std::exchange(off_shard, {})) task();
    under_test.Run();
    told = bank.TakeWords();
    EXPECT_TRUE(report != 0 || told.empty()) << "there was room for it: nothing is shown";
  }
  EXPECT_THAT(told, ElementsAre("abort 1"));
}

}  // namespace
}  // namespace settle::coordinator
