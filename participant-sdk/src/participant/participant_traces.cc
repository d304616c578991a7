// Under which trace a branch is worked on, for people and for its resource.
#include "participant/about_words.h"
#include "participant/participant.h"
#include "participant/resource_calls.h"

namespace settle::sdk {

void Participant::WarnOf(const BranchKey& key, const std::string& line) const {
  std::string trace_parent;
  {
    std::lock_guard lock(mutex_);
    trace_parent = table_.TraceParentOf(key);
  }
  warn_(AboutWords(key.gtid, trace_parent) + line);
}

void Participant::TellTrace(const BranchKey& key, Resource& resource) const {
  std::string trace_parent;
  {
    std::lock_guard lock(mutex_);
    trace_parent = table_.TraceParentOf(key);
  }
  sdk::TellTrace(resource, key, trace_parent);
}

}  // namespace settle::sdk
