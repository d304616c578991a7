#include "settle/global_transaction.h"

#include <utility>

#include "client/commit.h"
#include "client/context_text.h"
#include "client/endings.h"
#include "client/transaction_state.h"

namespace settle {
namespace {

using State = GlobalTransaction::State;

// One thread at a time, in the process that began or joined the transaction; everyone else is
// refused.
class Entrance {
 public:
  explicit Entrance(State* state) : state_(state) {
    if (state == nullptr) {
      why_ = "this GlobalTransaction was moved from";
    } else if (state->Forked()) {
      why_ = "the transaction belongs to the parent process: in a forked child it is dead";
    } else if (state->in_use.test_and_set(std::memory_order_acquire)) {
      why_ = "another thread is inside this transaction: it is used by one thread at a time";
    } else {
      entered_ = true;
    }
  }
  ~Entrance() {
    if (entered_) state_->in_use.clear(std::memory_order_release);
  }
  Entrance(const Entrance&) = delete;
  Entrance& operator=(const Entrance&) = delete;

  bool refused() const { return !entered_; }
  Error error() const { return {ErrorCode::kRefused, why_, "nothing was done by this call"}; }
  // Nothing was done and nothing is said about the transaction itself.
  Ending ending() const {
    return {Outcome::kUndecided, AbortCause::kNone, why_ + "; nothing was done by this call",
            false};
  }

 private:
  State* state_;
  std::string why_;
  bool entered_ = false;
};

// In a forked child the connections belong to the parent: not even a destructor may touch them.
void LetGo(std::unique_ptr<State>& state) {
  if (state != nullptr && state->Forked()) {
    static_cast<void>(state.release());
  } else {
    state.reset();
  }
}

}  // namespace

GlobalTransaction::GlobalTransaction(std::unique_ptr<State> state) : state_(std::move(state)) {}
GlobalTransaction::GlobalTransaction(GlobalTransaction&&) noexcept = default;

GlobalTransaction& GlobalTransaction::operator=(GlobalTransaction&& other) noexcept {
  if (this != &other) {
    LetGo(state_);
    state_ = std::move(other.state_);
  }
  return *this;
}

GlobalTransaction::~GlobalTransaction() { LetGo(state_); }

const Gtid& GlobalTransaction::gtid() const {
  static const Gtid none;
  return state_ == nullptr ? none : state_->gtid;
}

const std::string& GlobalTransaction::trace_parent() const {
  static const std::string none;
  return state_ == nullptr ? none : state_->trace_parent;
}

std::string GlobalTransaction::context() const {
  if (state_ == nullptr) return {};
  state_->context_given = true;
  return sdk::ContextText({state_->gtid, state_->trace_parent});
}

Ending GlobalTransaction::Commit(CommitOptions options) {
  Entrance entrance(state_.get());
  if (entrance.refused()) return entrance.ending();
  if (state_->ending) return *state_->ending;
  if (state_->role == State::Role::kJoined) {
    return {Outcome::kUndecided, AbortCause::kNone,
            "refused: the process that began the transaction commits it, this one calls Leave()",
            false};
  }
  state_->ending = sdk::CommitTransaction(*state_, options);
  state_->branches.clear();
  return *state_->ending;
}

Ending GlobalTransaction::Abort(const std::string& reason) {
  Entrance entrance(state_.get());
  if (entrance.refused()) return entrance.ending();
  if (state_->ending) return *state_->ending;
  if (state_->left) {
    return {Outcome::kUndecided, AbortCause::kNone,
            "refused: this process has left the transaction, the one that began it decides", false};
  }
  return state_->Abort(reason, state_->program().Brief());
}

Status GlobalTransaction::Leave() {
  Entrance entrance(state_.get());
  if (entrance.refused()) return Fail(entrance.error());
  return state_->Leave();
}

Result<TryAnswer> GlobalTransaction::Try(const std::string& participant, const std::string& action,
                                         const std::string& input, TryOptions options) {
  Entrance entrance(state_.get());
  if (entrance.refused()) return Fail(entrance.error());
  return state_->Try(participant, action, input, options);
}

Result<BranchKey> GlobalTransaction::Register(Resource& resource) {
  Entrance entrance(state_.get());
  if (entrance.refused()) return Fail(entrance.error());
  return state_->Register(resource);
}

void GlobalTransaction::Hold(const BranchKey& key, std::shared_ptr<Branch> branch) {
  Entrance entrance(state_.get());
  if (entrance.refused()) {
    branch->Fence();
    return;
  }
  state_->Hold(key, std::move(branch));
}

void GlobalTransaction::GiveUp(const BranchKey& key, const Error& why) {
  Entrance entrance(state_.get());
  if (entrance.refused()) return;
  state_->GiveUp(key, why);
}

}  // namespace settle
