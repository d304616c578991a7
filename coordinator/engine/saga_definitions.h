// The definitions that are stored by name and version: durable, never changed, never removed. A
// saga keeps the definition it began with, whatever is stored later.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace settle::coordinator {

inline constexpr std::size_t kDefinitionsMax = 10'000;
inline constexpr std::size_t kDefinitionBytesMax = 64 * 1024 * 1024;  // of all together

// Thread-safe; nothing blocks.
class SagaDefinitions {
 public:
  // References outlive it, as the engine's do.
  SagaDefinitions(DecisionLog& log, Clock& clock, Observer& observer)
      : log_(log), clock_(clock), observer_(observer) {}

  void Restore(DefinitionRecord record);

  // Why Store would refuse it now.
  [[nodiscard]] Status CheckStore(const saga::Definition& definition) const;
  // `done` runs once it is durable, on the log's thread or at once. The definition satisfies
  // saga::Check.
  void Store(const DefineSagaCall& call, Completion<Defined> done);

  using Stored = std::shared_ptr<const DefinitionRecord>;
  // Version 0: the highest. kNotFound says what there is.
  [[nodiscard]] Result<Stored> Find(const std::string& name, std::int32_t version) const;
  DefinitionPage List(const DefinitionQuery& query) const;

 private:
  using Key = std::pair<std::string, std::int32_t>;
  struct Entry {
    Stored record;
    bool durable = false;
    std::size_t bytes = 0;
    std::size_t writing = 0;  // records that the log has not answered
  };
  Status CheckContent(const saga::Definition& definition) const;  // with the lock held, as the next
  Status CheckRoom(std::size_t bytes) const;
  void OnWritten(const Key& key, bool durable);

  DecisionLog& log_;
  Clock& clock_;
  Observer& observer_;
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace settle::coordinator
