// The steps of a saga, drawn as a tree.
#pragma once

#include <cstdint>
#include <string>

#include "cli/text.h"
#include "wire/admin_types.h"

namespace settle::cli {

// Each step under the one that it comes after and that is deepest; one that comes after several
// names them. Below it the results. Whatever the peer sent: a step that comes after itself or after
// none that there is stands at the left.
std::string StepsText(const wire::TransactionView& transaction, std::int64_t now_us, Paint paint);

}  // namespace settle::cli
