// A value that hardly anything of its kind has. Used as std::optional is, copies and all, but kept
// elsewhere: where there is none it costs a pointer.
#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace settle::coordinator {

template <typename T>
class Seldom {
 public:
  Seldom() = default;
  Seldom(std::nullopt_t) {}
  Seldom(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Seldom(const Seldom& other)
      : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Seldom(Seldom&&) noexcept = default;
  Seldom& operator=(Seldom other) noexcept {
    value_.swap(other.value_);
    return *this;
  }
  ~Seldom() = default;

  explicit operator bool() const { return has_value(); }
  bool has_value() const { return value_ != nullptr; }
  // Of one that is there.
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }

  // To read: where there is none, as T is made.
  const T& OrEmpty() const {
    static const T empty{};
    return value_ ? *value_ : empty;
  }
  // To change: made if there is none.
  T& Change() {
    if (!value_) value_ = std::make_unique<T>();
    return *value_;
  }
  template <typename... Parts>
  void emplace(Parts&&... parts) {
    value_ = std::make_unique<T>(std::forward<Parts>(parts)...);
  }
  void reset() { value_.reset(); }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace settle::coordinator
