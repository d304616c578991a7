// Questions and their answers. What a participant answers is for people: texts are made fit to be
// shown and lists are cut, so that no answer is a reason to refuse the votes that it travels with.
#include <algorithm>
#include <utility>

#include "admin/explanation.h"
#include "admin/plain_words.h"
#include "rpc/utf8.h"
#include "rpc/wire.h"
#include "rpc/wire_checks.h"

namespace settle::coordinator {
namespace {

std::string Label(const std::string& text) { return OneLineOfUtf8(text, kNameBytesMax); }

Proof ProofFromWire(const wire::Proof::type& proof) {
  switch (Raw(proof)) {
    case wire::Proof::COMMITTED: return Proof::kCommitted;
    case wire::Proof::ABORTED: return Proof::kAborted;
    case wire::Proof::IN_PROGRESS: return Proof::kInProgress;
  }
  return Proof::kNone;
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

LiveBranch FromWire(const wire::LiveBranch& live) {
  LiveBranch branch;
  branch.prepared = live.prepared;
  branch.prepared_at = std::max<std::int64_t>(live.prepared_us, 0);
  branch.owner = Label(live.owner);
  branch.proof = ProofFromWire(live.proof);
  branch.proof_detail = OneLine(live.proof_detail);
  branch.locks = static_cast<std::uint64_t>(std::max<std::int64_t>(live.locks, 0));
  for (const std::string& relation : live.relations) {
    if (branch.relations.size() == LiveBranch::kRelationsMost) break;
    branch.relations.push_back(Label(relation));
  }
  for (const wire::WaitingSession& waiter : live.waiters) {
    if (branch.waiters.size() == LiveBranch::kWaitersMost) break;
    const auto waits = std::clamp<std::int64_t>(waiter.waits_ms, 0, kWaitsMsMost);
    branch.waiters.push_back({waiter.process_id, Label(waiter.user), Label(waiter.application),
                              std::chrono::milliseconds(waits), Label(waiter.relation)});
  }
  branch.waiting = std::max<std::uint64_t>(
      static_cast<std::uint64_t>(std::max<std::int64_t>(live.waiting, 0)), branch.waiters.size());
  branch.unseen = OneLine(live.unseen);
  return branch;
}

// What is not known is shown as bad as it can be.
Severity SeverityFromWire(const wire::Severity::type& severity) {
  switch (Raw(severity)) {
    case wire::Severity::OK: return Severity::kOk;
    case wire::Severity::NOTE: return Severity::kNote;
    case wire::Severity::WARNING: return Severity::kWarning;
  }
  return Severity::kProblem;
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

Examination FromWire(const wire::Examination& examination) {
  constexpr std::size_t kFindingsMost = 200;
  Examination out;
  for (const wire::Finding& finding : examination.findings) {
    if (out.findings.size() == kFindingsMost) break;
    out.findings.push_back({Label(finding.code), SeverityFromWire(finding.severity),
                            OneLine(finding.what), OneLine(finding.advice)});
  }
  out.clock_us = examination.clock_us;
  return out;
}

Result<AnswerContent> ContentFromWire(const wire::QuestionAnswer& answer) {
  if (answer.__isset.error) return Fail(ErrorCode::kUnavailable, OneLine(answer.error));
  if (answer.__isset.live) return FromWire(answer.live);
  if (answer.__isset.examination) return FromWire(answer.examination);
  return Fail(ErrorCode::kUnavailable, "its process answered nothing");
}

wire::AskedNow ToWire(const AskedNow& how) {
  wire::AskedNow out;
  out.asked_us = how.asked;
  out.took_ms = how.took.count();
  out.process = how.process;
  out.why_not = OneLine(how.why_not);
  return out;
}

// How long an operator waits for databases.
Result<std::chrono::milliseconds> WaitFromWire(std::int64_t wait_ms) {
  constexpr std::int64_t kMost = 60'000;
  if (wait_ms < 0 || wait_ms > kMost) {
    return Wrong("wait_ms", "is " + std::to_string(wait_ms) + "; 0 to " + std::to_string(kMost) +
                                " are allowed");
  }
  return wait_ms == 0 ? Question{}.timeout : std::chrono::milliseconds(wait_ms);
}

}  // namespace

Result<LookCall> FromWire(const wire::LookRequest& request) {
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  const auto wait = WaitFromWire(request.wait_ms);
  if (!wait) return Fail(wait.error());
  LookCall call{*std::move(gtid)};
  if (!request.without_live) call.wait = *wait;
  return call;
}

Result<ExamineCall> FromWire(const wire::ExamineRequest& request) {
  if (!request.resource.empty()) {
    if (Status name = CheckResourceName(request.resource); !name) return Fail(name.error());
  }
  const auto wait = WaitFromWire(request.wait_ms);
  if (!wait) return Fail(wait.error());
  wire::PageRequest as_page;
  as_page.most = request.most;
  as_page.cursor = request.cursor;
  Result<PageCall> page = FromWire(as_page);
  if (!page) return Fail(page.error());
  return ExamineCall{request.resource, *wait, page->most, std::move(page->cursor)};
}

AnswerReport FromWire(const wire::QuestionAnswer& answer) {
  return {answer.number, ContentFromWire(answer)};
}

wire::Question ToWire(const Question& question) {
  wire::Question out;
  out.number = question.number;
  out.resource = question.resource;
  out.timeout_ms = question.timeout.count();
  out.kind = wire::QuestionKind::EXAMINE;
  if (question.kind == Question::Kind::kExamine) return out;
  out.kind = wire::QuestionKind::INSPECT;
  out.__set_gtid(question.key.gtid.text());
  out.__set_branch(static_cast<std::int32_t>(question.key.number));
  out.__set_evidence(ToWire(question.evidence));
  return out;
}

wire::LiveBranch ToWire(const LiveBranch& live) {
  wire::LiveBranch out;
  out.prepared = live.prepared;
  out.prepared_us = live.prepared_at;
  out.owner = live.owner;
  out.proof = ToWire(live.proof);
  out.proof_detail = live.proof_detail;
  out.locks = static_cast<std::int64_t>(live.locks);
  out.relations = live.relations;
  out.waiting = static_cast<std::int64_t>(live.waiting);
  for (const Waiter& waiter : live.waiters) {
    wire::WaitingSession session;
    session.process_id = waiter.process_id;
    session.user = waiter.user;
    session.application = waiter.application;
    session.waits_ms = waiter.waits.count();
    session.relation = waiter.relation;
    out.waiters.push_back(std::move(session));
  }
  out.unseen = live.unseen;
  return out;
}

wire::Examination ToWire(const Examination& examination) {
  wire::Examination out;
  for (const Finding& finding : examination.findings) {
    wire::Finding one;
    one.code = finding.code;
    one.severity = ToWire(finding.severity);
    one.what = finding.what;
    one.advice = finding.advice;
    out.findings.push_back(std::move(one));
  }
  out.clock_us = examination.clock_us;
  return out;
}

wire::DiagnosisReply ToWire(const Diagnosis& diagnosis) {
  wire::DiagnosisReply reply;
  reply.at_us = diagnosis.at;
  reply.findings = ToWire(Examination{diagnosis.findings}).findings;
  return reply;
}

wire::LiveView ToWire(const LiveRow& row) {
  wire::LiveView out;
  out.branch = static_cast<std::int32_t>(row.branch);
  out.how = ToWire(row.how);
  if (row.unserved_since) out.__set_unserved_since_us(*row.unserved_since);
  if (!row.live) {
    out.how.why_not = OneLine(UnansweredInWords(row));
    return out;
  }
  out.__set_live(ToWire(*row.live));
  out.comparison = row.comparison.words;
  out.contradicts = row.comparison.contradicts;
  out.waiting = WaitingInWords(*row.live);
  return out;
}

wire::LookReply ToWire(const LookView& view) {
  wire::LookReply out;
  out.transaction = ToWire(view.transaction);
  for (const LiveRow& row : view.live) out.live.push_back(ToWire(row));
  Explanation words = InPlainWords(view.transaction, view.live);
  out.explanation.happened = std::move(words.happened);
  out.explanation.waits_for = std::move(words.waits_for);
  out.explanation.safe = std::move(words.safe);
  out.explanation.harmful = std::move(words.harmful);
  out.explanation.commands = std::move(words.commands);
  return out;
}

wire::ExamineReply ToWire(const ExaminedPage& page) {
  wire::ExamineReply out;
  for (const ExaminedRow& row : page.rows) {
    wire::ExaminedView view;
    view.resource = row.resource;
    view.identity = row.identity;
    view.how = ToWire(row.how);
    if (row.examination) view.__set_examination(ToWire(*row.examination));
    out.resources.push_back(std::move(view));
  }
  out.next_cursor = page.next_cursor;
  return out;
}

}  // namespace settle::coordinator
