#include "bench/services.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "bench/or_throw.h"
#include "settle/postgres_barrier.h"

namespace settle::bench {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr const char* kNoOpAction = "no-op";
constexpr const char* kBookAction = "book";

std::string NameOf(int service) { return "service-" + std::to_string(service + 1); }

std::unique_ptr<Coordinator> Connect(const Daemon& daemon, const std::string& application,
                                     std::vector<std::shared_ptr<ActionParticipant>> participants,
                                     const Progress& progress) {
  return OrThrow(Coordinator::Connect({.addresses = {daemon.address()},
                                       .application = application,
                                       .participants = std::move(participants),
                                       .warn = progress}));
}

Answer Write(PostgresWork& work, const char* sql, const std::string& name) {
  const Result<Rows> written = work.Execute(sql, {name});
  if (!written) return Unknown(Describe(written.error()));
  return Done();
}

Answer Book(const ActionContext& call, PostgresWork& work) {
  const auto input = nlohmann::json::parse(call.input.value());
  if (input.value("refuse", false)) return Failed("sold out");
  return Write(work, kBook, input.at("name"));
}

Answer Undo(const ActionContext& call, PostgresWork& work) {
  return Write(work, kUndo, nlohmann::json::parse(call.input.value()).at("name"));
}

std::shared_ptr<ActionParticipant> Service(int number, const std::string& dsn) {
  auto service = ActionParticipant::Make({.name = NameOf(number)});
  const auto nothing = [](const ActionContext&) { return Done(); };
  service->Serve(kNoOpAction, nothing, nothing);
  service->Serve(kBookAction, PostgresBarrier::Make({.dsn = dsn}), Book, Undo);
  return service;
}

}  // namespace

std::string ThreeSteps(Steps steps) {
  const char* const action = steps == Steps::kNoOp ? kNoOpAction : kBookAction;
  Saga saga("three-steps");
  auto first = saga.Step("first", NameOf(0), action).Input({{"name", saga.input("/name")}});
  auto second = saga.Step("second", NameOf(1), action).After(first);
  second.Input({{"name", saga.input("/name")}});
  saga.Step("third", NameOf(2), action)
      .After(second)
      .Input({{"name", saga.input("/name")}, {"refuse", saga.input("/refuse")}});
  return saga.document();
}

Services::Services(const Bookings& bookings, const Daemon& daemon, const Progress& progress) {
  for (int i = 0; i < kServices; ++i) {
    served_.push_back(Connect(daemon, NameOf(i), {Service(i, bookings.dsns().at(i))}, progress));
  }
  client_ = Connect(daemon, "settle-bench", {}, progress);
}

void Services::Book(const std::string& document, const std::string& name, Last last) {
  const bool refused = last == Last::kRefused;
  const Gtid gtid =
      OrThrow(client_->StartSaga(document, {.input = {{"name", name}, {"refuse", refused}}}));
  const Ending ending = OrThrow(client_->AwaitSaga(gtid, kPatience)).ending;
  if (ending.outcome == (refused ? Outcome::kAborted : Outcome::kCommitted)) return;
  throw std::runtime_error("saga " + gtid.text() + " ended as " + ToString(ending.outcome) + ": " +
                           ending.reason);
}

}  // namespace settle::bench
