// What a GlobalTransaction is inside: which branches of it are in this process, and what it may
// still do.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/context_text.h"
#include "client/program.h"
#include "settle/global_transaction.h"

namespace settle {

// What the process that began a transaction may number itself; nothing where it joined.
struct OwnNumbers {
  BranchNumber granted = 0;
  sdk::SessionId session{};  // that it was begun with
};

class GlobalTransaction::State {
 public:
  enum class Role { kOwner, kJoined };

  // A branch of this process.
  struct LocalBranch {
    BranchKey key;
    std::shared_ptr<Resource> resource;
    std::shared_ptr<Branch> handle;  // none while it is being opened, or when that failed
    std::string failed;              // why it could not be opened
  };

  State(std::shared_ptr<sdk::Program> program, sdk::Context context, Role role,
        Protocol protocol = Protocol::kTwoPhase, OwnNumbers own = {});
  ~State();  // rolls back what was not ended
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<BranchKey> Register(Resource& resource);
  Result<TryAnswer> Try(const std::string& participant, const std::string& action,
                        const std::string& input, TryOptions options);
  void Hold(const BranchKey& key, std::shared_ptr<Branch> branch);
  void GiveUp(const BranchKey& key, const Error& why);
  Ending Abort(const std::string& reason, sdk::Patience patience);
  Status Leave();
  // Leaves the branches of this process to the coordinator, for its prepare. An error: one of them
  // is dead, and all were rolled back.
  Status LeaveBranches();

  // Rolls back, now, every branch of this process that is not ended; true for each that is certain
  // not to be prepared any more. `tell` as in event::ApplicationDrops.
  std::vector<BranchNumber> RollBackHere(const std::string& why, bool vote_no);

  // Whether this is the process that began or joined it, and not a forked child: there it is dead.
  bool Forked() const;
  // The coordinator does not know the branch before it is named with the commit.
  bool IsOwn(const BranchKey& key) const { return key.number <= own_.granted; }
  std::vector<sdk::OwnBranch> OwnBranches() const;

  sdk::Program& program() { return *program_; }
  sdk::Participant& participant() { return program_->participant; }

  const std::shared_ptr<sdk::Program> program_;
  const Gtid gtid;
  const std::string trace_parent;  // of version 00; empty: none
  const Role role;
  const Protocol protocol;  // as begun; of a joined one it makes no difference
  UseLastResource last_resource = UseLastResource::kNever;
  std::string last_resource_name;  // empty: any
  std::vector<LocalBranch> branches;
  bool tried = false;                          // something may have been reserved in a service
  std::optional<Ending> ending;                // once known, or known not to be known
  bool left = false;                           // joined, and Leave was called
  std::atomic<bool> context_given{false};      // other processes may have joined
  std::atomic_flag in_use = ATOMIC_FLAG_INIT;  // some thread is inside a call

 private:
  void RollBack(LocalBranch& branch, const std::string& why, bool vote_no);
  LocalBranch* Find(const BranchKey& key);
  bool IsLikelyLast(const LocalBranch& opened) const;
  Result<BranchKey> Number(const std::string& resource);
  Result<BranchKey> Enlist(const std::string& resource);

  const OwnNumbers own_;
  BranchNumber numbered_ = 0;
  const pid_t process_;
};

}  // namespace settle
