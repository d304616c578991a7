#include "engine/saga_starts.h"

#include "log/checksum.h"
#include "saga_definition/document.h"
#include "saga_definition/json_text.h"

namespace settle::coordinator {

StartFingerprint FingerprintOf(const saga::Definition& definition, const std::string& input) {
  const auto json = saga::ParseJson(input);
  return {static_cast<std::uint32_t>(Checksum(saga::WriteDocument(definition))),
          static_cast<std::uint32_t>(Checksum(json ? json->dump() : input))};
}

const SagaStart* SagaStarts::Find(const std::string& identity, const std::string& key) const {
  const auto found = by_key_.find({identity, key});
  return found == by_key_.end() ? nullptr : &found->second;
}

void SagaStarts::Add(SagaStart start) {
  const Key key{start.identity, start.request_key};
  by_key_.insert_or_assign(key, std::move(start));
}

void SagaStarts::Ended(const std::string& identity, const std::string& key, const Gtid& gtid,
                       bool began) {
  if (key.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find({identity, key});
  if (found == by_key_.end() || found->second.gtid != gtid) return;
  if (began) return NoteEnded(found->first, gtid);
  by_key_.erase(found);
}

void SagaStarts::NoteEnded(const Key& key, const Gtid& gtid) {
  ended_.emplace_back(key, gtid);
  while (ended_.size() > ended_kept_) {
    const auto& [oldest, of] = ended_.front();
    const auto found = by_key_.find(oldest);
    if (found != by_key_.end() && found->second.gtid == of) by_key_.erase(found);
    ended_.pop_front();
  }
}

void SagaStarts::Restore(SagaStart start, bool ended) {
  if (start.request_key.empty()) return;
  const std::lock_guard lock(mutex_);
  const Key key{start.identity, start.request_key};
  const Gtid gtid = start.gtid;
  // Where a key was free and used again, the newer saga has it.
  if (const SagaStart* other = Find(key.first, key.second); other != nullptr && other->gtid > gtid)
    return;
  Add(std::move(start));
  if (ended) NoteEnded(key, gtid);
}

bool SagaStarts::Has(const std::string& identity, const std::string& key, const Gtid& gtid) const {
  const std::lock_guard lock(mutex_);
  const SagaStart* start = Find(identity, key);
  return start != nullptr && start->gtid == gtid;
}

}  // namespace settle::coordinator
