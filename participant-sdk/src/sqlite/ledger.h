// The records of a file's branches as sites. Each change is a write transaction of its own, on a
// connection of its own, which passes while a branch is prepared: Settle's tables have no guards,
// and a branch that is a site does not hold the write lock.
#pragma once

#include <memory>

#include "settle/site_ledger.h"
#include "sqlite/file.h"

namespace settle::sqlite {

// Thread-safe, blocking.
class Ledger : public SiteLedger {
 public:
  explicit Ledger(File& file) : file_(file) {}

  Result<std::optional<SiteRecord>> Find(const BranchKey& key) override;
  Result<bool> Put(const BranchKey& key, const std::optional<SiteRecord>& before,
                   const SiteRecord& after, Durability durability) override;
  Status Prune(const EndedThrough& mark) override;

 private:
  Result<std::unique_ptr<Connection>> BeginWriting(Durability durability);

  File& file_;
};

}  // namespace settle::sqlite
