// Every kind of fault that the simulated world knows. A kind is counted when it really happened,
// and a test asserts that every kind does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulation/protocol.h"

namespace settle::simulation {

enum class Fault {
  // the network
  kMessageLost,
  kMessageDoubled,
  kMessageOvertaken,    // by one that was sent later on the same way
  kPartitioned,         // cut off: nobody reaches the coordinator
  kPartitionedOneWay,   // requests arrive and replies do not, or the other way round
  kPartitionedProcess,  // one process is cut off
  // the coordinator and its log
  kCoordinatorCrashed,
  kCoordinatorFrozen,   // SIGSTOP past its deadlines, then SIGCONT
  kCoordinatorStalled,  // its shards do not get to run for a while
  kGroupLost,           // of records being flushed, in a crash
  kGroupTorn,           // a part of it survived
  kGroupSurvived,       // all of it did, and nobody had been told
  kLazyRecordsLost,
  kDiskFull,       // a record was refused
  kRecordsPruned,  // of an ended transaction
  kLogFailed,      // an I/O error: the coordinator ends itself
  // back-pressure, by name
  kMailboxFull,
  kCommandQueueFull,
  kSessionLimit,
  kTransactionLimit,
  // processes
  kProcessCrashed,
  kProcessDeadForGood,  // until everything heals
  kProcessFrozen,
  kProcessDetached,      // an orderly end
  kSessionTakenForLost,  // while its process lives
  kClientGaveUp,         // no answer in time; it asks for the outcome later
  // people and time
  kOperatorAborts,
  kOperatorHurries,
  kOperatorForgets,
  kClockForwards,  // the wall clock's jumps
  kClockTo1970,
  kClockTo2038,
  kDeadlineReached,  // before commit was asked for
  kCommandRepeated,  // by the retry timer
  // of two-phase commit alone
  kOlderLogRefused,   // a participant would not talk to one that runs on an older copy
  kBranchJoinedLate,  // a service joined when its transaction was already over
  kPrepareRefused,
  kFinishFailed,     // before it reached the database
  kFinishReplyLost,  // after the database had done it
  kScanFailed,       // half way
  kDatabaseCrashed,
  kStandbyReached,  // it refuses to write
  kFailedOver,      // to a standby that missed nothing
  kFailedOverWithoutPrepare,
  kFailedOverWithoutCommit,
  kOperatorsHand,  // finished a prepared branch in the database
  kOperatorSays,   // how a branch in hazard ended
  kVoteTimeout,
  kLastResourceProved,         // what it did, to the coordinator
  kLastResourceInProgress,     // when it was asked, or out of reach
  kLastResourceWithoutProof,   // after a fail-over
  kLastResourceWithoutRecord,  // the name of a prepared branch told that there is one
  // of sagas alone
  kStepFailed,  // by the business, definitively
  kHandlerThrew,
  kStepOngoing,
  kAnswerTooLate,  // after the call's time-out
  kAttemptsUsedUp,
  kCommitFailed,           // of the handler's local transaction
  kCommitReplyLost,        // after the database had done it
  kDiedBeforeCommit,       // the process, in the middle of a handler
  kDiedBeforeAnswer,       // after the commit
  kCallTwice,              // the barrier answered with what it had answered before
  kCompensatedBeforehand,  // a compensation without its action, or before it
  kActionTooLate,          // its compensation or its fence went before
  kBarrierPruned,          // of the rows of what had ended
  kCallAfterTheEnd,        // of its saga: refused by the barrier's mark
  kPivotFenced,            // and never ran
  kPivotFoundDone,         // by the fence
  kCompensationFailed,
  kClientCancels,
  kCancelTooLate,
  kOperatorSkips,
  kOperatorSetsInput,
  // of three-phase commit alone
  kSevered,           // between two sides of a cut, peers included
  kSeveredOneWay,     // from one side to the other
  kMinorityCutOff,    // from a majority that ends it
  kCoordinatorGone,   // until all heals
  kElectedUnvoted,    // a site was asked to join an election before it had voted
  kFalselySuspected,  // the coordinator, while it was up and could be reached
  kRoundsAtOnce,      // two leaders of one transaction at a time
  kSameSiteLedTwice,  // by two processes of it at a time
  kStaleBallot,       // refused by a site
  kRecordChanged,     // by another, between its reading and its writing
  kRecordLost,        // written lazily, in the crash of its database
  kRecordReplyLost,   // written and not answered
  kMajorityMissing,   // for a round, which was given up
  kEndedBySites,      // a branch, by its peers' word
  kCoordinatorLeads,  // a recovery round of its own
  kWitnessAsked,      // by a site that leads
  kOperatorForces,    // what waits for a majority
  kForcedOtherwise,   // than its sites ended it
};

inline constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::kForcedOtherwise) + 1;

using FaultCounts = std::array<std::uint64_t, kFaults>;

// Those that can happen to the protocol.
std::vector<Fault> FaultsOf(Protocol protocol);

// "message lost".
const char* ToString(Fault fault);

}  // namespace settle::simulation
