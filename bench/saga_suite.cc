// Sagas of three steps: what the coordinator costs, what they cost with effects behind barriers,
// how often the decision log waits for the disk, and the same work by hand.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bench/bookings.h"
#include "bench/daemon.h"
#include "bench/no_op_client.h"
#include "bench/no_op_participant.h"
#include "bench/services.h"
#include "bench/suites.h"
#include "bench/wire_client.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

constexpr const char* kSagas = "sagas/s";

// What one run leaves behind, for each of its operations.
struct Leaves {
  int done = 0;    // bookings in all three databases
  int undone = 0;  // bookings in all but the last, undone
  Ended ended{};   // sagas
};

struct Variant {
  Series series;
  Leaves leaves;
  std::vector<Operation> clients{};
  // What the decision log did for each saga, by round.
  std::vector<double> forced{};
  std::vector<double> flushes{};
};

// All variants for one number of clients; what they use lives as long as this.
class Contest {
 public:
  Contest(const Bookings& bookings, Services& services, const Endpoint& endpoint,
          NoOpParticipant& participant, int clients)
      : services_(services), clients_(clients) {
    for (int i = 0; i < clients; ++i) {
      by_hand_.push_back(std::make_unique<BooksByHand>(bookings));
      no_op_.push_back(std::make_unique<NoOpClient>(endpoint, participant));
    }
    Add("saga.by_hand", kSagas, "all three have committed; nobody knows that they belong together",
        {.done = 1}, [this](int client, const std::string& name) { by_hand_[client]->Book(name); });
    AddSaga("saga.no_op", "the saga's end is durable in the log; no database took part",
            Steps::kNoOp, Services::Last::kDone, {.ended = {.committed = 1}});
    AddSaga("saga.booked", "all three have committed, and the saga's end is durable in the log",
            Steps::kBook, Services::Last::kDone, {.done = 1, .ended = {.committed = 1}});
    AddSaga("saga.compensated",
            "two have committed, the third refused, two are undone; its end is durable in the log",
            Steps::kBook, Services::Last::kRefused, {.undone = 1, .ended = {.aborted = 1}});
    Add("saga.transaction", "transactions/s",
        "its decision is durable in the log; no database took part", {.ended = {.committed = 1}},
        [this](int client, const std::string&) { no_op_[client]->Transaction(); });
  }

  std::vector<Variant>& variants() { return variants_; }

  std::vector<Row> Rows() const {
    const Series& by_hand = variants_[0].series;
    const Series& booked = variants_[2].series;
    const Series& no_op = variants_[1].series;
    const Series& transaction = variants_[4].series;
    std::vector<Row> rows{RowOf(by_hand),         RowOf(no_op, by_hand),
                          RowOf(booked, by_hand), RowOf(variants_[3].series, booked),
                          RowOf(transaction),     RowOf(no_op, transaction)};
    for (const Variant& variant : variants_) {
      if (variant.forced.empty()) continue;
      rows.push_back(RowOf(Counted(variant.series, variant.forced, "_forced", "records/saga")));
      rows.push_back(RowOf(Counted(variant.series, variant.flushes, "_flushes", "flushes/saga")));
    }
    return rows;
  }

 private:
  template <typename Book>  // of a client a booking by name
  void Add(const char* name, const char* unit, const char* acknowledged, const Leaves& leaves,
           Book book) {
    Variant& variant =
        variants_.emplace_back(Variant{{name, unit, acknowledged, clients_, {}}, leaves});
    for (int client = 0; client < clients_; ++client) {
      variant.clients.emplace_back([this, name, client, book, count = 0]() mutable {
        book(client, fmt::format("{}-{}-{}-{}", name, clients_, client, ++count));
      });
    }
  }

  void AddSaga(const char* name, const char* acknowledged, Steps steps, Services::Last last,
               const Leaves& leaves) {
    Add(name, kSagas, acknowledged, leaves,
        [this, document = ThreeSteps(steps), last](int, const std::string& booking) {
          services_.Book(document, booking, last);
        });
  }

  Services& services_;
  const int clients_;
  std::vector<std::unique_ptr<BooksByHand>> by_hand_;
  std::vector<std::unique_ptr<NoOpClient>> no_op_;
  std::vector<Variant> variants_;
};

}  // namespace

std::vector<Row> MeasureSagas(const SuiteOptions& options, const Progress& progress,
                              const Stop& stop) {
  progress("saga: making a cluster with three databases");
  const testing::TemporaryDirectory directory(options.directory);
  Bookings bookings(options.directory, options.postgres_binaries,
                    *std::max_element(options.clients.begin(), options.clients.end()));
  Daemon daemon(directory.path());
  const auto read_cpu = [&] { return ReadCpuTimes(daemon.process(), bookings.servers()); };
  std::vector<Row> rows;
  {
    Services services(bookings, daemon, progress);
    NoOpParticipant participant(daemon.port());
    Ended ended;  // by the coordinator
    wire::StatusReply before = AwaitAllEnded(daemon.port(), ended, stop);
    for (const int clients : options.clients) {
      Contest contest(bookings, services, daemon.port(), participant, clients);
      for (int round = 1; round <= options.rounds; ++round) {
        for (Variant& variant : contest.variants()) {
          progress(fmt::format("{}, {} clients, round {} of {}", variant.series.name, clients,
                               round, options.rounds));
          bookings.Checkpoint();
          const Run run = Measure(variant.clients, options.window, read_cpu, stop);
          variant.series.runs.push_back(run);
          const Leaves& leaves = variant.leaves;
          ended.committed += run.all * leaves.ended.committed;
          ended.aborted += run.all * leaves.ended.aborted;
          const wire::StatusReply after = AwaitAllEnded(daemon.port(), ended, stop);
          bookings.Check(run.all * leaves.done, run.all * leaves.undone);
          participant.CheckAlive();
          const bool saga = leaves.ended != Ended{} && variant.series.unit == kSagas;
          const auto for_each = [&](std::int64_t count) {
            return static_cast<double>(count) / static_cast<double>(run.all);
          };
          if (saga) {
            variant.forced.push_back(
                for_each(after.log_records_forced - before.log_records_forced));
            variant.flushes.push_back(for_each(after.log_flushes - before.log_flushes));
          }
          before = after;
        }
      }
      for (Row& row : contest.Rows()) rows.push_back(std::move(row));
    }
  }
  daemon.Stop();
  return rows;
}

}  // namespace settle::bench
