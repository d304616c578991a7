// Whether the records of one transaction can be believed together.
#pragma once

#include <string>

#include "engine/engine.h"
#include "log/decision_log.h"

namespace settle::coordinator {

// What contradicts itself in the records of a transaction that has not ended, in words; empty when
// nothing does. The machine may be built only of what does not: its branches are numbered from 1 in
// order, each said commit or read-only, and damage is of a branch that there is. Of a three-phase
// commit its sites are those of its branches, and all of them said commit.
std::string FindContradiction(const RestoredTransaction& transaction, const LogIdentity& log);

// The same of what a person decided, taken by itself.
std::string FindContradiction(const HeuristicIntentRecord& record);

// The same of a saga: its definition is one that can run, and no record is of a step that it does
// not have.
std::string FindContradiction(const RestoredSaga& saga, const LogIdentity& log);

}  // namespace settle::coordinator
