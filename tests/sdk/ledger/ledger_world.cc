#include "sdk/ledger/ledger_world.h"

#include <csignal>
#include <fstream>
#include <list>
#include <stdexcept>

#include "sdk/postgres/world.h"
#include "sdk/sqlite/bank_file.h"
#include "settle/postgres_barrier.h"
#include "support/faulty_vfs.h"
#include "support/wait_until.h"

namespace settle::testing {
namespace {

constexpr const char* kTake10 = "UPDATE account SET balance = balance - 10 WHERE id = 1";
constexpr const char* kLook = "SELECT balance FROM account WHERE id = 1";

template <typename T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(Describe(result.error()));
  return *std::move(result);
}

template <typename R>
std::shared_ptr<Branch> WorkIn(R& resource, const BranchKey& key, bool writes) {
  auto branch = Must(resource.Open(key));
  Must(branch->Execute(writes ? kTake10 : kLook));
  return branch;
}

class OnPostgres : public LedgerWorld {
 public:
  OnPostgres() {
    Must(PostgresBarrier::Install(world_.cluster.Dsn("bank")));
    FreezeWalWriter(world_.cluster);
  }
  ~OnPostgres() override { world_.cluster.Kill(); }

  std::shared_ptr<Resource> Open() override {
    auto bank = world_.Resource({.name = "bank", .dsn = {}, .three_phase = true});
    Must(bank->Identify());
    return bank;
  }
  std::shared_ptr<Branch> Work(Resource& resource, const BranchKey& key, bool writes) override {
    return WorkIn(dynamic_cast<PostgresResource&>(resource), key, writes);
  }
  std::string Query(const std::string& sql) const override { return world_.Query(sql); }
  void Crash() override {
    world_.cluster.Kill();
    world_.cluster.Start();
    FreezeWalWriter(world_.cluster);
  }

 private:
  World world_{FromTemplate({"autovacuum=off"})};
};

// On a disk that a power failure can strike: what was not synced is gone.
class OnSqlite : public LedgerWorld {
 public:
  OnSqlite() {
    FaultyVfs::Installed().Record(/*at=*/0, nullptr);
    directories_.emplace_back();
    bank_ = std::make_unique<BankFile>(directories_.back() / "bank.db");
  }
  ~OnSqlite() override { FaultyVfs::Installed().StopRecording(); }

  std::shared_ptr<Resource> Open() override {
    auto bank = bank_->Resource();
    Must(bank->Identify());
    return bank;
  }
  std::shared_ptr<Branch> Work(Resource& resource, const BranchKey& key, bool writes) override {
    return WorkIn(dynamic_cast<SqliteResource&>(resource), key, writes);
  }
  std::string Query(const std::string& sql) const override { return bank_->Query(sql); }
  void Crash() override {
    const auto left = FaultyVfs::Installed().AfterPowerFailure(FaultyVfs::Unsynced::kGone, 0);
    const std::string before = bank_->path();
    directories_.emplace_back();
    const std::string path = directories_.back() / "bank.db";
    for (const char* file : {"", "-wal"}) {
      const std::string& bytes = left.at(before + file);
      std::ofstream(path + file, std::ios::binary) << bytes;
    }
    bank_ = std::make_unique<BankFile>(path, BankFile::Existing{});
  }

 private:
  std::list<TemporaryDirectory> directories_;
  std::unique_ptr<BankFile> bank_;
};

}  // namespace

// Stopped in the middle of a write it would hold a lock that everybody needs, so it is let go again
// unless it turns out to have been stopped at rest.
void FreezeWalWriter(const PostgresCluster& cluster) {
  const auto ask = [&](const std::string& what) {
    return cluster.Query(
        "postgres", "SELECT " + what + " FROM pg_stat_activity WHERE backend_type = 'walwriter'");
  };
  const auto stopped_at_rest = [&] {
    const std::string pid = ask("pid");
    if (pid.empty() || ::kill(std::stoi(pid), SIGSTOP) != 0) return false;
    if (ask("wait_event") == "WalWriterMain") return true;
    ::kill(std::stoi(pid), SIGCONT);
    return false;
  };
  if (!WaitUntil(stopped_at_rest)) {
    throw std::runtime_error("the server's WAL writer cannot be stopped");
  }
}

std::unique_ptr<LedgerWorld> LedgerWorld::Make(Kind kind) {
  if (kind == Kind::kPostgres) return std::make_unique<OnPostgres>();
  return std::make_unique<OnSqlite>();
}

BranchKey SiteKey(std::uint64_t sequence) { return {Gtid::Make(kLog, 1, sequence, 0x9f3c2a51), 1}; }

Roster ThreeSites() {
  return {{0, "", {"127.0.0.1:7400"}},
          {1, "bank", {"db1:7401", "[::1]:7402"}},
          {2, "shop-2.eu_west", {}}};
}

SiteRecord Waiting() {
  return {
      {SiteState::kWaiting, kFirstBallot, {}, {}}, ThreeSites(), {"postgresql:7:16384", 1, "742"}};
}

SiteRecord Fenced(const Ballot& ballot) { return {{SiteState::kAborted, ballot, {}, {}}, {}, {}}; }

VoteResult PrepareSite(Branch& branch, const Roster& sites) {
  if (Status site = branch.BecomeSite(sites); !site) {
    return {Vote::kNo, {}, Describe(site.error()), false};
  }
  branch.StartPrepare();
  return branch.AwaitPrepare();
}

std::vector<LedgerWorld::Kind> LedgerKinds() {
  return {LedgerWorld::Kind::kPostgres, LedgerWorld::Kind::kSqlite};
}

std::string NameOf(LedgerWorld::Kind kind) {
  return kind == LedgerWorld::Kind::kPostgres ? "Postgres" : "Sqlite";
}

}  // namespace settle::testing
