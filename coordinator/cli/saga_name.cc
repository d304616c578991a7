#include "cli/saga_name.h"

#include <charconv>

#include "settle/vocabulary/gtid.h"

namespace settle::cli {

Result<SagaName> ParseSagaName(const std::string& text) {
  SagaName saga;
  const std::size_t at = text.find('@');
  saga.name = text.substr(0, at);
  bool good = CheckResourceName(saga.name).has_value();
  if (at != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + at + 1, end, saga.version);
    good = good && error == std::errc{} && stop == end && saga.version > 0;
  }
  if (good) return saga;
  return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not the name of a saga",
              "give NAME, or NAME@VERSION, as 'settle saga definitions' lists them");
}

}  // namespace settle::cli
