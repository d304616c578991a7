// What the decision log stores of a saga. Three of them are forced whatever the number of steps:
// begin, aborting, end.
#pragma once

#include <string>
#include <vector>

#include "protocol/origin.h"
#include "saga_definition/definition.h"
#include "settle/vocabulary/action.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/outcome.h"

namespace settle::coordinator {

// Forced before the first call. A running saga keeps the definition it began with.
struct SagaBeginRecord {
  Gtid gtid;
  Origin origin;
  std::string request_key;  // of whoever started it; may be empty
  saga::Definition definition;
  std::string input;  // JSON text

  friend bool operator==(const SagaBeginRecord&, const SagaBeginRecord&) = default;
};

// Lazy: a lost one costs a repeated call, which the participant's barrier absorbs.
struct SagaStepRecord {
  Gtid gtid;
  BranchNumber step = 0;            // from 1, in the order of the definition
  ActionOp op = ActionOp::kAction;  // kAction: it is done; kCompensate: it is undone
  std::string result;               // JSON text

  friend bool operator==(const SagaStepRecord&, const SagaStepRecord&) = default;
};

// Forced before the first compensation is sent: from here on the saga only goes back.
struct SagaAbortingRecord {
  Gtid gtid;
  Ending ending;
  WallTime decided = 0;
  std::vector<BranchNumber> compensate;  // every step that may have been sent and can be undone

  friend bool operator==(const SagaAbortingRecord&, const SagaAbortingRecord&) = default;
};

enum class SagaAct {
  kSkip = 1,      // the step counts as settled; what it left behind is damage
  kSetInput = 2,  // the outstanding call is sent with this input from now on
};

// Forced. What an operator did about a step that is stuck.
struct SagaActRecord {
  Gtid gtid;
  BranchNumber step = 0;
  SagaAct act = SagaAct::kSkip;
  std::string input;  // JSON text, of kSetInput
  std::string by;
  std::string reason;
  WallTime at = 0;

  friend bool operator==(const SagaActRecord&, const SagaActRecord&) = default;
};

// Forced before anybody is told how the saga ended.
struct SagaEndRecord {
  Gtid gtid;
  Ending ending;
  WallTime ended = 0;

  friend bool operator==(const SagaEndRecord&, const SagaEndRecord&) = default;
};

// "skip", "set-input".
const char* ToString(SagaAct act);

}  // namespace settle::coordinator
