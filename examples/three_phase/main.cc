// three_phase: a bank that is a site of three-phase commit: it goes on when the coordinator does
// not.
//
//   three_phase --name NAME --database postgresql:DSN|sqlite:FILE --coordinator HOST:PORT
//               [--peer-listen HOST:PORT]
//
// The database has three_phase_account(id INTEGER PRIMARY KEY, balance INTEGER). Whoever calls the
// bank does so line by line, as demo.py does, which starts three of them:
//
//   give AMOUNT          begins a transfer of so much; answers its gtid, and its context, which
//                        is for the other banks
//   take AMOUNT CONTEXT  joins it; answers "joined"
//   commit               answers what became of it
//
// The first line that it prints is where its peers reach it. Ends when its standard input does.
#include <boost/program_options.hpp>
#include <functional>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include "settle/coordinator.h"
#include "settle/postgres_resource.h"
#include "settle/sqlite_resource.h"

namespace {

// Adds to the one account of the bank, within the transaction.
using Add = std::function<settle::Status(settle::GlobalTransaction&, const std::string& amount)>;

template <typename R>
Add AddTo(std::shared_ptr<R> resource) {
  return [resource](settle::GlobalTransaction& transaction,
                    const std::string& amount) -> settle::Status {
    auto branch = transaction.Enlist(*resource);
    if (!branch) return settle::Fail(std::move(branch).error());
    auto added = (*branch)->Execute(
        "UPDATE three_phase_account SET balance = balance + $1 WHERE id = 1", {amount});
    if (!added) return settle::Fail(std::move(added).error());
    return {};
  };
}

struct Bank {
  std::shared_ptr<settle::Resource> resource;
  Add add;
};

// Open begins
std::optional<Bank> Open(const std::string& name, const std::string& database) {
  const std::string where = database.substr(database.find(':') + 1);
  if (database.starts_with("postgresql:")) {
    const auto bank =
        settle::PostgresResource::Make({.name = name, .dsn = where, .three_phase = true});
    return Bank{bank, AddTo(bank)};
  }
  if (database.starts_with("sqlite:")) {
    const auto bank = settle::SqliteResource::Make({.name = name, .path = where});
    return Bank{bank, AddTo(bank)};
  }
  return std::nullopt;
}
// Open ends

// Connect begins
settle::Result<std::unique_ptr<settle::Coordinator>> ConnectSite(
    const std::string& coordinator, const std::string& listen,
    const std::shared_ptr<settle::Resource>& bank) {
  return settle::Coordinator::Connect({
      .addresses = {coordinator},
      .application = "three_phase",
      .resources = {bank},
      .peers = {.listen = listen},  // where the other sites reach this one
      .attach_later = true,         // started while the coordinator is gone, it serves them
  });
}
// Connect ends

class Teller {
 public:
  Teller(settle::Coordinator& coordinator, Add add) : coordinator_(coordinator), add_(add) {}

  std::string Answer(const std::string& line) {
    std::istringstream words(line);
    std::string verb, amount, context;
    words >> verb >> amount >> context;
    if (verb == "give") return Give(amount);
    if (verb == "take") return Take(amount, context);
    if (verb == "commit" && transfer_) return Commit();
    return "what?";
  }

 private:
  // Begin begins
  std::string Give(const std::string& amount) {
    auto transfer = coordinator_.Begin({.protocol = settle::Protocol::kThreePhase});
    if (!transfer) return Describe(transfer.error());
    if (auto given = add_(*transfer, "-" + amount); !given) return Describe(given.error());
    transfer_.emplace(*std::move(transfer));
    return transfer_->gtid().text() + " " + transfer_->context();
  }
  // Begin ends

  std::string Take(const std::string& amount, const std::string& context) {
    auto transfer = coordinator_.Join(context);
    if (!transfer) return Describe(transfer.error());
    if (auto taken = add_(*transfer, amount); !taken) return Describe(taken.error());
    if (auto left = transfer->Leave(); !left) return Describe(left.error());
    return "joined";
  }

  std::string Commit() {
    const settle::Ending ending = transfer_->Commit();
    transfer_.reset();
    return ToString(ending.outcome) + (ending.reason.empty() ? "" : ": " + ending.reason);
  }

  settle::Coordinator& coordinator_;
  const Add add_;
  std::optional<settle::GlobalTransaction> transfer_;
};

int Serve(const std::string& name, const std::string& database, const std::string& address,
          const std::string& listen) {
  const std::optional<Bank> bank = Open(name, database);
  if (!bank) {
    std::cerr << "three_phase: --database is postgresql:DSN or sqlite:FILE\n";
    return 2;
  }
  auto coordinator = ConnectSite(address, listen, bank->resource);
  if (!coordinator) {
    std::cerr << "three_phase: " << Describe(coordinator.error()) << "\n";
    return 1;
  }
  Teller teller(**coordinator, bank->add);
  std::cout << (*coordinator)->peer_address() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << teller.Answer(line) << std::endl;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  namespace options = boost::program_options;
  std::string name;
  std::string database;
  std::string coordinator;
  std::string listen;
  options::options_description all("three_phase: serves a bank, told what to do line by line");
  auto add = all.add_options();
  add("name", options::value(&name)->required(), "of the bank, the same whoever serves it");
  add("database", options::value(&database)->required(), "postgresql:DSN or sqlite:FILE");
  add("coordinator", options::value(&coordinator)->default_value("127.0.0.1:7420"), "HOST:PORT");
  add("peer-listen", options::value(&listen)->default_value("127.0.0.1:0"),
      "where its peers reach it, HOST:PORT; 0: any free port");
  add("help", "this text");
  try {
    options::variables_map values;
    options::store(options::command_line_parser(argc, argv).options(all).positional({}).run(),
                   values);
    if (values.contains("help")) {
      std::cout << all;
      return 0;
    }
    options::notify(values);
  } catch (const options::error& error) {
    std::cerr << "three_phase: " << error.what() << "\nsee three_phase --help\n";
    return 2;
  }
  return Serve(name, database, coordinator, listen);
}
