// Whoever reports, for as long as anything of one report is worked on.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "engine/ports.h"
#include "engine/sessions.h"

namespace settle::coordinator {

// Shared by the shards that the parts of the report go to: thread-safe.
class Reporter {
 public:
  // The observer must outlive it.
  Reporter(Observer& observer, SessionId session, Sessions::Serves serves)
      : session(std::move(session)),
        serves(std::move(serves.resources)),
        participants(std::move(serves.participants)),
        observer_(observer) {}
  ~Reporter() {
    if (ignored_ < 2) return;
    observer_.Event(Observer::Level::kWarning, {},
                    std::to_string(ignored_ - 1) +
                        " more parts of the same report were about what is not the session's own: "
                        "ignored");
  }
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  // Tells of the first part that is ignored, and counts the rest: a report has room for very many.
  void Ignore(const About& about, const std::string& what) const {
    if (ignored_++ == 0) observer_.Event(Observer::Level::kWarning, about, what + ": ignored");
  }

  const SessionId session;
  const std::set<std::string> serves;        // resources
  const std::set<std::string> participants;  // whose actions it serves

 private:
  Observer& observer_;
  mutable std::atomic<std::uint64_t> ignored_{0};
};

}  // namespace settle::coordinator
