// What a restored log cannot know: it is older than what participants have seen (LostEpochs), and
// never presumes abort of anything that the lost records may have decided.
#pragma once

#include <string>

#include "engine/engine.h"
#include "log/decision_log.h"

namespace settle::coordinator {

// Of a transaction without any record: unknown if it may have had one that was lost.
Ending LostEnding(const LogIdentity& log, const Gtid& gtid);

// Why a transaction that was open when the backup was made must not go on; empty if it may. A
// decision is final whatever came after it; what had none then may have been decided since:
// reservations only by the life that was lost, because every start cancels them, a three-phase
// commit by its sites at any time, and with the witness's lost promises.
std::string FindLoss(const RestoredTransaction& transaction, const LogIdentity& log);

// A saga that goes backward stays so. One that went forward may have been turned back since; to
// call its next step then would do what nobody undoes.
std::string FindLoss(const RestoredSaga& saga, const LogIdentity& log);

}  // namespace settle::coordinator
