#include "engine/owner_quota.h"

#include "settle/vocabulary/gtid.h"
#include "vocabulary/assertion.h"

namespace settle::coordinator {

std::string QuotaKey(const std::string& identity, const std::string& owner) {
  return identity.empty() ? "local " + owner : identity;
}

bool OwnerQuota::Take(const std::string& owner, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::size_t& taken = taken_[owner];
  if (taken >= (most != 0 ? most : each_max_)) {
    ++refusals_;
    return false;
  }
  ++taken;
  return true;
}

void OwnerQuota::TakeBeyond(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  ++taken_[owner];
}

void OwnerQuota::GiveBack(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  std::size_t& taken = taken_[owner];
  SETTLE_ASSERT(taken > 0, Escaped(owner) + " has none left");
  if (--taken == 0) taken_.erase(owner);
}

}  // namespace settle::coordinator
