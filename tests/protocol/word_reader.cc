#include "protocol/word_reader.h"

#include <algorithm>

namespace settle::coordinator {

std::string Unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    unsigned byte = 0;
    if (text.size() >= 4 && text.substr(0, 2) == "\\x" &&
        std::from_chars(text.data() + 2, text.data() + 4, byte, 16).ptr == text.data() + 4) {
      out += static_cast<char>(byte);
      text.remove_prefix(4);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

WordReader::WordReader(std::string_view line) : rest_(line) { Drop(0); }

void WordReader::Drop(std::size_t length) {
  rest_.remove_prefix(length);
  rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
}

// With its quotation marks; one that is not closed goes on to the end of the line.
std::string_view WordReader::NextWord() const {
  const std::size_t end = IsQuoted() ? rest_.find('"', 1) : rest_.find(' ');
  return rest_.substr(0, IsQuoted() && end != std::string_view::npos ? end + 1 : end);
}

std::string WordReader::Take() {
  if (AtEnd()) return Bad("the end of the line"), "";
  std::string_view word = NextWord();
  const bool quoted = IsQuoted();
  Drop(word.size());
  if (!quoted) return std::string(word);
  word.remove_prefix(1);
  if (word.ends_with('"')) word.remove_suffix(1);
  return Unescaped(word);
}

bool WordReader::TakeIf(std::string_view word) {
  if (IsQuoted() || NextWord() != word) return false;
  Drop(word.size());
  return true;
}

void WordReader::Expect(std::string_view word) {
  if (TakeIf(word)) return;
  Bad(AtEnd() ? "the end of the line" : std::string(NextWord()));
}

std::string WordReader::TakeQuotedIfAny() { return IsQuoted() ? Take() : ""; }

std::optional<std::string> WordReader::TakeAfter(std::string_view prefix) {
  if (IsQuoted() || !NextWord().starts_with(prefix)) return std::nullopt;
  return Take().substr(prefix.size());
}

std::string WordReader::TakeRest() {
  std::string all(rest_);
  rest_ = {};
  return all;
}

}  // namespace settle::coordinator
