#include "chaos/services.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "checker/checker.h"
#include "settle/postgres_barrier.h"
#include "settle/saga.h"
#include "settle/sqlite_barrier.h"

namespace settle::testing {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kPatienceOfACustomer{20'000};

json InputOf(const ActionContext& call) { return json::parse(call.input.value_or("{}")); }

// What a statement says that fails is nothing of the business: the call comes again.
Answer Write(const ActionContext& call, settle::Work& work, int amount) {
  const auto noted = work.Execute(
      "INSERT INTO effect (gtid, step, op, amount) VALUES ($1, $2, $3, $4)",
      {call.gtid.text(), std::to_string(call.step), ToString(call.op), std::to_string(amount)});
  if (!noted) return Unknown(Describe(noted.error()));
  const auto moved =
      work.Execute("UPDATE account SET balance = balance + $1 WHERE id = $2",
                   {std::to_string(amount), std::to_string(1 + call.step % kAccounts)});
  if (!moved) return Unknown(Describe(moved.error()));
  return moved->affected == 1 ? Done() : Unknown("there is no such account");
}

// A step and a try alike: what the input says, unless it is to fail.
Answer Take(const ActionContext& call, settle::Work& work) {
  const json input = InputOf(call);
  if (input.value("fail", false)) return Failed("the business says no");
  return Write(call, work, input.at("amount"));
}
Answer GiveBack(const ActionContext& call, settle::Work& work) {
  return Write(call, work, -InputOf(call).at("amount").get<int>());
}
Answer Confirm(const ActionContext& call, settle::Work& work) { return Write(call, work, 0); }

template <typename B>
void ServeBehind(ActionParticipant& service, std::shared_ptr<B> barrier) {
  service.Serve("step", barrier, Take, GiveBack);
  service.ServeTry("hold", barrier, Take, Confirm, GiveBack);
}

}  // namespace

std::shared_ptr<ActionParticipant> MakeService(const std::string& name, const std::string& dsn) {
  auto service = ActionParticipant::Make(
      {.name = name, .concurrency = 4, .stop_patience = milliseconds(3'000)});
  const std::string rest = dsn.substr(dsn.find(':') + 1);
  if (dsn.rfind("sqlite:", 0) == 0) {
    ServeBehind(*service, SqliteBarrier::Make({.path = rest}));
  } else {
    ServeBehind(*service,
                PostgresBarrier::Make({.dsn = rest, .reply_timeout = milliseconds(3'000)}));
  }
  return service;
}

bool Customer::RunSaga() {
  const int amount = static_cast<int>(1 + random_() % 50);
  const int fails = static_cast<int>(random_() % 12);  // that step, if there is one before the end
  Saga chain("chain", 1);
  chain.Deadline(kPatienceOfACustomer);
  std::vector<SagaStep> steps;
  for (int number = 1; number <= kSagaSteps; ++number) {
    steps.push_back(chain.Step("step-" + std::to_string(number),
                               services_.at((number - 1) % services_.size()), "step"));
    SagaStep& step = steps.back();
    step.Input({{"amount", number % 2 == 1 ? -amount : amount},
                {"fail", number == fails && number <= kSagaPivot}});
    step.Timeout(milliseconds(2'000))
        .Retry({.first = milliseconds(50), .maximum = milliseconds(500)});
    if (number == kSagaPivot) step.Pivot();
    if (number > kSagaPivot) step.NeverCompensate();
    if (number > 1) step.After(steps[number - 2]);
  }
  const auto gtid = coordinator_.StartSaga(chain);
  if (!gtid) return false;
  notes_.Asked(gtid->text(), {"saga", {}});
  if (random_() % 8 == 0) static_cast<void>(coordinator_.CancelSaga(*gtid, "changed my mind"));
  const auto ended = coordinator_.AwaitSaga(*gtid, kPatienceOfACustomer);
  if (!ended) return false;
  const Ending& ending = ended->ending;
  if (ending.outcome == Outcome::kUndecided || ending.outcome == Outcome::kUnknown) return false;
  notes_.Told(gtid->text(), ToString(ending.outcome));
  return ending.committed();
}

bool Customer::Order(const std::map<std::string, Bank>& banks) {
  unanswered_.AskOne(coordinator_, notes_);
  const int amount = static_cast<int>(1 + random_() % 50);
  auto order = coordinator_.Begin({.timeout = milliseconds(6'000), .comment = "an order"});
  if (!order) return false;
  for (const std::string& service : services_) {
    const json input{{"amount", -amount}, {"fail", random_() % 20 == 0}};
    const auto held = order->Try(service, "hold", input.dump(), {milliseconds(4'000)});
    if (!held || !held->reserved()) return order->Abort("no goods"), false;
  }
  const auto bank = std::next(banks.begin(), random_() % banks.size());
  const auto paid = bank->second.enlist(*order, false);
  if (!paid) return order->Abort("no payment"), false;
  const std::string price = std::to_string(amount * static_cast<int>(services_.size()));
  const std::string account = std::to_string(1 + random_() % kAccounts);
  if (!(*paid)("UPDATE account SET balance = balance + $1 WHERE id = $2", {price, account}) ||
      !(*paid)("INSERT INTO transfer (gtid, amount) VALUES ($1, $2)",
               {order->gtid().text(), price})) {
    return order->Abort("no payment"), false;
  }
  notes_.Asked(order->gtid().text(), {"tcc", {bank->first}});
  const Ending ending = order->Commit();
  notes_.Told(order->gtid().text(), ToString(ending.outcome));
  unanswered_.Note(order->gtid(), ending);
  return ending.committed();
}

}  // namespace settle::testing
