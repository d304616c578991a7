#include "client/context_text.h"

#include "settle/vocabulary/trace_parent.h"

namespace settle::sdk {
namespace {
constexpr std::string_view kPlain = "settle1;";
constexpr std::string_view kTraced = "settle2;";
}  // namespace

std::string ContextText(const Context& context) {
  const std::string gtid = context.gtid.text();
  if (context.trace_parent.empty()) return std::string(kPlain) + gtid;
  return std::string(kTraced) + gtid + ";" + context.trace_parent;
}

Result<Context> ParseContextText(std::string_view text) {
  const std::string advice = "pass on, unchanged, what GlobalTransaction::context() gave";
  const bool traced = text.starts_with(kTraced);
  if (!traced && !text.starts_with(kPlain)) {
    const bool newer = text.starts_with("settle") && text.find(';') != std::string_view::npos;
    return Fail(newer ? ErrorCode::kVersion : ErrorCode::kInvalid,
                "\"" + Escaped(text) + "\" is not the context of a global transaction", advice);
  }
  const std::string_view rest = text.substr(kPlain.size());
  const std::size_t end = traced ? rest.find(';') : rest.size();
  Result<Gtid> gtid = Gtid::Parse(rest.substr(0, end));
  if (!gtid) return Fail(ErrorCode::kInvalid, gtid.error().message, advice);
  const std::string_view trace = end < rest.size() ? rest.substr(end + 1) : std::string_view();
  return Context{*std::move(gtid), TraceParentFrom(trace)};
}

}  // namespace settle::sdk
