#include "shop.h"

#include <nlohmann/json.hpp>

#include "settle/sqlite_barrier.h"

namespace inventory_tcc {
namespace {

using nlohmann::json;
using settle::ActionContext;
using settle::Answer;

// A statement that fails says nothing about the business: the call comes again.
Answer FromDatabase(const settle::Error& why) { return settle::Unknown(Describe(why)); }

// How many pieces; the barrier gives confirm and cancel what the try was called with.
std::string CountOf(const ActionContext& call) {
  return std::to_string(json::parse(call.input.value_or("{}")).at("count").get<int>());
}

// Try begins
// Each runs in the local transaction that also notes the call, so it takes effect once. What is
// reserved is neither free nor sold: no other order can have it, and no lock is held meanwhile.
Answer Reserve(const ActionContext& call, settle::Work& work) {
  auto taken = work.Execute(
      "UPDATE item SET free = free - $1, reserved = reserved + $1 WHERE free >= $1 RETURNING free",
      {CountOf(call)});
  if (!taken) return FromDatabase(taken.error());
  if (taken->rows.empty()) return settle::Failed("sold out");
  return settle::Done(json{{"left", std::stoi(taken->rows[0][0].value())}}.dump());
}

// Cannot fail for a reason of the business: what it needs was set aside.
Answer Confirm(const ActionContext& call, settle::Work& work) {
  auto sold =
      work.Execute("UPDATE item SET reserved = reserved - $1, sold = sold + $1", {CountOf(call)});
  return sold ? settle::Done() : FromDatabase(sold.error());
}

// Is not called for an order that reserved nothing, and Reserve is never called after it.
Answer Cancel(const ActionContext& call, settle::Work& work) {
  auto freed =
      work.Execute("UPDATE item SET reserved = reserved - $1, free = free + $1", {CountOf(call)});
  return freed ? settle::Done() : FromDatabase(freed.error());
}

std::shared_ptr<settle::ActionParticipant> Inventory(const std::string& file) {
  auto barrier = settle::SqliteBarrier::Make({.path = file});
  auto inventory = settle::ActionParticipant::Make({.name = "inventory", .concurrency = 4});
  inventory->ServeTry("reserve", barrier, Reserve, Confirm, Cancel);
  return inventory;
}
// Try ends

settle::Ending GivenUp(const settle::Error& why) {
  return {settle::Outcome::kAborted, settle::AbortCause::kRequested, Describe(why), false};
}

}  // namespace

std::shared_ptr<settle::ActionParticipant> MakeInventory(const std::string& directory) {
  return Inventory(InventoryPath(directory));
}

// Order begins
settle::Ending Order(settle::Coordinator& coordinator, settle::SqliteResource& payments,
                     int count) {
  auto order = coordinator.Begin({.comment = std::to_string(count) + " pieces"});
  if (!order) return GivenUp(order.error());
  // The goods first: nothing is locked while the other service is asked.
  auto goods = order->Try("inventory", "reserve", json{{"count", count}}.dump());
  if (!goods) return order->Abort(Describe(goods.error()));
  if (!goods->reserved()) return order->Abort("the goods: " + goods->text);

  auto payment = order->Enlist(payments);
  if (!payment) return order->Abort(Describe(payment.error()));
  auto paid = (*payment)->Execute(
      "INSERT INTO payment VALUES ($1, $2, $3)",
      {order->gtid().text(), std::to_string(count), std::to_string(10 * count)});
  if (!paid) return order->Abort(Describe(paid.error()));

  // Paid and confirmed, or rolled back and cancelled, whoever crashes.
  return order->Commit();
}
// Order ends

}  // namespace inventory_tcc
