#include "settle/vocabulary/gtid.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "settle/vocabulary/last_resource.h"

namespace settle {
namespace {

constexpr std::size_t kTailLength = 8;  // hexadecimal digits
constexpr std::uint64_t kSequenceMax = (std::uint64_t{1} << 63) - 1;

bool IsLowerAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Reads a decimal or hexadecimal number up to `end_mark`; canonical form only (no sign, no leading
// zero in decimal), so that one transaction has one spelling.
template <typename T>
bool TakeDecimal(std::string_view& text, T& value) {
  if (text.empty() || (text[0] == '0' && text.size() > 1 && text[1] >= '0' && text[1] <= '9'))
    return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 10);
  if (error != std::errc{} || end == text.data()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool TakeDot(std::string_view& text) {
  if (text.empty() || text[0] != '.') return false;
  text.remove_prefix(1);
  return true;
}

constexpr std::string_view kForLastResource = "-last";

bool IsTail(std::string_view text) {
  if (text.ends_with(kForLastResource)) text.remove_suffix(kForLastResource.size());
  return text.size() == kTailLength && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

bool IsLogId(std::string_view text) {
  return text.size() == kLogIdLength && std::all_of(text.begin(), text.end(), IsLowerAlphanumeric);
}

Gtid Gtid::Make(std::string_view log_id, Epoch epoch, std::uint64_t sequence, std::uint32_t tail) {
  Gtid gtid;
  std::copy_n(log_id.begin(), std::min(log_id.size(), kLogIdLength), gtid.log_id_.begin());
  gtid.epoch_ = epoch;
  gtid.sequence_ = sequence & kSequenceMax;
  gtid.tail_ = tail;
  return gtid;
}

Gtid Gtid::MakeForLastResource(std::string_view log_id, Epoch epoch, std::uint64_t sequence,
                               std::uint32_t tail) {
  Gtid gtid = Make(log_id, epoch, sequence, tail);
  gtid.last_resource_ = 1;
  return gtid;
}

std::string Gtid::text() const {
  if (empty()) return {};
  // 20 digits have 64 bits
  std::array<char, kLogIdLength + 1 + 20 + 1 + 20 + 1 + kTailLength + kForLastResource.size()> room;
  char* end = std::copy(log_id_.begin(), log_id_.end(), room.data());
  for (const std::uint64_t number : {epoch_, sequence()}) {
    *end++ = '.';
    end = std::to_chars(end, room.data() + room.size(), number).ptr;
  }
  *end++ = '.';
  for (std::size_t i = 0; i < kTailLength; ++i) {
    *end++ = "0123456789abcdef"[tail_ >> (4 * (kTailLength - 1 - i)) & 15];
  }
  if (last_resource_ != 0) end = std::copy(kForLastResource.begin(), kForLastResource.end(), end);
  return {room.data(), end};
}

Result<Gtid> Gtid::Parse(std::string_view text) {
  Gtid gtid;
  std::uint64_t sequence = 0;
  std::string_view rest = text;
  const bool has_log = text.size() > kLogIdLength && IsLogId(text.substr(0, kLogIdLength));
  if (has_log) rest.remove_prefix(kLogIdLength);
  if (!has_log || !TakeDot(rest) || !TakeDecimal(rest, gtid.epoch_) || !TakeDot(rest) ||
      !TakeDecimal(rest, sequence) || sequence > kSequenceMax || !TakeDot(rest) || !IsTail(rest) ||
      gtid.epoch_ == 0) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not a gtid",
                "a gtid reads <log id>.<epoch>.<sequence>.<tail>, as 'settle list' prints it");
  }
  std::copy_n(text.begin(), kLogIdLength, gtid.log_id_.begin());
  std::from_chars(rest.data(), rest.data() + rest.size(), gtid.tail_, 16);
  gtid.sequence_ = sequence & kSequenceMax;
  gtid.last_resource_ = rest.size() > kTailLength ? 1 : 0;
  return gtid;
}

std::string BranchKey::DatabaseName() const {
  return std::string(kDatabaseNamePrefix) + gtid.text() + ":" + std::to_string(number);
}

Result<BranchKey> BranchKey::ParseDatabaseName(std::string_view name) {
  const auto not_ours = [&] {
    return Fail(ErrorCode::kInvalid,
                "\"" + Escaped(name) + "\" is not the name of a Settle branch");
  };
  if (!name.starts_with(kDatabaseNamePrefix)) return not_ours();
  std::string_view rest = name.substr(kDatabaseNamePrefix.size());
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) return not_ours();
  Result<Gtid> gtid = Gtid::Parse(rest.substr(0, colon));
  BranchKey key;
  rest.remove_prefix(colon + 1);
  if (!gtid || !TakeDecimal(rest, key.number) || key.number == 0) return not_ours();
  if (!rest.empty() && (rest[0] != ':' || !LastResourceIn(name))) return not_ours();
  key.gtid = *std::move(gtid);
  return key;
}

Status CheckResourceName(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(name) + "\" is not a resource name",
                "use 1 to 64 of letters, digits, '.', '_' and '-'");
  }
  return {};
}

std::string Escaped(std::string_view text) {
  constexpr std::size_t kMost = 200;
  std::string out;
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 32 && byte < 127 && c != '"' && c != '\\') {
      out += c;
    } else {
      std::array<char, 5> hex{};
      std::snprintf(hex.data(), hex.size(), "\\x%02x", byte);
      out += hex.data();
    }
  }
  if (text.size() > kMost) out += "...";
  return out;
}

}  // namespace settle
