// Holding back what is new.
#include <algorithm>
#include <utility>

#include "engine/admission.h"
#include "engine/shard.h"

namespace settle::coordinator {

void Engine::Pause(PauseRecord record, Completion<PauseRecord> done) {
  const bool goes_on = !record.paused && record.scope == PauseScope::kParticipant;
  const std::string name = record.name;
  admission_->pauses.Set(
      std::move(record), [this, goes_on, name, done = std::move(done)](Result<PauseRecord> set) {
        if (set && goes_on) {
          for (const auto& shard : shards_) {
            shard->mailbox().PostAlways([&shard = *shard, name] { shard.ParticipantReady(name); });
          }
        }
        done(std::move(set));
      });
}

const Pauses& Engine::pauses() const { return admission_->pauses; }

std::size_t Engine::undecided() const {
  std::size_t undecided = 0;
  for (const auto& shard : shards_) undecided += shard->undecided();
  return undecided;
}

// A repetition of what joined before the pause hears the same answer.
Status Shard::CheckMayJoin(const Transaction& transaction, const std::string& participant,
                           const std::string& request_key) const {
  const auto paused = admission_.pauses.Of(participant);
  if (!paused) return {};
  const auto& branches = transaction.machine.branches();
  const bool joined = std::any_of(branches.begin(), branches.end(), [&](const auto& branch) {
    return branch.resource == participant && branch.request_key == request_key;
  });
  if (joined) return {};
  return Fail(ErrorCode::kRetry,
              InWords(*paused) + "; it takes part in nothing new, and nothing was done",
              "abort, or try again later; " + HowToResume(*paused));
}

}  // namespace settle::coordinator
