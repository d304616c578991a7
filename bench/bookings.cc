#include "bench/bookings.h"

#include <fmt/format.h>

#include <stdexcept>

#include "bench/or_throw.h"
#include "settle/postgres_barrier.h"

namespace settle::bench {
namespace {

std::string DatabaseOf(int service) { return fmt::format("service_{}", service + 1); }

testing::PostgresClusterOptions ClusterOptions(const std::string& directory,
                                               const std::string& binaries, int clients_most) {
  // Durability is PostgreSQL's own: fsync, full_page_writes and synchronous_commit are on.
  return {.settings = {fmt::format("max_connections={}", kServices * (clients_most + 20) + 20),
                       "shared_buffers=128MB",
                       // Checkpoints come between the measurements.
                       "checkpoint_timeout=1h", "max_wal_size=8GB"},
          .parent_directory = directory,
          .binaries = binaries,
          .wal_segment_megabytes = 16};
}

}  // namespace

Bookings::Bookings(const std::string& directory, const std::string& binaries, int clients_most)
    : cluster_(ClusterOptions(directory, binaries, clients_most)) {
  for (int service = 0; service < kServices; ++service) {
    const std::string database = DatabaseOf(service);
    cluster_.CreateDatabase(database);
    cluster_.Query(database,
                   "CREATE TABLE booking (name text NOT NULL, undone int NOT NULL DEFAULT 0)");
    cluster_.Query(database, "CREATE INDEX ON booking (name)");
    dsns_.at(service) = cluster_.Dsn(database);
    OrThrow(PostgresBarrier::Install(dsns_.at(service)));
  }
}

void Bookings::Check(std::uint64_t done, std::uint64_t undone) {
  done_ += done;
  undone_ += undone;
  for (int service = 0; service < kServices; ++service) {
    const std::uint64_t undone_here = service + 1 < kServices ? undone_ : 0;
    const std::uint64_t all = done_ + undone_here;
    const std::string wanted = fmt::format("{} {} {} {}", done_, undone_here, all, all);
    const std::string found =
        cluster_.Query(DatabaseOf(service),
                       "SELECT concat_ws(' ', count(*) FILTER (WHERE undone = 0), "
                       "count(*) FILTER (WHERE undone = 1), count(DISTINCT name), count(*)) "
                       "FROM booking");
    if (found == wanted) continue;
    throw std::runtime_error(fmt::format(
        "service {} has these bookings: \"{}\", and should have \"{}\" (booked, undone once, "
        "different names, all): what was acknowledged and what the database says do not agree",
        service + 1, found, wanted));
  }
}

BooksByHand::BooksByHand(const Bookings& bookings) {
  for (const std::string& dsn : bookings.dsns()) sessions_.emplace_back(dsn);
}

void BooksByHand::Book(const std::string& name) {
  for (PostgresSession& session : sessions_) {
    session.Run("BEGIN", "BEGIN");
    session.Run(kBook, "INSERT 0 1", &name);
    session.Run("COMMIT", "COMMIT");
  }
}

}  // namespace settle::bench
