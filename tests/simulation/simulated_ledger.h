// The ledger of a simulated database: its branches' records as sites of three-phase commit, kept as
// the shipped ledgers keep them. What is written lazily is durable with the next forced write to
// the database, and lost if the database crashes before.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "settle/resource.h"
#include "settle/site_ledger.h"
#include "simulation/simulated_database.h"

namespace settle::simulation {

class SimulatedLedger : public SiteLedger {
 public:
  using Records = std::map<BranchKey, SiteRecord>;

  SimulatedLedger(World& world, SimulatedDatabase& database);

  Result<std::optional<SiteRecord>> Find(const BranchKey& key) override;
  Result<bool> Put(const BranchKey& key, const std::optional<SiteRecord>& before,
                   const SiteRecord& after, Durability durability) override;
  Status Prune(const settle::EndedThrough&) override { return {}; }

  // Of a prepare: its row before, and that it has voted yes after. False: the database cannot be
  // reached, or there is a record already that says otherwise.
  bool Begin(const BranchKey& key, const SiteRecord& record);
  bool Vote(const BranchKey& key);

  // Another process changes the record between a reader's reading and its writing.
  std::function<void(const BranchKey& key)> meanwhile;

  // Told of what a site has written now that it was told something.
  std::function<void(const BranchKey& key, const SiteRecord& record)> when_written;

  // Whether a crash now would leave what it joined and accepted.
  bool Holds(const BranchKey& key, const SiteAnswer& at) const;

  // As Find gives them.
  Records Shown() const;
  SimulatedDatabase& database() { return database_; }

 private:
  std::optional<SiteRecord> Show(const BranchKey& key) const;
  bool IsPrepared(const BranchKey& key) const;
  void Crash();

  World& world_;
  SimulatedDatabase& database_;
  Records written_;
  Records durable_;
  bool interrupted_ = false;
};

// What settle::sdk::Sites is given: a resource that has nothing but its ledger.
class LedgerOnly : public Resource {
 public:
  explicit LedgerOnly(SimulatedLedger& ledger) : name_(ledger.database().name()), ledger_(ledger) {}
  const std::string& name() const override { return name_; }
  Result<std::string> Identify() override { return name_; }
  FinishResult Finish(const BranchKey&, Decision, const Evidence&) override {
    return {BranchEnd::kRetry, "the ledger alone"};
  }
  Result<std::vector<std::string>> ScanPrepared() override { return std::vector<std::string>(); }
  SiteLedger* site_ledger() override { return &ledger_; }

 private:
  const std::string name_;
  SimulatedLedger& ledger_;
};

}  // namespace settle::simulation
