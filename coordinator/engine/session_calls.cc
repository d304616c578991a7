// Calls of sagas on their way to participants.
#include <utility>

#include "engine/sessions.h"

namespace settle::coordinator {

bool Sessions::Call(SagaCall call) {
  Answer answer;
  bool sent = false;
  {
    const std::lock_guard lock(mutex_);
    const auto acting = acting_.find(call.participant);
    if (acting == acting_.end() || acting->second.empty()) return false;
    auto next = acting->second.begin();
    std::advance(next, static_cast<std::ptrdiff_t>(turn_++ % acting->second.size()));
    Session& session = sessions_.at(*next);
    const CallKey key{call.key, call.op};
    call.epoch = log_.identity().epoch;
    if (const auto queued = session.calls.find(key); queued != session.calls.end()) {
      queued->second = std::move(call);
    } else if (session.calls.size() >= settings_.commands_queued_max) {
      answer = SayThatItOverflows(session, {call.key.gtid, call.trace_parent});
    } else {
      session.calls_in_order.push_back(key);
      session.calls.emplace(key, std::move(call));
      answer = Deliver(session);
      sent = true;
      ++commands_sent_;
    }
  }
  if (answer) answer();
  return sent;
}

void Sessions::TakeCalls(Session& session, std::size_t most, CommandBatch& batch) {
  std::size_t bytes = 0;
  while (!session.calls_in_order.empty() && batch.commands.size() + batch.calls.size() < most) {
    const auto first = session.calls.find(session.calls_in_order.front());
    bytes += first->second.input.size() + first->second.result.size();
    if (bytes > kBatchBytesMax && !batch.calls.empty()) return;
    batch.calls.push_back(std::move(first->second));
    session.calls.erase(first);
    session.calls_in_order.pop_front();
  }
}

Sessions::Answer Sessions::SayThatItOverflows(Session& session, const About& about) {
  if (std::exchange(session.overflows, true)) return {};
  return [this, gtid = about.gtid, trace_parent = std::string(about.trace_parent),
          process = session.process] {
    observer_.Event(Observer::Level::kWarning, {gtid, trace_parent},
                    "the queue of commands is full for " + Escaped(process) +
                        ", which fetches too slowly: what does not fit is sent again later");
  };
}

}  // namespace settle::coordinator
