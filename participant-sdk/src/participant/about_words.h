// How a line for people begins that is about a transaction: with fields that a program finds too,
// as in the coordinator's log in text.
#pragma once

#include <string>
#include <string_view>

#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/trace_parent.h"

namespace settle::sdk {

// "gtid=k3m9qxw4c7ab.2.1842.9f3c2a51 trace_id=0af7... span_id=b7ad... ". `trace_parent`: as
// TraceParentFrom gives it.
inline std::string AboutWords(const Gtid& gtid, std::string_view trace_parent) {
  std::string words = "gtid=" + gtid.text() + " ";
  if (trace_parent.empty()) return words;
  words.append("trace_id=").append(TraceIdOf(trace_parent));
  return words.append(" span_id=").append(SpanIdOf(trace_parent)).append(" ");
}

}  // namespace settle::sdk
