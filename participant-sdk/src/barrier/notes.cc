#include "barrier/notes.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace settle::barrier {
namespace {

// What is undone or confirmed by a call.
ActionOp OriginOf(ActionOp op) {
  switch (op) {
    case ActionOp::kAction:
    case ActionOp::kCompensate:
    case ActionOp::kFence: return ActionOp::kAction;
    case ActionOp::kTry:
    case ActionOp::kConfirm:
    case ActionOp::kCancel: return ActionOp::kTry;
  }
  return ActionOp::kAction;
}

const Note* Find(const Found& found, ActionOp op) {
  const auto is_of = [op](const Note& note) { return note.op == ToString(op); };
  const auto note = std::find_if(found.notes.begin(), found.notes.end(), is_of);
  return note == found.notes.end() ? nullptr : &*note;
}

bool TookEffect(const Note* note) { return note != nullptr && note->op == note->reason; }

Verdict Say(AnswerKind kind, std::string text) {
  return {.answer = {.kind = kind, .text = std::move(text)}};
}

Verdict Suppress(const Note& own) {
  return Say(AnswerKind::kSuppressed,
             "the " + own.op + " can never take effect: its " + own.reason + " was here first");
}

// What was answered when it took effect.
Verdict Repeat(const Note& own) {
  if (own.result) return Say(AnswerKind::kDone, *own.result);
  return Say(
      AnswerKind::kUnknown,
      "ALARM: the " + own.op +
          " was committed without its result: its business ended the "
          "barrier's transaction by a statement of its own, and whether all of it took effect "
          "cannot be told");
}

Verdict ProtocolError(const std::string& what) {
  return Say(AnswerKind::kUnknown, "ALARM: protocol error: " + what +
                                       "; nothing was done, and the call is repeated "
                                       "until somebody has looked into it");
}

Verdict RunWith(ActionContext call, const Note* origin) {
  if (origin != nullptr) {
    if (!call.input) call.input = origin->input;
    if (!call.result) call.result = origin->result;
  }
  return {.next = Next::kRunBusiness, .call = std::move(call)};
}

Verdict JudgeFence(const Note& action, const Found& found) {
  if (TookEffect(&action)) return Repeat(action);
  Verdict verdict = Suppress(action);
  if (found.own_is_new) verdict.next = Next::kKeepNotes;
  return verdict;
}

Verdict JudgeConfirm(const ActionContext& call, const Found& found) {
  const Note* tried = Find(found, ActionOp::kTry);
  if (tried == nullptr) return ProtocolError("confirm without a try");
  if (!TookEffect(tried)) return ProtocolError("confirm of a try that never took effect");
  if (Find(found, ActionOp::kCancel) != nullptr) return ProtocolError("confirm after cancel");
  return RunWith(call, tried);
}

Verdict JudgeUndo(const ActionContext& call, const Found& found) {
  if (Find(found, ActionOp::kConfirm) != nullptr) return ProtocolError("cancel after confirm");
  const Note* origin = Find(found, OriginOf(call.op));
  if (TookEffect(origin)) return RunWith(call, origin);
  // Empty: its origin's row is there by now and keeps it from ever running.
  return {.next = Next::kKeepNotes, .answer = {.kind = AnswerKind::kDone, .text = "{}"}};
}

}  // namespace

std::vector<NewNote> NotesOf(const ActionContext& call) {
  switch (call.op) {
    case ActionOp::kAction:
    case ActionOp::kTry: return {{call.op, call.op, call.input}};
    case ActionOp::kFence: return {{ActionOp::kAction, ActionOp::kFence}};
    case ActionOp::kConfirm: return {{call.op, call.op}};
    case ActionOp::kCompensate:
    case ActionOp::kCancel: return {{OriginOf(call.op), call.op}, {call.op, call.op}};
  }
  return {};
}

Verdict Judge(const ActionContext& call, const Found& found) {
  if (found.pruned) {
    return Say(AnswerKind::kSuppressed,
               "its transaction ended long ago, and what was noted of it is pruned");
  }
  const bool fences = call.op == ActionOp::kFence;
  const Note* own = Find(found, fences ? ActionOp::kAction : call.op);
  // Pruned between the insert and the look.
  if (own == nullptr) return Say(AnswerKind::kUnknown, "the barrier's row vanished meanwhile");
  if (fences) return JudgeFence(*own, found);
  if (!TookEffect(own)) return Suppress(*own);
  if (!found.own_is_new) return Repeat(*own);
  switch (call.op) {
    case ActionOp::kAction:
    case ActionOp::kTry:
    case ActionOp::kFence: break;
    case ActionOp::kConfirm: return JudgeConfirm(call, found);
    case ActionOp::kCompensate:
    case ActionOp::kCancel: return JudgeUndo(call, found);
  }
  return RunWith(call, nullptr);
}

std::string WhyNotNotable(const ActionContext& call) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (call.gtid.empty() || call.step == 0) return "the call names no transaction or no step";
  if (call.gtid.epoch() > kMost || call.gtid.sequence() > kMost) {
    return "the gtid's numbers are beyond what a database can hold";
  }
  if (NotesOf(call).empty()) return "the call is of a kind that this release does not know";
  if (call.input && call.input->find('\0') != std::string::npos) {
    return "the input holds a NUL byte, so that it is no JSON text";
  }
  return {};
}

Answer Storable(Answer answer) {
  if (answer.kind != AnswerKind::kDone) return answer;
  if (answer.text.size() > kResultBytesMost) {
    return Unsure("rolled back: the result has " + std::to_string(answer.text.size()) +
                  " bytes of at most " + std::to_string(kResultBytesMost));
  }
  if (answer.text.find('\0') != std::string::npos) {
    return Unsure("rolled back: the result holds a NUL byte, so that it is no JSON text");
  }
  return answer;
}

Answer Unsure(std::string why) { return {.kind = AnswerKind::kUnknown, .text = std::move(why)}; }

}  // namespace settle::barrier
