// The text that carries a global transaction to another process: "settle1;<gtid>", or, if it was
// begun with a trace, "settle2;<gtid>;<traceparent>". The gtid names the log and the epoch; the
// number is the version of the form: an older SDK refuses the second by name.
#pragma once

#include <string>
#include <string_view>

#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"

namespace settle::sdk {

struct Context {
  Gtid gtid;
  std::string trace_parent{};  // as TraceParentFrom gives it

  friend bool operator==(const Context&, const Context&) = default;
};

std::string ContextText(const Context& context);
// Accepts what ContextText prints. What stands for the trace and is none is ignored.
[[nodiscard]] Result<Context> ParseContextText(std::string_view text);

}  // namespace settle::sdk
