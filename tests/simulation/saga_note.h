// What participants and clients saw of a saga, as they would have written it down. The oracle.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ports.h"
#include "protocol/saga_records.h"

namespace settle::simulation {

struct StepNote {
  int done = 0;        // how often its action took effect
  int undone = 0;      // how often its compensation did
  std::string input;   // that its action took effect with
  std::string result;  // of its action
  // How often operators asked for this, and were not refused.
  int input_set = 0;
  int skipped = 0;
  std::map<ActionOp, std::size_t> calls{};  // that left the coordinator
};

struct SagaNote {
  coordinator::SagaBeginRecord begin;
  coordinator::Instant asked{};        // for it to begin
  coordinator::Instant turned_back{};  // when the aborting record was handed to the log
  std::vector<StepNote> steps;
  std::optional<Outcome> told;             // the last that says how it ended
  std::optional<Outcome> said_at_the_end;  // by the coordinator, when all was over
  bool cancel_refused = false;

  const coordinator::saga::StepDefinition& definition(BranchNumber step) const {
    return begin.definition.steps[step - 1];
  }
};

using SagaNotes = std::map<Gtid, SagaNote>;

}  // namespace settle::simulation
