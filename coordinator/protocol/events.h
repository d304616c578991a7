// What can happen to a global transaction. A machine knows the world by these alone.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/records.h"
#include "protocol/shared_text.h"
#include "settle/vocabulary/action.h"
#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/last_resource.h"
#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/three_phase.h"

namespace settle::coordinator {

// Names a participant session; empty for none.
using SessionId = std::string;

struct BranchVote {
  BranchNumber branch = 0;
  VoteResult result;

  friend bool operator==(const BranchVote&, const BranchVote&) = default;
};

namespace event {

// A process does work for the transaction in a resource.
struct Enlist {
  SharedText resource;
  SharedText identity;      // of the database, as the session attached with it
  SharedText session;       // that owns the branch until it is prepared
  SharedText process;       // of the session, for people
  std::string request_key;  // a repeated enlist with the same key is the same branch
  // host:port of the processes of the resource that answer peers, the owner's first; empty: it
  // cannot be a site of three-phase commit.
  std::vector<std::string> peers{};
};

// A branch that whoever began the transaction numbered itself, in the session that it began it
// with. Named when it asks to commit, and not before.
struct OwnBranch {
  BranchNumber number = 0;
  SharedText resource;
  SharedText identity{};  // as event::Enlist has them
  SharedText process{};
};

// The application wants something reserved in a service. A repeated one with the same key is the
// same branch.
struct TryRequested {
  std::string participant;
  std::string action;
  std::string input;  // JSON text
  std::string request_key;
};

// The application asks to commit. `votes` are those of branches it prepared itself, `own` those
// that it numbered itself: they join now, all of them or none.
struct CommitRequested {
  std::vector<BranchVote> votes;
  std::vector<OwnBranch> own{};
};

// The application asks to commit its lone branch in one phase; `own`: which it numbered itself.
struct OnePhaseRequested {
  BranchNumber branch = 0;
  Evidence evidence;
  std::optional<OwnBranch> own{};
};

// The application asks to commit by a last resource: `branch` is open still, its evidence is taken,
// and all others have voted; those that are prepared are so in its name. `own` as in
// CommitRequested.
struct LastResourceRequested {
  BranchNumber branch = 0;
  Evidence evidence;
  std::vector<BranchVote> votes;  // of all others
  std::vector<OwnBranch> own{};
};

// `rolled_back` are branches that whoever asks has already rolled back.
struct AbortRequested {
  AbortCause cause = AbortCause::kRequested;
  std::string reason;
  std::vector<BranchNumber> rolled_back;
};

struct DeadlineReached {};
struct VoteTimerFired {};
struct RetryTimerFired {};

// A participant answered a prepare.
struct Voted {
  BranchVote vote;
};

// Three-phase commit: a site answered elect, pre-commit or pre-abort, or says what it holds before
// it says how its branch ended.
struct SiteAnswered {
  BranchNumber site = 0;
  SiteAnswer answer;
};

// A site leads a recovery round and speaks to the coordinator's witness. `call` names the question
// in effect::AnswerPeer.
struct PeerCalled {
  std::uint64_t call = 0;
  PeerMessage message;
};

// A participant says what is so after a commit, abort or prove.
struct Finished {
  BranchNumber branch = 0;
  FinishResult result;
};

// A participant answered effect::Call. `attempt` is that of the call it answers.
struct Answered {
  BranchNumber branch = 0;
  ActionOp op = ActionOp::kTry;
  int attempt = 1;
  Answer answer;
};

// effect::Call was not answered within its time-out, or effect::Pause is over.
struct CallTimerFired {
  BranchNumber branch = 0;
  bool unserved = false;  // the call found no process to go to
};

// A process that serves the participant attached: what waits for it can be called.
struct ParticipantReady {
  std::string participant;
};

// The oldest record that the machine asked to persist and that was not answered yet is durable /
// was refused and is certainly not there.
struct Persisted {};
struct PersistRefused {
  std::string reason;
};

// A session is gone: its process died, hung or detached.
struct SessionLost {
  SessionId session;
};

// A session that serves the resource attached: what waits for the resource can be sent.
struct ResourceReady {
  std::string resource;
};

// A scan of the resource's database found the branch prepared.
struct FoundPrepared {
  BranchNumber branch = 0;
  std::string resource;
  std::optional<LastResource> last{};  // in whose name it is prepared
  Evidence evidence{};                 // that it voted with, where its database can tell
};

// An operator wants what is outstanding sent now.
struct RetryRequested {};

// An operator gives up a confirm or cancel that does not get on: damage.
struct SkipRequested {
  BranchNumber branch = 0;
  std::string operator_name;
  std::string reason;
};

// An operator says that the damage is repaired.
struct ForgetRequested {
  std::string operator_name;
  std::string reason;
};

// A person decides, after all: see HeuristicAct. The branches of a force are filled in by the
// machine.
struct HeuristicRequested {
  HeuristicIntent intent;
};

// The machine was rebuilt from the log at start.
struct Restored {
  std::optional<ForgetRecord> forgotten;  // its end was lost in the crash
};

}  // namespace event

using Event =
    std::variant<event::Enlist, event::TryRequested, event::CommitRequested,
                 event::OnePhaseRequested, event::LastResourceRequested, event::AbortRequested,
                 event::DeadlineReached, event::VoteTimerFired, event::RetryTimerFired,
                 event::Voted, event::SiteAnswered, event::PeerCalled, event::Finished,
                 event::Answered, event::CallTimerFired, event::ParticipantReady, event::Persisted,
                 event::PersistRefused, event::SessionLost, event::ResourceReady,
                 event::FoundPrepared, event::RetryRequested, event::SkipRequested,
                 event::ForgetRequested, event::HeuristicRequested, event::Restored>;

}  // namespace settle::coordinator
