#include "action/desk.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "action/answer_check.h"
#include "participant/caught.h"
#include "settle/vocabulary/failpoint.h"

namespace settle {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

Status CheckName(const std::string& what, const std::string& name) {
  if (CheckResourceName(name)) return {};
  return Fail(ErrorCode::kInvalid, what + " is \"" + Escaped(name) + "\"",
              "use 1 to 64 of letters, digits, '.', '_' and '-'");
}

ActionContext ContextOf(const sdk::ActionCall& call, sdk::Instant deadline) {
  return {call.key.gtid, call.key.number, call.op,     call.participant, call.action,
          call.attempt,  call.input,      call.result, deadline,         call.trace_parent};
}

}  // namespace

ActionParticipant::Desk::Desk(ActionParticipantOptions options)
    : options_(std::move(options)), process_(::getpid()) {}

ActionParticipant::Desk::~Desk() {
  // A forked child has none of the threads.
  if (::getpid() != process_) static_cast<void>(workers_.release());
  workers_.reset();
}

std::vector<std::shared_ptr<Barrier>> ActionParticipant::Desk::barriers() const {
  std::lock_guard lock(mutex_);
  return barriers_;
}

void ActionParticipant::Desk::Add(const std::string& action, ActionOp op, ActionHandler handler) {
  std::lock_guard lock(mutex_);
  Status good = CheckName("an action of participant \"" + Escaped(options_.name) + "\"", action);
  auto& served = handlers_[action];
  const bool is_missing = !handler && op != ActionOp::kCompensate && op != ActionOp::kFence;
  if (handler && !served.emplace(op, std::move(handler)).second && good) {
    good = Fail(ErrorCode::kInvalid, "participant \"" + Escaped(options_.name) +
                                         "\" serves the action \"" + action + "\" twice");
  }
  if (is_missing && good) {
    good = Fail(ErrorCode::kInvalid, "participant \"" + Escaped(options_.name) +
                                         "\" serves the action \"" + action + "\" without " +
                                         ToString(op));
  }
  if (!good && defect_) defect_ = std::move(good);
}

void ActionParticipant::Desk::Guard(std::shared_ptr<Barrier> barrier) {
  std::lock_guard lock(mutex_);
  if (barrier == nullptr) {
    if (defect_) defect_ = Fail(ErrorCode::kInvalid, "a barrier is null");
    return;
  }
  if (std::find(barriers_.begin(), barriers_.end(), barrier) == barriers_.end()) {
    barriers_.push_back(std::move(barrier));
  }
}

Status ActionParticipant::Desk::Open() {
  const auto wrong = [this](const std::string& what) {
    return Fail(ErrorCode::kInvalid, "participant \"" + options_.name + "\": " + what);
  };
  if (Status good = CheckName("a participant's name", options_.name); !good) return good;
  if (options_.concurrency < 1 || options_.concurrency > 1'000) {
    return wrong("its concurrency is not between 1 and 1000");
  }
  if (options_.queue_most < 1 || options_.queue_most > 100'000) {
    return wrong("its queue_most is not between 1 and 100000");
  }
  if (options_.stop_patience.count() < 0) return wrong("its stop_patience is negative");
  {
    std::lock_guard lock(mutex_);
    if (!defect_) return defect_;
    if (handlers_.empty()) return wrong("it serves no action");
  }
  for (const std::shared_ptr<Barrier>& barrier : barriers()) {
    const Status checked = sdk::Caught(
        [&] { return barrier->Check(); },
        [](const char* what) {
          return Status(Fail(ErrorCode::kUnavailable, std::string("the barrier threw: ") + what));
        });
    if (checked) continue;
    Error why = checked.error();
    why.message = "participant \"" + options_.name + "\": " + why.message;
    return Fail(std::move(why));
  }
  std::lock_guard lock(mutex_);
  if (workers_ == nullptr) workers_ = std::make_unique<sdk::Workers>(options_.concurrency);
  return {};
}

std::string ActionParticipant::Desk::Served() const {
  std::string names;
  for (const auto& [action, handlers] : handlers_) names += (names.empty() ? "" : ", ") + action;
  return names;
}

Result<const ActionHandler*> ActionParticipant::Desk::Find(const sdk::ActionCall& call) const {
  const auto refuse = [&](const std::string& what) {
    return Fail(ErrorCode::kNotFound, "participant " + options_.name + " " + what);
  };
  const auto action = handlers_.find(call.action);
  if (action == handlers_.end()) {
    return refuse("serves no action \"" + Escaped(call.action) +
                  "\" in the process that was "
                  "called; it serves " +
                  Served());
  }
  const auto handler = action->second.find(call.op);
  if (handler != action->second.end()) return &handler->second;
  std::string what = "serves " + call.action + " without " + ToString(call.op);
  if (call.op == ActionOp::kFence) {
    what += ": serve it over a barrier, or with a handler for the fence";
  }
  return refuse(what);
}

void ActionParticipant::Desk::Take(sdk::ActionCall call, sdk::Outbox& outbox) {
  std::lock_guard lock(mutex_);
  const Key key{call.key, call.op};
  Entry entry{.call = std::move(call), .deadline = {}, .outbox = &outbox};
  entry.deadline = Clock::now() + entry.call.timeout;
  if (const auto known = entries_.find(key); known != entries_.end()) {
    // What runs has been told its input and its deadline; what waits has not.
    if (known->second.running) {
      known->second.call.attempt = entry.call.attempt;
      known->second.outbox = &outbox;
    } else {
      entry.handler = known->second.handler;
      known->second = std::move(entry);
    }
    return;
  }
  const Result<const ActionHandler*> handler = Find(entry.call);
  if (!handler) return Reply(entry, Unknown(handler.error().message));
  if (waiting_ >= options_.queue_most) {
    return Reply(entry, Unknown("busy: " + std::to_string(waiting_) + " calls wait for one of " +
                                std::to_string(options_.concurrency) + " threads"));
  }
  entry.handler = *handler;
  entries_.emplace(key, std::move(entry));
  ++waiting_;
  workers_->Post([this, key] { Run(key); });
}

void ActionParticipant::Desk::Run(const Key& key) {
  ActionContext context;
  const ActionHandler* handler = nullptr;
  {
    std::lock_guard lock(mutex_);
    const auto entry = entries_.find(key);
    if (entry == entries_.end() || entry->second.running) return;  // it was left since
    // The coordinator has given this call up, and another one is on its way.
    if (Clock::now() >= entry->second.deadline) {
      return Finish(entry, Unknown("it was not begun: its time was over before one of " +
                                   std::to_string(options_.concurrency) + " threads was free"));
    }
    entry->second.running = true;
    --waiting_;
    context = ContextOf(entry->second.call, entry->second.deadline);
    handler = entry->second.handler;
  }
  SETTLE_FAILPOINT("participant.before_action");
  Answer answer = sdk::CheckedAnswer(sdk::Caught(
      [&] { return (*handler)(context); },
      [](const char* what) { return Unknown(std::string("the handler threw: ") + what); }));
  // Crash here: it took effect and the coordinator does not know. It calls again, and the barrier
  // answers what was answered now.
  SETTLE_FAILPOINT("participant.action_done");
  std::lock_guard lock(mutex_);
  Finish(entries_.find(key), std::move(answer));
}

void ActionParticipant::Desk::Finish(Entries::iterator entry, Answer answer) {
  if (!entry->second.running) --waiting_;
  Reply(entry->second, std::move(answer));
  entries_.erase(entry);
  finished_.notify_all();
}

void ActionParticipant::Desk::Reply(const Entry& entry, Answer answer) {
  if (entry.outbox == nullptr) return;
  const sdk::ActionCall& call = entry.call;
  entry.outbox->Add(sdk::ActionAnswer{call.key, call.op, call.attempt, std::move(answer)});
}

void ActionParticipant::Desk::Leave(sdk::Outbox& outbox, sdk::Instant began) {
  std::unique_lock lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->second.outbox == &outbox && !entry->second.running) {
      Finish(entry, Unknown("it was not begun: the process that was called ends"));
    }
    entry = next;
  }
  const auto of_outbox = [&](const Entries::value_type& entry) {
    return entry.second.outbox == &outbox;
  };
  finished_.wait_until(lock, began + std::min<milliseconds>(options_.stop_patience, sdk::kForever),
                       [&] { return std::none_of(entries_.begin(), entries_.end(), of_outbox); });
  for (auto& [key, entry] : entries_) {
    if (entry.outbox != &outbox) continue;
    Reply(entry, Unknown("the process that was called ends while it is still at work"));
    entry.outbox = nullptr;
  }
}

}  // namespace settle
