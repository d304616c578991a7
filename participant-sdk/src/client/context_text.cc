#include "client/context_text.h"

namespace settle::sdk {
namespace {
constexpr std::string_view kPrefix = "settle1;";
}  // namespace

std::string ContextText(const Gtid& gtid) { return std::string(kPrefix) + gtid.text(); }

Result<Gtid> ParseContextText(std::string_view text) {
  const std::string advice = "pass on, unchanged, what GlobalTransaction::context() gave";
  if (!text.starts_with(kPrefix)) {
    const bool newer = text.starts_with("settle") && text.find(';') != std::string_view::npos;
    return Fail(newer ? ErrorCode::kVersion : ErrorCode::kInvalid,
                "\"" + Escaped(text) + "\" is not the context of a global transaction", advice);
  }
  Result<Gtid> gtid = Gtid::Parse(text.substr(kPrefix.size()));
  if (!gtid) return Fail(ErrorCode::kInvalid, gtid.error().message, advice);
  return gtid;
}

}  // namespace settle::sdk
