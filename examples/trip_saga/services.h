// The services of a trip, each with a database of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "database.h"
#include "settle/action_participant.h"

namespace trip_saga {

struct Databases {
  std::string directory;  // of airline.db, hotels.db, cars.db, bank.db and mail.db
  std::string bank_dsn;   // if not empty: of the PostgreSQL database that the bank has instead

  std::string PathOf(const std::string& service) const { return directory + "/" + service + ".db"; }
  bool InPostgres(const std::string& service) const {
    return service == "bank" && !bank_dsn.empty();
  }
  [[nodiscard]] settle::Result<std::unique_ptr<Database>> Open(const std::string& service) const {
    return InPostgres(service) ? OpenPostgres(bank_dsn) : OpenSqlite(PathOf(service));
  }
};

// Makes them, with their tables and what there is to sell. Can be repeated.
[[nodiscard]] settle::Status CreateDatabases(const Databases& databases);

// `name` is one of airline, hotels, cars, bank, mail.
[[nodiscard]] settle::Result<std::shared_ptr<settle::ActionParticipant>> MakeService(
    const Databases& databases, const std::string& name);

}  // namespace trip_saga
