// Text that many have and nobody changes in place, such as the name of a resource in each of its
// branches. Used as a std::string is; a copy is one pointer to the same text.
#pragma once

#include <array>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <concepts>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace settle::coordinator {

// Copies in several threads are as independent as those of a std::string.
class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text) {
    if (!text.empty()) text_ = new Text(std::move(text));
  }
  SharedText(const char* text) : SharedText(std::string(text)) {}

  operator const std::string&() const { return str(); }
  operator std::string_view() const { return str(); }
  const std::string& str() const {
    static const std::string empty;
    return text_ ? text_->text : empty;
  }
  bool empty() const { return text_ == nullptr; }
  void clear() { text_.reset(); }

  friend bool operator==(const SharedText& one, const SharedText& other) {
    return one.text_ == other.text_ || one.str() == other.str();
  }
  template <std::convertible_to<std::string_view> T>
  friend bool operator==(const SharedText& one, const T& other) {
    return std::string_view(one.str()) == other;
  }
  friend std::string operator+(std::string left, const SharedText& right) {
    return std::move(left += right.str());
  }
  friend std::string operator+(const SharedText& left, std::string_view right) {
    return std::string(left.str()).append(right);
  }
  friend std::ostream& operator<<(std::ostream& out, const SharedText& text) {
    return out << text.str();
  }

 private:
  struct Text : boost::intrusive_ref_counter<Text> {
    explicit Text(std::string from) : text(std::move(from)) {}
    const std::string text;
  };
  boost::intrusive_ptr<const Text> text_;
};

// Gives the same text to all who ask for one of the last few. Not thread-safe.
class RecentTexts {
 public:
  SharedText Of(const std::string& text) {
    SharedText& recent = recent_[std::hash<std::string>{}(text) % recent_.size()];
    if (recent != text) recent = text;
    return recent;
  }

 private:
  std::array<SharedText, 256> recent_;
};

}  // namespace settle::coordinator
