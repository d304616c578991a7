// What operators see of sessions.
#include <utility>

#include "engine/sessions.h"

namespace settle::coordinator {

SessionView Sessions::ViewOf(const SessionId& id) const {
  const Session& session = sessions_.at(id);
  const auto idle =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now() - session.last_sign);
  return {id, session.process, session.attached, idle, {}, session.release};
}

std::vector<ParticipantView> Sessions::View() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, ParticipantView> by_name;
  for (const auto& [resource, binding] : bindings_) {
    ParticipantView& view = by_name[resource];
    view.identity = binding.identity;
    view.refused_identity = binding.refused_identity;
    view.left = binding.left;
    const auto serving = serving_.find(resource);
    if (serving == serving_.end()) continue;
    for (const SessionId& id : serving->second) {
      view.sessions.push_back(ViewOf(id));
      view.sessions.back().peer_address = sessions_.at(id).resources.at(resource).peer_address;
    }
  }
  for (const auto& [participant, sessions] : acting_) {
    for (const SessionId& id : sessions) by_name[participant].action_sessions.push_back(ViewOf(id));
  }
  std::vector<ParticipantView> views;
  for (auto& [name, view] : by_name) {
    view.resource = name;
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace settle::coordinator
