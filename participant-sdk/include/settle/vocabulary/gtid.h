// Identity of logs, global transactions and branches.
//
// A gtid reads `<log id>.<epoch>.<sequence>.<tail>`, for example `k3m9qxw4c7ab.2.1842.9f3c2a51`. It
// says which log can answer for it. It is an identifier, never a capability. It is never reused:
// the epoch is raised durably at every start of a coordinator, the sequence rises within an epoch,
// with gaps.
//
// One that ends in "-last" was begun with leave for a last resource (last_resource.h): it may have
// been committed without a record in the log, so of it alone nothing is presumed where there is
// none.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "settle/vocabulary/status.h"

namespace settle {

// Numbers the lives of one decision log: 1 for the first start, raised durably at every start.
using Epoch = std::uint64_t;
// Counts the branches of one transaction, from 1 in the order they were enlisted.
using BranchNumber = std::uint32_t;

// Twelve characters of [a-z0-9], random, made with the log file.
inline constexpr std::size_t kLogIdLength = 12;
bool IsLogId(std::string_view text);

class Gtid {
 public:
  Gtid() = default;  // no transaction; empty() is true
  // `tail` is 32 bits that nobody can guess. `log_id` must satisfy IsLogId, `sequence` be below
  // 2^63.
  static Gtid Make(std::string_view log_id, Epoch epoch, std::uint64_t sequence,
                   std::uint32_t tail);
  static Gtid MakeForLastResource(std::string_view log_id, Epoch epoch, std::uint64_t sequence,
                                  std::uint32_t tail);
  // Accepts exactly what these two print. kInvalid otherwise, with the offending text escaped.
  [[nodiscard]] static Result<Gtid> Parse(std::string_view text);

  bool empty() const { return log_id_[0] == '\0'; }
  std::string text() const;  // "" if there is none
  std::string_view log_id() const {
    return empty() ? "" : std::string_view(log_id_.data(), kLogIdLength);
  }
  Epoch epoch() const { return epoch_; }
  std::uint64_t sequence() const { return sequence_; }
  std::uint32_t tail() const { return tail_; }
  bool allows_last_resource() const { return last_resource_; }

  friend bool operator==(const Gtid&, const Gtid&) = default;
  // By epoch and sequence first. Not defaulted: clang 14 refuses to compare bit-fields.
  friend std::strong_ordering operator<=>(const Gtid& a, const Gtid& b) {
    return a.Order() <=> b.Order();
  }

 private:
  friend struct std::hash<Gtid>;

  std::tuple<Epoch, std::uint64_t, bool, std::array<char, kLogIdLength>, std::uint32_t> Order()
      const {
    return {epoch_, sequence_, last_resource_, log_id_, tail_};
  }

  // Numbers instead of a text: there are many copies of it for each open transaction.
  Epoch epoch_ = 0;
  std::uint64_t sequence_ : 63 = 0;
  std::uint64_t last_resource_ : 1 = 0;
  std::array<char, kLogIdLength> log_id_{};
  std::uint32_t tail_ = 0;
};

// Everything that this log began up to here, this included, has ended: nothing of it is waited
// for.
struct EndedThrough {
  std::string log_id;
  Epoch epoch = 0;
  std::uint64_t sequence = 0;

  friend bool operator==(const EndedThrough&, const EndedThrough&) = default;
};

// One branch: what one participant does in one resource for one global transaction.
struct BranchKey {
  Gtid gtid;
  BranchNumber number = 0;

  // The name the branch bears in a database: `settle:<gtid>:<number>`, in [A-Za-z0-9._:-], at most
  // 160 characters (PostgreSQL allows 199 for a prepared transaction).
  std::string DatabaseName() const;
  // Of a branch that is prepared in the name of a last resource, too. kInvalid for a name that is
  // not ours; scans skip those.
  [[nodiscard]] static Result<BranchKey> ParseDatabaseName(std::string_view name);

  friend bool operator==(const BranchKey&, const BranchKey&) = default;
  friend auto operator<=>(const BranchKey&, const BranchKey&) = default;
};

// The prefix of every DatabaseName.
inline constexpr std::string_view kDatabaseNamePrefix = "settle:";

// A resource name: 1 to 64 of [A-Za-z0-9._-]. kInvalid names the offending character.
[[nodiscard]] Status CheckResourceName(std::string_view name);

// Printable form of text from outside: control characters, quotes and bytes above 126 as \xNN, cut
// at 200 characters.
std::string Escaped(std::string_view text);

}  // namespace settle

template <>
struct std::hash<settle::Gtid> {
  std::size_t operator()(const settle::Gtid& gtid) const noexcept {
    static_assert(std::has_unique_object_representations_v<settle::Gtid>);
    return std::hash<std::string_view>{}(
        std::string_view(reinterpret_cast<const char*>(&gtid), sizeof gtid));
  }
};
template <>
struct std::hash<settle::BranchKey> {
  std::size_t operator()(const settle::BranchKey& key) const noexcept {
    return std::hash<settle::Gtid>{}(key.gtid) * 31 + key.number;
  }
};
