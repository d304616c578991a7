// The engine's limits and times, each with its unit in the type. settled/options.h names them for
// people.
#pragma once

#include <chrono>
#include <cstddef>

namespace settle::coordinator {

struct Settings {
  std::size_t shards = 2;
  std::size_t mailbox_max = 10'000;  // calls queued at one shard; more are refused with kRetry
  std::size_t open_transactions_max = 100'000;   // more are refused with kRetry
  std::size_t undecided_per_owner_max = 10'000;  // more of one owner are refused with kRetry
  std::size_t sagas_per_owner_max = 10'000;  // that have not ended; more are refused with kRetry
  std::size_t saga_starts_kept = 1'000'000;  // request keys of sagas that have ended
  // Of a log that was restored: the epoch up to which somebody has looked after what was lost.
  std::uint64_t losses_settled = 0;
  std::size_t branches_max = 64;             // per transaction
  std::size_t sessions_max = 1'000;
  std::size_t commands_queued_max =
      100'000;  // per session; more are dropped and sent again by the retry timer

  std::chrono::milliseconds transaction_timeout{60'000};  // when begin names none
  std::chrono::milliseconds transaction_timeout_max{86'400'000};
  std::chrono::milliseconds vote_timeout{10'000};     // from sending prepare to the last vote
  std::chrono::milliseconds commit_wait{30'000};      // when commit names none
  std::chrono::milliseconds retry_first{200};         // before an unanswered command is sent again
  std::chrono::milliseconds retry_max{10'000};        // doubling up to this, with a fifth of jitter
  std::chrono::milliseconds call_timeout{30'000};  // a try, confirm or cancel without an answer is
                                                   // unknown, and called again
  std::chrono::milliseconds session_timeout{10'000};  // without a fetch a session is taken for lost
};

}  // namespace settle::coordinator
