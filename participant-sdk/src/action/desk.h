// Where the calls of one participant wait, are carried out, and are answered.
//
// One call is in hand once, however often it comes: a copy that comes while the call waits or runs
// only says that the answer is now the answer to this copy.
#pragma once

#include <sys/types.h>

#include <compare>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "participant/outbox.h"
#include "participant/workers.h"
#include "settle/action_participant.h"
#include "transport/link.h"
#include "transport/messages.h"

namespace settle {

// Thread-safe.
class ActionParticipant::Desk {
 public:
  explicit Desk(ActionParticipantOptions options);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  const std::string& name() const { return options_.name; }
  std::vector<std::shared_ptr<Barrier>> barriers() const;

  void Add(const std::string& action, ActionOp op, ActionHandler handler);
  void Guard(std::shared_ptr<Barrier> barrier);

  // Blocking: checks options, names and barriers, and starts the threads. Can be repeated.
  [[nodiscard]] Status Open();
  // Does not block. The answer goes to `outbox`, if that has not left by then.
  void Take(sdk::ActionCall call, sdk::Outbox& outbox);
  // Blocking, until `began` plus the patience of the options: waits for the handlers that work on
  // calls of `outbox`. Every call of it has been answered then: what waited for a thread, and what
  // still runs, with kUnknown. Nothing is added to `outbox` any more.
  void Leave(sdk::Outbox& outbox, sdk::Instant began);

 private:
  struct Key {
    BranchKey step;
    ActionOp op = ActionOp::kAction;

    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Entry {
    sdk::ActionCall call;
    sdk::Instant deadline;
    const ActionHandler* handler = nullptr;
    sdk::Outbox* outbox = nullptr;  // none once that has left
    bool running = false;
  };
  using Entries = std::map<Key, Entry>;

  // All of these under the lock.
  Result<const ActionHandler*> Find(const sdk::ActionCall& call) const;
  std::string Served() const;
  void Finish(Entries::iterator entry, Answer answer);
  static void Reply(const Entry& entry, Answer answer);

  void Run(const Key& key);

  const ActionParticipantOptions options_;
  const pid_t process_;
  mutable std::mutex mutex_;
  std::condition_variable finished_;
  Status defect_;  // the first thing that was wrong with what was served
  std::map<std::string, std::map<ActionOp, ActionHandler>> handlers_;  // never taken away
  std::vector<std::shared_ptr<Barrier>> barriers_;
  Entries entries_;
  int waiting_ = 0;
  std::unique_ptr<sdk::Workers> workers_;  // none before Open
};

}  // namespace settle
