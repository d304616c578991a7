// What services and clients saw of a transaction with reservations, as they would have written it
// down. The oracle.
#pragma once

#include <map>
#include <optional>

#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/outcome.h"

namespace settle::simulation {

struct ReservationNote {  // how often each took effect
  int reserved = 0;
  int confirmed = 0;
  int cancelled = 0;
};

struct TccNote {
  std::map<BranchNumber, ReservationNote> reservations;
  std::optional<Outcome> told;             // the last that says how it ended
  std::optional<Outcome> said_at_the_end;  // by the coordinator, when all was over
};

using TccNotes = std::map<Gtid, TccNote>;

}  // namespace settle::simulation
