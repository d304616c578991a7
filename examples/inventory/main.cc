// inventory: many sales at once from one stock, which is never oversold, with receipts that are
// numbered without a gap.
#include <atomic>
#include <boost/program_options.hpp>
#include <iostream>
#include <random>
#include <thread>
#include <vector>

#include "database.h"
#include "settle/coordinator.h"
#include "shop.h"

namespace {

namespace options = boost::program_options;
using namespace inventory;
using namespace std::chrono_literals;

constexpr auto kPatience = 120s;

struct Arguments {
  std::string coordinator;
  Database database;
  int stock = 0;
  int sales = 0;
  int customers = 0;
  bool optimistic = false;
};

options::options_description Describe(Arguments& arguments) {
  options::options_description all(
      "inventory (--sqlite FILE | --dsn DSN) [options]\n"
      "Takes stock in, sells it to many customers at once, and checks what is left.\n\nOptions");
  auto add = all.add_options();
  add("coordinator", options::value(&arguments.coordinator)->default_value("127.0.0.1:7420"),
      "its address");
  add("sqlite", options::value(&arguments.database.sqlite), "the shop's file; made if not there");
  add("dsn", options::value(&arguments.database.dsn), "the shop's PostgreSQL database");
  add("stock", options::value(&arguments.stock)->default_value(20), "so many items come in");
  add("sales", options::value(&arguments.sales)->default_value(32),
      "so many are tried, of one item each; the card of every fourth is blocked");
  add("customers", options::value(&arguments.customers)->default_value(8), "at the same time");
  add("optimistic", options::bool_switch(&arguments.optimistic),
      "sales check the stock's version and try again, instead of taking its row's lock");
  add("help", "this text");
  return all;
}

template <typename T>
T OrThrow(settle::Result<T> result) {
  if (!result) throw std::runtime_error(settle::Describe(result.error()));
  return *std::move(result);
}

std::shared_ptr<settle::ActionParticipant> Open(const Database& database,
                                                settle::Contention contention) {
  constexpr const char* kTables =
      "CREATE TABLE IF NOT EXISTS payment (sale text NOT NULL PRIMARY KEY);"
      "CREATE TABLE IF NOT EXISTS receipt (number integer NOT NULL PRIMARY KEY,"
      " sale text NOT NULL UNIQUE)";
  if (!database.sqlite.empty()) database.Query("PRAGMA journal_mode = WAL");
  database.Query(kTables);
  if (database.sqlite.empty()) {
    OrThrow(settle::PostgresBarrier::Install(database.dsn));
    return MakeShop(settle::PostgresBarrier::Make({.dsn = database.dsn}), contention);
  }
  OrThrow(settle::SqliteBarrier::Install(database.sqlite));
  return MakeShop(settle::SqliteBarrier::Make({.path = database.sqlite}), contention);
}

// Of the database, made with it: what keeps the request keys of two shops apart.
std::string ShopId(const Database& database) {
  std::random_device random;
  const std::string id = std::to_string(random()) + "-" + std::to_string(random());
  database.Query(
      "CREATE TABLE IF NOT EXISTS shop (id text NOT NULL);"
      "INSERT INTO shop SELECT '" +
      id + "' WHERE NOT EXISTS (SELECT 1 FROM shop)");
  return database.Query("SELECT id FROM shop");
}

bool MayHaveStarted(settle::ErrorCode code) {
  return code == settle::ErrorCode::kAskOutcome || code == settle::ErrorCode::kUnavailable ||
         code == settle::ErrorCode::kRetry;
}

// A start that was not answered is repeated under the same key: there is one saga for each.
settle::Ending Run(settle::Coordinator& coordinator, const settle::Saga& saga,
                   const settle::StartSagaOptions& wanted) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  auto started = coordinator.StartSaga(saga, wanted);
  while (!started && MayHaveStarted(started.error().code) &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(100ms);
    started = coordinator.StartSaga(saga, wanted);
  }
  return OrThrow(coordinator.AwaitSaga(OrThrow(std::move(started)), kPatience)).ending;
}

struct Tally {
  std::atomic<int> sold{0};
  std::atomic<int> sold_out{0};
  std::atomic<int> not_paid{0};
  std::atomic<int> unclear{0};
};

void SellAll(settle::Coordinator& coordinator, const Arguments& arguments, const std::string& shop,
             Tally& tally) {
  std::atomic<int> next{0};
  std::vector<std::jthread> customers;
  for (int i = 0; i < arguments.customers; ++i) {
    customers.emplace_back([&] {
      for (int sale = next++; sale < arguments.sales; sale = next++) try {
          const settle::Ending ending =
              Run(coordinator, Sale(),
                  {.input = {{"count", 1}, {"card_is_good", sale % 4 != 3}},
                   .request_key = "inventory-" + shop + "-sale-" + std::to_string(sale)});
          const bool stock_is_out = ending.reason.find("can be taken") != std::string::npos;
          const bool blocked = ending.reason.find("the card is blocked") != std::string::npos;
          ++(ending.committed() ? tally.sold
             : stock_is_out     ? tally.sold_out
             : blocked          ? tally.not_paid
                                : tally.unclear);
        } catch (const std::exception& error) {
          std::cerr << "inventory: " + std::string(error.what()) + "\n";
          ++tally.unclear;
        }
    });
  }
}

// What the sales were told against what the database holds.
bool Balances(const Database& database, const Arguments& arguments, const Tally& tally) {
  const auto number = [&](const std::string& sql) { return std::stoi(database.Query(sql)); };
  const int left = number("SELECT value FROM settle_counter");
  const int reserved = number("SELECT taking FROM settle_counter");
  const int receipts = number("SELECT count(*) FROM receipt");
  const int last = number("SELECT coalesce(max(number), 0) FROM receipt");
  const int payments = number("SELECT count(*) FROM payment");
  const int locked = number("SELECT count(*) FROM settle_lock WHERE owner IS NOT NULL");
  std::cout << "sold " << tally.sold << " of " << arguments.stock << ", sold out " << tally.sold_out
            << ", not paid " << tally.not_paid << ", unclear " << tally.unclear << "\n"
            << "left " << left << ", reserved " << reserved << ", payments " << payments
            << ", receipts " << receipts << ", the last has number " << last << ", locks held "
            << locked << "\n";
  return tally.unclear == 0 && left == arguments.stock - tally.sold && left >= 0 && reserved == 0 &&
         receipts == tally.sold && last == receipts && payments == receipts && locked == 0;
}

int Sell(const Arguments& arguments) {
  const auto contention =
      arguments.optimistic ? settle::Contention::kOptimistic : settle::Contention::kPessimistic;
  auto coordinator = OrThrow(
      settle::Coordinator::Connect({.addresses = {arguments.coordinator},
                                    .application = "inventory",
                                    .participants = {Open(arguments.database, contention)}}));
  const std::string shop = ShopId(arguments.database);
  const settle::Ending delivered = Run(
      *coordinator, Delivery(),
      {.input = {{"count", arguments.stock}}, .request_key = "inventory-" + shop + "-delivery"});
  if (!delivered.committed()) throw std::runtime_error("no stock came in: " + delivered.reason);
  Tally tally;
  SellAll(*coordinator, arguments, shop, tally);
  const bool balances = Balances(arguments.database, arguments, tally);
  std::cout << (balances ? "every sale is accounted for" : "THIS DOES NOT BALANCE") << std::endl;
  return balances ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  const options::options_description all = Describe(arguments);
  try {
    options::variables_map values;
    options::store(options::command_line_parser(argc, argv).options(all).positional({}).run(),
                   values);
    if (values.contains("help")) {
      std::cout << all;
      return 0;
    }
    options::notify(values);
    if (arguments.database.sqlite.empty() == arguments.database.dsn.empty()) {
      throw options::error("give one of --sqlite FILE and --dsn DSN");
    }
  } catch (const options::error& error) {
    std::cerr << "inventory: " << error.what() << "\nsee inventory --help\n";
    return 2;
  }
  try {
    return Sell(arguments);
  } catch (const std::exception& error) {
    std::cerr << "inventory: " << error.what() << "\n";
    return 1;
  }
}
