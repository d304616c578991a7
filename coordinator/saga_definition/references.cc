#include "saga_definition/references.h"

#include <algorithm>
#include <map>
#include <utility>

#include "saga_definition/json_text.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator::saga {
namespace {

using nlohmann::json;
using Pointer = json::json_pointer;

struct Reference {
  bool into_result = false;  // else into the saga's input
  std::string step;
  std::string text;  // as written, for people
  Pointer path;      // within the result or the input
};

// "/a" where the value is; the top is "the input".
std::string Place(const Pointer& at) {
  return at.empty() ? "the input" : "\"" + Escaped(at.to_string()) + "\"";
}

bool HasDollarKey(const json& value) {
  return value.is_object() && std::any_of(value.items().begin(), value.items().end(),
                                          [](const auto& item) { return item.key()[0] == '$'; });
}

Result<Reference> ParseReference(const json& value, const Pointer& at) {
  const auto& [key, path] = *value.get_ref<const json::object_t&>().begin();
  if (value.size() != 1 || (key != "$input" && key != "$result")) {
    return Fail(ErrorCode::kInvalid,
                Place(at) + " has a key that begins with \"$\" and is not a reference",
                R"(write {"$input": "/..."} or {"$result": "/step/..."} with no other key)");
  }
  if (!path.is_string()) {
    return Fail(ErrorCode::kInvalid, Place(at) + ": " + key + " must be a JSON Pointer");
  }
  Reference reference{key == "$result", "", path.get<std::string>(), Pointer()};
  std::string rest = reference.text;
  if (reference.into_result) {
    const std::size_t end = rest.find('/', 1);
    if (rest.size() < 2 || rest.front() != '/' || end == 1) {
      return Fail(ErrorCode::kInvalid, Place(at) + ": \"" + Escaped(rest) +
                                           "\" does not name a step as in \"/step/...\"");
    }
    reference.step = rest.substr(1, end == std::string::npos ? end : end - 1);
    rest = end == std::string::npos ? "" : rest.substr(end);
  }
  try {
    reference.path = Pointer(rest);
  } catch (const json::exception&) {
    return Fail(ErrorCode::kInvalid,
                Place(at) + ": \"" + Escaped(reference.text) + "\" is not a JSON Pointer");
  }
  return reference;
}

// Calls `visit(reference, value)` for every reference in `value`, which it may replace.
template <typename Visit>
Status ForEachReference(json& value, const Pointer& at, const Visit& visit) {
  if (HasDollarKey(value)) {
    const Result<Reference> reference = ParseReference(value, at);
    if (!reference) return Fail(reference.error());
    return visit(*reference, value);
  }
  if (value.is_object()) {
    for (auto& [key, element] : value.get_ref<json::object_t&>()) {
      if (Status inside = ForEachReference(element, at / key, visit); !inside) return inside;
    }
  } else if (value.is_array()) {
    std::size_t index = 0;
    for (json& element : value) {
      if (Status inside = ForEachReference(element, at / index++, visit); !inside) return inside;
    }
  }
  return {};
}

// What references point into, each read once however many there are.
class Sources {
 public:
  Sources(const std::string& saga_input, const ResultOf& result_of)
      : saga_input_(saga_input), result_of_(result_of) {}

  // nullptr: the step's result is not known.
  const Result<json>* Of(const Reference& reference) {
    const auto known = parsed_.find({reference.into_result, reference.step});
    if (known != parsed_.end()) return &known->second;
    const std::string* text = reference.into_result ? result_of_(reference.step) : &saga_input_;
    if (text == nullptr) return nullptr;
    return &parsed_.emplace(Key{reference.into_result, reference.step}, ParseJson(*text))
                .first->second;
  }

 private:
  using Key = std::pair<bool, std::string>;
  const std::string& saga_input_;
  const ResultOf& result_of_;
  std::map<Key, Result<json>> parsed_;
};

// nullptr: there is nothing.
const json* Find(const Result<json>& source, const Pointer& path) {
  if (!source) return nullptr;
  try {
    if (source->contains(path)) return &source->at(path);
  } catch (const json::exception&) {  // "/list/01" is no index
  }
  return nullptr;
}

// Nothing is read as JSON that cannot hold a reference, so plain input stays as it was written.
bool MayHoldReference(const std::string& input) {
  return input.find('$') != std::string::npos || input.find("\\u") != std::string::npos;
}

}  // namespace

Result<std::vector<std::string>> StepsReferredTo(const std::string& input) {
  Result<json> value = ParseJson(input);
  if (!value) return Fail(value.error());
  std::vector<std::string> steps;
  const Status walked =
      ForEachReference(*value, Pointer(), [&](const Reference& reference, const json&) -> Status {
        const bool known = std::find(steps.begin(), steps.end(), reference.step) != steps.end();
        if (reference.into_result && !known) steps.push_back(reference.step);
        return {};
      });
  if (!walked) return Fail(walked.error());
  return steps;
}

Result<std::string> ResolveInput(const std::string& input, const std::string& saga_input,
                                 const ResultOf& result_of) {
  if (!MayHoldReference(input)) return input;
  Result<json> value = ParseJson(input);
  if (!value) return Fail(value.error());
  std::size_t size = input.size();
  Sources sources(saga_input, result_of);
  const auto replace = [&](const Reference& reference, json& here) -> Status {
    const Result<json>* source = sources.Of(reference);
    if (source == nullptr) {
      return Fail(ErrorCode::kNotFound, "the result of step " + reference.step + " is not known");
    }
    const json* found = Find(*source, reference.path);
    if (found == nullptr) {
      return Fail(ErrorCode::kNotFound,
                  (reference.into_result ? "the result of step " + Escaped(reference.step)
                                         : std::string("the saga's input")) +
                      " has nothing at " + Escaped(reference.path.to_string()));
    }
    here = *found;
    size += here.dump().size();
    if (size > kResolvedInputMax) {
      return Fail(ErrorCode::kInvalid, "with its references resolved the input is longer than " +
                                           std::to_string(kResolvedInputMax) + " bytes");
    }
    return {};
  };
  if (Status resolved = ForEachReference(*value, Pointer(), replace); !resolved) {
    return Fail(resolved.error());
  }
  return value->dump();
}

}  // namespace settle::coordinator::saga
