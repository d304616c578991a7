// Holding back what is new, as far as it is not one shard's affair.
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

}  // namespace settle::coordinator
