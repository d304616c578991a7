#include "engine/pauses.h"

#include <ctime>

#include "engine/durable_append.h"

namespace settle::coordinator {
namespace {

std::string TimeText(WallTime at) {
  const auto seconds = static_cast<std::time_t>(at / 1'000'000);
  std::tm parts{};
  char text[64];
  if (::gmtime_r(&seconds, &parts) == nullptr ||
      std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    return "an unknown time";
  }
  return text;
}

std::string WhatIs(const PauseRecord& pause) {
  switch (pause.scope) {
    case PauseScope::kParticipant: return pause.name + " is paused";
    case PauseScope::kEverythingNew: return "everything new is paused";
    case PauseScope::kDrain: return "the coordinator is drained";
  }
  return {};
}

}  // namespace

std::string InWords(const PauseRecord& pause) {
  return WhatIs(pause) + " by " + pause.operator_name + " since " + TimeText(pause.at) +
         (pause.reason.empty() ? "" : ": " + pause.reason);
}

std::string HowToResume(const PauseRecord& pause) {
  switch (pause.scope) {
    case PauseScope::kParticipant:
      return "'settle resume " + pause.name + " --reason ...' lets it go on";
    case PauseScope::kEverythingNew: return "'settle resume --all --reason ...' lifts it";
    case PauseScope::kDrain: return "'settle drain --off' lifts it";
  }
  return {};
}

void Pauses::Restore(const PauseRecord& record) {
  const std::scoped_lock lock(mutex_);
  const Key key{record.scope, record.name};
  if (record.paused) {
    held_.insert_or_assign(key, record);
  } else {
    held_.erase(key);
  }
  any_ = !held_.empty();
}

std::optional<PauseRecord> Pauses::Find(const Key& key) const {
  const std::scoped_lock lock(mutex_);
  const auto found = held_.find(key);
  return found == held_.end() ? std::nullopt : std::optional(found->second);
}

void Pauses::Set(PauseRecord record, Done done) {
  const std::optional<PauseRecord> before = Find({record.scope, record.name});
  if (record.paused && before) return done(*before);
  if (!record.paused && !before) {
    return done(Fail(ErrorCode::kNotFound,
                     record.scope == PauseScope::kParticipant     ? record.name + " is not paused"
                     : record.scope == PauseScope::kEverythingNew ? "what is new is not paused"
                                                                  : "it is not drained",
                     "'settle status' shows what is paused"));
  }
  record.at = clock_.WallNow();
  const PauseRecord kept = record;
  DurableAppend(
      log_, observer_, std::move(record), Durability::kForce,
      [this, kept, before, done = std::move(done)](AppendResult result, const std::string& reason) {
        if (result != AppendResult::kDurable) {
          return done(Fail(ErrorCode::kRetry,
                           "nothing was changed, the log could not store it: " + reason,
                           "make room for the log, and ask again"));
        }
        Restore(kept);
        done(before ? *before : kept);
      });
}

std::optional<PauseRecord> Pauses::OfEverythingNew() const {
  if (!any_) return std::nullopt;
  if (auto paused = Find({PauseScope::kEverythingNew, ""})) return paused;
  return Find({PauseScope::kDrain, ""});
}

std::optional<PauseRecord> Pauses::Of(const std::string& participant) const {
  if (!any_) return std::nullopt;
  return Find({PauseScope::kParticipant, participant});
}

std::vector<PauseRecord> Pauses::List() const {
  const std::scoped_lock lock(mutex_);
  std::vector<PauseRecord> all;
  for (const auto& [key, record] : held_) all.push_back(record);
  return all;
}

}  // namespace settle::coordinator
