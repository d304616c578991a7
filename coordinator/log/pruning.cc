#include "log/pruning.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "log/pruned_ranges.h"
#include "log/record_codec.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using sqlite::Expected;
using sqlite::Failure;
using sqlite::Statement;

tl::unexpected<Failure> Damaged(std::uint64_t position, const std::string& what) {
  return tl::unexpected<Failure>(Failure{
      SQLITE_CORRUPT, fmt::format("the record at position {} is damaged: {}", position, what)});
}

// What is to become of the records from the first one on.
struct Plan {
  struct Kept {
    std::uint64_t position = 0;
    std::uint64_t ordinal = 0;
    std::string payload;
    Subject subject;
  };
  struct Ended {
    std::uint64_t position = 0;
    TransactionKey key;
    Gtid gtid;
  };
  std::uint64_t until = 0;  // the first position that stays where it is
  std::vector<Kept> kept;
  std::vector<Ended> ends;
};

// Reads no more ends than may go. An end that is not its transaction's newest one counts as well:
// then the step is shorter than it could be.
Expected<Plan> Read(Connection& connection, const NeededRecords& needed, std::size_t records_max,
                    std::size_t bytes_max, std::uint64_t ends_max, std::uint64_t first) {
  Expected<Statement> records = Statement::Prepare(
      connection,
      "SELECT position, payload, ifnull(ordinal, position) FROM record WHERE position >= ? "
      "ORDER BY position LIMIT ?");
  if (!records) return tl::unexpected<Failure>(std::move(records.error()));
  records->Bind(1, static_cast<std::int64_t>(first));
  records->Bind(2, static_cast<std::int64_t>(records_max));
  Plan plan;
  std::size_t bytes = 0;
  for (plan.until = first; bytes < bytes_max; ++plan.until) {
    const Expected<bool> row = records->Step();
    if (!row) return tl::unexpected<Failure>(row.error());
    if (!*row) break;
    if (static_cast<std::uint64_t>(records->Number(0)) != plan.until) {
      return Damaged(plan.until, "it is missing");
    }
    const std::string_view payload = records->Bytes(1);
    const Result<Record> record = DecodeRecord(payload);
    if (!record) return Damaged(plan.until, record.error().message);
    Subject subject = SubjectOf(*record);
    if (subject.ended) {
      if (plan.ends.size() == ends_max) break;
      const TransactionKey key{subject.gtid.epoch(), subject.gtid.sequence()};
      plan.ends.push_back({plan.until, key, std::move(subject.gtid)});
    } else if (needed.Has(plan.until, subject)) {
      plan.kept.push_back({plan.until, static_cast<std::uint64_t>(records->Number(2)),
                           std::string(payload), std::move(subject)});
    }
    bytes += payload.size();
  }
  if (plan.until == first) return Damaged(first, "it is missing");
  return plan;
}

// Takes the ends out of the index, and into the table of what was pruned.
Expected<void> Unindex(Connection& connection, const std::vector<Plan::Ended>& ends,
                       const NeededRecords& needed, LogState& state) {
  Expected<Statement> remove = Statement::Prepare(
      connection,
      "DELETE FROM ended WHERE epoch = ? AND sequence = ? AND position = ? RETURNING outcome");
  if (!remove) return tl::unexpected<Failure>(std::move(remove.error()));
  std::vector<TransactionKey> keys;
  for (const Plan::Ended& end : ends) {
    remove->Bind(1, static_cast<std::int64_t>(end.key.epoch));
    remove->Bind(2, static_cast<std::int64_t>(end.key.sequence));
    remove->Bind(3, static_cast<std::int64_t>(end.position));
    const Expected<bool> row = remove->Step();
    if (!row) return tl::unexpected<Failure>(row.error());
    const bool was_newest = *row;  // otherwise a newer end of the same transaction stays
    const auto outcome = was_newest ? static_cast<Outcome>(remove->Number(0)) : Outcome::kUnknown;
    if (auto run = remove->Run(); !run) return run;
    if (!was_newest) continue;
    --state.ended;
    // It will end, and be counted, anew. What contradicts its end in any other way is in
    // quarantine, and stays there because it is known to have ended.
    if (outcome == Outcome::kAborted && needed.IsReopened(end.gtid)) {
      Count(outcome, -1, state.totals);
    } else {
      Count(outcome, +1, state.pruned.totals);
      keys.push_back(end.key);
    }
  }
  const Expected<std::uint64_t> added = AddPruned(connection, std::move(keys));
  if (!added) return tl::unexpected<Failure>(added.error());
  state.pruned.transactions += *added;
  return {};
}

Expected<std::vector<Moved>> AppendAgain(Connection& connection,
                                         const std::vector<Plan::Kept>& kept, LogState& state) {
  Expected<Statement> insert = Statement::Prepare(
      connection, "INSERT INTO record (position, payload, ordinal) VALUES (?, ?, ?)");
  if (!insert) return tl::unexpected<Failure>(std::move(insert.error()));
  std::vector<Moved> moved;
  for (const Plan::Kept& record : kept) {
    insert->Bind(1, static_cast<std::int64_t>(state.next_position));
    insert->BindBlob(2, record.payload);
    insert->Bind(3, static_cast<std::int64_t>(record.ordinal));
    if (auto run = insert->Run(); !run) return tl::unexpected<Failure>(run.error());
    moved.push_back({record.position, state.next_position, record.subject});
    ++state.next_position;
  }
  return moved;
}

}  // namespace

Expected<std::vector<Moved>> Prune(Connection& connection, const NeededRecords& needed,
                                   const PruneLimits& limits, std::size_t bytes_max,
                                   LogState& state) {
  const std::uint64_t ends_max =
      state.ended > limits.keep_ended ? state.ended - limits.keep_ended : 0;
  const Expected<Plan> plan =
      Read(connection, needed, limits.step, bytes_max, ends_max, state.pruned.first_position);
  if (!plan) return tl::unexpected<Failure>(plan.error());
  if (auto run = Unindex(connection, plan->ends, needed, state); !run) {
    return tl::unexpected<Failure>(run.error());
  }
  const std::string old = fmt::format("DELETE FROM record WHERE position < {}", plan->until);
  if (auto run = connection.Run(old); !run) return tl::unexpected<Failure>(run.error());
  Expected<std::vector<Moved>> moved = AppendAgain(connection, plan->kept, state);
  if (!moved) return moved;
  state.pruned.first_position = plan->until;
  if (auto run = WritePruned(connection, state.pruned); !run) {
    return tl::unexpected<Failure>(run.error());
  }
  return moved;
}

}  // namespace settle::coordinator
