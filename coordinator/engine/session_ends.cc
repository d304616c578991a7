// How sessions end.
#include <algorithm>
#include <utility>

#include "engine/sessions.h"

namespace settle::coordinator {

Error Sessions::IsLost() {
  return {ErrorCode::kNotFound,
          "the session is not attached (it was silent for too long, or this coordinator restarted)",
          "attach again"};
}

Error Sessions::IsAnothers() {
  return {ErrorCode::kDenied, "the session belongs to another identity", "attach one of your own"};
}

void Sessions::Remove(const SessionId& id, std::vector<Answer>& answers) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  for (const auto& [name, resource] : found->second.resources) {
    std::set<SessionId>& left = serving_[name];
    left.erase(id);
    if (!left.empty()) continue;
    served_since_.erase(name);
    bindings_[name].left = clock_.WallNow();
  }
  for (const std::string& participant : found->second.participants) {
    const auto acting = acting_.find(participant);
    acting->second.erase(id);
    // What it took along is called again at another process, if there is one.
    if (acting->second.empty()) {
      acting_.erase(acting);  // names are made up at will, and must not pile up
      continue;
    }
    answers.push_back([this, participant] { listener_.participant_ready(participant); });
  }
  CloseAllOf(found->second, answers);
  if (found->second.poll) {
    answers.push_back([done = std::move(found->second.poll->done)] { done(Fail(IsLost())); });
  }
  const auto own = sessions_of_.find(found->second.identity);
  if (--own->second == 0) sessions_of_.erase(own);
  sessions_.erase(found);
  answers.push_back([this, id] { listener_.lost(id); });
}

Status Sessions::Detach(const SessionId& session, const OnlyFor& session_of) {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(session);
    if (session_of && found != sessions_.end() && *session_of != found->second.identity)
      return Fail(IsAnothers());
    Remove(session, answers);
  }
  for (const Answer& answer : answers) answer();
  return {};
}

void Sessions::Tick() {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    const Instant now = clock_.Now();
    std::vector<SessionId> silent;
    for (auto& [id, session] : sessions_) {
      if (session.poll) session.last_sign = now;  // its fetch is waiting here: it is alive
      if (session.poll && session.poll->until <= now) {
        answers.push_back(
            [done = std::move(session.poll->done), batch = EmptyBatch(session)] { done(batch); });
        session.poll.reset();
      }
      if (now - session.last_sign > settings_.session_timeout) silent.push_back(id);
    }
    for (const SessionId& id : silent) Remove(id, answers);
    CloseOverdue(now, answers);
  }
  for (const Answer& answer : answers) answer();
}

}  // namespace settle::coordinator
