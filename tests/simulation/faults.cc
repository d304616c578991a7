#include "simulation/faults.h"

namespace settle::simulation {

namespace {

// Some of those of two-phase commit and of sagas can happen to reservations too.
bool IsOfReservations(Fault fault) {
  using enum Fault;
  for (const Fault one :
       {kVoteTimeout, kStepFailed, kHandlerThrew, kStepOngoing, kAnswerTooLate, kCommitFailed,
        kCommitReplyLost, kDiedBeforeCommit, kDiedBeforeAnswer, kCallTwice, kCompensatedBeforehand,
        kActionTooLate, kCompensationFailed, kClientCancels, kOperatorSkips}) {
    if (fault == one) return true;
  }
  return false;
}

bool IsOfSites(Fault fault) {
  using enum Fault;
  for (const Fault one : {kVoteTimeout, kPrepareRefused, kFinishFailed, kFinishReplyLost,
                          kScanFailed, kDatabaseCrashed}) {
    if (fault == one) return true;
  }
  return false;
}

}  // namespace

std::vector<Fault> FaultsOf(Protocol protocol) {
  constexpr auto kFirstOfTwoPhase = static_cast<std::size_t>(Fault::kOlderLogRefused);
  constexpr auto kFirstOfSagas = static_cast<std::size_t>(Fault::kStepFailed);
  constexpr auto kFirstOfThreePhase = static_cast<std::size_t>(Fault::kSevered);
  std::vector<Fault> faults;
  for (std::size_t kind = 0; kind < kFaults; ++kind) {
    const bool of_three_phase = kind >= kFirstOfThreePhase;
    const bool of_sagas = kind >= kFirstOfSagas && !of_three_phase;
    const bool of_two_phase = kind >= kFirstOfTwoPhase && kind < kFirstOfSagas;
    const bool of_all = kind < kFirstOfTwoPhase;
    const Fault fault = static_cast<Fault>(kind);
    switch (protocol) {
      case Protocol::kTwoPhase:
        if (of_all || of_two_phase) faults.push_back(fault);
        break;
      case Protocol::kThreePhase:
        // Nothing is ever damaged, so nothing is forgotten.
        if (fault == Fault::kOperatorForgets) break;
        if (of_all || of_three_phase || IsOfSites(fault)) faults.push_back(fault);
        break;
      case Protocol::kSaga:
        if (of_all || of_sagas) faults.push_back(fault);
        break;
      case Protocol::kTcc:
        if (of_all || IsOfReservations(fault)) faults.push_back(fault);
        break;
    }
  }
  return faults;
}

const char* ToString(Fault fault) {
  switch (fault) {
    case Fault::kLastResourceProved: return "last resource proved what it did";
    case Fault::kLastResourceInProgress: return "last resource did not know yet";
    case Fault::kLastResourceWithoutProof: return "last resource had no proof";
    case Fault::kLastResourceWithoutRecord: return "last resource known by a branch's name alone";
    case Fault::kMessageLost: return "message lost";
    case Fault::kMessageDoubled: return "message doubled";
    case Fault::kMessageOvertaken: return "message overtaken";
    case Fault::kPartitioned: return "message cut off by a partition";
    case Fault::kPartitionedOneWay: return "message cut off one way";
    case Fault::kPartitionedProcess: return "message of one process cut off";
    case Fault::kCoordinatorCrashed: return "coordinator crashed";
    case Fault::kCoordinatorFrozen: return "coordinator frozen";
    case Fault::kCoordinatorStalled: return "coordinator stalled";
    case Fault::kGroupLost: return "group lost in the crash";
    case Fault::kGroupTorn: return "group torn by the crash";
    case Fault::kGroupSurvived: return "group survived the crash unanswered";
    case Fault::kLazyRecordsLost: return "lazy records lost in the crash";
    case Fault::kDiskFull: return "disk full";
    case Fault::kRecordsPruned: return "records pruned";
    case Fault::kLogFailed: return "log failed";
    case Fault::kOlderLogRefused: return "older copy of the log refused";
    case Fault::kMailboxFull: return "mailbox full";
    case Fault::kCommandQueueFull: return "command queue full";
    case Fault::kSessionLimit: return "session limit reached";
    case Fault::kTransactionLimit: return "transaction limit reached";
    case Fault::kProcessCrashed: return "process crashed";
    case Fault::kProcessDeadForGood: return "process dead for good";
    case Fault::kProcessFrozen: return "process frozen";
    case Fault::kProcessDetached: return "process detached";
    case Fault::kSessionTakenForLost: return "session taken for lost while its process lives";
    case Fault::kClientGaveUp: return "client left without an answer";
    case Fault::kBranchJoinedLate: return "branch joined late";
    case Fault::kPrepareRefused: return "prepare refused by the database";
    case Fault::kFinishFailed: return "finish failed at the connection";
    case Fault::kFinishReplyLost: return "finish done and not answered";
    case Fault::kScanFailed: return "scan failed half way";
    case Fault::kDatabaseCrashed: return "database crashed";
    case Fault::kStandbyReached: return "standby reached";
    case Fault::kFailedOver: return "failed over";
    case Fault::kFailedOverWithoutPrepare: return "failed over without a prepare";
    case Fault::kFailedOverWithoutCommit: return "failed over without a commit";
    case Fault::kOperatorsHand: return "operator's hand";
    case Fault::kOperatorSays: return "operator says how a branch ended";
    case Fault::kOperatorAborts: return "operator aborts";
    case Fault::kOperatorHurries: return "operator hurries";
    case Fault::kOperatorForgets: return "operator forgets";
    case Fault::kClockForwards: return "wall clock forwards";
    case Fault::kClockTo1970: return "wall clock to 1970";
    case Fault::kClockTo2038: return "wall clock to 2038";
    case Fault::kDeadlineReached: return "deadline reached";
    case Fault::kVoteTimeout: return "vote timed out";
    case Fault::kCommandRepeated: return "command repeated";
    case Fault::kStepFailed: return "step failed";
    case Fault::kHandlerThrew: return "handler threw";
    case Fault::kStepOngoing: return "step ongoing";
    case Fault::kAnswerTooLate: return "answer too late";
    case Fault::kAttemptsUsedUp: return "attempts used up";
    case Fault::kCommitFailed: return "commit failed at the connection";
    case Fault::kCommitReplyLost: return "commit done and not answered";
    case Fault::kDiedBeforeCommit: return "process died before the commit";
    case Fault::kDiedBeforeAnswer: return "process died before the answer";
    case Fault::kCallTwice: return "call came twice";
    case Fault::kCompensatedBeforehand: return "compensated beforehand";
    case Fault::kActionTooLate: return "action came too late";
    case Fault::kBarrierPruned: return "barrier pruned";
    case Fault::kCallAfterTheEnd: return "call came after the end";
    case Fault::kPivotFenced: return "pivot fenced";
    case Fault::kPivotFoundDone: return "pivot found done by its fence";
    case Fault::kCompensationFailed: return "compensation failed";
    case Fault::kClientCancels: return "client cancels";
    case Fault::kCancelTooLate: return "cancel too late";
    case Fault::kOperatorSkips: return "operator skips";
    case Fault::kOperatorSetsInput: return "operator sets the input";
    case Fault::kSevered: return "message cut off between two sides";
    case Fault::kSeveredOneWay: return "message cut off from one side to the other";
    case Fault::kMinorityCutOff: return "minority cut off from a majority that ends it";
    case Fault::kCoordinatorGone: return "coordinator gone for good";
    case Fault::kElectedUnvoted: return "site elected before its vote";
    case Fault::kFalselySuspected: return "coordinator suspected falsely";
    case Fault::kRoundsAtOnce: return "two rounds led at once";
    case Fault::kSameSiteLedTwice: return "two processes lead for one site";
    case Fault::kStaleBallot: return "stale ballot refused";
    case Fault::kRecordChanged: return "record changed meanwhile";
    case Fault::kRecordLost: return "lazy record lost in the crash";
    case Fault::kRecordReplyLost: return "record written and not answered";
    case Fault::kMajorityMissing: return "round given up without a majority";
    case Fault::kEndedBySites: return "branch ended by its sites";
    case Fault::kCoordinatorLeads: return "coordinator leads a recovery round";
    case Fault::kWitnessAsked: return "witness asked";
    case Fault::kOperatorForces: return "operator forces";
    case Fault::kForcedOtherwise: return "operator forces otherwise than the sites end it";
  }
  return "unrecognised";
}

}  // namespace settle::simulation
