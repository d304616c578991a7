// bank_transfer: moves money between two databases, PostgreSQL or SQLite, under global
// transactions.
#include <pthread.h>
#include <signal.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <thread>

#include "check.h"
#include "load.h"

namespace {

namespace options = boost::program_options;
using namespace bank_transfer;

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Arguments {
  std::string coordinator;
  std::string from;
  std::string to;
  std::string from_name;
  std::string to_name;
  std::vector<std::string> notes;
  LoadOptions load;
  int balance = 0;
  bool create = false;
  bool check = false;
  bool stay = false;
};

options::options_description Describe(Arguments& arguments) {
  options::options_description all(
      "bank_transfer --coordinator HOST:PORT --from DSN --to DSN [options]\n"
      "A DSN is postgresql:<conninfo> or sqlite:<path>.\n\nOptions");
  auto add = all.add_options();
  add("coordinator", options::value(&arguments.coordinator)->default_value("127.0.0.1:7420"),
      "its address");
  add("from", options::value(&arguments.from)->required(), "the bank that gives");
  add("to", options::value(&arguments.to)->required(), "the bank that gets");
  add("from-name", options::value(&arguments.from_name)->default_value("bank-a"),
      "its resource name");
  add("to-name", options::value(&arguments.to_name)->default_value("bank-b"), "its resource name");
  add("create", options::bool_switch(&arguments.create),
      "make the tables and accounts, if not there, and end");
  add("accounts", options::value(&arguments.load.accounts)->default_value(100), "in each bank");
  add("balance", options::value(&arguments.balance)->default_value(1000),
      "of each account that is made");
  add("check", options::bool_switch(&arguments.check),
      "look into both databases for lost, made or half-moved money, and end; exit code 1 if there "
      "is any");
  add("transfers", options::value(&arguments.load.transfers)->default_value(1), "how many");
  add("clients", options::value(&arguments.load.clients)->default_value(1), "threads");
  add("seed", options::value(&arguments.load.seed)->default_value(1), "of accounts and amounts");
  add("notes", options::value(&arguments.notes),
      "write down durably what the clients are told; with --check: compare, may be given several "
      "times");
  add("stay", options::bool_switch(&arguments.stay),
      "serve both banks on, until SIGTERM or SIGINT, after the last transfer");
  add("help", "this text");
  return all;
}

int Complain(const settle::Error& error) {
  std::cerr << "bank_transfer: " << Describe(error) << "\n";
  return error.code == settle::ErrorCode::kInvalid ? kUsage : kFailed;
}

int Create(const Arguments& arguments) {
  for (const std::string& dsn : {arguments.from, arguments.to}) {
    const settle::Status made = CreateBank(dsn, arguments.load.accounts, arguments.balance);
    if (!made) return Complain(made.error());
  }
  return kOk;
}

int CheckBoth(const Arguments& arguments) {
  const auto report = Check(arguments.from, arguments.to, arguments.notes);
  if (!report) return Complain(report.error());
  for (const std::string& violation : report->violations)
    std::cout << "WRONG: " << violation << "\n";
  std::cout << report->transfers << " transfers, " << report->balance_from << " + "
            << report->balance_to << " = " << report->balance_from + report->balance_to << ": "
            << (report->violations.empty() ? "nothing lost, nothing made, nothing half done"
                                           : "NOT right")
            << std::endl;
  return report->violations.empty() ? kOk : kFailed;
}

int Report(const LoadReport& report) {
  std::cout << report.committed << " committed, " << report.aborted << " aborted, "
            << report.retried << " attempts done again, " << report.asked << " endings asked for, "
            << report.damaged << " damaged" << std::endl;
  if (!report.failure.empty()) std::cerr << "bank_transfer: " << report.failure << std::endl;
  return report.failure.empty() && report.damaged == 0 ? kOk : kFailed;
}

int Move(const Arguments& arguments) {
  const auto from = MakeBank(arguments.from_name, arguments.from);
  if (!from) return Complain(from.error());
  const auto to = MakeBank(arguments.to_name, arguments.to);
  if (!to) return Complain(to.error());
  // A process that stays is ended by a signal, which its main thread waits for; threads inherit the
  // mask.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  if (arguments.stay) pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  auto coordinator = settle::Coordinator::Connect({.addresses = {arguments.coordinator},
                                                   .application = "bank_transfer",
                                                   .resources = {from->base(), to->base()}});
  if (!coordinator) return Complain(coordinator.error());
  const auto notes = Notes::Open(arguments.notes.empty() ? "" : arguments.notes.front());
  if (!notes) return Complain(notes.error());

  std::atomic<bool> stop = false;
  int exit = kOk;
  std::jthread load(
      [&] { exit = Report(RunLoad(**coordinator, *from, *to, arguments.load, **notes, stop)); });
  if (arguments.stay) {
    int signal = 0;
    sigwait(&ends, &signal);
    stop = true;
  }
  load.join();
  return exit;
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
      return kOk;
    }
    options::notify(values);
  } catch (const options::error& error) {
    std::cerr << "bank_transfer: " << error.what() << "\nsee bank_transfer --help\n";
    return kUsage;
  }
  if (arguments.from == arguments.to || arguments.load.accounts < 1 || arguments.load.clients < 1) {
    std::cerr
        << "bank_transfer: two different banks, at least one account and one client are needed\n";
    return kUsage;
  }
  if (arguments.create) return Create(arguments);
  if (arguments.check) return CheckBoth(arguments);
  return Move(arguments);
}
