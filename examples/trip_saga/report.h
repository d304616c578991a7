// What the databases say became of a trip.
#pragma once

#include <string>

#include "services.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"

namespace trip_saga {

// A table, a line for each step: what was done, and what was undone.
[[nodiscard]] settle::Result<std::string> Report(const Databases& databases,
                                                 const settle::Gtid& trip);

}  // namespace trip_saga
