// What the SDK says to the coordinator and hears from it, as values free of Thrift. Their meaning
// is documented in thrift/*.thrift; transport/wire.h converts.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "settle/barrier.h"
#include "settle/global_transaction.h"
#include "settle/saga.h"
#include "settle/vocabulary/action.h"
#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/finding.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/live.h"
#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/status.h"
#include "settle/vocabulary/three_phase.h"

namespace settle::sdk {

using SessionId = std::string;
using std::chrono::milliseconds;

struct Hello {
  std::string log_id;
  Epoch epoch = 0;
  std::string release;
};

struct BeginCall {
  milliseconds timeout{0};
  std::string comment;
  std::string owner;
  Protocol protocol = Protocol::kTwoPhase;
  std::string trace_parent{};
  BranchNumber own_branches = 0;  // that this process would number itself, in `session`
  SessionId session{};
  bool last_resource = false;
};
struct Begun {
  Gtid gtid;
  Epoch epoch = 0;
  BranchNumber own_branches = 0;  // granted
};

// A branch that this process numbered itself.
struct OwnBranch {
  BranchNumber number = 0;
  std::string resource;
};

struct EnlistCall {
  Gtid gtid;
  std::string resource;
  SessionId session;
  std::string request_key;
};

struct BranchVote {
  BranchNumber branch = 0;
  VoteResult result;

  friend bool operator==(const BranchVote&, const BranchVote&) = default;
};

struct CommitCall {
  Gtid gtid;
  std::vector<BranchVote> votes;
  Wait wait = Wait::kApplied;
  milliseconds wait_at_most{0};
  std::vector<OwnBranch> own{};
};
struct CommitAnswer {
  Ending ending;
  bool finish_here = false;
  std::vector<BranchNumber> unfinished;
};

struct OnePhaseCall {
  Gtid gtid;
  BranchNumber branch = 0;
  Evidence evidence;
  std::string own_resource{};  // not empty: this process numbered the branch itself
  std::optional<std::vector<BranchVote>> votes{};  // of all others: it is the last resource
  std::vector<OwnBranch> own{};  // with votes: all that this process numbered itself
};
struct OnePhaseAnswer {
  bool granted = false;
  std::optional<Ending> ending;  // when not granted because the transaction has ended
};

struct TryCall {
  Gtid gtid;
  std::string participant;
  std::string action;
  std::string input;
  std::string request_key;
  milliseconds wait{0};
};
struct TryReply {
  BranchNumber branch = 0;
  std::optional<TryAnswer> answer;  // none: not known yet
  std::string why{};                // it is not; may be empty
};

struct StartSagaCall {
  std::string document{};  // empty: the stored definition `name`
  std::string name{};
  int version = 0;  // 0: the highest
  std::string input{};
  std::string comment{};
  std::string owner{};
  std::string request_key{};
  std::string trace_parent{};
};
struct DefineSagaCall {
  std::string document;
  std::string owner;
};
struct AwaitSagaCall {
  Gtid gtid;
  milliseconds wait{0};
};

struct AbortCall {
  Gtid gtid;
  std::string reason;
  std::vector<BranchNumber> rolled_back;
};

struct OfferedResource {
  std::string name;
  std::string identity;
  std::string peer_address{};  // of this process; empty: no site of three-phase commit
};
struct AttachCall {
  std::string process;
  std::vector<OfferedResource> resources;
  std::vector<std::string> participants;
  std::string log_id_seen;
  Epoch epoch_seen = 0;
};
struct Attached {
  SessionId session;
  std::string log_id;
  Epoch epoch = 0;
  milliseconds session_timeout{0};
};

enum class CommandKind {
  kPrepare = 1,
  kCommit = 2,
  kAbort = 3,
  kProve = 4,
  // Of three-phase commit.
  kElect = 5,
  kPreCommit = 6,
  kPreAbort = 7,
};

struct Command {
  CommandKind kind = CommandKind::kPrepare;
  BranchKey key;
  std::string resource;
  int attempt = 1;
  Epoch epoch = 0;
  Evidence evidence;
  // Of three-phase commit; empty for any other.
  Roster sites{};                      // of kPrepare
  Ballot ballot{};                     // of all but kPrepare and kProve
  std::vector<BranchNumber> quorum{};  // of kCommit and kAbort
  std::string trace_parent{};          // as TraceParentFrom gives it
  // A person decided so of the branch that is prepared under this name in the resource's database;
  // `key` is that of the act, and not of the branch.
  std::string prepared{};
};

// A call of a participant's action. `key`: the saga and the step.
struct ActionCall {
  BranchKey key;
  ActionOp op = ActionOp::kAction;
  std::string participant;
  std::string action;
  int attempt = 1;
  Epoch epoch = 0;
  milliseconds timeout{0};
  std::optional<std::string> input;
  std::optional<std::string> result;
  std::string trace_parent{};  // as TraceParentFrom gives it
};
struct ActionAnswer {
  BranchKey key;
  ActionOp op = ActionOp::kAction;
  int attempt = 1;
  Answer answer;

  friend bool operator==(const ActionAnswer&, const ActionAnswer&) = default;
};

// What an operator asks; nothing is decided by it.
struct Inspection {
  BranchKey key;
  Evidence evidence;
};
struct ExaminationWanted {};
using QuestionContent = std::variant<Inspection, ExaminationWanted>;
struct Question {
  std::int64_t number = 0;
  std::string resource;
  milliseconds timeout{0};          // nobody waits for the answer after that
  Result<QuestionContent> content;  // an error: this release does not know it, and answers that
};
using AnswerContent = std::variant<LiveBranch, Examination>;
struct QuestionAnswer {
  std::int64_t number = 0;
  Result<AnswerContent> content;
};

struct FetchCall {
  SessionId session;
  std::int64_t received_through = 0;
  int most = 500;
  milliseconds wait{0};
};
struct CommandBatch {
  std::int64_t number = 0;  // 0: empty
  std::vector<Command> commands;
  std::vector<ActionCall> calls;
  std::optional<EndedThrough> ended_through;  // of the session's log
  std::vector<Question> questions{};
};

struct VoteReport {
  BranchKey key;
  VoteResult result;

  friend bool operator==(const VoteReport&, const VoteReport&) = default;
};
struct EndReport {
  BranchKey key;
  FinishResult result;

  friend bool operator==(const EndReport&, const EndReport&) = default;
};
// What a site answers to kElect, kPreCommit and kPreAbort; after kCommit and kAbort it comes before
// the end.
struct SiteReport {
  BranchKey key;
  SiteAnswer answer;

  friend bool operator==(const SiteReport&, const SiteReport&) = default;
};
struct FoundBranch {
  std::string resource;
  std::string database_name;
  Evidence evidence{};

  friend bool operator==(const FoundBranch&, const FoundBranch&) = default;
};
struct ReportCall {
  SessionId session;
  std::vector<VoteReport> votes;
  std::vector<EndReport> ends;
  std::vector<FoundBranch> found;
  std::vector<ActionAnswer> answers;
  std::vector<SiteReport> sites{};
  std::vector<QuestionAnswer> question_answers{};
};

// What one site says to another, or to the coordinator's witness (site 0 of key.gtid).
struct PeerCall {
  BranchKey key;         // the site that is to answer
  std::string resource;  // empty for the witness
  PeerMessage message;
};

}  // namespace settle::sdk
