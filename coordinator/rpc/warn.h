// What the server complains of is a warning in the daemon's log.
#pragma once

#include "engine/ports.h"
#include "server/complaints.h"

namespace settle::coordinator {

// The observer must outlive what it is given to.
inline server::Complain Warn(Observer& observer) {
  return
      [&observer](const std::string& line) { observer.Event(Observer::Level::kWarning, {}, line); };
}

inline auto WarnAbout(Observer& observer) {
  return [&observer](const Gtid& about, const std::string& line) {
    observer.Event(Observer::Level::kWarning, about, line);
  };
}

}  // namespace settle::coordinator
