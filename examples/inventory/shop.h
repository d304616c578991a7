// A shop as a service that serves actions, and its sale as a saga.
#pragma once

#include <memory>

#include "settle/action_participant.h"
#include "settle/escrow_counter.h"
#include "settle/postgres_barrier.h"
#include "settle/saga.h"
#include "settle/sqlite_barrier.h"

namespace inventory {

// Serves deliver, reserve, number-receipt, pay and book, in the barrier's database. `contention` is
// how sales meet that reserve at the same moment.
std::shared_ptr<settle::ActionParticipant> MakeShop(std::shared_ptr<settle::SqliteBarrier> barrier,
                                                    settle::Contention contention);
std::shared_ptr<settle::ActionParticipant> MakeShop(
    std::shared_ptr<settle::PostgresBarrier> barrier, settle::Contention contention);

// Input {"count"}: so many items come in, the first time.
settle::Saga Delivery();
// Input {"count", "card_is_good"}.
settle::Saga Sale();

}  // namespace inventory
