// W3C trace context (https://www.w3.org/TR/trace-context/): the value of a `traceparent` header,
// which says under which trace and span of a tracing system somebody's work is done. Settle makes
// no spans of its own; it carries the value to whoever works for the transaction and puts it into
// the log, so that both can be found by the trace.
//
//   const std::string parent =
//       TraceParentFrom("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
//   TraceIdOf(parent);  // "0af7651916cd43dd8448eb211c80319c"
#pragma once

#include <string>
#include <string_view>

namespace settle {

// The value as it is passed on, which is of version 00 (55 characters); of a later version only
// what this one has is kept, as the standard says (3.2.4, "Versioning of traceparent"). Empty: it
// is none by the standard's grammar, and is to be ignored.
std::string TraceParentFrom(std::string_view header);

// Parts of what TraceParentFrom gave; empty if that is.
std::string_view TraceIdOf(std::string_view trace_parent);     // 32 hexadecimal digits
std::string_view SpanIdOf(std::string_view trace_parent);      // 16, of the caller's span
std::string_view TraceFlagsOf(std::string_view trace_parent);  // 2; the lowest bit: sampled

}  // namespace settle
