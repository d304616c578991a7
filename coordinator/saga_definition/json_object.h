// Reads JSON objects member by member, and says where in the document the first thing is that is
// wrong, by its JSON pointer (RFC 6901): "/steps/0/name is missing".
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator::saga {

using JsonPointer = nlohmann::json::json_pointer;

// What is wrong first in the whole document.
using FirstError = std::optional<std::string>;

// Takes the members of one object. Those that nobody took are misspelt.
class JsonObject {
 public:
  JsonObject(const nlohmann::json& value, JsonPointer at, FirstError& error)
      : value_(value), at_(std::move(at)), error_(error) {
    if (!value_.is_object()) Wrong(at_, "must be an object");
  }

  const nlohmann::json* Take(const std::string& key) {
    taken_.insert(key);
    if (!value_.is_object() || !value_.contains(key)) return nullptr;
    return &value_.at(key);
  }

  const nlohmann::json* Need(const std::string& key) {
    const nlohmann::json* value = Take(key);
    if (value == nullptr) Wrong(at_ / key, "is missing");
    return value;
  }

  void Text(const std::string& key, std::string& text) {
    const nlohmann::json* value = Need(key);
    if (value == nullptr) return;
    if (!value->is_string()) return Wrong(at_ / key, "must be a text");
    text = value->get<std::string>();
  }

  // Whether a whole number fits is for Check to say, except that it must fit the field.
  template <typename Number>
  void WholeIfAny(const std::string& key, Number& number) {
    const nlohmann::json* value = Take(key);
    if (value != nullptr) Whole(key, *value, number);
  }

  template <typename Number>
  void Whole(const std::string& key, const nlohmann::json& value, Number& number) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
    if (!value.is_number_unsigned()) return Wrong(at_ / key, "must be a whole number, 0 or more");
    if (value.get<std::uint64_t>() > kMost) return Wrong(at_ / key, "is too large");
    number = value.get<Number>();
  }

  void RefuseOthers() {
    if (!value_.is_object()) return;
    for (const auto& [key, value] : value_.items()) {
      if (!taken_.contains(key)) return Wrong(at_ / key, "is not known here");
    }
  }

  void Wrong(const JsonPointer& where, const std::string& what) {
    if (error_) return;
    error_ = (where.empty() ? "the document" : Escaped(where.to_string())) + " " + what;
  }

  const JsonPointer& at() const { return at_; }

 private:
  const nlohmann::json& value_;
  const JsonPointer at_;
  FirstError& error_;
  std::set<std::string> taken_;
};

}  // namespace settle::coordinator::saga
