// Which identity began a transaction can be seen in its gtid by the coordinator alone: the tail is
// a keyed hash of the gtid's other numbers and the identity. So whether a caller may ask about a
// transaction is known without looking for it, also where presumed abort has left no record of it,
// and a refusal does not tell whether it ever was.
//
//   Gtid gtid = Gtid::Make(log_id, epoch, sequence, *seals.TailOf(epoch, sequence, "cn:shop"));
//   seals.Began(gtid, "cn:shop");                     // true, whatever became of it
//
// Each epoch has a key of its own, random, durable before the first gtid of that epoch. A log that
// was restored from a copy runs through an epoch for the second time: with the same key it would
// give out the same gtids again.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {

class Seals {
 public:
  using Key = std::array<std::uint8_t, 16>;

  Seals() = default;  // no epoch has a key
  explicit Seals(std::map<Epoch, Key> keys) : keys_(std::move(keys)) {}

  // None: the epoch has no key. About 30 ns: SipHash-2-4 (Aumasson, Bernstein 2012).
  std::optional<std::uint32_t> TailOf(Epoch epoch, std::uint64_t sequence,
                                      std::string_view identity) const;
  // Of an epoch without a key, which a release before this one began: then only whoever has proved
  // nothing did.
  bool Began(const Gtid& gtid, std::string_view identity) const;

 private:
  std::map<Epoch, Key> keys_;
};

}  // namespace settle::coordinator
