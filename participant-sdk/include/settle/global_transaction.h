// One global transaction, in the process that began it or in one that joined it.
//
//   auto debit = transaction->Enlist(*bank_a);
//   auto credit = transaction->Enlist(*bank_b);
//   (*debit)->Execute("UPDATE account SET balance = balance - $1 WHERE id = $2", {"10", "1"});
//   (*credit)->Execute("UPDATE account SET balance = balance + $1 WHERE id = $2", {"10", "7"});
//   settle::Ending ending = transaction->Commit();
//
// Beside databases a transaction can reserve in services, which confirm or cancel as it ends:
//
//   auto goods = transaction->Try("inventory", "reserve", R"({"item": 17, "count": 2})");
//   if (!goods || !goods->reserved()) return transaction->Abort("no goods");
//
// Dropped without Commit: aborted (or, when joined: the branches are rolled back and vote no).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "settle/resource.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/status.h"

namespace settle {

enum class Wait {
  kDecision,  // return when the decision is durable; branches may still be on their way
  kApplied,   // return when every branch has carried it out, so that a next read sees it
};

// Whether of two or more branches one PostgreSQL branch is committed instead of prepared, and so
// decides: fewer flushes, for an answer less (docs/protocols.md, "Logging last resource"). Chosen
// when the transaction begins, because its gtid says so: if the coordinator crashes in that very
// moment, and nothing is prepared any more, AskOutcome answers kUnknown where it otherwise knows.
enum class UseLastResource {
  kNever,
  kAuto,    // where it is possible: all branches are this process's own and can be prepared so
  kAlways,  // or the commit aborts
};

struct CommitOptions {
  Wait wait = Wait::kApplied;
  std::chrono::milliseconds wait_at_most{0};  // 0: the coordinator's default
};

enum class TryOutcome {
  kReserved,  // commit confirms it, abort cancels it
  kFailed,    // for a reason of the business; the transaction can only abort
};

struct TryAnswer {
  TryOutcome became = TryOutcome::kFailed;
  std::string text;  // kReserved: what the service answered, JSON; kFailed: why, one line

  bool reserved() const { return became == TryOutcome::kReserved; }
};

struct TryOptions {
  // 0: CoordinatorOptions::call_timeout.
  std::chrono::milliseconds wait_at_most{0};
};

// Movable, not copyable. Used by one thread at a time; a second thread is refused, not queued. In a
// forked child it is dead: its destructor does nothing there and every call is refused.
class GlobalTransaction {
 public:
  class State;  // the SDK's own
  explicit GlobalTransaction(std::unique_ptr<State> state);
  GlobalTransaction(GlobalTransaction&&) noexcept;
  GlobalTransaction& operator=(GlobalTransaction&&) noexcept;
  ~GlobalTransaction();

  const Gtid& gtid() const;

  // The W3C traceparent that it was begun with, also where it was joined
  // (settle/vocabulary/trace_parent.h); empty: none.
  const std::string& trace_parent() const;

  // To be carried in the application's own call to another process, which gives it to
  // Coordinator::Join. Printable ASCII, under 300 bytes.
  std::string context() const;

  // Starts a branch in a resource that was given to Coordinator::Connect. Blocking. The handle dies
  // with the transaction: after commit or abort nothing runs through it, inside or outside the
  // transaction.
  template <typename R>
  [[nodiscard]] Result<std::shared_ptr<typename R::BranchType>> Enlist(R& resource) {
    Result<BranchKey> key = Register(resource);
    if (!key) return Fail(std::move(key).error());
    auto branch = resource.Open(*key);
    if (!branch) {
      GiveUp(*key, branch.error());
      return Fail(std::move(branch).error());
    }
    Hold(*key, *branch);
    return branch;
  }

  // Asks the participant to reserve (settle/action_participant.h, ServeTry), in whichever process
  // serves its name. Blocking. `input` is JSON text of at most 64 KiB. Each call is a reservation
  // of its own. kUnavailable: no answer came in time; it may have been reserved, is still tried,
  // and a commit would wait for it: abort the transaction, which cancels it. kRetryTransaction,
  // kRefused: the transaction takes no more branches. kInvalid: a name or the input.
  [[nodiscard]] Result<TryAnswer> Try(const std::string& participant, const std::string& action,
                                      const std::string& input = "{}", TryOptions options = {});

  // Blocking. Exactly three endings matter to a program: committed; aborted, with the reason;
  // unknown, which means ask Coordinator::AskOutcome(gtid()) later and never redo the work under a
  // new gtid. Mixed and hazard are committed transactions that somebody or something damaged; an
  // operator must look.
  [[nodiscard]] Ending Commit(CommitOptions options = {});

  // Blocking. Rolls back what this process did, then tells the coordinator. "committed" if it came
  // too late.
  Ending Abort(const std::string& reason = "the application asked");

  // Only when joined: the work is done, the branches wait for the coordinator's prepare. The
  // handles die.
  [[nodiscard]] Status Leave();

 private:
  Result<BranchKey> Register(Resource& resource);
  void Hold(const BranchKey& key, std::shared_ptr<Branch> branch);
  void GiveUp(const BranchKey& key, const Error& why);

  std::unique_ptr<State> state_;
};

}  // namespace settle
