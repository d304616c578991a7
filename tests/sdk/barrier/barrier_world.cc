#include "sdk/barrier/barrier_world.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <stdexcept>

#include "settle/postgres_barrier.h"
#include "settle/sqlite_barrier.h"
#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

constexpr const char* kTable = "CREATE TABLE effect (step integer NOT NULL, word text NOT NULL)";

template <typename B>
class Opened : public AnyBarrier {
 public:
  explicit Opened(std::shared_ptr<B> barrier) : barrier_(std::move(barrier)) {}
  Answer Run(const ActionContext& call, const Business& business) override {
    return barrier_->Run(call, business);
  }
  Barrier& operator*() override { return *barrier_; }

 private:
  std::shared_ptr<B> barrier_;
};

class PostgresWorld : public BarrierWorld {
 public:
  PostgresWorld() : cluster_(FromTemplate()) {
    cluster_.CreateDatabase("shop");
    Query(kTable);
  }

  std::unique_ptr<AnyBarrier> Open(const BarrierOptions& options) override {
    PostgresBarrierOptions ours{.dsn = Dsn(),
                                .connections_max = options.connections_max,
                                .prune_wait = options.prune_wait,
                                .prune_batch = options.prune_batch};
    if (!options.session_settings.empty()) {
      ours.dsn += " options='" + options.session_settings + "'";
    }
    return std::make_unique<Opened<PostgresBarrier>>(PostgresBarrier::Make(ours));
  }
  Result<TablesInstalled> Install() override { return PostgresBarrier::Install(Dsn()); }
  std::string target() const override { return "postgresql:" + Dsn(); }
  std::string Query(const std::string& sql) const override { return cluster_.Query("shop", sql); }
  bool AwaitBlocked() const override {
    return WaitUntil([this] {
      return Query(
                 "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                 "AND backend_type = 'client backend'") != "0";
    });
  }

 private:
  static PostgresClusterOptions FromTemplate() {
    const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    PostgresClusterOptions options;
    options.template_directory = programs / "../fresh-postgres";
    return options;
  }
  std::string Dsn() const { return cluster_.Dsn("shop"); }

  PostgresCluster cluster_;
};

class SqliteWorld : public BarrierWorld {
 public:
  SqliteWorld() {
    sqlite3* db = nullptr;
    sqlite3_open(path_.c_str(), &db);
    sqlite3_exec(db, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
    sqlite3_close(db);
    Query(kTable);
  }

  std::unique_ptr<AnyBarrier> Open(const BarrierOptions& options) override {
    return std::make_unique<Opened<SqliteBarrier>>(SqliteBarrier::Make(
        {.path = path_, .busy_timeout = options.busy_timeout, .prune_batch = options.prune_batch}));
  }
  Result<TablesInstalled> Install() override { return SqliteBarrier::Install(path_); }
  std::string target() const override { return "sqlite:" + path_; }
  std::string Query(const std::string& sql) const override {
    sqlite3* db = nullptr;
    sqlite3_open(path_.c_str(), &db);
    sqlite3_busy_timeout(db, 10'000);
    std::optional<std::string> first;
    const auto on_row = [](void* out, int, char** values, char**) {
      auto& kept = *static_cast<std::optional<std::string>*>(out);
      if (!kept) kept = values[0] == nullptr ? "" : values[0];
      return 0;
    };
    const int done = sqlite3_exec(db, sql.c_str(), on_row, &first, nullptr);
    const std::string error = done == SQLITE_OK ? "" : sqlite3_errmsg(db);
    sqlite3_close(db);
    if (!error.empty()) throw std::runtime_error(sql + ": " + error);
    return first.value_or("");
  }
  bool AwaitBlocked() const override { return true; }

 private:
  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "shop.db";
};

}  // namespace

std::unique_ptr<BarrierWorld> BarrierWorld::Make(Kind kind) {
  if (kind == Kind::kPostgres) return std::make_unique<PostgresWorld>();
  return std::make_unique<SqliteWorld>();
}

std::string BarrierWorld::Effects() const {
  const bool postgres = target().starts_with("postgresql:");
  return Query(postgres ? "SELECT string_agg(step || ' ' || word, '; ' ORDER BY step, ctid) "
                          "FROM effect"
                        : "SELECT group_concat(step || ' ' || word, '; ') FROM (SELECT * FROM "
                          "effect ORDER BY step, rowid)");
}

std::vector<BarrierWorld::Kind> Kinds() {
  return {BarrierWorld::Kind::kPostgres, BarrierWorld::Kind::kSqlite};
}

std::string NameOf(BarrierWorld::Kind kind) {
  return kind == BarrierWorld::Kind::kPostgres ? "Postgres" : "Sqlite";
}

ActionContext Call(ActionOp op, std::uint64_t sequence, BranchNumber step) {
  ActionContext call;
  call.gtid = Gtid::Make("k3m9qxw4c7ab", 2, sequence, 0x9f3c2a51);
  call.step = step;
  call.op = op;
  call.participant = "shop";
  call.action = "reserve";
  const bool forward = op == ActionOp::kAction || op == ActionOp::kTry;
  if (forward) call.input = R"({"seat": )" + std::to_string(step) + "}";
  return call;
}

Business Does(const std::string& word, const std::string& result) {
  return [=](const ActionContext& call, Work& work) {
    const auto done =
        work.Execute("INSERT INTO effect VALUES ($1, $2)", {std::to_string(call.step), word});
    return done ? Done(result) : Unknown(Describe(done.error()));
  };
}

Business MustNotRun() {
  return [](const ActionContext& call, Work&) {
    ADD_FAILURE() << "the business of " << ToString(call.op) << " ran";
    return Unknown("it must not run");
  };
}

}  // namespace settle::testing
