// A number that many sagas take from, or add to, at the same time, and that never leaves its bounds
// whatever becomes of them: seats, stock, money on an account.
//
//   const settle::EscrowCounter stock("item 17");
//   // action or try, behind its barrier
//   auto reserved = stock.Reserve(work, {call.gtid, call.step}, -2);
//   if (!reserved && reserved.error().code == settle::ErrorCode::kRefused)
//     return settle::Failed(reserved.error().message);          // sold out
//   if (!reserved) return settle::Unknown(settle::Describe(reserved.error()));
//   // confirm, or a step that comes after the pivot, with the same key
//   stock.Confirm(work, key);
//   // cancel or compensation
//   stock.Cancel(work, key);
//
// A reservation counts as if the worse thing will happen: what is to be taken is gone already, what
// is to be added is not there yet. So every confirm and every cancel is possible, in any order, and
// none waits for another saga. Source: P. O'Neil, The Escrow Transactional Method, ACM TODS 11(4),
// 1986.
//
// That a reservation is made, confirmed or cancelled once is the barrier's work: call these from
// its business. The bounds are constraints of the table settle_counter as well (made by `settle
// barrier install`), which no program gets around.
//
// What it does not do: a reservation has no end by a clock. It ends with its saga; one that is
// stuck keeps what it has reserved (rows of settle_reservation, by gtid).
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "settle/barrier.h"

namespace settle {

struct CounterState {
  std::int64_t value = 0;   // what is confirmed
  std::int64_t taking = 0;  // reserved to be taken; 0 or more
  std::int64_t giving = 0;  // reserved to be added; 0 or more
  std::int64_t low = 0;
  std::int64_t high = 0;

  // What can still be reserved.
  std::int64_t takeable() const { return value - taking - low; }
  std::int64_t givable() const { return high - value - giving; }
};

// Amounts, values and bounds, up or down: what every language's numbers hold.
inline constexpr std::int64_t kCountMost = 9'007'199'254'740'991;  // 2^53 - 1

// How Reserve meets others who change the same counter. On SQLite, which has one writer, it is all
// one.
enum class Contention {
  // Takes the row's lock and decides under it: waits while another transaction holds it. One
  // statement. For counters that many change.
  kPessimistic,
  // Decides on what it reads, without waiting, and changes the row if it is still as it was read,
  // else
  // reads again. What is sold out is refused without waiting for anybody. For counters that are
  // asked more often than changed. kRetryTransaction after 100 lost races.
  kOptimistic,
};

// Thread-safe: a name. Its functions run a few statements in the caller's transaction; errors of
// Work::Execute pass through.
class EscrowCounter {
 public:
  explicit EscrowCounter(std::string name, Contention contention = Contention::kPessimistic)
      : name_(std::move(name)), contention_(contention) {}
  const std::string& name() const { return name_; }

  // Makes it if it is not there. kInvalid: the value is outside of the bounds, or one of them
  // beyond kCountMost; kRefused: it is there already.
  [[nodiscard]] Status Create(Work& work, std::int64_t value, std::int64_t low = 0,
                              std::int64_t high = kCountMost) const;
  // kNotFound: there is no such counter.
  [[nodiscard]] Result<CounterState> Read(Work& work) const;

  // `amount` is below 0 to take, above 0 to add. kRefused: that could leave the bounds; nothing was
  // changed, and the message says what is left. kNotFound: no such counter. kInvalid: the amount is
  // 0 or beyond kCountMost, or the key has a reservation here already.
  [[nodiscard]] Status Reserve(Work& work, const BranchKey& key, std::int64_t amount) const;

  // It is so. kNotFound: the key has no reservation here.
  [[nodiscard]] Status Confirm(Work& work, const BranchKey& key) const;
  // It was never so. kNotFound likewise.
  [[nodiscard]] Status Cancel(Work& work, const BranchKey& key) const;

 private:
  [[nodiscard]] Result<bool> ReserveUnderLock(Work& work, std::int64_t amount) const;
  [[nodiscard]] Result<bool> ReserveAsRead(Work& work, std::int64_t amount) const;
  [[nodiscard]] Status End(Work& work, const BranchKey& key, bool confirm) const;

  std::string name_;
  Contention contention_;
};

}  // namespace settle
