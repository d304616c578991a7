// Reads the lines that protocol/describe.h and saga_describe.h print, word by word.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace settle::coordinator {

// Undoes Escaped(): \xNN is a byte.
std::string Unescaped(std::string_view text);

// Takes words from the front; the first one that does not fit makes the whole line bad. A word in
// quotation marks may hold spaces and is unescaped. The line must outlive the reader.
class WordReader {
 public:
  explicit WordReader(std::string_view line);

  bool AtEnd() const { return rest_.empty(); }
  const std::optional<std::string>& error() const { return error_; }

  std::string Take();
  bool TakeIf(std::string_view word);
  void Expect(std::string_view word);
  std::string TakeQuotedIfAny();
  // What follows `prefix` in the next word, which is not unescaped; nothing if it has another.
  std::optional<std::string> TakeAfter(std::string_view prefix);
  // All that is left, as it is.
  std::string TakeRest();

  template <typename T = std::uint32_t>
  T Number(const std::string& text) {
    T number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) Bad(text);
    return number;
  }
  template <typename T = std::uint32_t>
  T TakeNumber() {
    return Number<T>(Take());
  }

  template <typename T, std::size_t kSize>
  T OneOf(const std::array<T, kSize>& values, const std::string& text) {
    for (const T value : values) {
      if (text == ToString(value)) return value;
    }
    Bad(text);
    return values.front();
  }

  void Bad(const std::string& word) {
    if (!error_) error_ = word;
  }

 private:
  bool IsQuoted() const { return rest_.starts_with('"'); }
  std::string_view NextWord() const;
  void Drop(std::size_t length);

  std::string_view rest_;  // begins with a word, or is empty
  std::optional<std::string> error_;
};

}  // namespace settle::coordinator
