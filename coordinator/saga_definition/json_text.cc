#include "saga_definition/json_text.h"

#include <algorithm>
#include <string>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator::saga {
namespace {

// Looked at before parsing: printing and copying a value recurse.
bool IsTooDeep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > kJsonDepthMax) return true;
  }
  return false;
}

}  // namespace

Result<nlohmann::json> ParseJson(std::string_view text) {
  if (IsTooDeep(text)) {
    return Fail(ErrorCode::kInvalid, "the JSON is nested deeper than " +
                                         std::to_string(kJsonDepthMax) + " levels");
  }
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error ..."
    what.remove_prefix(std::min(what.find(' ') + 1, what.size()));
    return Fail(ErrorCode::kInvalid, "this is not JSON: " + Escaped(what));
  }
}

}  // namespace settle::coordinator::saga
