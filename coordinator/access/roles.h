// What a caller can be. docs/security.md says for people what each role may do.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace settle::coordinator::access {

enum class Role : std::uint8_t {
  kApplication = 1,      // begins transactions and sagas, and ends those that it began
  kParticipant = 2,      // serves the resources and actions that its rules name
  kOperatorRead = 4,     // sees everything
  kOperatorResolve = 8,  // ends and repairs what is stuck; implies operator-read
  kAdmin = 16,           // changes what names stand for; implies operator-resolve
};

// In the order in which people read them.
inline constexpr std::array<std::pair<Role, const char*>, 5> kRoleNames{{
    {Role::kApplication, "application"},
    {Role::kParticipant, "participant"},
    {Role::kOperatorRead, "operator-read"},
    {Role::kOperatorResolve, "operator-resolve"},
    {Role::kAdmin, "admin"},
}};

// A set of them.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= static_cast<std::uint8_t>(role);
  }

  constexpr void Add(Roles others) { bits_ |= others.bits_; }
  constexpr bool Has(Role role) const { return (bits_ & static_cast<std::uint8_t>(role)) != 0; }
  constexpr bool HasAnyOf(Roles others) const { return (bits_ & others.bits_) != 0; }
  constexpr bool empty() const { return bits_ == 0; }

  // "application, participant"; "none".
  std::string text() const {
    std::string names;
    for (const auto& [role, name] : kRoleNames) {
      if (Has(role)) names += (names.empty() ? "" : ", ") + std::string(name);
    }
    return names.empty() ? "none" : names;
  }

  friend constexpr bool operator==(Roles, Roles) = default;

 private:
  std::uint8_t bits_ = 0;
};

inline constexpr Roles kEveryRole{Role::kApplication, Role::kParticipant, Role::kOperatorRead,
                                  Role::kOperatorResolve, Role::kAdmin};

// The roles and those that they imply.
constexpr Roles WithImplied(Roles roles) {
  if (roles.Has(Role::kAdmin)) roles.Add({Role::kOperatorResolve});
  if (roles.Has(Role::kOperatorResolve)) roles.Add({Role::kOperatorRead});
  return roles;
}

inline std::optional<Role> RoleNamed(std::string_view name) {
  for (const auto& [role, known] : kRoleNames) {
    if (name == known) return role;
  }
  return std::nullopt;
}

}  // namespace settle::coordinator::access
