// The operator's control verbs and the audit trail, from the wire and to it.
#include <charconv>

#include "rpc/wire.h"
#include "rpc/wire_checks.h"

namespace settle::coordinator {

Result<AuditQuery> FromWire(const wire::AuditRequest& request) {
  wire::PageRequest page;
  page.most = request.most;
  page.cursor = request.cursor;
  const Result<PageCall> checked = FromWire(page);
  if (!checked) return Fail(checked.error());
  for (const Status& text : {CheckText("target", request.target, kNameBytesMax),
                             CheckText("operator_name", request.operator_name, kNameBytesMax)}) {
    if (!text) return Fail(text.error());
  }
  if (request.since_us < 0) return Wrong("since_us", "is negative");
  AuditQuery query{0, checked->most, request.since_us, request.target, request.operator_name};
  if (request.cursor.empty()) return query;
  const char* const end = request.cursor.data() + request.cursor.size();
  const auto [stop, error] = std::from_chars(request.cursor.data(), end, query.below);
  if (error != std::errc{} || stop != end || query.below == 0) {
    return Fail(ErrorCode::kInvalid,
                "\"" + Escaped(request.cursor) + "\" is not a cursor of this list",
                "use the one that the last page gave");
  }
  return query;
}

Result<PauseRecord> FromWire(const wire::PauseRequest& request) {
  PauseRecord record;
  if (!request.name.empty()) {
    if (Status name = CheckResourceName(request.name); !name) return Fail(name.error());
  }
  if (Status who = CheckWhoAndWhy(request.operator_name, request.reason); !who)
    return Fail(who.error());
  record.scope = request.name.empty() ? PauseScope::kEverythingNew : PauseScope::kParticipant;
  record.name = request.name;
  record.operator_name = OneLine(request.operator_name);
  record.reason = OneLine(request.reason);
  return record;
}

Result<PauseRecord> FromWire(const wire::DrainRequest& request) {
  // A drain says itself what it is for.
  const std::string reason = request.reason.empty() ? "drain" : request.reason;
  if (Status who = CheckWhoAndWhy(request.operator_name, reason); !who) return Fail(who.error());
  PauseRecord record;
  record.scope = PauseScope::kDrain;
  record.paused = request.on;
  record.operator_name = OneLine(request.operator_name);
  record.reason = OneLine(request.reason);
  return record;
}

wire::PauseView ToWire(const PauseRecord& pause) {
  wire::PauseView reply;
  reply.scope = pause.scope == PauseScope::kParticipant     ? "participant"
                : pause.scope == PauseScope::kEverythingNew ? "everything new"
                                                            : "drain";
  reply.name = pause.name;
  reply.operator_name = pause.operator_name;
  reply.reason = pause.reason;
  reply.since_us = pause.at;
  return reply;
}

void AddControl(const StatusView& view, wire::StatusReply& reply) {
  reply.__set_in_doubt(static_cast<std::int64_t>(view.counts.in_doubt));
  if (view.counts.oldest_in_doubt != 0) reply.__set_oldest_in_doubt_us(view.counts.oldest_in_doubt);
  reply.__set_undecided(static_cast<std::int64_t>(view.undecided));
  for (const auto& [name, count] : view.counts.waiting)
    reply.waiting[name] = static_cast<std::int64_t>(count);
  reply.__isset.waiting = true;
  for (const PauseRecord& pause : view.pauses) reply.pauses.push_back(ToWire(pause));
  reply.__isset.pauses = true;
  reply.__set_audit_rows(static_cast<std::int64_t>(view.audit.rows));
  reply.__set_audit_pruned(static_cast<std::int64_t>(view.audit.pruned));
  reply.__set_audit_damage(view.audit.damage);
}

wire::AuditEntry ToWire(const AuditEntry& entry) {
  wire::AuditEntry reply;
  reply.number = static_cast<std::int64_t>(entry.number);
  reply.asked_us = entry.asked.at;
  reply.caller = OneLine(entry.asked.caller);
  reply.operator_name = OneLine(entry.asked.operator_name);
  reply.action = OneLine(entry.asked.action);
  reply.target = OneLine(entry.asked.target);
  reply.reason = OneLine(entry.asked.reason);
  reply.answered_us = entry.answered;
  reply.result = OneLine(entry.result);
  return reply;
}

}  // namespace settle::coordinator
