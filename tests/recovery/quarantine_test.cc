// A transaction whose records cannot be believed together: quarantined and shown, and no other
// suffers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recovery/inquiry.h"
#include "recovery/replay.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Gtid GtidNumber(std::uint64_t sequence, std::uint64_t epoch = 1) {
  return Gtid::Make("k3m9qxw4c7ab", epoch, sequence, 7);
}

CommitRecord CommitOf(Gtid gtid, std::vector<DecidedBranch> branches) {
  return {std::move(gtid), {"shop", "order", 1}, 2, std::move(branches)};
}
DecidedBranch Prepared(BranchNumber number, const std::string& resource = "bank-a") {
  return {number, resource, Vote::kCommit, {"db:" + resource, 1, "701"}};
}
OnePhaseRecord OnePhaseOf(Gtid gtid, BranchNumber branch) {
  return {std::move(gtid), {}, 0, Prepared(branch)};
}
HeuristicRecord DamageOf(Gtid gtid, BranchNumber branch, BranchEnd end = BranchEnd::kAborted) {
  return {std::move(gtid), branch, end, "by hand", 3};
}
EndRecord EndOf(Gtid gtid, Outcome outcome) {
  EndRecord end;
  end.summary.gtid = std::move(gtid);
  end.summary.ending.outcome = outcome;
  return end;
}

RegisteredRecord Registered(BranchNumber branch, const std::string& participant = "inventory") {
  return {GtidNumber(1), {"shop", "order", 1}, branch, participant, "reserve", "{}", 2};
}

const Gtid kPoisoned = GtidNumber(1);
const Gtid kSound = GtidNumber(2);

const DecidedBy kBy{{2, 1}, {0, 1}};
Roster SitesOf(BranchNumber branches) {
  Roster sites;
  if (branches % 2 == 0) sites.push_back({});
  for (BranchNumber number = 1; number <= branches; ++number)
    sites.push_back({number, number == 1 ? "bank-a" : "bank-b", {"h:1"}});
  return sites;
}
PreCommitRecord PreCommitOf(std::vector<DecidedBranch> branches, Roster sites = SitesOf(2)) {
  return {kPoisoned, {"shop", "order", 1}, 2, std::move(branches), std::move(sites)};
}
const std::vector<DecidedBranch> kTwo{Prepared(1), Prepared(2, "bank-b")};
CommitRecord CommitBy(std::vector<DecidedBranch> branches, const DecidedBy& by = kBy) {
  CommitRecord commit = CommitOf(kPoisoned, std::move(branches));
  commit.by = by;
  return commit;
}
const QuorumAbortRecord kAbort{kPoisoned, 3, kBy, "why"};
BallotRecord BallotOf(SiteState state) { return {kPoisoned, {state, {2, 0}, {1, 0}, {}}}; }

struct Poison {
  const char* name;
  std::vector<Record> records;
  const char* why;
};
void PrintTo(const Poison& poison, std::ostream* out) { *out << poison.name; }

class Quarantine : public testing::TestWithParam<Poison> {
 protected:
  void SetUp() override {
    for (const Record& record : GetParam().records) after_.log().Keep(record);
    after_.log().Keep(CommitOf(kSound, {Prepared(1)}));
    const auto state = ReplayLog(after_.log());
    ASSERT_TRUE(state) << Describe(state.error());
    after_.engine().Restore(*state);
    after_.Run();
  }

  const Gtid gtid_ = GtidOf(GetParam().records.front());
  EngineUnderTest after_;
};

TEST_P(Quarantine, C21_APoisonedTransactionIsShownWithWhatIsWrongAndOthersRecover) {
  const TransactionSummary shown = after_.Show(gtid_);
  EXPECT_EQ(shown.state, "quarantined");
  EXPECT_THAT(shown.ending.reason, HasSubstr(GetParam().why));
  EXPECT_TRUE(after_.observer().Saw(GetParam().why));
  EXPECT_EQ(after_.ListOpen().size(), 2U);

  Participant bank(after_, {"bank-a", "bank-b"});
  EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1")) << "of the sound one alone";
  bank.Finish(kSound, 1, BranchEnd::kCommitted);
  EXPECT_EQ(after_.log().Durable<EndRecord>().back().summary.gtid, kSound);
  EXPECT_FALSE(after_.Begin().empty());
}

TEST_P(Quarantine, C21_NothingIsPresumedOfItAndNothingIsSentForIt) {
  Participant bank(after_, {"bank-a", "bank-b"});
  bank.Finish(kSound, 1, BranchEnd::kCommitted);
  bank.Take();
  const std::size_t records = after_.log().durable().size();
  std::vector<std::function<void()>> off_shard;
  Inquiry inquiry(after_.engine(), after_.log(), after_.clock(), after_.observer(),
                  [&](std::function<void()> task) { off_shard.push_back(std::move(task)); });
  EXPECT_EQ(after_.AskOutcome(gtid_).outcome, Outcome::kUnknown);
  Answer<CommitAnswer> commit;
  after_.engine().Commit({gtid_, {}, Wait::kApplied, 0ms}, commit.done());
  Answer<Ending> abort;
  after_.engine().Abort({gtid_, AbortCause::kOperator, "", {}}, abort.done());
  Answer<OnePhaseAnswer> one_phase;
  after_.engine().CommitOnePhase({gtid_, 1, {}}, one_phase.done());
  Answer<BranchNumber> joined;
  after_.engine().Enlist({gtid_, "bank-a", bank.session(), "k"}, joined.done());
  Answer<Hurried> hurried;
  after_.engine().Hurry(gtid_, hurried.done());
  after_.Run();
  EXPECT_EQ(commit->ending.outcome, Outcome::kUnknown);
  EXPECT_EQ(abort->outcome, Outcome::kUnknown);
  EXPECT_FALSE(one_phase->granted);
  EXPECT_EQ(joined.error().code, ErrorCode::kRefused);

  // Scans find its branches, and sessions speak of them.
  for (const BranchNumber branch : {1, 2, 7}) {
    inquiry.Found("bank-a", BranchKey{gtid_, branch}.DatabaseName());
    inquiry.Committed({gtid_, branch}, "by hand");
    bank.Vote(gtid_, branch);
    bank.Finish(gtid_, branch, BranchEnd::kCommitted);
  }
  after_.Advance(60s);
  EXPECT_THAT(off_shard, IsEmpty()) << "it is not for the log to say";
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
  EXPECT_EQ(after_.log().durable().size(), records);
  EXPECT_EQ(after_.Show(gtid_).state, "quarantined");
}

TEST_P(Quarantine, C21_TheNextRecoverySaysTheSame) {
  EngineUnderTest next;
  for (const Record& record : after_.log().durable()) next.log().Keep(record);
  next.engine().Restore(*ReplayLog(next.log()));
  EXPECT_EQ(next.Show(gtid_).state, "quarantined");
}

TEST_P(Quarantine, C21_APersonLetsItGoAndItDoesNotComeBack) {
  Answer<std::monostate> forgotten;
  after_.log().held = true;
  after_.engine().Forget({gtid_, "eve", "both rolled back by hand"}, forgotten.done());
  after_.Run();
  EXPECT_FALSE(forgotten.came()) << "it is not durable yet";
  EXPECT_EQ(after_.Show(gtid_).state, "forgetting");
  Answer<std::monostate> other;  // A02
  after_.engine().Forget({gtid_, "bob", "committed both by hand"}, other.done());
  after_.Run();
  EXPECT_EQ(other.error().code, ErrorCode::kRetry);
  after_.log().held = false;
  after_.Run();
  ASSERT_TRUE(forgotten.ok());
  const TransactionSummary end = after_.log().Durable<EndRecord>().back().summary;
  EXPECT_EQ(end.gtid, gtid_);
  EXPECT_EQ(end.ending.outcome, Outcome::kUnknown) << "nobody knows what became of it";
  EXPECT_THAT(end.ending.reason, HasSubstr("forgotten by eve: both rolled back by hand"));
  EXPECT_THAT(end.ending.reason, HasSubstr(GetParam().why));

  FakeLog log;
  for (const Record& record : after_.log().durable()) log.Keep(record);
  const auto next = ReplayLog(log);
  ASSERT_TRUE(next);
  ASSERT_EQ(next->open.size(), 1U);
  EXPECT_EQ(next->open[0].gtid(), kSound);
}

TEST_P(Quarantine, C21_ALogThatCannotStoreItKeepsItQuarantined) {
  after_.log().judge = [](const Record&) {
    return FakeLog::Verdict{AppendResult::kRefused, "disk full"};
  };
  Answer<std::monostate> forgotten;
  after_.engine().Forget({gtid_, "eve", "r"}, forgotten.done());
  after_.Run();
  EXPECT_EQ(forgotten.error().code, ErrorCode::kRetry);
  EXPECT_EQ(after_.Show(gtid_).state, "quarantined");
}

const Gtid kForeign = Gtid::Make("zzzzzzzzzzzz", 1, 1, 7);

INSTANTIATE_TEST_SUITE_P(
    EveryKind, Quarantine,
    testing::Values(
        Poison{"two_decisions",
               {CommitOf(kPoisoned, {Prepared(1)}), OnePhaseOf(kPoisoned, 1)},
               "position 2 decides what was decided at position 1"},
        Poison{"decided_after_its_end",
               {EndOf(kPoisoned, Outcome::kAborted), CommitOf(kPoisoned, {Prepared(1)})},
               "ended as aborted before it was decided"},
        Poison{"damaged_after_its_commit_ended",
               {EndOf(kPoisoned, Outcome::kCommitted), DamageOf(kPoisoned, 1)},
               "ended as committed before it was damaged"},
        Poison{"branch_twice",
               {CommitOf(kPoisoned, {Prepared(1), Prepared(1, "bank-b")})},
               "branch 1 where branch 2 must be"},
        Poison{"branch_missing",
               {CommitOf(kPoisoned, {Prepared(1), Prepared(3), Prepared(5)})},
               "branch 5 where branch 4 must be"},
        Poison{"one_phase_of_branch_zero", {OnePhaseOf(kPoisoned, 0)}, "branch 0 where"},
        Poison{"decided_against_a_no_vote",
               {CommitOf(kPoisoned, {Prepared(1), {2, "bank-b", Vote::kNo, {}}})},
               "branch 2 voted no"},
        Poison{"nothing_prepared",
               {CommitOf(kPoisoned, {{1, "bank-a", Vote::kReadOnly, {}}})},
               "no branch is prepared"},
        Poison{"no_branches", {CommitOf(kPoisoned, {})}, "no branch is prepared"},
        Poison{"impossible_resource",
               {CommitOf(kPoisoned, {Prepared(1, "bank\n")})},
               "impossible name"},
        Poison{"damage_of_no_branch",
               {CommitOf(kPoisoned, {Prepared(1)}), DamageOf(kPoisoned, 2)},
               "damage of branch 2, which it does not have"},
        Poison{"damage_of_a_number_that_was_not_used",
               {CommitOf(kPoisoned, {Prepared(1), Prepared(9)}), DamageOf(kPoisoned, 5)},
               "damage of branch 5, which it does not have"},
        Poison{"damage_of_branch_zero", {DamageOf(kPoisoned, 0)}, "damage of branch 0"},
        Poison{"damage_of_branch_two_billion",
               {DamageOf(kPoisoned, 2'000'000'000, BranchEnd::kCommitted)},
               "damage of branch 2000000000"},
        Poison{"forgotten_undamaged",
               {CommitOf(kPoisoned, {Prepared(1)}), ForgetRecord{kPoisoned, {}, "eve", "", 4}},
               "position 2 forgets what no record before it says is damaged"},
        Poison{"forgotten_unheard_of",
               {ForgetRecord{kPoisoned, {}, "eve", "", 4}},
               "position 1 forgets what no record before it says is damaged"},
        Poison{"damage_that_is_no_end",
               {CommitOf(kPoisoned, {Prepared(1)}), DamageOf(kPoisoned, 1, BranchEnd::kRetry)},
               "no end"},
        Poison{"registered_after_its_end",
               {EndOf(kPoisoned, Outcome::kAborted), Registered(1)},
               "ended as aborted before it was registered"},
        Poison{"registered_twice",
               {Registered(1), Registered(2), Registered(1)},
               "branch 1 is registered twice"},
        Poison{"registered_as_branch_zero", {Registered(0)}, "branch 0 is registered"},
        Poison{"registered_as_branch_two_billion",
               {Registered(2'000'000'000)},
               "branch 2000000000 is registered"},
        Poison{"registered_in_an_impossible_participant",
               {Registered(1, "in\nventory")},
               "participant with an impossible name"},
        Poison{"registered_and_not_decided",
               {Registered(2), CommitOf(kPoisoned, {Prepared(1)})},
               "branch 2 is registered, and the decision does not have it"},
        Poison{"registered_and_decided_elsewhere",
               {Registered(1), CommitOf(kPoisoned, {Prepared(1)})},
               "in the decision it is a commit vote of bank-a"},
        Poison{"registered_and_decided_as_read_only",
               {Registered(2),
                CommitOf(kPoisoned, {Prepared(1), {2, "inventory", Vote::kReadOnly, {}}})},
               "in the decision it is a read-only vote of inventory"},
        Poison{"registered_and_left_to_another",
               {Registered(1), OnePhaseOf(kPoisoned, 1)},
               "branch 1 is registered, and the decision was left to another branch"},
        Poison{"M10_commit_and_quorum_abort",
               {PreCommitOf(kTwo), CommitBy(kTwo), kAbort},
               "position 3 decides what was decided at position 2"},
        Poison{"M10_quorum_abort_and_commit",
               {PreCommitOf(kTwo), kAbort, CommitBy(kTwo)},
               "position 3 decides what was decided at position 2"},
        Poison{"M10_pre_committed_twice",
               {PreCommitOf(kTwo), PreCommitOf(kTwo)},
               "position 2 pre-commits what was pre-committed before"},
        Poison{"M10_pre_committed_after_its_end",
               {EndOf(kPoisoned, Outcome::kAborted), PreCommitOf(kTwo)},
               "ended as aborted before it was pre-committed"},
        Poison{"M10_aborted_by_a_quorum_that_was_never_asked",
               {kAbort},
               "no record says that it was pre-committed"},
        Poison{"M10_committed_by_a_quorum_that_was_never_asked",
               {CommitBy(kTwo)},
               "no record says that it was pre-committed"},
        Poison{"M11_a_ballot_alone",
               {BallotOf(SiteState::kPreCommitted)},
               "no record says that it was pre-committed"},
        Poison{"M11_a_ballot_after_the_decision",
               {PreCommitOf(kTwo), BallotOf(SiteState::kAborted)},
               "a ballot was recorded after the decision"},
        Poison{"M10_pre_committed_against_a_read_only_vote",
               {PreCommitOf({Prepared(1), {2, "bank-b", Vote::kReadOnly, {}}})},
               "branch 2 voted read-only"},
        Poison{"M10_pre_committed_without_branches", {PreCommitOf({})}, "pre-commits 0 branches"},
        Poison{"M10_no_witness",
               {PreCommitOf(kTwo, {{1, "bank-a", {}}, {2, "bank-b", {}}})},
               "2 sites and 2 branches"},
        Poison{"M10_another_in_place_of_the_witness",
               {PreCommitOf(kTwo, {{1, "bank-a", {}}, {2, "bank-b", {}}, {3, "bank-b", {}}})},
               "lack the witness"},
        Poison{"M10_a_site_of_another_resource",
               {PreCommitOf({Prepared(1), Prepared(2, "bank-c")})},
               "site of branch 2 is another one"},
        Poison{"M10_other_branches_when_decided",
               {PreCommitOf(kTwo), CommitBy({Prepared(1), Prepared(2, "bank-c")})},
               "its branches were others"},
        Poison{"M10_damaged_and_not_decided",
               {PreCommitOf(kTwo), DamageOf(kPoisoned, 1)},
               "no record says how it was decided"},
        Poison{"M10_pre_committed_and_left_to_one",
               {PreCommitOf({Prepared(1)}, SitesOf(1)), OnePhaseOf(kPoisoned, 1)},
               "its decision was left to one branch"},
        Poison{"M10_pre_committed_with_reservations",
               {PreCommitOf(kTwo), Registered(1)},
               "has reservations"},
        Poison{"of_another_log", {CommitOf(kForeign, {Prepared(1)})}, "of log zzzzzzzzzzzz"},
        Poison{"of_an_epoch_to_come", {CommitOf(GtidNumber(1, 9), {Prepared(1)})}, "of epoch 9"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(NoQuarantine, DamageThatIsFoundAfterTheEndOfAnAbortIsNone) {
  EngineUnderTest after;
  after.log().Keep(EndOf(kPoisoned, Outcome::kAborted));
  after.log().Keep(DamageOf(kPoisoned, 1, BranchEnd::kCommitted));
  after.engine().Restore(*ReplayLog(after.log()));
  EXPECT_EQ(after.Show(kPoisoned).state, "damaged");
}

HeuristicIntentRecord ForcedOf(std::vector<DecidedBranch> branches,
                               HeuristicAct act = HeuristicAct::kForce) {
  return {kPoisoned,
          {"shop", "order", 1},
          {act, Decision::kAbort, std::move(branches), "", "ann", "looked", 5}};
}

TEST(Forced, C21_WhatAPersonDecidedIsBelievedWhateverElseItsRecordsSay) {
  EngineUnderTest after;
  after.log().Keep(CommitOf(kPoisoned, {Prepared(2)}));
  after.log().Keep(OnePhaseOf(kPoisoned, 7));
  after.log().Keep(ForcedOf(kTwo));
  after.log().Keep(DamageOf(kPoisoned, 2, BranchEnd::kCommitted));
  after.log().Keep(DamageOf(kPoisoned, 9, BranchEnd::kCommitted));
  const auto state = ReplayLog(after.log());
  ASSERT_TRUE(state);
  after.engine().Restore(*state);
  after.Run();
  Participant bank(after, {"bank-a", "bank-b"});
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1")) << "the other one is a person's to repair";
  bank.Finish(kPoisoned, 1, BranchEnd::kAborted);
  EXPECT_EQ(after.Show(kPoisoned).ending.outcome, Outcome::kMixed);
}

TEST(Forced, C21_ItsBranchesAreThoseThatItNames) {
  EngineUnderTest after;
  after.log().Keep(CommitOf(kPoisoned, {Prepared(2)}));
  after.log().Keep(OnePhaseOf(kPoisoned, 7));
  after.log().Keep(ForcedOf({Prepared(1), Prepared(9, "bank-b")}));  // 2 to 8 were not needed
  after.log().Keep(DamageOf(kPoisoned, 2, BranchEnd::kCommitted));
  after.log().Keep(DamageOf(kPoisoned, 9, BranchEnd::kCommitted));
  const auto state = ReplayLog(after.log());
  ASSERT_TRUE(state);
  after.engine().Restore(*state);
  after.Run();
  Participant bank(after, {"bank-a", "bank-b"});
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1")) << "9 is a person's to repair";
  bank.Finish(kPoisoned, 1, BranchEnd::kAborted);
  const Ending ending = after.Show(kPoisoned).ending;
  EXPECT_EQ(ending.outcome, Outcome::kMixed);
  EXPECT_THAT(ending.reason, testing::Not(HasSubstr("branch 2"))) << ending.reason;
}

TEST(Forced, C21_AVerdictOnWhatAnAbortDamagedIsBelievedAlthoughNoRecordNamesTheResource) {
  EngineUnderTest after;
  after.log().Keep(DamageOf(kPoisoned, 1, BranchEnd::kHazard));
  after.log().Keep(ForcedOf({Prepared(1, "")}, HeuristicAct::kVerdict));
  after.engine().Restore(*ReplayLog(after.log()));
  after.Run();
  EXPECT_NE(after.Show(kPoisoned).state, "quarantined");
  EXPECT_EQ(after.Show(kPoisoned).heuristics.size(), 1u);
}

TEST(Forced, C21_AnIntentThatCannotBeBelievedItselfIsQuarantined) {
  for (const HeuristicIntentRecord& intent :
       {ForcedOf({}), ForcedOf({Prepared(2), Prepared(4)}), ForcedOf({Prepared(1, "no name")}),
        ForcedOf(kTwo, HeuristicAct::kStray), ForcedOf({Prepared(1)}, HeuristicAct::kVerdict)}) {
    EngineUnderTest after;
    after.log().Keep(intent);
    after.engine().Restore(*ReplayLog(after.log()));
    after.Run();
    EXPECT_EQ(after.Show(kPoisoned).state, "quarantined");
  }
}

}  // namespace
}  // namespace settle::coordinator
