// A lock that a saga, or a global transaction, holds from one of its steps to another: what keeps
// sagas apart that a database's own locks cannot, for those end with each step.
//
//   const settle::FencedLock room("room 17");
//   // a step, behind its barrier: the lock is taken with the step's effect, or not at all
//   settle::RunLocked(*hotel, call, room, {.timeout = 2s}, [](auto& call, auto& work, auto token) {
//     ...
//     return settle::Done("{\"token\": " + std::to_string(token) + "}");
//   });
//   // its compensation, and the last step that needs it
//   hotel->Run(call, [](auto& call, auto& work) {
//     if (auto freed = room.Release(work, call.gtid); !freed) return
//     Unknown(Describe(freed.error())); return settle::Done();
//   });
//
// The row of the lock is in the database of the step (settle_lock, made by `settle barrier
// install`) and changes in the step's own transaction.
//
// What it does not do:
//   - It has no lease and no clock. It is free when its owner's saga frees it, in its last step,
//   its
//     compensation, its confirm or its cancel, and never before: a saga that is stuck keeps it. Who
//     holds it is a gtid: `settle show GTID` says why, and there it is resolved. A compensation
//     that an operator skips frees nothing: see docs/isolation.md.
//   - It keeps apart only those who ask for it. Whoever writes to the room without it is not
//   stopped.
//   - It knows of no deadlock between sagas. Take locks in one order, or with a timeout and an
//   answer
//     that fails the step.
//
// The token is one higher with every new owner. Whoever kept one can tell that it is not the owner
// any more (CheckToken); another store can refuse what comes with a lower one than it has seen.
// Source: M. Kleppmann, How to do distributed locking, 2016.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "settle/barrier.h"

namespace settle {

using LockToken = std::int64_t;

// Thread-safe: a name. Its functions run a statement or two in the caller's transaction; errors of
// Work::Execute pass through.
class FencedLock {
 public:
  explicit FencedLock(std::string name) : name_(std::move(name)) {}  // any text
  const std::string& name() const { return name_; }

  // The token, the same again if the owner has it already. kRetry: another has it, named in the
  // message; nothing was changed. Waits for a transaction that is about to take or free it (its row
  // is locked), and for nothing else.
  [[nodiscard]] Result<LockToken> Acquire(Work& work, const Gtid& owner) const;

  // kRefused: the lock is not this owner's with this token. If it is, it stays so until the
  // caller's transaction ends.
  [[nodiscard]] Status CheckToken(Work& work, const Gtid& owner, LockToken token) const;

  // Free from the commit of the caller's transaction on. Nothing happens if it was not the owner's.
  [[nodiscard]] Status Release(Work& work, const Gtid& owner) const;
  // Every lock of the owner in this database.
  [[nodiscard]] static Status ReleaseAll(Work& work, const Gtid& owner);

 private:
  std::string name_;
};

struct LockWait {
  // How long to try while another has it; 0: once. Between the attempts no transaction is open.
  // Never longer than to the call's deadline.
  std::chrono::milliseconds timeout{0};
  // What to answer then: asked again later, or settle::Failed(...).
  Answer otherwise{.kind = AnswerKind::kOngoing, .text = {}, .poll_after_ms = 1'000};
};

// Tries, with pauses of 10 ms that grow to 200 ms, until `attempt` says by `held` that the lock was
// not another's any more, or time is up. For RunLocked.
Answer TryUntilFree(const ActionContext& call, const LockWait& wait,
                    const std::function<Answer(bool& held)>& attempt);

// barrier.Run, whose business begins by taking the lock. Only for what goes forward (action, try):
// what undoes is not to wait.
template <typename B, typename Business>
Answer RunLocked(B& barrier, const ActionContext& call, const FencedLock& lock,
                 const LockWait& wait, const Business& business) {
  return TryUntilFree(call, wait, [&](bool& held) {
    return barrier.Run(call, [&](const ActionContext& filled, typename B::Work& work) -> Answer {
      const Result<LockToken> token = lock.Acquire(work, call.gtid);
      if (token) return business(filled, work, *token);
      held = token.error().code == ErrorCode::kRetry;
      return {AnswerKind::kUnknown, Describe(token.error()), 0};
    });
  });
}

}  // namespace settle
