// What goes between a saga and its participants, and what is asked of a saga.
#pragma once

#include <chrono>
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
  std::string input;   // as in saga::effect::Call
  std::string result;
  std::chrono::milliseconds timeout{0};
  Epoch epoch = 0;

  friend bool operator==(const SagaCall&, const SagaCall&) = default;
};

struct SagaAnswer {
  BranchKey key;
  ActionOp op = ActionOp::kAction;
  int attempt = 1;  // of the call that it answers
  Answer answer;
};

struct StartSagaCall {
  saga::Definition definition;
  std::string input = "{}";  // JSON text
  std::string request_key;   // kept with the saga, for whoever started it
  std::string owner;
  std::string comment;
};

// What recovery read of a saga that has not ended.
struct RestoredSaga {
  SagaBeginRecord begin;          // only its gtid if there is a contradiction
  std::vector<SagaRecord> later;  // in order
  // Not empty: its records contradict themselves, in these words. It is quarantined: shown, and
  // left alone with all its steps.
  std::string contradiction{};
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
