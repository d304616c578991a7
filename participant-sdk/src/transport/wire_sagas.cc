// Sagas and reservations: what is said of them, and calls of actions.
#include <utility>

#include "settle/vocabulary/trace_parent.h"
#include "transport/wire_values.h"

namespace settle::sdk {
namespace {

Result<ActionOp> FromWire(wire::ActionOp::type op) {
  switch (op) {
    case wire::ActionOp::ACTION: return ActionOp::kAction;
    case wire::ActionOp::COMPENSATE: return ActionOp::kCompensate;
    case wire::ActionOp::FENCE: return ActionOp::kFence;
    case wire::ActionOp::TRY: return ActionOp::kTry;
    case wire::ActionOp::CONFIRM: return ActionOp::kConfirm;
    case wire::ActionOp::CANCEL: return ActionOp::kCancel;
  }
  return Strange("call " + std::to_string(static_cast<int>(op)));
}

wire::ActionOp::type ToWire(ActionOp op) {
  switch (op) {
    case ActionOp::kAction: return wire::ActionOp::ACTION;
    case ActionOp::kCompensate: return wire::ActionOp::COMPENSATE;
    case ActionOp::kFence: return wire::ActionOp::FENCE;
    case ActionOp::kTry: return wire::ActionOp::TRY;
    case ActionOp::kConfirm: return wire::ActionOp::CONFIRM;
    case ActionOp::kCancel: return wire::ActionOp::CANCEL;
  }
  return static_cast<wire::ActionOp::type>(0);  // refused by every reader
}

wire::AnswerKind::type ToWire(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kDone: return wire::AnswerKind::DONE;
    case AnswerKind::kFailed: return wire::AnswerKind::FAILED;
    case AnswerKind::kOngoing: return wire::AnswerKind::ONGOING;
    case AnswerKind::kUnknown: return wire::AnswerKind::UNKNOWN;
    case AnswerKind::kSuppressed: return wire::AnswerKind::SUPPRESSED;
  }
  return wire::AnswerKind::UNKNOWN;
}

}  // namespace

wire::TryRequest ToWire(const TryCall& call) {
  wire::TryRequest out;
  out.gtid = call.gtid.text();
  out.participant = call.participant;
  out.action = call.action;
  out.input = call.input;
  out.request_key = call.request_key;
  out.wait_ms = call.wait.count();
  return out;
}

Result<TryReply> FromWire(const wire::TryReply& reply) {
  Result<BranchNumber> branch = BranchFromWire(reply.branch);
  if (!branch) return Fail(branch.error());
  switch (reply.became) {
    case wire::TryOutcome::RESERVED:
      return TryReply{*branch, TryAnswer{TryOutcome::kReserved, reply.text}};
    case wire::TryOutcome::FAILED:
      return TryReply{*branch, TryAnswer{TryOutcome::kFailed, OneLine(reply.text, kTextMost)}};
    case wire::TryOutcome::ONGOING:
      return TryReply{*branch, std::nullopt, OneLine(reply.text, kTextMost)};
  }
  return Strange("try outcome " + std::to_string(static_cast<int>(reply.became)));
}

wire::StartSagaRequest ToWire(const StartSagaCall& call) {
  wire::StartSagaRequest out;
  out.__set_definition(call.document);
  out.input = call.input;
  out.comment = OneLine(call.comment, kTextMost);
  out.owner = OneLine(call.owner, kLabelMost);
  out.__set_request_key(call.request_key);
  if (!call.trace_parent.empty()) out.__set_trace_parent(OneLine(call.trace_parent, kLabelMost));
  if (!call.name.empty()) {
    out.__set_name(call.name);
    out.__set_version(call.version);
  }
  return out;
}

wire::DefineSagaRequest ToWire(const DefineSagaCall& call) {
  wire::DefineSagaRequest out;
  out.definition = call.document;
  out.owner = OneLine(call.owner, kLabelMost);
  return out;
}

wire::AwaitSagaRequest ToWire(const AwaitSagaCall& call) {
  wire::AwaitSagaRequest out;
  out.gtid = call.gtid.text();
  out.wait_ms = call.wait.count();
  return out;
}

Result<SagaEnding> FromWire(const wire::AwaitSagaReply& reply) {
  Result<Ending> ending = FromWire(reply.ending);
  if (!ending) return Fail(ending.error());
  return SagaEnding{*std::move(ending), reply.results};
}

Result<ActionCall> FromWire(const wire::ActionCall& call) {
  Result<ActionOp> op = FromWire(call.op);
  Result<Gtid> gtid = Gtid::Parse(call.gtid);
  Result<BranchNumber> step = BranchFromWire(call.step);
  Result<Epoch> epoch = EpochFromWire(call.epoch);
  if (!op) return Fail(op.error());
  if (!gtid) return Fail(gtid.error());
  if (!step) return Fail(step.error());
  if (!epoch) return Fail(epoch.error());
  if (call.timeout_ms < 1) return Strange("a time-out of " + std::to_string(call.timeout_ms));
  ActionCall out{{*std::move(gtid), *step},
                 *op,
                 call.participant,
                 call.action,
                 call.attempt,
                 *epoch,
                 milliseconds(call.timeout_ms),
                 {},
                 {}};
  if (call.__isset.input) out.input = call.input;
  if (call.__isset.result) out.result = call.result;
  out.trace_parent = TraceParentFrom(call.trace_parent);
  return out;
}

Result<EndedThrough> FromWire(const wire::EndedThrough& mark, const std::string& log_id) {
  Result<Epoch> epoch = EpochFromWire(mark.epoch);
  if (!epoch) return Fail(epoch.error());
  if (mark.sequence < 0) return Strange("sequence " + std::to_string(mark.sequence));
  return EndedThrough{log_id, *epoch, static_cast<std::uint64_t>(mark.sequence)};
}

wire::ActionAnswer ToWire(const ActionAnswer& answer) {
  wire::ActionAnswer out;
  out.gtid = answer.key.gtid.text();
  out.step = static_cast<std::int32_t>(answer.key.number);
  out.op = ToWire(answer.op);
  out.attempt = answer.attempt;
  out.kind = ToWire(answer.answer.kind);
  const bool is_result = answer.answer.kind == AnswerKind::kDone;
  out.text = is_result ? answer.answer.text : OneLine(answer.answer.text, kTextMost);
  out.poll_after_ms = answer.answer.poll_after_ms;
  return out;
}

}  // namespace settle::sdk
