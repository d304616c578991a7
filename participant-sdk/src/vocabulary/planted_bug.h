// Bugs planted on purpose, each at the line where it would really be made, so that the simulator
// can show that it would be found:
//
//   if (state_ != State::kActive && !SETTLE_PLANTED_BUG(kDeadlineAfterTheLastVote)) return {};
//
// In everything that ships the macro is the constant false: the compiler removes the bug, and no
// option, variable or call can bring it back. Only the copies of these sources that the simulator
// links (settle_with_planted_bugs in cmake/Settle.cmake) are compiled otherwise. Used in .cc files
// only, so that no inline function differs between the two. tests/simulation/mutants.cc says what
// each bug is.
#pragma once

#ifdef SETTLE_PLANTED_BUGS

namespace settle {

enum class PlantedBug {
  kNone,
  // coordinator/protocol
  kReplyBeforeTheRecordIsDurable,
  kDuplicateVoteCountedTwice,
  kLatePrepareAcceptedAfterAbort,
  kUnknownAtCommitTakenForSuccess,
  kDeadlineAfterTheLastVote,
  kAbortObeyedAfterTheLastVote,
  kEndBeforeTheLastAck,
  kOnePhaseWithoutItsRecord,
  kEnlistAfterTheDecisionBegan,
  kEvidenceNotRecorded,
  kRestoredBranchTakenForFinished,
  kOwnBranchesNotToldOfTheAbort,
  kUnnamedBranchTakenForAborted,
  // last resource: coordinator/protocol, coordinator/recovery
  kDeadlineAfterLeaveToTheLastResource,
  kSiblingsCommittedBeforeTheLastResource,
  kTwoLastResources,
  kNoAnswerOfTheLastResourceTakenForAbort,
  kAbortPresumedOfWhatALastResourceDecides,
  kLastResourceChosenAfterPrepare,
  // coordinator/engine
  kDecisionNotForced,
  kHeuristicNotForced,
  kRefusedRecordTakenForDurable,
  kRefusedEndDropped,
  kGtidReused,
  kDeadlineByTheWallClock,
  kCommandsOnlyToTheOwner,
  // coordinator/recovery
  kPresumedAbortWithoutAskingTheLog,
  kRecoveryAbortsWhatIsActive,
  kExpiredTakenForAborted,
  kOnePhaseRecordNotReplayed,
  kHeuristicsNotReplayed,
  // sagas: coordinator/protocol, coordinator/engine
  kSagaBeginNotForced,
  kAbortingNotForced,
  kOnlyKnownDoneCompensated,
  kPivotGivenUpWithoutFence,
  kSagaEndToldBeforeItIsDurable,
  kCompensationsInForwardOrder,
  kSuppressedTakenForDone,
  kAnswerOfAnotherCallCounted,
  kResultOfAnotherStep,
  kDeadlineAfterThePivot,
  kRecoveryForgetsWhatWasSent,
  kAbortingRecordNotReplayed,
  kCancelAnsweredBeforeItIsDurable,
  kNoPauseBeforeTheNextCall,
  kFailedStepNotCompensated,
  kSkipNotForced,
  kSkippedStepNotDamage,
  kRefusedSagaRecordTakenForDurable,
  kOngoingNeverAskedAgain,
  kFailedCompensationTakenForDone,
  kMarkPassesWhatRuns,
  // sagas: the barrier
  kCompensationWithoutTheActionsRow,
  kFenceLeavesNoRow,
  kBarrierForgetsActions,
  // reservations
  kTriedBeforeItsRecord,
  kRegisteredNotForced,
  kRegisteredNotReplayed,
  kRefusedTryNotCancelled,
  kUnansweredTryNotCancelled,
  kRefusedConfirmTakenForDone,
  kAnswerOfTheTryCountsForItsCancel,
  kRestoredConfirmTakenForDone,
  kReservationsDoNotHoldTheMark,
  kEndOfReservationsNotForced,
  // quorum three-phase commit: coordinator/protocol, coordinator/engine, coordinator/recovery
  kPreCommitNotRecorded,
  kOwnBallotNotForced,
  kWitnessAnswersBeforeDurable,
  kPreCommitNotForced,
  kAbortsAloneAfterPreCommit,
  kForcedBeforeItIsDurable,
  kIntentNotReplayed,
  // quorum three-phase commit: participant-sdk/src/quorum
  kBallotsNotCompared,
  kElectionNotForced,
  kAttemptNotForced,
  kElectedBeforeItsVoteKeepsNothing,
  kRecoversWithoutQuorum,
  kAnyPreCommitTakenForTheLatest,
  // quorum three-phase commit: participant-sdk/src/participant
  kAbortsAloneOnItsTimer,
  kLeadsWithoutItsOwnRecord,
  // participant-sdk
  kEpochIgnored,
  kReadOnlyVoteOfABranchThatWrote,
  kWorkKeptAfterTheSessionWasLost,
  kOpenedAfterTheAbort,
};

// The one that is switched on. Set before anything runs, by the simulator.
inline PlantedBug planted_bug = PlantedBug::kNone;

}  // namespace settle

#define SETTLE_PLANTED_BUG(name) (::settle::planted_bug == ::settle::PlantedBug::name)

#else
#define SETTLE_PLANTED_BUG(name) false
#endif
