// Sagas and reservations: what comes from the wire and what goes there.
#include <charconv>
#include <set>
#include <utility>

#include "engine/saga_starts.h"
#include "rpc/wire.h"
#include "rpc/wire_checks.h"
#include "saga_definition/document.h"
#include "settle/vocabulary/trace_parent.h"

namespace settle::coordinator {
namespace {

Result<ActionOp> OpFromWire(const wire::ActionOp::type& op) {
  switch (Raw(op)) {
    case wire::ActionOp::ACTION: return ActionOp::kAction;
    case wire::ActionOp::COMPENSATE: return ActionOp::kCompensate;
    case wire::ActionOp::FENCE: return ActionOp::kFence;
    case wire::ActionOp::TRY: return ActionOp::kTry;
    case wire::ActionOp::CONFIRM: return ActionOp::kConfirm;
    case wire::ActionOp::CANCEL: return ActionOp::kCancel;
  }
  return UnknownValue("op", Raw(op));
}

Result<AnswerKind> KindFromWire(const wire::AnswerKind::type& kind) {
  switch (Raw(kind)) {
    case wire::AnswerKind::DONE: return AnswerKind::kDone;
    case wire::AnswerKind::FAILED: return AnswerKind::kFailed;
    case wire::AnswerKind::ONGOING: return AnswerKind::kOngoing;
    case wire::AnswerKind::UNKNOWN: return AnswerKind::kUnknown;
    case wire::AnswerKind::SUPPRESSED: return AnswerKind::kSuppressed;
  }
  return UnknownValue("kind", Raw(kind));
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

}  // namespace

Result<StartSagaCall> FromWire(const wire::StartSagaRequest& request) {
  StartSagaCall call{
      {},           request.input,  request.request_key, request.owner, request.comment,
      request.name, request.version};
  call.trace_parent = TraceParentFrom(request.trace_parent);
  if (request.definition.empty() == request.name.empty()) {
    return Fail(ErrorCode::kInvalid,
                request.name.empty() ? "neither a definition nor the name of a stored one was given"
                                     : "both a definition and the name of a stored one were given",
                "give one of the two");
  }
  if (request.version < 0 || (request.version != 0 && request.name.empty()))
    return Wrong("version", "goes with a name, and is 1 or more, or 0 for the highest");
  if (!request.name.empty() && !CheckResourceName(request.name))
    return Wrong("name", "is \"" + Escaped(request.name) + "\", which is not a saga's name");
  if (call.name.empty()) {
    Result<saga::Definition> definition = saga::ReadDocument(request.definition);
    if (!definition) return Fail(definition.error());
    call.definition = *std::move(definition);
  }
  for (const Status& checked : {CheckText("input", request.input, kJsonBytesMax),
                                CheckText("comment", request.comment, kWordsBytesMax),
                                CheckText("owner", request.owner, kNameBytesMax),
                                CheckText("request_key", request.request_key, kRequestKeyMax)}) {
    if (!checked) return Fail(checked.error());
  }
  return call;
}

Result<DefineSagaCall> FromWire(const wire::DefineSagaRequest& request) {
  Result<saga::Definition> definition = saga::ReadDocument(request.definition);
  if (!definition) return Fail(definition.error());
  if (Status owner = CheckText("owner", request.owner, kNameBytesMax); !owner)
    return Fail(owner.error());
  return DefineSagaCall{*std::move(definition), request.owner};
}

wire::AwaitSagaReply ToWire(const SagaEnd& end) {
  wire::AwaitSagaReply reply;
  reply.ending = ToWire(end.ending);
  if (end.ending.outcome == Outcome::kCommitted) reply.__set_results(end.results);
  return reply;
}

Result<TryCall> FromWire(const wire::TryRequest& request) {
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  for (const auto& [what, name] :
       {std::pair("participant", &request.participant), std::pair("action", &request.action)}) {
    if (CheckResourceName(*name)) continue;
    return Fail(ErrorCode::kInvalid, std::string(what) + " is \"" + Escaped(*name) + "\"",
                "use 1 to 64 of letters, digits, '.', '_' and '-'");
  }
  if (request.request_key.empty()) return Wrong("request_key", "is empty");
  for (const Status& checked : {CheckText("input", request.input, kJsonBytesMax),
                                CheckText("request_key", request.request_key, kKeyBytesMax)}) {
    if (!checked) return Fail(checked.error());
  }
  const auto wait = MillisecondsFromWire("wait_ms", request.wait_ms);
  if (!wait) return Fail(wait.error());
  return TryCall{*std::move(gtid), request.participant, request.action,
                 request.input,    request.request_key, *wait};
}

wire::TryReply ToWire(const TryAnswer& answer) {
  wire::TryReply reply;
  reply.branch = static_cast<std::int32_t>(answer.branch);
  switch (answer.kind) {
    case AnswerKind::kDone: reply.became = wire::TryOutcome::RESERVED; break;
    case AnswerKind::kFailed: reply.became = wire::TryOutcome::FAILED; break;
    case AnswerKind::kOngoing:
    case AnswerKind::kUnknown:
    case AnswerKind::kSuppressed: reply.became = wire::TryOutcome::ONGOING; break;
  }
  reply.text = answer.kind == AnswerKind::kDone ? answer.text : OneLine(answer.text);
  return reply;
}

Result<AwaitSagaCall> FromWire(const wire::AwaitSagaRequest& request) {
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  const auto wait = MillisecondsFromWire("wait_ms", request.wait_ms);
  if (!wait) return Fail(wait.error());
  return AwaitSagaCall{*std::move(gtid), *wait};
}

// The cursor is "name@version", of the last on the page before.
Result<DefinitionQuery> DefinitionsFromWire(const wire::PageRequest& request) {
  const Result<PageCall> page = FromWire(request);
  if (!page) return Fail(page.error());
  DefinitionQuery query{"", 0, page->most};
  if (page->cursor.empty()) return query;
  const std::size_t at = page->cursor.find('@');
  query.after_name = page->cursor.substr(0, at);
  const char* const end = page->cursor.data() + page->cursor.size();
  const char* const number = at == std::string::npos ? end : page->cursor.data() + at + 1;
  const auto [stop, error] = std::from_chars(number, end, query.after_version);
  if (error != std::errc{} || stop != end || !CheckResourceName(query.after_name))
    return Wrong("cursor", "is not one that this list gave");
  return query;
}

wire::DefinitionsReply ToWire(const DefinitionPage& page) {
  wire::DefinitionsReply reply;
  for (const DefinitionLine& line : page.definitions) {
    wire::DefinitionView view;
    view.name = line.name;
    view.version = line.version;
    view.steps = static_cast<std::int32_t>(line.steps);
    view.stored_by = line.stored_by;
    view.stored_us = line.at;
    reply.definitions.push_back(view);
  }
  if (page.more) {
    const DefinitionLine& last = page.definitions.back();
    reply.next_cursor = last.name + "@" + std::to_string(last.version);
  }
  return reply;
}

wire::DefinitionView ToWire(const DefinitionRecord& record) {
  wire::DefinitionView view;
  view.name = record.definition.name;
  view.version = record.definition.version;
  view.steps = static_cast<std::int32_t>(record.definition.steps.size());
  view.stored_by = record.stored_by;
  view.stored_us = record.at;
  view.__set_document(saga::WriteDocument(record.definition));
  return view;
}

wire::SagaView ToWire(const SagaSummary& saga) {
  wire::SagaView view;
  view.name = saga.name;
  view.version = saga.version;
  view.request_key = saga.request_key;
  for (const StepSummary& step : saga.steps) {
    wire::StepView line;
    line.step = static_cast<std::int32_t>(step.number);
    line.name = step.name;
    line.action = step.action;
    line.kind = ToString(step.kind);
    for (const BranchNumber number : step.after)
      line.after.push_back(static_cast<std::int32_t>(number));
    line.called_us = step.called;
    line.changed_us = step.changed;
    if (!step.result.empty()) line.__set_result(step.result);
    view.steps.push_back(line);
  }
  return view;
}

Result<std::vector<std::string>> ParticipantsFromWire(
    const std::vector<std::string>& participants) {
  if (Status few = CheckServed("participants", participants.size()); !few) return Fail(few.error());
  std::set<std::string> names;
  for (const std::string& name : participants) {
    if (!CheckResourceName(name)) {
      return Fail(ErrorCode::kInvalid, "\"" + Escaped(name) + "\" is not a participant's name",
                  "use 1 to 64 of letters, digits, '.', '_' and '-'");
    }
    if (!names.insert(name).second) return Wrong("participants", "name " + name + " twice");
  }
  return participants;
}

// A result may be anything: what is no JSON, or too long, is for the engine to judge.
Result<SagaAnswer> FromWire(const wire::ActionAnswer& answer) {
  Result<Gtid> gtid = GtidFromWire(answer.gtid);
  if (!gtid) return Fail(gtid.error());
  const Result<BranchNumber> step = BranchFromWire(answer.step);
  if (!step) return Fail(step.error());
  const Result<ActionOp> op = OpFromWire(answer.op);
  if (!op) return Fail(op.error());
  if (answer.attempt < 1) return Wrong("attempt", "is not 1 or more");
  const Result<AnswerKind> kind = KindFromWire(answer.kind);
  if (!kind) return Fail(kind.error());
  const auto poll_after = MillisecondsFromWire("poll_after_ms", answer.poll_after_ms);
  if (!poll_after) return Fail(poll_after.error());
  const bool is_result = *kind == AnswerKind::kDone;
  return SagaAnswer{{*std::move(gtid), *step},
                    *op,
                    answer.attempt,
                    {*kind, is_result ? answer.text : OneLine(answer.text), poll_after->count()}};
}

wire::ActionCall ToWire(const SagaCall& call) {
  wire::ActionCall reply;
  reply.op = ToWire(call.op);
  reply.gtid = call.key.gtid.text();
  reply.step = static_cast<std::int32_t>(call.key.number);
  reply.participant = call.participant;
  reply.action = call.action;
  reply.attempt = call.attempt;
  reply.epoch = static_cast<std::int64_t>(call.epoch);
  reply.timeout_ms = call.timeout.count();
  if (!call.input.empty()) reply.__set_input(call.input);
  if (!call.result.empty()) reply.__set_result(call.result);
  if (!call.trace_parent.empty()) reply.__set_trace_parent(call.trace_parent);
  return reply;
}

}  // namespace settle::coordinator
