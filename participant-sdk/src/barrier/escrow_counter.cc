#include "settle/escrow_counter.h"

#include <optional>
#include <utility>
#include <vector>

namespace settle {
namespace {

constexpr int kRacesMost = 100;

bool IsCount(std::int64_t number) { return number >= -kCountMost && number <= kCountMost; }

struct Versioned {
  CounterState state;
  std::string version;
};

Result<Versioned> ReadVersioned(Work& work, const std::string& name) {
  const Result<Rows> found = work.Execute(
      "SELECT value, taking, giving, low, high, version FROM settle_counter WHERE name = $1",
      {name});
  if (!found) return Fail(found.error());
  if (found->rows.empty()) {
    return Fail(ErrorCode::kNotFound, "there is no counter \"" + Escaped(name) + "\"",
                "make it with EscrowCounter::Create");
  }
  const auto number = [&](std::size_t column) {
    return std::stoll(found->rows[0][column].value());
  };
  return Versioned{{number(0), number(1), number(2), number(3), number(4)},
                   found->rows[0][5].value()};
}

bool Fits(const CounterState& state, std::int64_t amount) {
  return amount < 0 ? -amount <= state.takeable() : amount <= state.givable();
}

// The amount to be taken, and that to be added: one of them is 0.
std::pair<std::string, std::string> Split(std::int64_t amount) {
  return {std::to_string(amount < 0 ? -amount : 0), std::to_string(amount > 0 ? amount : 0)};
}

std::vector<std::optional<std::string>> Parameters(const BranchKey& key, const std::string& name) {
  return {key.gtid.text(), std::to_string(key.number), name};
}

}  // namespace

Status EscrowCounter::Create(Work& work, std::int64_t value, std::int64_t low,
                             std::int64_t high) const {
  if (!IsCount(value) || !IsCount(low) || !IsCount(high) || value < low || value > high) {
    return Fail(ErrorCode::kInvalid, "counter \"" + Escaped(name_) +
                                         "\": " + std::to_string(value) + " is not within " +
                                         std::to_string(low) + " and " + std::to_string(high));
  }
  const Result<Rows> made = work.Execute(
      "INSERT INTO settle_counter (name, value, low, high) VALUES ($1, CAST($2 AS bigint), "
      "CAST($3 AS bigint), CAST($4 AS bigint)) ON CONFLICT (name) DO NOTHING",
      {name_, std::to_string(value), std::to_string(low), std::to_string(high)});
  if (!made) return Fail(made.error());
  if (made->affected == 1) return {};
  return Fail(ErrorCode::kRefused, "there is a counter \"" + Escaped(name_) + "\" already");
}

Result<CounterState> EscrowCounter::Read(Work& work) const {
  const Result<Versioned> read = ReadVersioned(work, name_);
  if (!read) return Fail(read.error());
  return read->state;
}

Result<bool> EscrowCounter::ReserveUnderLock(Work& work, std::int64_t amount) const {
  const auto [take, give] = Split(amount);
  const Result<Rows> changed = work.Execute(
      "UPDATE settle_counter SET taking = taking + CAST($2 AS bigint), "
      "giving = giving + CAST($3 AS bigint), version = version + 1 WHERE name = $1 "
      "AND value - taking - CAST($2 AS bigint) >= low "
      "AND value + giving + CAST($3 AS bigint) <= high",
      {name_, take, give});
  if (!changed) return Fail(changed.error());
  return changed->affected == 1;
}

Result<bool> EscrowCounter::ReserveAsRead(Work& work, std::int64_t amount) const {
  const auto [take, give] = Split(amount);
  for (int race = 0; race < kRacesMost; ++race) {
    const Result<Versioned> read = ReadVersioned(work, name_);
    if (!read) return Fail(read.error());
    if (!Fits(read->state, amount)) return false;
    const Result<Rows> changed = work.Execute(
        "UPDATE settle_counter SET taking = taking + CAST($2 AS bigint), "
        "giving = giving + CAST($3 AS bigint), version = version + 1 WHERE name = $1 "
        "AND version = CAST($4 AS bigint)",
        {name_, take, give, read->version});
    if (!changed) return Fail(changed.error());
    if (changed->affected == 1) return true;
  }
  return Fail(ErrorCode::kRetryTransaction,
              "counter \"" + Escaped(name_) + "\" was changed by others " +
                  std::to_string(kRacesMost) + " times in a row",
              "answer unknown, or use Contention::kPessimistic for it");
}

Status EscrowCounter::Reserve(Work& work, const BranchKey& key, std::int64_t amount) const {
  if (amount == 0 || !IsCount(amount)) {
    return Fail(ErrorCode::kInvalid,
                "an amount of " + std::to_string(amount) + " cannot be reserved");
  }
  const Result<Rows> there = work.Execute(
      "SELECT 1 FROM settle_reservation WHERE gtid = $1 AND branch = CAST($2 AS bigint) "
      "AND counter = $3",
      Parameters(key, name_));
  if (!there) return Fail(there.error());
  if (!there->rows.empty()) {
    return Fail(ErrorCode::kInvalid,
                key.DatabaseName() + " has a reservation of \"" + Escaped(name_) + "\" already");
  }
  const bool pessimistic = contention_ == Contention::kPessimistic;
  const Result<bool> reserved =
      pessimistic ? ReserveUnderLock(work, amount) : ReserveAsRead(work, amount);
  if (!reserved) return Fail(reserved.error());
  if (!*reserved) {
    const Result<CounterState> left = Read(work);
    if (!left) return Fail(left.error());
    return Fail(ErrorCode::kRefused,
                "counter \"" + Escaped(name_) + "\": " + std::to_string(amount) +
                    " cannot be reserved, " +
                    (amount < 0 ? std::to_string(left->takeable()) + " can be taken"
                                : std::to_string(left->givable()) + " can be added"));
  }
  auto values = Parameters(key, name_);
  values.emplace_back(std::to_string(amount));
  const Result<Rows> noted = work.Execute(
      "INSERT INTO settle_reservation (gtid, branch, counter, amount) "
      "VALUES ($1, CAST($2 AS bigint), $3, CAST($4 AS bigint))",
      values);
  if (!noted) return Fail(noted.error());
  return {};
}

Status EscrowCounter::End(Work& work, const BranchKey& key, bool confirm) const {
  const Result<Rows> gone = work.Execute(
      "DELETE FROM settle_reservation WHERE gtid = $1 AND branch = CAST($2 AS bigint) "
      "AND counter = $3 RETURNING amount",
      Parameters(key, name_));
  if (!gone) return Fail(gone.error());
  if (gone->rows.empty()) {
    return Fail(ErrorCode::kNotFound,
                key.DatabaseName() + " has no reservation of \"" + Escaped(name_) + "\"");
  }
  const std::int64_t amount = std::stoll(gone->rows[0][0].value());
  const auto [take, give] = Split(amount);
  const Result<Rows> changed = work.Execute(
      "UPDATE settle_counter SET taking = taking - CAST($2 AS bigint), "
      "giving = giving - CAST($3 AS bigint), value = value + CAST($4 AS bigint), "
      "version = version + 1 WHERE name = $1",
      {name_, take, give, std::to_string(confirm ? amount : 0)});
  if (!changed) return Fail(changed.error());
  if (changed->affected == 1) return {};
  return Fail(ErrorCode::kNotFound, "there is no counter \"" + Escaped(name_) + "\" any more");
}

Status EscrowCounter::Confirm(Work& work, const BranchKey& key) const {
  return End(work, key, /*confirm=*/true);
}

Status EscrowCounter::Cancel(Work& work, const BranchKey& key) const {
  return End(work, key, /*confirm=*/false);
}

}  // namespace settle
