// Writing and reading the parts of a record's body; record_codec.h has the grammar.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "log/record_codec.h"
#include "protocol/saga_records.h"
#include "protocol/shared_text.h"
#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/outcome.h"

namespace settle::coordinator::codec {

template <typename Unsigned>
Unsigned LoadLittle(const char* from) {
  Unsigned value = 0;
  for (std::size_t i = sizeof(Unsigned); i-- > 0;) {
    value = static_cast<Unsigned>(value << 7 << 1 | static_cast<unsigned char>(from[i]));
  }
  return value;
}

template <typename Unsigned>
void StoreLittle(Unsigned value, std::string& out) {
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  }
}

// The highest value of each enum; all start at 1 but AbortCause.
constexpr int First(AbortCause) { return 0; }
constexpr int First(...) { return 1; }
constexpr int Last(Outcome) { return static_cast<int>(Outcome::kHeuristicCommit); }
constexpr int Last(AbortCause) { return static_cast<int>(AbortCause::kQuorum); }
constexpr int Last(Decision) { return static_cast<int>(Decision::kAbort); }
constexpr int Last(HeuristicAct) { return static_cast<int>(HeuristicAct::kStray); }
constexpr int Last(Vote) { return static_cast<int>(Vote::kNo); }
constexpr int Last(BranchEnd) { return static_cast<int>(BranchEnd::kRetry); }
constexpr int Last(ActionOp) { return static_cast<int>(ActionOp::kFence); }
constexpr int Last(SagaAct) { return static_cast<int>(SagaAct::kSetInput); }
constexpr int Last(PauseScope) { return static_cast<int>(PauseScope::kDrain); }
constexpr int Last(SiteState) { return static_cast<int>(SiteState::kAborted); }
constexpr int Last(saga::StepKind) { return static_cast<int>(saga::StepKind::kPivot); }

// Stored sequences and epochs must also fit SQLite's signed integers.
inline bool InRange(const Gtid& gtid) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return !gtid.empty() && gtid.epoch() <= kMost && gtid.sequence() <= kMost;
}

// Writer and Reader offer the same calls, so that the fields of a record are listed once, in
// record_fields.h. The first thing wrong is kept; what follows it counts for nothing.
class Writer {
 public:
  Writer(int version, std::string& out) : version_(version), out_(out) {}
  int version() const { return version_; }  // of the body
  const std::string& wrong() const { return wrong_; }

  template <typename Number>
  requires std::is_integral_v<Number>
  void Field(const char*, const Number& value) {
    StoreLittle(static_cast<std::make_unsigned_t<Number>>(value), out_);
  }
  void Field(const char*, const bool& value) { out_.push_back(value ? 1 : 0); }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void Field(const char* name, const Enum& value) {
    const int number = static_cast<int>(value);
    if (number < First(value) || number > Last(value)) {
      Wrong(fmt::format("{} has the unknown value {}", name, number));
    }
    out_.push_back(static_cast<char>(number));
  }
  void Field(const char* name, const std::string& text) {
    if (text.size() > kTextMax) {
      return Wrong(
          fmt::format("{} is {} bytes long, at most {} are allowed", name, text.size(), kTextMax));
    }
    StoreLittle(static_cast<std::uint32_t>(text.size()), out_);
    out_ += text;
  }
  void Field(const char* name, const Gtid& gtid) {
    if (!InRange(gtid)) return Wrong(fmt::format("{} is empty or out of range", name));
    Field(name, gtid.text());
  }
  template <typename Element>
  void Field(const char* name, const std::vector<Element>& list) {
    if (list.size() > kListMax) {
      return Wrong(
          fmt::format("{} has {} elements, at most {} are allowed", name, list.size(), kListMax));
    }
    StoreLittle(static_cast<std::uint32_t>(list.size()), out_);
    for (const Element& element : list) Fields(*this, element);
  }

 private:
  void Wrong(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
  }

  const int version_;
  std::string& out_;
  std::string wrong_;
};

class Reader {
 public:
  Reader(int version, std::string_view body) : version_(version), body_(body), rest_(body) {}

  int version() const { return version_; }
  const std::string& wrong() const { return wrong_; }
  void RefuseTrailing() {
    if (!rest_.empty()) Wrong(fmt::format("{} bytes follow the last field", rest_.size()));
  }

  template <typename Number>
  requires std::is_integral_v<Number>
  void Field(const char* name, Number& value) {
    using Unsigned = std::make_unsigned_t<Number>;
    if (const char* from = Take(name, sizeof(Number))) {
      value = static_cast<Number>(LoadLittle<Unsigned>(from));
    }
  }
  void Field(const char* name, bool& value) {
    std::uint8_t number = 0;
    Field(name, number);
    if (number > 1) Wrong(fmt::format("{} is {} and not 0 or 1", name, number));
    value = number == 1;
  }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void Field(const char* name, Enum& value) {
    std::uint8_t number = 0;
    Field(name, number);
    if (number < First(value) || number > Last(value)) {
      return Wrong(fmt::format("{} has the unknown value {}", name, number));
    }
    value = static_cast<Enum>(number);
  }
  void Field(const char* name, SharedText& text) {
    std::string read;
    Field(name, read);
    text = std::move(read);
  }
  void Field(const char* name, std::string& text) {
    std::uint32_t size = 0;
    Field(name, size);
    if (size > kTextMax) return Wrong(fmt::format("{} claims {} bytes", name, size));
    if (const char* from = Take(name, size)) text.assign(from, size);
  }
  void Field(const char* name, Gtid& gtid) {
    std::string text;
    Field(name, text);
    if (!wrong_.empty()) return;
    Result<Gtid> parsed = Gtid::Parse(text);
    if (!parsed || !InRange(*parsed)) {
      return Wrong(fmt::format("{} is \"{}\"", name, Escaped(text)));
    }
    gtid = *std::move(parsed);
  }
  template <typename Element>
  void Field(const char* name, std::vector<Element>& list) {
    std::uint32_t count = 0;
    Field(name, count);
    if (count > kListMax) return Wrong(fmt::format("{} claims {} elements", name, count));
    // No reservation: a claim must not take memory that the bytes do not cover.
    for (std::uint32_t i = 0; i < count && wrong_.empty(); ++i) Fields(*this, list.emplace_back());
  }

 private:
  const char* Take(const char* name, std::size_t size) {
    if (!wrong_.empty()) return nullptr;
    if (rest_.size() < size) {
      Wrong(fmt::format("it ends within {}", name));
      return nullptr;
    }
    const char* from = rest_.data();
    rest_.remove_prefix(size);
    return from;
  }
  void Wrong(std::string what) {
    if (!wrong_.empty()) return;
    wrong_ = fmt::format("{} (near byte {} of the body)", what, body_.size() - rest_.size());
  }

  const int version_;
  std::string_view body_;
  std::string_view rest_;
  std::string wrong_;
};

}  // namespace settle::coordinator::codec
