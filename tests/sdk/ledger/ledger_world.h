// A bank whose branches are sites, and a view from outside: the same for PostgreSQL and SQLite.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "settle/resource.h"
#include "settle/site_ledger.h"

namespace settle::testing {

class PostgresCluster;

// From here to the server's next start its log is not flushed behind anybody's back: what nobody
// forced is lost in a crash. End such a server by Kill, which is quick.
void FreezeWalWriter(const PostgresCluster& cluster);

inline constexpr const char* kLog = "k3m9qxw4c7ab";

// The accounts 1 and 2, 100 each. Settle's tables are there.
class LedgerWorld {
 public:
  enum class Kind { kPostgres, kSqlite };
  static std::unique_ptr<LedgerWorld> Make(Kind kind);
  virtual ~LedgerWorld() = default;

  // With connections of its own, as another process would have.
  virtual std::shared_ptr<Resource> Open() = 0;
  // A branch that took 10 from account 1, or nothing.
  virtual std::shared_ptr<Branch> Work(Resource& resource, const BranchKey& key,
                                       bool writes = true) = 0;
  // On a connection that knows nothing of Settle: the first column of the first row, or empty.
  virtual std::string Query(const std::string& sql) const = 0;
  // The database loses what was not durable, and comes back. Resources that were open are of the
  // time before.
  virtual void Crash() = 0;

  std::string Balance() const { return Query("SELECT balance FROM account WHERE id = 1"); }
  std::string Rows() const { return Query("SELECT count(*) FROM settle_three_phase"); }
};

// Branch 1 of the transaction with this sequence of the first epoch.
BranchKey SiteKey(std::uint64_t sequence = 1);

// Three sites with names and addresses of every form.
Roster ThreeSites();

// As a site that voted keeps it.
SiteRecord Waiting();
// As a site keeps it that joined the ballot before it had voted.
SiteRecord Fenced(const Ballot& ballot);

// Prepares as a site.
VoteResult PrepareSite(Branch& branch, const Roster& sites = ThreeSites());

// A test that holds for every database.
class LedgerTest : public ::testing::TestWithParam<LedgerWorld::Kind> {
 protected:
  std::optional<SiteRecord> Found(const BranchKey& key = SiteKey()) {
    const auto found = ledger_->Find(key);
    EXPECT_TRUE(found) << Describe(found.error());
    return found.value_or(std::nullopt);
  }
  bool Put(const std::optional<SiteRecord>& before, const SiteRecord& after,
           const BranchKey& key = SiteKey(),
           SiteLedger::Durability durability = SiteLedger::Durability::kForce) {
    const auto put = ledger_->Put(key, before, after, durability);
    EXPECT_TRUE(put) << Describe(put.error());
    return put.value_or(false);
  }

  void Crash() {
    world_->Crash();
    resource_ = world_->Open();
    ledger_ = resource_->site_ledger();
  }

  const std::unique_ptr<LedgerWorld> world_ = LedgerWorld::Make(GetParam());
  std::shared_ptr<Resource> resource_ = world_->Open();
  SiteLedger* ledger_ = resource_->site_ledger();
};

std::vector<LedgerWorld::Kind> LedgerKinds();
std::string NameOf(LedgerWorld::Kind kind);

}  // namespace settle::testing

#define SETTLE_FOR_EACH_LEDGER(suite)                                                        \
  INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::ValuesIn(::settle::testing::LedgerKinds()), \
                           [](const auto& kind) { return ::settle::testing::NameOf(kind.param); })
