#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/three_phase.h"

namespace settle::cli {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: the text does not begin with a character of UTF-8
};

// Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
Character First(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t bytes = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < bytes) return {};
  std::uint32_t code = byte(0) & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3fu);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  if (overlong || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return {};
  return {code, bytes};
}

bool IsHarmless(std::uint32_t code) {
  const auto within = [code](std::uint32_t low, std::uint32_t high) {
    return code >= low && code <= high;
  };
  const bool control = code < 0x20 || within(0x7f, 0x9f);
  const bool hidden = code == 0xad || code == 0x61c || code == 0xfeff || within(0x200b, 0x200f) ||
                      within(0x2060, 0x2064) || within(0xfff9, 0xfffb) || within(0xe0000, 0xe007f);
  const bool reorders = within(0x2028, 0x202e) || within(0x2066, 0x206f);
  return !control && !hidden && !reorders;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character first = First(text);
    const std::size_t taken = std::max<std::size_t>(first.bytes, 1);
    if (first.bytes != 0 && IsHarmless(first.code)) {
      out += text.substr(0, taken);
    } else {
      for (const char c : text.substr(0, taken))
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    text.remove_prefix(taken);
  }
  return out;
}

bool IsPrintable(std::string_view text) {
  while (!text.empty()) {
    const Character first = First(text);
    if (first.bytes == 0 || !IsHarmless(first.code)) return false;
    text.remove_prefix(first.bytes);
  }
  return true;
}

std::string Rfc3339(std::int64_t at_us) {
  if (at_us == 0) return {};
  constexpr std::int64_t kSecond = 1'000'000;
  std::int64_t seconds = at_us / kSecond;
  std::int64_t rest = at_us % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  const std::time_t time = seconds;
  std::tm utc{};
  if (gmtime_r(&time, &utc) == nullptr) return fmt::format("{} us", at_us);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900L,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, rest);
}

std::string Age(std::chrono::milliseconds age) {
  const std::int64_t ms = std::max<std::int64_t>(age.count(), 0);
  const std::int64_t s = ms / 1000;
  if (s == 0) return fmt::format("{} ms", ms);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} m {} s", s / 60, s % 60);
  if (s < 86'400) return fmt::format("{} h {} m", s / 3600, s / 60 % 60);
  return fmt::format("{} d {} h", s / 86'400, s / 3600 % 24);
}

std::string Since(std::int64_t at_us, std::int64_t now_us) {
  if (at_us == 0) return {};
  std::int64_t age_us = 0;
  if (__builtin_sub_overflow(now_us, at_us, &age_us))
    return "a long time";  // a broken peer's clock
  return Age(std::chrono::milliseconds(age_us / 1000));
}

const char* Word(wire::Outcome::type outcome) {
  static_assert(static_cast<int>(wire::Outcome::COMMITTED) ==
                static_cast<int>(Outcome::kCommitted));
  static_assert(static_cast<int>(wire::Outcome::HEURISTIC_COMMIT) ==
                static_cast<int>(Outcome::kHeuristicCommit));
  const int value = static_cast<int>(outcome);
  if (value < wire::Outcome::COMMITTED || value > wire::Outcome::HEURISTIC_COMMIT)
    return "unrecognised";
  return ToString(static_cast<Outcome>(value));
}

const char* Word(wire::AbortCause::type cause) {
  // The wire counts from 1, the vocabulary from 0.
  static_assert(static_cast<int>(wire::AbortCause::NONE) ==
                static_cast<int>(AbortCause::kNone) + 1);
  static_assert(static_cast<int>(wire::AbortCause::QUORUM) ==
                static_cast<int>(AbortCause::kQuorum) + 1);
  const int value = static_cast<int>(cause);
  if (value < wire::AbortCause::NONE || value > wire::AbortCause::QUORUM) return "unrecognised";
  return ToString(static_cast<AbortCause>(value - 1));
}

ErrorCode CodeOf(wire::ErrorCode::type code) {
  static_assert(static_cast<int>(wire::ErrorCode::RETRY) ==
                static_cast<int>(ErrorCode::kRetry) + 1);
  static_assert(static_cast<int>(wire::ErrorCode::INTERNAL) ==
                static_cast<int>(ErrorCode::kInternal) + 1);
  const int value = static_cast<int>(code);
  if (value < wire::ErrorCode::RETRY || value > wire::ErrorCode::INTERNAL)
    return ErrorCode::kInternal;
  return static_cast<ErrorCode>(value - 1);
}

const char* ProtocolOf(const wire::TransactionView& transaction) {
  if (transaction.__isset.saga) return "saga";
  // Without a record it is what is presumed of any gtid.
  if (transaction.began_us == 0 && transaction.branches.empty()) return "";
  return ToString(transaction.__isset.quorum ? Protocol::kThreePhase : Protocol::kTwoPhase);
}

std::string EndingText(const wire::Ending& ending) {
  std::string text = Word(ending.outcome);
  if (ending.cause != wire::AbortCause::NONE) text += fmt::format(" ({})", Word(ending.cause));
  if (!ending.reason.empty()) text += ": " + Printable(ending.reason);
  return text;
}

std::string EvidenceText(const wire::Evidence& evidence) {
  std::string text = Printable(evidence.database);
  if (evidence.timeline != 0) text += fmt::format(", timeline {}", evidence.timeline);
  if (!evidence.local_transaction.empty()) {
    text +=
        (text.empty() ? "transaction " : ", transaction ") + Printable(evidence.local_transaction);
  }
  return text;
}

std::string Paint::Bold(const std::string& text) const {
  return on ? "\x1b[1m" + text + "\x1b[0m" : text;
}

std::string Paint::Alarm(const std::string& text) const {
  return on ? "\x1b[1;31m" + text + "\x1b[0m" : text;
}

}  // namespace settle::cli
