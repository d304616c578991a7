// References in a step's input, to the saga's input and to the results of earlier steps:
//
//   { "customer": {"$input": "/customer"},              into the saga's input
//     "seat":     {"$result": "/flight/seat/number"} }  into the result of step "flight"
//
// The text is a JSON Pointer (RFC 6901); the first part of a $result names the step. An object that
// has a key with a dollar in front must be exactly one such reference.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "settle/vocabulary/status.h"

namespace settle::coordinator::saga {

// The names of the steps whose results the input refers to, each once. kInvalid names the place of
// what is no reference and no plain JSON.
[[nodiscard]] Result<std::vector<std::string>> StepsReferredTo(const std::string& input);

// The result of a step as JSON text; nullptr while it is not known. Asked once for each step.
using ResultOf = std::function<const std::string*(const std::string& step)>;

// Bytes of an input once its references are resolved.
inline constexpr std::size_t kResolvedInputMax = 512 * 1024;

// The input with every reference replaced by what it points to. kNotFound names a reference that
// points to nothing, or whose result is not known; kInvalid: it would be longer than allowed.
[[nodiscard]] Result<std::string> ResolveInput(const std::string& input,
                                               const std::string& saga_input,
                                               const ResultOf& result_of);

}  // namespace settle::coordinator::saga
