#include "settled/option_values.h"

#include <charconv>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {
namespace {

// The milliseconds of a unit; 0 for none.
std::int64_t UnitOf(std::string_view text) {
  if (text == "ms") return 1;
  if (text == "s") return 1'000;
  if (text == "m") return 60'000;
  if (text == "h") return 3'600'000;
  return 0;
}

}  // namespace

Result<std::chrono::milliseconds> ParseDuration(std::string_view text,
                                                const Range<std::chrono::milliseconds>& range) {
  const auto wrong = [&] {
    return Fail(ErrorCode::kInvalid,
                "\"" + Escaped(text) + "\" is not a duration from " + ToText(range.least) + " to " +
                    ToText(range.most),
                "write a whole number and its unit: 500ms, 10s, 5m, 1h");
  };
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [unit, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || number < 0) return wrong();
  const std::int64_t milliseconds = UnitOf({unit, static_cast<std::size_t>(end - unit)});
  if (milliseconds == 0 || number > range.most.count() / milliseconds) return wrong();
  const std::chrono::milliseconds duration(number * milliseconds);
  if (duration < range.least) return wrong();
  return duration;
}

Result<std::uint64_t> ParseCount(std::string_view text, const Range<std::uint64_t>& range) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end || number < range.least || number > range.most) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not a whole number from " +
                                         std::to_string(range.least) + " to " +
                                         std::to_string(range.most));
  }
  return number;
}

std::string ToText(std::chrono::milliseconds duration) {
  const std::int64_t count = duration.count();
  if (count == 0) return "0s";
  if (count % 3'600'000 == 0) return std::to_string(count / 3'600'000) + "h";
  if (count % 60'000 == 0) return std::to_string(count / 60'000) + "m";
  if (count % 1'000 == 0) return std::to_string(count / 1'000) + "s";
  return std::to_string(count) + "ms";
}

}  // namespace settle::coordinator
