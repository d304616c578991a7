// What the conversions of transport/wire.h share.
#pragma once

#include <cstdint>
#include <string>

#include "transport/messages.h"
#include "transport/wire.h"

namespace settle::sdk {

inline constexpr std::size_t kLabelMost = 200;
inline constexpr std::size_t kTextMost = 1000;
inline constexpr std::int64_t kTimeoutMsMost = 86'400'000;  // the contract's

inline tl::unexpected<Error> Strange(const std::string& what) {
  return Fail(ErrorCode::kInternal,
              "the coordinator sent " + what + ", which this release does not know",
              "run the same release of the SDK and of the coordinator");
}

inline Result<Epoch> EpochFromWire(std::int64_t epoch) {
  if (epoch < 1) return Strange("epoch " + std::to_string(epoch));
  return static_cast<Epoch>(epoch);
}

inline Result<BranchNumber> BranchFromWire(std::int32_t branch) {
  if (branch < 1) return Strange("branch number " + std::to_string(branch));
  return static_cast<BranchNumber>(branch);
}

[[nodiscard]] Result<ActionCall> FromWire(const wire::ActionCall& call);
[[nodiscard]] Result<EndedThrough> FromWire(const wire::EndedThrough& mark,
                                            const std::string& log_id);
wire::ActionAnswer ToWire(const ActionAnswer& answer);
wire::SiteReport ToWire(const SiteReport& report);
// Never spoils the batch: what this release does not know is its content's error.
Question FromWire(const wire::Question& question);
wire::QuestionAnswer ToWire(const QuestionAnswer& answer);
// What a command of three-phase commit says beside what every other says.
[[nodiscard]] Status AddQuorum(const wire::Command& command, Command& out);

}  // namespace settle::sdk
