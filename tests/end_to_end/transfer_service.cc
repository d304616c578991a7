#include "end_to_end/transfer_service.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "settle/postgres_barrier.h"
#include "settle/saga.h"
#include "settle/sqlite_barrier.h"

namespace settle::testing {
namespace {

using nlohmann::json;

enum class Direction { kForward, kBack };

Status MoveMoney(const ActionContext& call, Work& work, Direction direction) {
  const json input = json::parse(call.input.value_or("{}"));
  const int amount = input.at("amount").get<int>() * (direction == Direction::kForward ? 1 : -1);
  auto moved =
      work.Execute("UPDATE account SET balance = balance + $1 WHERE id = $2",
                   {std::to_string(amount), std::to_string(input.at("account").get<int>())});
  return moved ? Status() : Status(Fail(moved.error()));
}

Status NoteTransfer(const ActionContext& call, Work& work) {
  const json input = json::parse(call.input.value_or("{}"));
  auto noted = work.Execute("INSERT INTO transfer (gtid, amount) VALUES ($1, $2)",
                            {call.gtid.text(), std::to_string(input.at("amount").get<int>())});
  return noted ? Status() : Status(Fail(noted.error()));
}

Status TakeNoteBack(const ActionContext& call, Work& work) {
  auto gone = work.Execute("DELETE FROM transfer WHERE gtid = $1", {call.gtid.text()});
  return gone ? Status() : Status(Fail(gone.error()));
}

// A statement that fails says nothing about the business: the call comes again.
Answer Say(const Status& status) { return status ? Done() : Unknown(Describe(status.error())); }

Answer Move(const ActionContext& call, Work& work) {
  const Status moved = MoveMoney(call, work, Direction::kForward);
  return Say(moved ? NoteTransfer(call, work) : moved);
}
Answer MoveBack(const ActionContext& call, Work& work) {
  const Status moved = MoveMoney(call, work, Direction::kBack);
  return Say(moved ? TakeNoteBack(call, work) : moved);
}
Answer Hold(const ActionContext& call, Work& work) {
  return Say(MoveMoney(call, work, Direction::kForward));
}
Answer Confirm(const ActionContext& call, Work& work) { return Say(NoteTransfer(call, work)); }
Answer Cancel(const ActionContext& call, Work& work) {
  return Say(MoveMoney(call, work, Direction::kBack));
}
Answer Refuse(const ActionContext&, Work&) { return Failed("the bank does not want to"); }
Answer TakeBackNothing(const ActionContext&, Work&) { return Done(); }

template <typename B>
void ServeAll(ActionParticipant& till, const std::shared_ptr<B>& barrier) {
  till.Serve("move", barrier, Move, MoveBack);
  till.Serve("refuse", barrier, Refuse, TakeBackNothing);
  till.ServeTry("hold", barrier, Hold, Confirm, Cancel);
}

}  // namespace

std::shared_ptr<ActionParticipant> MakeTill(const std::string& bank, const std::string& dsn) {
  auto till = ActionParticipant::Make({.name = "till-" + bank, .concurrency = 4});
  const std::size_t colon = dsn.find(':');
  const std::string scheme = dsn.substr(0, colon);
  if (colon != std::string::npos && scheme == "postgresql") {
    ServeAll(*till, PostgresBarrier::Make({.dsn = dsn.substr(colon + 1)}));
  } else if (colon != std::string::npos && scheme == "sqlite") {
    ServeAll(*till, SqliteBarrier::Make({.path = dsn.substr(colon + 1)}));
  } else {
    throw std::runtime_error("no such kind of bank: " + dsn);
  }
  return till;
}

std::string TransferSaga(bool fails) {
  using std::chrono::milliseconds;
  const SagaRetry soon{.first = milliseconds(50), .maximum = milliseconds(500)};
  Saga saga(fails ? "refused-transfer" : "transfer");
  const auto input = [&saga](const std::string& bank) {
    return SagaValue{{"amount", saga.input("/" + bank)}, {"account", saga.input("/account")}};
  };
  auto take = saga.Step("take", "till-a", "move").Input(input("a")).Retry(soon);
  auto give = saga.Step("give", "till-b", "move").Input(input("b")).After(take).Retry(soon);
  take.Timeout(milliseconds(700));
  give.Timeout(milliseconds(700));
  if (fails) {
    saga.Step("refuse", "till-b", "refuse").After(give).Retry(soon);
  } else {
    give.Pivot();
  }
  return saga.document();
}

std::string TillInput(int amount, int account) {
  return json{{"amount", amount}, {"account", account}}.dump();
}

}  // namespace settle::testing
