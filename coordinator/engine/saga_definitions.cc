#include "engine/saga_definitions.h"

#include <limits>

#include "engine/durable_append.h"
#include "saga_definition/check.h"

namespace settle::coordinator {
namespace {

std::size_t BytesOf(const saga::Definition& definition) {
  std::size_t bytes = definition.name.size();
  for (const saga::StepDefinition& step : definition.steps) {
    bytes += step.name.size() + step.participant.size() + step.action.size() + step.input.size();
    for (const std::string& name : step.after) bytes += name.size();
  }
  return bytes;
}

std::string Named(const std::string& name, std::int32_t version) {
  return "saga \"" + Escaped(name) + "\" version " + std::to_string(version);
}

}  // namespace

void SagaDefinitions::Restore(DefinitionRecord record) {
  const std::lock_guard lock(mutex_);
  const std::size_t bytes = BytesOf(record.definition);
  const Key key{record.definition.name, record.definition.version};
  const auto stored = std::make_shared<const DefinitionRecord>(std::move(record));
  if (entries_.try_emplace(key, Entry{stored, true, bytes, 0}).second) bytes_ += bytes;
}

Status SagaDefinitions::CheckRoom(std::size_t bytes) const {
  const bool full = entries_.size() >= kDefinitionsMax || bytes_ + bytes > kDefinitionBytesMax;
  if (!full) return {};
  return Fail(ErrorCode::kRefused,
              "the log holds " + std::to_string(entries_.size()) + " definitions of " +
                  std::to_string(bytes_) + " bytes; at most " + std::to_string(kDefinitionsMax) +
                  " of " + std::to_string(kDefinitionBytesMax) + " bytes are kept",
              "start the saga with its whole definition instead; stored ones are never removed");
}

Status SagaDefinitions::CheckContent(const saga::Definition& definition) const {
  const auto found = entries_.find({definition.name, definition.version});
  if (found == entries_.end()) return CheckRoom(BytesOf(definition));
  if (found->second.record->definition == definition) return {};
  const bool durable = found->second.durable;
  const std::string named = Named(definition.name, definition.version);
  return Fail(durable ? ErrorCode::kRefused : ErrorCode::kRetry,
              named +
                  (durable ? " is stored with another content, by \""
                           : " is being stored at this moment with another content, by \"") +
                  Escaped(found->second.record->stored_by) + "\"",
              "give the changed definition a version of its own; 'settle saga "
              "definitions " +
                  definition.name + "@" + std::to_string(definition.version) +
                  "' prints what is stored");
}

Status SagaDefinitions::CheckStore(const saga::Definition& definition) const {
  if (Status good = saga::Check(definition); !good) return good;
  const std::lock_guard lock(mutex_);
  return CheckContent(definition);
}

// Two who store the same at the same time each write it: neither is told on the strength of the
// other's record, which may be refused.
void SagaDefinitions::Store(const DefineSagaCall& call, Completion<Defined> done) {
  if (Status good = saga::Check(call.definition); !good) return done(Fail(good.error()));
  DefinitionRecord record{call.definition, call.owner, clock_.WallNow()};
  const Key key{call.definition.name, call.definition.version};
  {
    const std::unique_lock lock(mutex_);
    if (Status right = CheckContent(call.definition); !right) return done(Fail(right.error()));
    const auto found = entries_.find(key);
    if (found != entries_.end() && found->second.durable) return done(Defined{true});
    if (found == entries_.end()) {
      const std::size_t bytes = BytesOf(call.definition);
      entries_.emplace(key,
                       Entry{std::make_shared<const DefinitionRecord>(record), false, bytes, 0});
      bytes_ += bytes;
    }
    ++entries_.at(key).writing;
  }
  DurableAppend(log_, observer_, std::move(record), Durability::kForce,
                [this, key, done](AppendResult result, const std::string& reason) {
                  const bool durable = result == AppendResult::kDurable;
                  OnWritten(key, durable);
                  if (durable) return done(Defined{false});
                  done(Fail(ErrorCode::kRetry, "the log could not store the definition: " + reason,
                            "store it again"));
                });
}

// Another's record of the same may still be on its way to the disk: the name is not free before.
void SagaDefinitions::OnWritten(const Key& key, bool durable) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  Entry& entry = found->second;
  --entry.writing;
  entry.durable = entry.durable || durable;
  if (entry.durable || entry.writing != 0) return;
  bytes_ -= entry.bytes;
  entries_.erase(found);
}

Result<SagaDefinitions::Stored> SagaDefinitions::Find(const std::string& name,
                                                      std::int32_t version) const {
  const std::lock_guard lock(mutex_);
  Stored highest;
  for (auto one = entries_.lower_bound({name, 0});
       one != entries_.end() && one->first.first == name; ++one) {
    if (!one->second.durable) continue;
    if (one->first.second == version) return one->second.record;
    highest = one->second.record;
  }
  if (version == 0 && highest) return highest;
  const std::string advice =
      "store it with 'settle saga store FILE', or start it with its whole "
      "definition; 'settle saga definitions' lists what is stored";
  if (!highest) {
    return Fail(ErrorCode::kNotFound, "no saga \"" + Escaped(name) + "\" is stored", advice);
  }
  return Fail(ErrorCode::kNotFound,
              Named(name, version) + " is not stored; the highest version is " +
                  std::to_string(highest->definition.version),
              advice);
}

DefinitionPage SagaDefinitions::List(const DefinitionQuery& query) const {
  const std::lock_guard lock(mutex_);
  DefinitionPage page;
  for (auto one = entries_.upper_bound({query.after_name, query.after_version});
       one != entries_.end(); ++one) {
    if (!one->second.durable) continue;
    if (page.definitions.size() == query.most) {
      page.more = true;
      return page;
    }
    const DefinitionRecord& record = *one->second.record;
    page.definitions.push_back({record.definition.name, record.definition.version,
                                record.definition.steps.size(), record.stored_by, record.at});
  }
  return page;
}

}  // namespace settle::coordinator
