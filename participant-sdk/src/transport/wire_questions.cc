// Questions and their answers.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <utility>

#include "transport/wire_values.h"

namespace settle::sdk {
namespace {

constexpr std::size_t kFindingsMost = 200;  // the contract's

// What the database's users named themselves, as a line on which control characters are seen.
std::string Shown(const std::string& text, std::size_t most) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 32 && byte != 127) {
      out += c;
      continue;
    }
    std::array<char, 5> hex{};
    std::snprintf(hex.data(), hex.size(), "\\x%02x", byte);
    out += hex.data();
  }
  return OneLine(out, most);
}

wire::Proof::type ToWire(Proof proof) {
  switch (proof) {
    case Proof::kCommitted: return wire::Proof::COMMITTED;
    case Proof::kAborted: return wire::Proof::ABORTED;
    case Proof::kInProgress: return wire::Proof::IN_PROGRESS;
    case Proof::kNone: return wire::Proof::NONE;
  }
  return wire::Proof::NONE;
}

wire::LiveBranch ToWire(const LiveBranch& live) {
  wire::LiveBranch out;
  out.prepared = live.prepared;
  out.prepared_us = live.prepared_at;
  out.owner = Shown(live.owner, kLabelMost);
  out.proof = ToWire(live.proof);
  out.proof_detail = Shown(live.proof_detail, kTextMost);
  out.locks = static_cast<std::int64_t>(live.locks);
  for (const std::string& relation : live.relations) {
    if (out.relations.size() == LiveBranch::kRelationsMost) break;
    out.relations.push_back(Shown(relation, kLabelMost));
  }
  out.waiting = static_cast<std::int64_t>(live.waiting);
  for (const Waiter& waiter : live.waiters) {
    if (out.waiters.size() == LiveBranch::kWaitersMost) break;
    wire::WaitingSession session;
    session.process_id = waiter.process_id;
    session.user = Shown(waiter.user, kLabelMost);
    session.application = Shown(waiter.application, kLabelMost);
    session.waits_ms = waiter.waits.count();
    session.relation = Shown(waiter.relation, kLabelMost);
    out.waiters.push_back(std::move(session));
  }
  out.unseen = Shown(live.unseen, kTextMost);
  return out;
}

wire::Severity::type ToWire(Severity severity) {
  switch (severity) {
    case Severity::kOk: return wire::Severity::OK;
    case Severity::kNote: return wire::Severity::NOTE;
    case Severity::kWarning: return wire::Severity::WARNING;
    case Severity::kProblem: return wire::Severity::PROBLEM;
  }
  return wire::Severity::PROBLEM;
}

wire::Examination ToWire(const Examination& examination) {
  wire::Examination out;
  for (const Finding& finding : examination.findings) {
    if (out.findings.size() == kFindingsMost) break;
    wire::Finding one;
    one.code = Shown(finding.code, kLabelMost);
    one.severity = ToWire(finding.severity);
    one.what = Shown(finding.what, kTextMost);
    one.advice = Shown(finding.advice, kTextMost);
    out.findings.push_back(std::move(one));
  }
  out.clock_us = examination.clock_us;
  return out;
}

std::int32_t RawKind(const wire::Question& question) {
  std::int32_t raw = 0;  // generated code loads enums unchecked
  static_assert(sizeof(raw) == sizeof(question.kind));
  std::memcpy(&raw, &question.kind, sizeof(raw));
  return raw;
}

Result<QuestionContent> ContentFromWire(const wire::Question& question) {
  const std::int32_t kind = RawKind(question);
  if (kind == wire::QuestionKind::EXAMINE) return ExaminationWanted{};
  if (kind != wire::QuestionKind::INSPECT) return Strange("question " + std::to_string(kind));
  Result<Gtid> gtid = Gtid::Parse(question.gtid);
  Result<BranchNumber> branch = BranchFromWire(question.branch);
  if (!gtid) return Fail(gtid.error());
  if (!branch) return Fail(branch.error());
  if (question.evidence.timeline < 0) {
    return Strange("timeline " + std::to_string(question.evidence.timeline));
  }
  return Inspection{
      {*std::move(gtid), *branch},
      {question.evidence.database, static_cast<std::uint32_t>(question.evidence.timeline),
       question.evidence.local_transaction}};
}

}  // namespace

Question FromWire(const wire::Question& question) {
  const std::int64_t timeout = std::clamp<std::int64_t>(question.timeout_ms, 0, kTimeoutMsMost);
  return {question.number, question.resource, milliseconds(timeout), ContentFromWire(question)};
}

wire::QuestionAnswer ToWire(const QuestionAnswer& answer) {
  wire::QuestionAnswer out;
  out.number = answer.number;
  if (!answer.content) {
    out.__set_error(Shown(Describe(answer.content.error()), kTextMost));
  } else if (const auto* live = std::get_if<LiveBranch>(&*answer.content)) {
    out.__set_live(ToWire(*live));
  } else {
    out.__set_examination(ToWire(std::get<Examination>(*answer.content)));
  }
  return out;
}

}  // namespace settle::sdk
