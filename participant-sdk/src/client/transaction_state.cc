#include "client/transaction_state.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "client/endings.h"
#include "participant/resource_calls.h"
#include "settle/vocabulary/failpoint.h"

namespace settle {
namespace {

using Clock = std::chrono::steady_clock;
using sdk::Instant;
using sdk::Link;

// What a destructor may spend on telling the coordinator.
constexpr sdk::Patience kFarewell{std::chrono::milliseconds(1'000),
                                  std::chrono::milliseconds(1'000)};

// How long one call waits for a try's answer: a lost connection is noticed soon after.
constexpr std::chrono::milliseconds kTryWaitMost{20'000};
constexpr std::chrono::milliseconds kReplyMargin{5'000};

}  // namespace

GlobalTransaction::State::State(std::shared_ptr<sdk::Program> program, sdk::Context context,
                                Role role, Protocol protocol, OwnNumbers own)
    : program_(std::move(program)),
      gtid(std::move(context.gtid)),
      trace_parent(std::move(context.trace_parent)),
      role(role),
      protocol(protocol),
      own_(std::move(own)),
      process_(::getpid()) {}

GlobalTransaction::State::~State() {
  if (ending || left) return;
  if (role == Role::kOwner) {
    Abort("dropped without commit", kFarewell);
  } else {
    RollBackHere("dropped by the process that joined, without Leave()", true);
  }
}

bool GlobalTransaction::State::Forked() const { return ::getpid() != process_; }

GlobalTransaction::State::LocalBranch* GlobalTransaction::State::Find(const BranchKey& key) {
  const auto found = std::find_if(branches.begin(), branches.end(),
                                  [&](const LocalBranch& branch) { return branch.key == key; });
  return found == branches.end() ? nullptr : &*found;
}

Result<BranchKey> GlobalTransaction::State::Register(Resource& resource) {
  if (ending || left) {
    return Fail(ErrorCode::kRefused,
                "the transaction has ended in this process: nothing can be enlisted in it",
                "begin a new transaction");
  }
  const std::vector<sdk::OwnResource>& own = participant().resources();
  const auto found = std::find_if(own.begin(), own.end(), [&](const sdk::OwnResource& candidate) {
    return candidate.resource.get() == &resource;
  });
  if (found == own.end()) {
    return Fail(ErrorCode::kInvalid,
                "the resource \"" + Escaped(resource.name()) + "\" was not given to Connect",
                "put this very object into CoordinatorOptions::resources");
  }
  Result<BranchKey> key =
      numbered_ < own_.granted ? Number(resource.name()) : Enlist(resource.name());
  if (!key) return key;
  branches.push_back({*key, found->resource, nullptr, {}});
  sdk::TellTrace(resource, *key, trace_parent);
  return key;
}

namespace {

Error DiedMeanwhile() {
  return {ErrorCode::kRetryTransaction,
          "the transaction was aborted while the branch was being enlisted",
          "abort it, and do the work again in a new transaction"};
}

}  // namespace

Result<BranchKey> GlobalTransaction::State::Number(const std::string& resource) {
  BranchKey key{gtid, numbered_ + 1};
  if (!participant().Adopt(key, resource, own_.session, trace_parent)) return Fail(DiedMeanwhile());
  ++numbered_;
  return key;
}

Result<BranchKey> GlobalTransaction::State::Enlist(const std::string& resource) {
  const sdk::SessionId session =
      participant().AwaitSession({}, Clock::now() + program().options.connect_timeout);
  if (session.empty()) {
    return Fail(ErrorCode::kUnavailable,
                "this process is not attached to the coordinator at the moment",
                "abort this transaction and begin a new one later");
  }
  const sdk::EnlistCall call{gtid, resource, session, program().NextRequestKey()};
  Result<BranchNumber> number = program().pool.Call<BranchNumber>(
      program().Brief(), [&](Link& link, Instant by) { return link.Enlist(call, by); });
  if (!number) return Fail(std::move(number).error());
  SETTLE_FAILPOINT("client.enlisted");
  BranchKey key{gtid, *number};
  if (!participant().Adopt(key, resource, session, trace_parent)) return Fail(DiedMeanwhile());
  return key;
}

std::vector<sdk::OwnBranch> GlobalTransaction::State::OwnBranches() const {
  std::vector<sdk::OwnBranch> own;
  for (const LocalBranch& branch : branches) {
    if (IsOwn(branch.key)) own.push_back({branch.key.number, branch.resource->name()});
  }
  return own;
}

Result<TryAnswer> GlobalTransaction::State::Try(const std::string& participant,
                                                const std::string& action, const std::string& input,
                                                TryOptions options) {
  if (ending || left) {
    return Fail(ErrorCode::kRefused,
                "the transaction has ended in this process: nothing can be tried in it",
                "begin a new transaction");
  }
  const bool is_default = options.wait_at_most.count() == 0;
  const Instant until =
      sdk::FromNow(is_default ? program().options.call_timeout : options.wait_at_most);
  // The same in every attempt: one whose reply was lost is the same branch.
  sdk::TryCall call{gtid, participant, action, input, program().NextRequestKey()};
  tried = true;
  sdk::Pacer pacer;
  for (;;) {
    const Instant asked = Clock::now();
    const auto left_over = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    call.wait = std::clamp(left_over, std::chrono::milliseconds(1), kTryWaitMost);
    Result<sdk::TryReply> reply = program().pool.Call<sdk::TryReply>(
        {call.wait, call.wait + kReplyMargin},
        [&](Link& link, Instant by) { return link.Try(call, by); });
    // Crash here: reserved and nobody decides. The deadline has it cancelled.
    SETTLE_FAILPOINT("client.tried");
    if (reply && reply->answer) return *std::move(reply->answer);
    if (reply && Clock::now() < until) {
      pacer.Pause(asked, call.wait, until);
      continue;
    }
    if (!reply && reply.error().code != ErrorCode::kAskOutcome) return Fail(reply.error());
    const std::string why = reply ? reply->why : Describe(reply.error());
    return Fail(
        ErrorCode::kUnavailable,
        participant + " did not answer whether it reserved" + (why.empty() ? "" : ": " + why),
        "abort the transaction: what may have been reserved is cancelled");
  }
}

void GlobalTransaction::State::Hold(const BranchKey& key, std::shared_ptr<Branch> branch) {
  LocalBranch* const local = Find(key);
  std::string ignored;
  if (local == nullptr || !participant().Hold(key, branch)) {
    // Aborted while it was being opened: what comes back is dead.
    sdk::FenceNow(*branch, ignored);
    return;
  }
  local->handle = std::move(branch);
  if (IsLikelyLast(*local)) local->handle->MayBecomeLast();
}

bool GlobalTransaction::State::IsLikelyLast(const LocalBranch& opened) const {
  if (last_resource == UseLastResource::kNever || !opened.handle->CanBeLast()) return false;
  if (!last_resource_name.empty()) return opened.resource->name() == last_resource_name;
  return std::ranges::none_of(branches, [&](const LocalBranch& other) {
    return &other != &opened && other.handle != nullptr && other.handle->CanBeLast();
  });
}

void GlobalTransaction::State::GiveUp(const BranchKey& key, const Error& why) {
  LocalBranch* const local = Find(key);
  if (local == nullptr) return;
  local->failed = "it could not be opened: " + Describe(why);
  RollBack(*local, local->failed, role == Role::kJoined);
}

void GlobalTransaction::State::RollBack(LocalBranch& branch, const std::string& why, bool vote_no) {
  std::string ignored;
  const bool ours = participant().Tell(branch.key, sdk::event::ApplicationDrops{why, vote_no});
  const sdk::BranchState state = participant().StateOf(branch.key);
  // Fencing again what a worker is fencing is harmless, and certain when this returns.
  if (state == sdk::BranchState::kFencing && branch.handle != nullptr) {
    sdk::FenceNow(*branch.handle, ignored);
  }
  if (ours) participant().Tell(branch.key, sdk::event::Fenced{});
  if (state == sdk::BranchState::kPrepared && branch.handle != nullptr &&
      participant().Tell(branch.key, sdk::event::ApplicationFinishes{Decision::kAbort, false})) {
    const FinishResult result = sdk::Finish(*branch.handle, Decision::kAbort).Await();
    participant().Tell(branch.key, sdk::event::Finished{result});
  }
  branch.handle.reset();
}

std::vector<BranchNumber> GlobalTransaction::State::RollBackHere(const std::string& why,
                                                                 bool vote_no) {
  std::vector<BranchNumber> rolled_back;
  for (LocalBranch& branch : branches) {
    RollBack(branch, why, vote_no);
    const std::optional<FinishResult> end = participant().EndOf(branch.key);
    if (end && end->end == BranchEnd::kAborted) rolled_back.push_back(branch.key.number);
  }
  return rolled_back;
}

Ending GlobalTransaction::State::Abort(const std::string& reason, sdk::Patience patience) {
  const sdk::AbortCall call{gtid, reason, RollBackHere(reason, role == Role::kJoined)};
  Result<Ending> told = program().pool.Call<Ending>(
      patience, [&](Link& link, Instant by) { return link.Abort(call, by); });
  if (told && told->outcome != Outcome::kUndecided && told->outcome != Outcome::kUnknown) {
    ending = *std::move(told);
  } else if (role == Role::kOwner || !call.rolled_back.empty()) {
    // Certain without the coordinator: commit was never asked, or a branch that it needs is rolled
    // back.
    const std::string why = told ? told->reason : Describe(told.error());
    ending = sdk::AbortedEnding(
        AbortCause::kRequested,
        reason + "; the coordinator was not told and aborts by its deadline: " + why);
  } else {
    ending = told ? sdk::UnknownEnding(gtid, told->reason) : sdk::UnknownEnding(gtid, told.error());
  }
  return *ending;
}

Status GlobalTransaction::State::Leave() {
  if (role != Role::kJoined) {
    return Fail(ErrorCode::kRefused, "this process began the transaction and cannot leave it",
                "call Commit or Abort");
  }
  if (left) return {};
  if (ending) return Fail(ErrorCode::kRefused, "the transaction was aborted in this process");
  if (Status leaving = LeaveBranches(); !leaving) {
    ending = sdk::AbortedEnding(AbortCause::kRequested, leaving.error().message);
    return Fail(ErrorCode::kRetryTransaction, "the work cannot be committed: " + ending->reason,
                "tell the caller, who aborts and may do the work again in a new transaction");
  }
  left = true;
  branches.clear();
  return {};
}

Status GlobalTransaction::State::LeaveBranches() {
  for (const LocalBranch& branch : branches) {
    if (branch.handle != nullptr) participant().Tell(branch.key, sdk::event::ApplicationLeft{});
    if (participant().StateOf(branch.key) == sdk::BranchState::kLeft) continue;
    const std::string why = branch.failed.empty() ? "it was rolled back meanwhile" : branch.failed;
    const std::string reason = "branch " + std::to_string(branch.key.number) + " in " +
                               branch.resource->name() + ": " + why;
    RollBackHere(reason, true);
    return Fail(ErrorCode::kRetryTransaction, reason);
  }
  return {};
}

}  // namespace settle
