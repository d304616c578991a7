#include "settle/vocabulary/gtid.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "settle/vocabulary/last_resource.h"

namespace settle {
namespace {

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
  return text.size() == 8 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

bool IsLogId(std::string_view text) {
  return text.size() == kLogIdLength && std::all_of(text.begin(), text.end(), IsLowerAlphanumeric);
}

Gtid Gtid::Make(std::string_view log_id, Epoch epoch, std::uint64_t sequence, std::uint32_t tail) {
  std::array<char, 9> hex{};
  std::snprintf(hex.data(), hex.size(), "%08x", tail);
  Gtid gtid;
  gtid.text_ = std::string(log_id) + "." + std::to_string(epoch) + "." + std::to_string(sequence) +
               "." + hex.data();
  gtid.epoch_ = epoch;
  gtid.sequence_ = sequence;
  return gtid;
}

Gtid Gtid::MakeForLastResource(std::string_view log_id, Epoch epoch, std::uint64_t sequence,
                               std::uint32_t tail) {
  Gtid gtid = Make(log_id, epoch, sequence, tail);
  gtid.text_ += kForLastResource;
  return gtid;
}

bool Gtid::allows_last_resource() const { return text_.ends_with(kForLastResource); }

std::uint32_t Gtid::tail() const {
  std::uint32_t tail = 0;
  std::from_chars(text_.data() + text_.rfind('.') + 1, text_.data() + text_.size(), tail, 16);
  return tail;
}

Result<Gtid> Gtid::Parse(std::string_view text) {
  Gtid gtid;
  std::string_view rest = text;
  const bool has_log = text.size() > kLogIdLength && IsLogId(text.substr(0, kLogIdLength));
  if (has_log) rest.remove_prefix(kLogIdLength);
  if (!has_log || !TakeDot(rest) || !TakeDecimal(rest, gtid.epoch_) || !TakeDot(rest) ||
      !TakeDecimal(rest, gtid.sequence_) || !TakeDot(rest) || !IsTail(rest) || gtid.epoch_ == 0) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not a gtid",
                "a gtid reads <log id>.<epoch>.<sequence>.<tail>, as 'settle list' prints it");
  }
  gtid.text_ = std::string(text);
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
  if (!rest.empty() && !LastResourceIn(name)) return not_ours();
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
