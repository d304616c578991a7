// Three-phase commit, as far as sessions know of it.
#include <algorithm>

#include "engine/sessions.h"

namespace settle::coordinator {

std::vector<std::string> Sessions::PeersOf(const std::string& resource,
                                           const SessionId& owner) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> addresses;
  const auto add = [&](const SessionId& id) {
    const auto session = sessions_.find(id);
    if (session == sessions_.end() || addresses.size() >= kPeerAddressesMost) return;
    const auto served = session->second.resources.find(resource);
    if (served == session->second.resources.end()) return;
    const std::string& address = served->second.peer_address;
    const bool known = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    if (!address.empty() && !known) addresses.push_back(address);
  };
  add(owner);
  if (addresses.empty()) return addresses;
  const auto serving = serving_.find(resource);
  if (serving == serving_.end()) return addresses;
  for (const SessionId& id : serving->second) add(id);
  return addresses;
}

// A later ballot takes the place of an earlier one that was not even fetched: nobody counts answers
// to that any more. False: it is the same ballot.
bool Sessions::Replace(Session& session, const Command& command) {
  if (command.ballot.round == 0) return false;
  const auto queued = std::find_if(
      session.queue.begin(), session.queue.end(),
      [&](const Command& one) { return one.kind == command.kind && one.key == command.key; });
  if (queued == session.queue.end() || queued->ballot == command.ballot) return false;
  const Epoch epoch = queued->epoch;
  *queued = command;
  queued->epoch = epoch;
  return true;
}

}  // namespace settle::coordinator
