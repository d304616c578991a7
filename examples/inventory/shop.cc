#include "shop.h"

#include <nlohmann/json.hpp>

#include "settle/escrow_counter.h"
#include "settle/fenced_lock.h"

namespace inventory {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using settle::ActionContext;
using settle::Answer;
using settle::Work;

constexpr const char* kItem = "item 17";
const settle::EscrowCounter kStock(kItem);
const settle::FencedLock kBook("receipt book");
constexpr settle::BranchNumber kReserveStep = 1;

// Refused is the business's own no. Anything else says nothing about it: the call comes again.
Answer Told(const settle::Status& status) {
  if (status) return settle::Done();
  if (status.error().code == settle::ErrorCode::kRefused) {
    return settle::Failed(status.error().message);
  }
  return settle::Unknown(Describe(status.error()));
}

json InputOf(const ActionContext& call) { return json::parse(call.input.value_or("{}")); }

Answer Deliver(const ActionContext& call, Work& work) {
  return Told(kStock.Create(work, InputOf(call).at("count").get<std::int64_t>()));
}

// Counter begins
// What is reserved is gone for the other sales, and not yet sold: any number of them reserve at the
// same time, and nobody waits for another's payment. How `stock` meets others who change it at the
// same moment, by the row's lock or by its version, is for this alone to know.
Answer Reserve(const settle::EscrowCounter& stock, const ActionContext& call, Work& work) {
  return Told(
      stock.Reserve(work, {call.gtid, call.step}, -InputOf(call).at("count").get<std::int64_t>()));
}
Answer CancelReservation(const ActionContext& call, Work& work) {
  return Told(kStock.Cancel(work, {call.gtid, call.step}));
}
// Counter ends

// Lock begins
// Receipts are numbered without a gap, so a number is used up only when it is paid. From here until
// then nobody else may read the book: it is this sale's, from step to step.
Answer NumberReceipt(const ActionContext& call, Work& work) {
  auto token = kBook.Acquire(work, call.gtid);
  if (!token && token.error().code == settle::ErrorCode::kRetry) return settle::Ongoing(20ms);
  if (!token) return settle::Unknown(Describe(token.error()));
  auto last = work.Execute("SELECT coalesce(max(number), 0) FROM receipt");
  if (!last) return settle::Unknown(Describe(last.error()));
  const int number = std::stoi(last->rows[0][0].value()) + 1;
  return settle::Done(json{{"number", number}, {"token", *token}}.dump());
}
Answer CloseBook(const ActionContext& call, Work& work) {
  return Told(kBook.Release(work, call.gtid));
}
// Lock ends

Answer Pay(const ActionContext& call, Work& work) {
  if (!InputOf(call).at("card_is_good").get<bool>()) return settle::Failed("the card is blocked");
  auto paid = work.Execute("INSERT INTO payment VALUES ($1)", {call.gtid.text()});
  return paid ? settle::Done() : settle::Unknown(Describe(paid.error()));
}

// After the pivot nothing may fail: what it needs was reserved and locked.
Answer Book(const ActionContext& call, Work& work) {
  const json input = InputOf(call);
  auto held = kBook.CheckToken(work, call.gtid, input.at("token").get<settle::LockToken>());
  if (!held) return settle::Unknown(Describe(held.error()));
  auto written = work.Execute("INSERT INTO receipt VALUES (CAST($1 AS integer), $2)",
                              {std::to_string(input.at("number").get<int>()), call.gtid.text()});
  if (!written) return settle::Unknown(Describe(written.error()));
  if (auto sold = kStock.Confirm(work, {call.gtid, kReserveStep}); !sold) {
    return settle::Unknown(Describe(sold.error()));
  }
  return CloseBook(call, work);
}

template <typename Barrier>
std::shared_ptr<settle::ActionParticipant> Serve(const std::shared_ptr<Barrier>& barrier,
                                                 settle::Contention contention) {
  const auto reserve = [stock = settle::EscrowCounter(kItem, contention)](const ActionContext& call,
                                                                          Work& work) {
    return Reserve(stock, call, work);
  };
  auto shop = settle::ActionParticipant::Make({.name = "shop", .concurrency = 8});
  shop->Serve("deliver", barrier, Deliver);
  shop->Serve("reserve", barrier, reserve, CancelReservation);
  shop->Serve("number-receipt", barrier, NumberReceipt, CloseBook);
  shop->Serve("pay", barrier, Pay);
  shop->Serve("book", barrier, Book);
  return shop;
}

}  // namespace

std::shared_ptr<settle::ActionParticipant> MakeShop(std::shared_ptr<settle::SqliteBarrier> barrier,
                                                    settle::Contention contention) {
  return Serve(barrier, contention);
}

std::shared_ptr<settle::ActionParticipant> MakeShop(
    std::shared_ptr<settle::PostgresBarrier> barrier, settle::Contention contention) {
  return Serve(barrier, contention);
}

settle::Saga Delivery() {
  settle::Saga delivery("delivery");
  delivery.Step("deliver", "shop", "deliver")
      .Input({{"count", delivery.input("/count")}})
      .NeverCompensate();
  return delivery;
}

// Sale begins
settle::Saga Sale() {
  settle::Saga sale("sale");
  auto reserve = sale.Step("reserve", "shop", "reserve").Input({{"count", sale.input("/count")}});
  auto receipt = sale.Step("receipt", "shop", "number-receipt").After(reserve);
  auto pay = sale.Step("pay", "shop", "pay")
                 .After(receipt)
                 .Pivot()
                 .Input({{"card_is_good", sale.input("/card_is_good")}});
  sale.Step("book", "shop", "book")
      .After(pay)
      .Input({{"number", receipt.result("/number")}, {"token", receipt.result("/token")}})
      .NeverCompensate();
  return sale;
}
// Sale ends

}  // namespace inventory
