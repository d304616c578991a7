// The services of a trip, each with a database of its own: airline.db, hotels.db, cars.db, bank.db
// and mail.db in one directory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "settle/action_participant.h"

namespace trip_saga {

// Makes the files with their tables and what there is to sell. Can be repeated.
[[nodiscard]] settle::Status CreateDatabases(const std::string& directory);

// `name` is one of airline, hotels, cars, bank, mail.
[[nodiscard]] settle::Result<std::shared_ptr<settle::ActionParticipant>> MakeService(
    const std::string& directory, const std::string& name);

}  // namespace trip_saga
