#include "services.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "settle/postgres_barrier.h"
#include "settle/sqlite_barrier.h"
#include "trip.h"

namespace trip_saga {
namespace {

using nlohmann::json;
using settle::ActionContext;
using settle::Answer;

const char kReservations[] =
    "CREATE TABLE IF NOT EXISTS offer (free INTEGER NOT NULL, price INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS booking (trip TEXT NOT NULL PRIMARY KEY, customer TEXT NOT NULL,"
    " price INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('reserved', 'cancelled')));"
    "INSERT INTO offer SELECT 100, $1 WHERE NOT EXISTS (SELECT 1 FROM offer)";
const char kBank[] =
    "CREATE TABLE IF NOT EXISTS account (customer TEXT NOT NULL PRIMARY KEY,"
    " balance INTEGER NOT NULL CHECK (balance >= 0));"
    "CREATE TABLE IF NOT EXISTS payment (trip TEXT NOT NULL PRIMARY KEY, amount INTEGER NOT NULL);"
    "INSERT INTO account VALUES ('ada', 10000), ('poor', 10) ON CONFLICT DO NOTHING";
const char kMail[] =
    "CREATE TABLE IF NOT EXISTS sent (idempotency_key TEXT NOT NULL PRIMARY KEY,"
    " trip TEXT NOT NULL, text TEXT NOT NULL)";

// A statement that fails says nothing about the business: the call comes again.
Answer FromDatabase(const settle::Error& why) { return settle::Unknown(Describe(why)); }

// Reserve begins
// Both run in the local transaction that also notes the call, so each takes effect once. Free
// places are a counter that others change meanwhile: it is added to, never set.
Answer Reserve(const ActionContext& call, settle::Work& work) {
  const json input = json::parse(call.input.value_or("{}"));
  if (input.value("fail", false)) return settle::Failed("nothing is free in this season");
  auto taken = work.Execute("UPDATE offer SET free = free - 1 WHERE free > 0 RETURNING price");
  if (!taken) return FromDatabase(taken.error());
  if (taken->rows.empty()) return settle::Failed("nothing is free");
  const std::string price = taken->rows[0][0].value();
  auto booked = work.Execute("INSERT INTO booking VALUES ($1, $2, $3, 'reserved')",
                             {call.gtid.text(), input.at("customer").get<std::string>(), price});
  if (!booked) return FromDatabase(booked.error());
  return settle::Done(json{{"price", std::stoi(price)}}.dump());
}

// Is not called for a trip that reserved nothing, and Reserve is never called after it.
Answer Cancel(const ActionContext& call, settle::Work& work) {
  auto cancelled =
      work.Execute("UPDATE booking SET state = 'cancelled' WHERE trip = $1", {call.gtid.text()});
  if (!cancelled) return FromDatabase(cancelled.error());
  auto freed = work.Execute("UPDATE offer SET free = free + 1");
  if (!freed) return FromDatabase(freed.error());
  return settle::Done();
}
// Reserve ends

Answer Pay(const ActionContext& call, settle::Work& work) {
  const json input = json::parse(call.input.value_or("{}"));
  if (input.value("fail", false)) return settle::Failed("the card is blocked");
  int amount = 0;
  for (const json& price : input.at("prices")) amount += price.get<int>();
  const std::string text = std::to_string(amount);
  auto taken = work.Execute(
      "UPDATE account SET balance = balance - $1 WHERE customer = $2 AND balance >= $1",
      {text, input.at("customer").get<std::string>()});
  if (!taken) return FromDatabase(taken.error());
  if (taken->affected == 0) return settle::Failed("the account has no " + text);
  auto noted = work.Execute("INSERT INTO payment VALUES ($1, $2)", {call.gtid.text(), text});
  if (!noted) return FromDatabase(noted.error());
  return settle::Done(json{{"paid", amount}}.dump());
}

// Send begins
// A mail leaves the database: no local transaction can take it back, so no barrier can make it
// happen once. The provider can, if it is told which mails are the same one.
Answer Send(const ActionContext& call, const std::string& provider) {
  const json input = json::parse(call.input.value_or("{}"));
  if (input.value("fail", false) && call.attempt < 3) {
    return settle::Unknown("the provider does not answer");
  }
  auto mail = OpenSqlite(provider);
  if (!mail) return FromDatabase(mail.error());
  auto sent = (*mail)->Run(
      "INSERT OR IGNORE INTO sent VALUES ($1, $2, $3)",
      {call.idempotency_key(), call.gtid.text(), "Thank you for " + input.at("paid").dump()});
  return sent ? settle::Done() : FromDatabase(sent.error());
}
// Send ends

}  // namespace

settle::Status CreateDatabases(const Databases& databases) {
  std::error_code why;
  std::filesystem::create_directories(databases.directory, why);
  if (why) {
    return settle::Fail(settle::ErrorCode::kInvalid,
                        "cannot make " + databases.directory + ": " + why.message());
  }
  const std::map<std::string, std::string> prices{
      {"airline", "300"}, {"hotels", "200"}, {"cars", "100"}};
  for (const StepInfo& step : Steps()) {
    const std::string& service = step.participant;
    auto database = databases.Open(service);
    if (!database) return settle::Fail(database.error());
    const auto made = service == "bank"   ? (*database)->Run(kBank)
                      : service == "mail" ? (*database)->Run(kMail)
                                          : (*database)->Run(kReservations, {prices.at(service)});
    if (!made) return settle::Fail(made.error());
    // The same as `settle barrier install`.
    const auto installed = databases.InPostgres(service)
                               ? settle::PostgresBarrier::Install(databases.bank_dsn)
                               : settle::SqliteBarrier::Install(databases.PathOf(service));
    if (!installed) return settle::Fail(installed.error());
  }
  return {};
}

settle::Result<std::shared_ptr<settle::ActionParticipant>> MakeService(const Databases& databases,
                                                                       const std::string& name) {
  const std::string path = databases.PathOf(name);
  // Serve begins
  auto service = settle::ActionParticipant::Make({.name = name, .concurrency = 4});
  if (databases.InPostgres(name)) {
    service->Serve("pay", settle::PostgresBarrier::Make({.dsn = databases.bank_dsn}), Pay);
  } else if (name == "bank") {
    service->Serve("pay", settle::SqliteBarrier::Make({.path = path}), Pay);
  } else if (name == "mail") {
    service->Serve("send", [path](const ActionContext& call) { return Send(call, path); });
  } else {
    service->Serve("reserve", settle::SqliteBarrier::Make({.path = path}), Reserve, Cancel);
  }
  // Serve ends
  for (const StepInfo& step : Steps()) {
    if (step.participant == name) return service;
  }
  return settle::Fail(settle::ErrorCode::kInvalid, "there is no service \"" + name + "\"",
                      "they are airline, hotels, cars, bank and mail");
}

}  // namespace trip_saga
