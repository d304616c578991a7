// Users and groups of this machine.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>

namespace settle::coordinator::access {

class Accounts {
 public:
  virtual ~Accounts() = default;
  virtual std::optional<uid_t> UserNamed(const std::string& name) const = 0;
  struct Group {
    gid_t id = 0;
    std::set<uid_t> members;  // those whose primary group it is are not among them
  };
  virtual std::optional<Group> GroupNamed(const std::string& name) const = 0;
};

// Those that the name service knows (nsswitch.conf(5)). Blocking; thread-safe.
class SystemAccounts : public Accounts {
 public:
  std::optional<uid_t> UserNamed(const std::string& name) const override;
  std::optional<Group> GroupNamed(const std::string& name) const override;
};

}  // namespace settle::coordinator::access
