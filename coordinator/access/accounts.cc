#include "access/accounts.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <vector>

namespace settle::coordinator::access {
namespace {

constexpr std::size_t kBytesFirst = 4 * 1024;
constexpr std::size_t kBytesMost = 16 * 1024 * 1024;  // a group of very many members

// `look` is getpwnam_r(3) or getgrnam_r(3), called with more memory until it has enough.
template <typename Entry, typename Look>
const Entry* Find(const std::string& name, Entry& entry, std::vector<char>& bytes, Look look) {
  for (bytes.resize(kBytesFirst); bytes.size() <= kBytesMost; bytes.resize(bytes.size() * 2)) {
    Entry* found = nullptr;
    const int error = look(name.c_str(), &entry, bytes.data(), bytes.size(), &found);
    if (error != ERANGE) return error == 0 ? found : nullptr;
  }
  return nullptr;
}

}  // namespace

std::optional<uid_t> SystemAccounts::UserNamed(const std::string& name) const {
  passwd entry{};
  std::vector<char> bytes;
  const passwd* user = Find(name, entry, bytes, ::getpwnam_r);
  if (user == nullptr) return std::nullopt;
  return user->pw_uid;
}

std::optional<Accounts::Group> SystemAccounts::GroupNamed(const std::string& name) const {
  ::group entry{};
  std::vector<char> bytes;
  const ::group* found = Find(name, entry, bytes, ::getgrnam_r);
  if (found == nullptr) return std::nullopt;
  Group group{found->gr_gid, {}};
  for (char** member = found->gr_mem; *member != nullptr; ++member) {
    if (const auto user = UserNamed(*member)) group.members.insert(*user);
  }
  return group;
}

}  // namespace settle::coordinator::access
