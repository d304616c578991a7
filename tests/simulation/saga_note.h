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
  int done = 0;            // how often its action took effect
  int undone = 0;          // how often its compensation did
  std::string input;       // that its action took effect with
  std::string result;      // of its action
  bool input_set = false;  // an operator asked for that
  bool skip_asked = false;
  std::map<ActionOp, std::size_t> calls{};  // that left the coordinator
};

struct SagaNote {
  coordinator::SagaBeginRecord begin;
  // No earlier than this, with so many nudges before, a call of this kind was sent first.
  struct Since {
    coordinator::Instant at{};
    std::size_t nudges = 0;
  };
  Since asked;
  Since turned_back;
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
