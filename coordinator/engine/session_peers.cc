// Three-phase commit, as far as sessions know of it.
#include <algorithm>

#include "engine/sessions.h"

namespace settle::coordinator {
namespace {

std::size_t TextBytes(const Roster& sites) {
  std::size_t bytes = 0;
  for (const Site& site : sites) {
    bytes += site.resource.size();
    for (const std::string& address : site.addresses) bytes += address.size();
  }
  return bytes;
}

}  // namespace

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

void Sessions::TakeCommands(Session& session, std::size_t most, CommandBatch& batch) {
  std::size_t bytes = 0;
  while (!session.queue.empty() && batch.commands.size() < most) {
    Command& first = session.queue.front();
    bytes += TextBytes(first.sites);
    if (bytes > kBatchBytesMax && !batch.commands.empty()) return;
    session.queued.erase({first.key, first.kind});
    batch.commands.push_back(std::move(first));
    session.queue.pop_front();
  }
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
