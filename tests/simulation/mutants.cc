#include "simulation/mutants.h"

#include <algorithm>
#include <iterator>

namespace settle::simulation {

const std::vector<Mutant>& Mutants() {
  using enum PlantedBug;
  constexpr auto kSaga = Protocol::kSaga;
  constexpr auto kThree = Protocol::kThreePhase;
  constexpr auto kTcc = Protocol::kTcc;
  static const std::vector<Mutant> mutants{
      {kDecisionNotForced, "decision-not-forced",
       "the commit record is appended lazily, and told as soon as it is written"},
      {kReplyBeforeTheRecordIsDurable, "reply-before-the-record-is-durable",
       "commit is told and sent while the record is on its way to the disk"},
      {kPresumedAbortWithoutAskingTheLog, "presumed-abort-without-asking-the-log",
       "what is not running is aborted, whatever the log says"},
      {kDuplicateVoteCountedTwice, "duplicate-vote-counted-twice",
       "a second copy of a vote counts for a branch that has not voted"},
      {kLatePrepareAcceptedAfterAbort, "late-prepare-accepted-after-abort",
       "a commit vote that arrives while aborting still counts towards a commit"},
      {kUnknownAtCommitTakenForSuccess, "unknown-at-commit-taken-for-success",
       "a branch that is gone or was rolled back when told to commit counts as committed"},
      {kEpochIgnored, "epoch-ignored",
       "neither side minds that the other has seen a later life of the log"},
      {kGtidReused, "gtid-reused", "a gtid names neither the life of the log nor a random tail"},
      {kRecoveryAbortsWhatIsActive, "recovery-aborts-what-is-active",
       "a prepared branch found by a scan is aborted although its transaction runs"},
      {kExpiredTakenForAborted, "expired-taken-for-aborted",
       "what was pruned from the log is taken for what was never decided"},
      {kDeadlineAfterTheLastVote, "deadline-after-the-last-vote",
       "the deadline still aborts when the decision is on its way to the disk"},
      {kAbortObeyedAfterTheLastVote, "abort-obeyed-after-the-last-vote",
       "an abort still aborts when the decision is on its way to the disk"},
      {kEndBeforeTheLastAck, "end-before-the-last-ack",
       "a transaction is forgotten when its first branch has acknowledged"},
      {kOnePhaseWithoutItsRecord, "one-phase-without-its-record",
       "leave to commit in one phase is given without a durable record"},
      {kEnlistAfterTheDecisionBegan, "enlist-after-the-decision-began",
       "a branch may join when the transaction is no longer active"},
      {kOwnBranchesNotToldOfTheAbort, "own-branches-not-told-of-the-abort",
       "an abort reaches only the branches that the coordinator knows"},
      {kUnnamedBranchTakenForAborted, "unnamed-branch-taken-for-aborted",
       "a prepared branch that an open transaction does not know is aborted"},
      {kOpenedAfterTheAbort, "opened-after-the-abort",
       "a process opens a branch of a transaction of which it was told to roll back all"},
      {kEvidenceNotRecorded, "evidence-not-recorded",
       "the commit record leaves out the evidence of the votes"},
      {kRestoredBranchTakenForFinished, "restored-branch-taken-for-finished",
       "after a restart only the first branch of a decided transaction is commanded"},
      {kHeuristicNotForced, "heuristic-not-forced",
       "the record of damage is appended lazily, and told as soon as it is written"},
      {kHeuristicsNotReplayed, "heuristics-not-replayed", "a restart forgets recorded damage"},
      {kRefusedRecordTakenForDurable, "refused-record-taken-for-durable",
       "a record that the full disk refused counts as written"},
      {kRefusedEndDropped, "refused-end-dropped",
       "a committed transaction is forgotten although the log refused its end"},
      {kDeadlineByTheWallClock, "deadline-by-the-wall-clock",
       "deadlines are reckoned from the wall clock"},
      {kCommandsOnlyToTheOwner, "commands-only-to-the-owner",
       "a prepared branch whose session is lost is commanded by nobody"},
      {kOnePhaseRecordNotReplayed, "one-phase-record-not-replayed",
       "a restart forgets that a resource was given the decision"},
      {kReadOnlyVoteOfABranchThatWrote, "read-only-vote-of-a-branch-that-wrote",
       "a branch that is prepared votes that it wrote nothing"},
      {kWorkKeptAfterTheSessionWasLost, "work-kept-after-the-session-was-lost",
       "unprepared work of a lost session stays open when its process attaches again"},
      {kDeadlineAfterLeaveToTheLastResource, "deadline-after-leave-to-the-last-resource",
       "the deadline still aborts when a last resource was given leave to decide"},
      {kSiblingsCommittedBeforeTheLastResource, "siblings-committed-before-the-last-resource",
       "branches are told to commit before their last resource has said what it did"},
      {kTwoLastResources, "two-last-resources",
       "two branches are committed instead of being prepared"},
      {kLastResourceChosenAfterPrepare, "last-resource-chosen-after-prepare",
       "branches are prepared without naming their last resource"},
      {kNoAnswerOfTheLastResourceTakenForAbort, "no-answer-of-the-last-resource-taken-for-abort",
       "a last resource that does not say what it did counts as rolled back"},
      {kAbortPresumedOfWhatALastResourceDecides, "abort-presumed-of-what-a-last-resource-decides",
       "without a record abort is presumed, whatever name a branch was prepared under"},
      {kBallotsNotCompared, "ballots-not-compared",
       "a site joins any election and accepts any attempt", kThree},
      {kElectionNotForced, "election-not-forced",
       "a site may forget in a crash which election it joined", kThree},
      {kAttemptNotForced, "attempt-not-forced", "a site may forget in a crash what it accepted",
       kThree},
      {kPreCommitNotRecorded, "pre-commit-not-recorded",
       "the coordinator records nowhere that it sent pre-commit", kThree},
      {kAbortsAloneOnItsTimer, "aborts-alone-on-its-timer",
       "a site that hears nothing of the coordinator aborts", kThree},
      {kRecoversWithoutQuorum, "recovers-without-quorum",
       "a recovery round decides with whoever can be reached", kThree},
      {kAnyPreCommitTakenForTheLatest, "any-pre-commit-taken-for-the-latest",
       "a recovery round repeats any pre-commit, however old", kThree},
      {kLeadsWithoutItsOwnRecord, "leads-without-its-own-record",
       "a site leads a ballot that its own record has not taken: two of its processes may", kThree},
      {kElectedBeforeItsVoteKeepsNothing, "elected-before-its-vote-keeps-nothing",
       "a site that is elected before its vote answers that it aborted, and leaves no row", kThree},
      {kOwnBallotNotForced, "own-ballot-not-forced",
       "a coordinator that comes back may lead a ballot again that it led before", kThree},
      {kWitnessAnswersBeforeDurable, "witness-answers-before-durable",
       "the witness answers while what it joined or accepted is on its way to the disk", kThree},
      {kPreCommitNotForced, "pre-commit-not-forced",
       "the record that pre-commit may be sent is appended lazily", kThree},
      {kAbortsAloneAfterPreCommit, "aborts-alone-after-pre-commit",
       "an abort still aborts when pre-commit may have been sent", kThree},
      {kForcedBeforeItIsDurable, "forced-before-it-is-durable",
       "what a person forces is done while the record of it is on its way to the disk", kThree},
      {kIntentNotReplayed, "intent-not-replayed", "a restart forgets what a person has forced",
       kThree},
      {kSagaBeginNotForced, "saga-begin-not-forced",
       "a saga's begin is appended lazily, and its steps are called as soon as it is written",
       kSaga},
      {kAbortingNotForced, "aborting-not-forced",
       "that a saga turns back is appended lazily, and compensations follow at once", kSaga},
      {kSagaEndToldBeforeItIsDurable, "saga-end-told-before-it-is-durable",
       "how a saga ended is told while the record is on its way to the disk", kSaga},
      {kCancelAnsweredBeforeItIsDurable, "cancel-answered-before-it-is-durable",
       "who cancels is told that the saga is aborted when it only begins to turn back", kSaga},
      {kRefusedSagaRecordTakenForDurable, "refused-saga-record-taken-for-durable",
       "a record of a saga that the full disk refused counts as written", kSaga},
      {kOnlyKnownDoneCompensated, "only-known-done-compensated",
       "only steps that are known to be done are undone", kSaga},
      {kFailedStepNotCompensated, "failed-step-not-compensated",
       "a step that answered failed is not undone, whatever another copy of its call did", kSaga},
      {kCompensationsInForwardOrder, "compensations-in-forward-order",
       "steps are undone before those that rest on them", kSaga},
      {kFailedCompensationTakenForDone, "failed-compensation-taken-for-done",
       "a compensation that fails counts as done", kSaga},
      {kPivotGivenUpWithoutFence, "pivot-given-up-without-fence",
       "a saga turns back without asking whether its pivot ran", kSaga},
      {kDeadlineAfterThePivot, "deadline-after-the-pivot",
       "the deadline still turns back a saga whose pivot is done", kSaga},
      {kSuppressedTakenForDone, "suppressed-taken-for-done",
       "a step that can never be done any more counts as done", kSaga},
      {kAnswerOfAnotherCallCounted, "answer-of-another-call-counted",
       "a late answer of the action counts for the compensation", kSaga},
      {kResultOfAnotherStep, "result-of-another-step",
       "a step's input is made from the result of some step", kSaga},
      {kRecoveryForgetsWhatWasSent, "recovery-forgets-what-was-sent",
       "after a restart what has no record counts as never called", kSaga},
      {kAbortingRecordNotReplayed, "aborting-record-not-replayed",
       "a restart forgets that a saga was turning back", kSaga},
      {kNoPauseBeforeTheNextCall, "no-pause-before-the-next-call",
       "a call that brought no result is repeated at once", kSaga},
      {kOngoingNeverAskedAgain, "ongoing-never-asked-again",
       "a step that takes its time is never asked again", kSaga},
      {kSkipNotForced, "skip-not-forced",
       "what an operator skips is recorded lazily, and confirmed as soon as it is written", kSaga},
      {kSkippedStepNotDamage, "skipped-step-not-damage",
       "a saga that an operator skipped a step of ends as if it was whole", kSaga},
      {kCompensationWithoutTheActionsRow, "compensation-without-the-actions-row",
       "a compensation that comes first does not keep its action from running", kSaga},
      {kFenceLeavesNoRow, "fence-leaves-no-row", "a fence does not keep the pivot from running",
       kSaga},
      {kMarkPassesWhatRuns, "mark-passes-what-runs",
       "participants are told that all has ended, whatever still runs", kSaga},
      {kBarrierForgetsActions, "barrier-forgets-actions",
       "an action that comes again takes effect again", kSaga},
      {kTriedBeforeItsRecord, "tried-before-its-record",
       "a try is called while the record that it is registered is on its way to the disk", kTcc},
      {kRegisteredNotForced, "registered-not-forced",
       "the record that a try is registered is appended lazily", kTcc},
      {kRegisteredNotReplayed, "registered-not-replayed", "a restart forgets what was registered",
       kTcc},
      {kRefusedTryNotCancelled, "refused-try-not-cancelled",
       "a try that failed is not cancelled, although a copy of it may be on its way", kTcc},
      {kUnansweredTryNotCancelled, "unanswered-try-not-cancelled",
       "a try that was not answered is not cancelled", kTcc},
      {kRefusedConfirmTakenForDone, "refused-confirm-taken-for-done",
       "a confirm or cancel that fails counts as done", kTcc},
      {kAnswerOfTheTryCountsForItsCancel, "answer-of-the-try-counts-for-its-cancel",
       "a late answer of the try counts for the cancel", kTcc},
      {kRestoredConfirmTakenForDone, "restored-confirm-taken-for-done",
       "after a restart nothing of a decided transaction is confirmed", kTcc},
      {kReservationsDoNotHoldTheMark, "reservations-do-not-hold-the-mark",
       "services are told that a decided transaction has ended, before it was confirmed", kTcc},
      {kEndOfReservationsNotForced, "end-of-reservations-not-forced",
       "the end of a transaction with reservations is lazy, although services hear of it", kTcc},
  };
  return mutants;
}

std::vector<Mutant> MutantsOf(Protocol protocol) {
  std::vector<Mutant> mutants;
  std::copy_if(Mutants().begin(), Mutants().end(), std::back_inserter(mutants),
               [protocol](const Mutant& one) { return one.protocol == protocol; });
  return mutants;
}

namespace {

template <typename Predicate>
const Mutant* Find(const Predicate& is_it) {
  const auto found = std::find_if(Mutants().begin(), Mutants().end(), is_it);
  return found == Mutants().end() ? nullptr : &*found;
}

}  // namespace

const Mutant* FindMutant(std::string_view name) {
  return Find([name](const Mutant& one) { return one.name == name; });
}

const Mutant* FindMutant(PlantedBug bug) {
  return Find([bug](const Mutant& one) { return one.bug == bug; });
}

}  // namespace settle::simulation
