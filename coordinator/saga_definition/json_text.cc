#include "saga_definition/json_text.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

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

namespace {

Result<nlohmann::json> Parse(std::string_view text,
                             const nlohmann::json::parser_callback_t& visit) {
  if (IsTooDeep(text)) {
    return Fail(ErrorCode::kInvalid,
                "the JSON is nested deeper than " + std::to_string(kJsonDepthMax) + " levels");
  }
  try {
    return nlohmann::json::parse(text, visit);
  } catch (const nlohmann::json::exception& error) {
    std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error ..."
    what.remove_prefix(std::min(what.find(' ') + 1, what.size()));
    // Where it is wrong is enough: what stands there may be nobody else's to read.
    what = what.substr(0, std::min(what.find("; last read: "), what.find(" parsing '")));
    return Fail(ErrorCode::kInvalid, "this is not JSON: " + Escaped(what));
  }
}

}  // namespace

Result<nlohmann::json> ParseJson(std::string_view text) { return Parse(text, nullptr); }

Result<nlohmann::json> ParseJsonWithoutRepeats(std::string_view text) {
  using Event = nlohmann::json::parse_event_t;
  std::vector<std::set<std::string>> open;  // the names so far, of each object around
  std::string twice;
  Result<nlohmann::json> value = Parse(text, [&](int, Event event, const nlohmann::json& parsed) {
    if (event == Event::object_start) open.emplace_back();
    if (event == Event::object_end) open.pop_back();
    if (event != Event::key || open.back().insert(parsed.get<std::string>()).second) return true;
    if (twice.empty()) twice = "\"" + Escaped(parsed.get<std::string>()) + "\"";
    return true;
  });
  if (!value || twice.empty()) return value;
  return Fail(ErrorCode::kInvalid, twice + " stands twice in the same object");
}

}  // namespace settle::coordinator::saga
