// What goes between a saga and its participants, and what is asked of a saga.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/records.h"
#include "settle/vocabulary/action.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {

// To any process that serves the participant; may be lost, it is then sent again.
struct SagaCall {
  BranchKey key;  // the saga and the step's number
  ActionOp op = ActionOp::kAction;
  std::string participant;
  std::string action;
  int attempt = 1;
  std::string input;  // as in saga::effect::Call
  std::string result;
  std::chrono::milliseconds timeout{0};
  Epoch epoch = 0;
  std::string trace_parent{};  // of its transaction

  friend bool operator==(const SagaCall&, const SagaCall&) = default;
};

struct SagaAnswer {
  BranchKey key;
  ActionOp op = ActionOp::kAction;
  int attempt = 1;  // of the call that it answers
  Answer answer;
};

struct StartSagaCall {
  saga::Definition definition;  // or the stored one that `name` says
  std::string input = "{}";     // JSON text
  std::string request_key;      // a repeated start with it gets the same saga (saga_starts.h)
  std::string owner;
  std::string comment;
  std::string name{};
  std::int32_t version = 0;  // 0: the highest that is stored
  std::string identity{};    // what is proved of whoever calls; empty: nothing
  std::size_t open_max = 0;  // sagas of the identity, or else of the owner; 0: as the settings say
  std::string trace_parent{};  // as Origin has it
};

// What a request key began.
struct SagaStart {
  Gtid gtid;
  std::string identity;  // whose key it is
  std::string request_key;
  std::string saga;
  std::int32_t version = 1;
  StartFingerprint fingerprint;
};

struct DefineSagaCall {
  saga::Definition definition;
  std::string owner;
};
struct Defined {
  bool known = false;  // it was stored before, with the same content
};
struct DefinitionQuery {
  std::string after_name;  // by name and version; empty: from the first
  std::int32_t after_version = 0;
  std::size_t most = 100;
};
struct DefinitionLine {
  std::string name;
  std::int32_t version = 1;
  std::size_t steps = 0;
  std::string stored_by;
  WallTime at = 0;
};
struct DefinitionPage {
  std::vector<DefinitionLine> definitions;
  bool more = false;
};

// How a saga ended and, if it is committed, what its steps gave: within kResultsKeptMax.
struct SagaEnd {
  Ending ending;
  std::map<std::string, std::string> results{};  // by step; JSON text
};

// What recovery read of a saga that has not ended.
struct RestoredSaga {
  SagaBeginRecord begin;          // only its gtid if there is a contradiction
  std::vector<SagaRecord> later;  // in order
  // Not empty: its records contradict themselves, in these words. It is quarantined: shown, and
  // left alone with all its steps.
  std::string contradiction{};
  std::string lost{};  // as of RestoredTransaction
};

struct SagaActCall {
  Gtid gtid;
  BranchNumber step = 0;
  SagaAct act = SagaAct::kSkip;
  std::string input;  // JSON text, of kSetInput
  std::string by;
  std::string reason;
};

}  // namespace settle::coordinator
