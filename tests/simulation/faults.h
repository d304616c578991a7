// Every kind of fault that the simulated world knows. A kind is counted when it really happened,
// and a test asserts that every kind does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

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
  kDiskFull,         // a record was refused
  kRecordsPruned,    // of an ended transaction
  kLogFailed,        // an I/O error: the coordinator ends itself
  kOlderLogRefused,  // a participant would not talk to one that runs on an older copy
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
  kBranchJoinedLate,     // a service joined when its transaction was already over
  // databases
  kPrepareRefused,
  kFinishFailed,     // before it reached the database
  kFinishReplyLost,  // after the database had done it
  kScanFailed,       // half way
  kDatabaseCrashed,
  kStandbyReached,  // it refuses to write
  kFailedOver,      // to a standby that missed nothing
  kFailedOverWithoutPrepare,
  kFailedOverWithoutCommit,
  // people and time
  kOperatorsHand,  // finished a prepared branch in the database
  kOperatorAborts,
  kOperatorHurries,
  kOperatorForgets,
  kClockForwards,  // the wall clock's jumps
  kClockTo1970,
  kClockTo2038,
  kDeadlineReached,  // before commit was asked for
  kVoteTimeout,
  kCommandRepeated,  // by the retry timer
};

inline constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::kCommandRepeated) + 1;

using FaultCounts = std::array<std::uint64_t, kFaults>;

// "message lost".
const char* ToString(Fault fault);

}  // namespace settle::simulation
