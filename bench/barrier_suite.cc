// What a barrier costs: the same small business transaction with it and without it, on PostgreSQL
// and on SQLite.
#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>

#include "bench/or_throw.h"
#include "bench/sqlite_session.h"
#include "bench/suites.h"
#include "settle/postgres_barrier.h"
#include "settle/sqlite_barrier.h"
#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

constexpr const char* kTake = "UPDATE item SET count = count - 1 WHERE id = ";
constexpr int kPlenty = 1'000'000'000;

Sql Postgres(const std::string& dsn) {
  std::shared_ptr<PGconn> connection(PQconnectdb(dsn.c_str()), PQfinish);
  return [connection](const std::string& sql) {
    const std::unique_ptr<PGresult, void (*)(PGresult*)> result(
        PQexec(connection.get(), sql.c_str()), PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      throw std::runtime_error(sql + ": " + PQerrorMessage(connection.get()));
    }
    return std::string(PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "");
  };
}

// One database with and without its barrier.
struct Shop {
  std::string name;
  const char* begin = "BEGIN";
  std::function<Sql()> connect;
  std::function<Answer(const ActionContext&, const std::function<Answer(Work&)>&)> run;
  std::function<CpuTimes()> read_cpu;
  std::uint64_t taken = 0;  // by all that was acknowledged
};

void Fill(Shop& shop, int clients) {
  const Sql sql = shop.connect();
  sql("CREATE TABLE item (id integer PRIMARY KEY, count integer NOT NULL)");
  for (int i = 1; i <= clients; ++i) {
    sql(fmt::format("INSERT INTO item VALUES ({}, {})", i, kPlenty));
  }
}

Operation ByHand(const Shop& shop, int item) {
  return [begin = shop.begin, sql = shop.connect(), take = kTake + std::to_string(item)] {
    sql(begin);
    sql(take);
    sql("COMMIT");
  };
}

Operation Behind(const Shop& shop, int item, std::atomic<std::uint64_t>& sequence) {
  return [&shop, &sequence, take = kTake + std::to_string(item)] {
    ActionContext call;
    call.gtid = Gtid::Make("k3m9qxw4c7ab", 1, ++sequence, 7);
    call.step = 1;
    call.input = R"({"item": 17})";
    const Answer answer = shop.run(call, [&](Work& work) {
      const auto taken = work.Execute(take);
      return taken ? Answer{AnswerKind::kDone, R"({"taken": 1})", 0}
                   : Answer{AnswerKind::kUnknown, taken.error().message, 0};
    });
    if (answer.kind != AnswerKind::kDone) throw std::runtime_error(answer.text);
  };
}

void Check(Shop& shop, std::uint64_t more) {
  shop.taken += more;
  const std::string left =
      shop.connect()(fmt::format("SELECT sum(CAST({} - count AS bigint)) FROM item", kPlenty));
  if (left == std::to_string(shop.taken)) return;
  throw std::runtime_error(
      fmt::format("{}: {} were acknowledged as taken, {} are gone", shop.name, shop.taken, left));
}

std::vector<Row> MeasureShop(Shop& shop, const SuiteOptions& options, const Progress& progress,
                             const Stop& stop) {
  Fill(shop, *std::max_element(options.clients.begin(), options.clients.end()));
  std::atomic<std::uint64_t> sequence{0};
  std::vector<Row> rows;
  for (const int clients : options.clients) {
    const auto series = [&](const char* name, const char* acknowledged) {
      return Series{"barrier." + shop.name + name, "calls/s", acknowledged, clients, {}};
    };
    std::vector<Series> both{series("_by_hand", "it is committed; a repeated call does it again"),
                             series("", "it is committed, with the note of the call")};
    std::vector<std::vector<Operation>> operations(2);
    for (int i = 1; i <= clients; ++i) {
      operations[0].push_back(ByHand(shop, i));
      operations[1].push_back(Behind(shop, i, sequence));
    }
    for (int round = 1; round <= options.rounds; ++round) {
      for (std::size_t i = 0; i < both.size(); ++i) {
        progress(fmt::format("{}, {} clients, round {} of {}", both[i].name, clients, round,
                             options.rounds));
        both[i].runs.push_back(Measure(operations[i], options.window, shop.read_cpu, stop));
        Check(shop, both[i].runs.back().all);
      }
    }
    rows.push_back(RowOf(both[0]));
    rows.push_back(RowOf(both[1], both[0]));
  }
  return rows;
}

}  // namespace

std::vector<Row> MeasureBarrier(const SuiteOptions& options, const Progress& progress,
                                const Stop& stop) {
  progress("barrier: making a cluster");
  testing::PostgresCluster cluster({.settings = {"max_connections=600"},
                                    .parent_directory = options.directory,
                                    .binaries = options.postgres_binaries,
                                    .wal_segment_megabytes = 16});
  const testing::TemporaryDirectory directory(options.directory);
  const std::string path = directory / "shop.db";
  const std::string dsn = cluster.Dsn();
  SqliteSession(path)("PRAGMA journal_mode = WAL");
  OrThrow(PostgresBarrier::Install(dsn));
  OrThrow(SqliteBarrier::Install(path));
  const auto postgres = PostgresBarrier::Make({.dsn = dsn, .connections_max = 512});
  const auto sqlite = SqliteBarrier::Make({.path = path, .busy_timeout = std::chrono::minutes(1)});
  const auto behind = [](auto barrier) {
    return [barrier](const ActionContext& call, const std::function<Answer(Work&)>& business) {
      return barrier->Run(call, [&](const ActionContext&, Work& work) { return business(work); });
    };
  };
  std::vector<Shop> shops{{"postgres", "BEGIN", [&] { return Postgres(dsn); }, behind(postgres),
                           [&] { return ReadCpuTimes(-1, {cluster.process()}); }},
                          {"sqlite", "BEGIN IMMEDIATE", [&] { return SqliteSession(path); },
                           behind(sqlite), [&] { return ReadCpuTimes(-1, {}); }}};
  std::vector<Row> rows;
  for (Shop& shop : shops) {
    for (Row& row : MeasureShop(shop, options, progress, stop)) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace settle::bench
