// A definition as a JSON document, which people write and every language can send:
//
//   { "saga": "trip", "version": 1, "deadline_ms": 86400000,
//     "steps": [
//       { "name": "flight", "participant": "airline", "action": "reserve-seat",
//         "input": {"customer": {"$input": "/customer"}} },
//       { "name": "payment", "participant": "bank", "action": "pay", "after": ["flight"],
//         "input": {"amount": {"$result": "/flight/price"}}, "pivot": true,
//         "retry": {"attempts": 5, "first_ms": 200, "maximum_ms": 60000, "factor": 2,
//                   "jitter": 0.2},
//         "timeout_ms": 30000 },
//       { "name": "mail", "participant": "mail", "action": "send", "after": ["payment"],
//         "compensate": "never" } ] }
//
// "attempts" may be "forever", which it is when left out, as the values of RetryPolicy are for the
// others. A step comes after every step that its input refers to, named in "after" or not.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "saga_definition/definition.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator::saga {

inline constexpr std::size_t kDocumentMax = 2 * 1024 * 1024;  // bytes

// A definition that satisfies Check. kInvalid names the place: as a JSON Pointer where the document
// is wrong, by the step where the saga is.
[[nodiscard]] Result<Definition> ReadDocument(std::string_view document);

// The document that ReadDocument reads the same definition from; the same text for the same one:
// indented unless it is long.
std::string WriteDocument(const Definition& definition);

}  // namespace settle::coordinator::saga
