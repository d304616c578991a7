// Removal of what no call can need any more.
#pragma once

#include "postgres/connection.h"
#include "settle/postgres_barrier.h"

namespace settle::postgres {

// As PostgresBarrier::Prune says.
Status PruneBarrier(Connection& connection, const EndedThrough& mark,
                    const PostgresBarrierOptions& options);

}  // namespace settle::postgres
