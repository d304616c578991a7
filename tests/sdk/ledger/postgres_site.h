// A bank on PostgreSQL whose branches are sites.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "quorum/site.h"
#include "sdk/ledger/ledger_world.h"
#include "sdk/postgres/world.h"
#include "settle/postgres_barrier.h"

namespace settle::testing {

class PostgresSite : public ::testing::Test {
 protected:
  explicit PostgresSite(std::vector<std::string> settings = {"autovacuum=off"})
      : world_(FromTemplate(std::move(settings))) {
    EXPECT_TRUE(PostgresBarrier::Install(world_.cluster.Dsn("bank")));
    bank_ = Resource();
    EXPECT_TRUE(bank_->Identify());
    FreezeWalWriter(world_.cluster);
    ledger_ = bank_->site_ledger();
  }

  ~PostgresSite() override { world_.cluster.Kill(); }

  std::shared_ptr<PostgresResource> Resource(const std::string& more_dsn = "") {
    return world_.Resource(
        {.name = "bank", .dsn = world_.cluster.Dsn("bank") + more_dsn, .three_phase = true});
  }
  std::string RawState() const { return world_.Query("SELECT state FROM settle_three_phase"); }

  // Moves what is found on by the message, as a peer would.
  bool Tell(const PeerMessage& message) {
    const auto found = ledger_->Find(world_.key);
    if (!found) return false;
    SiteRecord after = found->value_or(SiteRecord{});
    after.at = quorum::After(after.at, message);
    const auto put = ledger_->Put(world_.key, *found, after, SiteLedger::Durability::kForce);
    EXPECT_TRUE(put) << Describe(put.error());
    return put.value_or(false);
  }
  SiteAnswer At() {
    const auto found = ledger_->Find(world_.key);
    EXPECT_TRUE(found) << Describe(found.error());
    return found && *found ? (*found)->at : SiteAnswer{};
  }

  void DieAt(const std::string& failpoint) {
    world_.DieAt(failpoint, "three-phase");
    EXPECT_TRUE(WaitUntil([&] { return world_.OpenCount() == 0; }));
  }

  World world_;
  std::shared_ptr<PostgresResource> bank_;
  SiteLedger* ledger_ = nullptr;
};

}  // namespace settle::testing
