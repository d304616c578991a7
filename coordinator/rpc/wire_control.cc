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
