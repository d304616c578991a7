// What the decision log stores of a saga. Three of them are forced whatever the number of steps:
// begin, aborting, end.
#pragma once

#include <cstddef>
#include <cstdint>
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

// Forced. A definition under its name and version, never changed and never pruned.
struct DefinitionRecord {
  saga::Definition definition;
  std::string stored_by;
  WallTime at = 0;

  friend bool operator==(const DefinitionRecord&, const DefinitionRecord&) = default;
};

// What people and clients see of a step beside its branch summary.
struct StepSummary {
  BranchNumber number = 0;
  std::string name;
  std::string action;
  saga::StepKind kind = saga::StepKind::kCompensatable;
  std::vector<BranchNumber> after;  // the steps that must be done before
  std::string result;               // JSON text; empty: none, not known, or too much to be kept
  WallTime called = 0;              // first, in this life of the coordinator; 0: not known
  WallTime changed = 0;             // since when it is in its state; 0: not known

  friend bool operator==(const StepSummary&, const StepSummary&) = default;
};

// Tells a start that is repeated from another one with the same key. CRC-32: it finds mistakes, not
// forgeries.
struct StartFingerprint {
  std::uint32_t definition = 0;
  std::uint32_t input = 0;

  friend bool operator==(const StartFingerprint&, const StartFingerprint&) = default;
};

// A saga beside its transaction summary.
struct SagaSummary {
  std::string name;
  std::int32_t version = 1;
  std::string request_key;
  StartFingerprint fingerprint;
  std::vector<StepSummary> steps;  // none of a quarantined one

  friend bool operator==(const SagaSummary&, const SagaSummary&) = default;
};

// Bytes of the results that a summary holds.
inline constexpr std::size_t kResultsKeptMax = 256 * 1024;

// "skip", "set-input".
const char* ToString(SagaAct act);

}  // namespace settle::coordinator
