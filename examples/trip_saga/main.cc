// trip_saga: books a trip with five services, or nothing of it.
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>

#include "report.h"
#include "services.h"
#include "settle/coordinator.h"
#include "trip.h"

namespace {

namespace options = boost::program_options;
using namespace trip_saga;
using namespace std::chrono_literals;

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr const char* kEach = "each";

struct Arguments {
  std::string coordinator;
  Databases databases;
  std::string customer;
  std::string fail;
  std::vector<std::string> serve;
  std::string key;
  bool create = false;
  bool stay = false;
};

options::options_description Describe(Arguments& arguments) {
  options::options_description all(
      "trip_saga --directory DIR --create\n"
      "trip_saga --coordinator HOST:PORT --directory DIR [options]\n\nOptions");
  auto add = all.add_options();
  add("coordinator", options::value(&arguments.coordinator)->default_value("127.0.0.1:7420"),
      "its address");
  add("directory", options::value(&arguments.databases.directory)->required(),
      "where the services' databases are");
  add("bank", options::value(&arguments.databases.bank_dsn),
      "the bank's database is this one of PostgreSQL, a libpq connection string");
  add("create", options::bool_switch(&arguments.create), "make them, if not there, and end");
  add("customer", options::value(&arguments.customer)->default_value("ada"),
      "who travels: ada, or poor, who cannot pay");
  add("fail", options::value(&arguments.fail),
      "the step that fails: flight, hotel, car, payment, or mail, which is after the point of no "
      "return and is only delayed; each: one trip after another, of which another step fails");
  add("serve", options::value(&arguments.serve)->multitoken(),
      "the services of this process: airline, hotels, cars, bank, mail; all if not given, or none");
  add("stay", options::bool_switch(&arguments.stay),
      "start no trip: serve until SIGTERM or SIGINT");
  add("key", options::value(&arguments.key), "a start with the same key is the same trip");
  add("help", "this text");
  return all;
}

int Complain(const settle::Error& error) {
  std::cerr << "trip_saga: " << Describe(error) << "\n";
  return error.code == settle::ErrorCode::kInvalid ? kUsage : kFailed;
}

// 0 only if the trip was booked.
int Travel(settle::Coordinator& coordinator, const Arguments& arguments) {
  // Start begins
  const auto gtid =
      coordinator.StartSaga(Trip(), {.input = TripInput(arguments.customer, arguments.fail),
                                     .comment = "a trip for " + arguments.customer,
                                     .request_key = arguments.key});
  if (!gtid) return Complain(gtid.error());
  std::cout << "trip " << gtid->text() << std::endl;
  const auto ended = coordinator.AwaitSaga(*gtid, 60s);
  if (!ended) return Complain(ended.error());
  // Start ends
  const settle::Ending& ending = ended->ending;
  std::cout << ToString(ending.outcome) << (ending.reason.empty() ? "" : ": " + ending.reason)
            << "\n";
  const auto report = Report(arguments.databases, *gtid);
  if (!report) return Complain(report.error());
  std::cout << *report << std::flush;
  return ending.committed() ? kOk : kFailed;
}

// 0 only if each trip ended as it should: as if it had never begun, or, once it is paid for,
// booked.
int FailEach(settle::Coordinator& coordinator, Arguments arguments) {
  bool as_it_should = true;
  for (const StepInfo& step : Steps()) {
    arguments.fail = step.name;
    std::cout << (step.name == Steps().front().name ? "" : "\n") << step.name << " fails: ";
    const bool booked = Travel(coordinator, arguments) == kOk;
    as_it_should = as_it_should && booked == (step.name == "mail");
  }
  return as_it_should ? kOk : kFailed;
}

int Run(Arguments arguments) {
  if (arguments.serve.empty()) {
    for (const StepInfo& step : Steps()) arguments.serve.push_back(step.participant);
  }
  if (arguments.serve == std::vector<std::string>{"none"}) arguments.serve.clear();
  settle::CoordinatorOptions wanted{.addresses = {arguments.coordinator},
                                    .application = "trip_saga"};
  for (const std::string& name : arguments.serve) {
    auto service = MakeService(arguments.databases, name);
    if (!service) return Complain(service.error());
    wanted.participants.push_back(*std::move(service));
  }
  // The main thread waits for the signal; the other threads inherit the mask.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  if (arguments.stay) pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  auto coordinator = settle::Coordinator::Connect(std::move(wanted));
  if (!coordinator) return Complain(coordinator.error());
  if (!arguments.stay) {
    return arguments.fail == kEach ? FailEach(**coordinator, arguments)
                                   : Travel(**coordinator, arguments);
  }
  std::cout << "serving" << std::endl;
  int signal = 0;
  sigwait(&ends, &signal);
  const settle::Status left = (*coordinator)->Detach();
  return left ? kOk : Complain(left.error());
}

bool IsStep(const std::string& name) {
  return std::any_of(Steps().begin(), Steps().end(),
                     [&](const StepInfo& step) { return step.name == name; });
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
    std::cerr << "trip_saga: " << error.what() << "\nsee trip_saga --help\n";
    return kUsage;
  }
  if (!arguments.fail.empty() && arguments.fail != kEach && !IsStep(arguments.fail)) {
    std::cerr << "trip_saga: there is no step \"" << arguments.fail << "\"\n";
    return kUsage;
  }
  if (arguments.fail == kEach && !arguments.key.empty()) {
    std::cerr << "trip_saga: a key names one trip, and --fail each starts several\n";
    return kUsage;
  }
  if (arguments.create) {
    const settle::Status made = CreateDatabases(arguments.databases);
    return made ? kOk : Complain(made.error());
  }
  return Run(std::move(arguments));
}
