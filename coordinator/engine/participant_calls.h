// What goes between the coordinator and the processes of participants.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/questions.h"
#include "engine/saga_calls.h"
#include "engine/unended.h"
#include "protocol/effects.h"
#include "protocol/events.h"
#include "protocol/records.h"

namespace settle::coordinator {

// The identity whose session it must be, or whose sessions' branches they must be (kDenied). None:
// anybody's, for callers who may do everything.
using OnlyFor = std::optional<std::string>;

struct OfferedResource {
  std::string name;
  std::string identity;
  std::string peer_address{};  // where it answers its peers; empty: no site of three-phase commit
};
struct AttachCall {
  std::string process;
  std::vector<OfferedResource> resources;
  std::string log_id_seen;
  Epoch epoch_seen = 0;
  std::vector<std::string> participants{};  // the process serves their actions
  std::string identity{};                   // what is proved of whoever calls; empty: nothing
  std::size_t sessions_max = 0;             // of the identity; 0: no limit of its own
  // How many resources the log may know of those whose names count, before another one is refused.
  struct NameLimit {
    std::size_t most = 0;
    std::function<bool(std::string_view name)> counts;
  };
  std::optional<NameLimit> names{};  // none: no limit
  bool answers_questions = false;
  std::string release{};  // of Settle in the process; empty: not said
};
struct Attached {
  SessionId session;
  std::string log_id;
  Epoch epoch = 0;
  std::chrono::milliseconds session_timeout{0};
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
  std::string trace_parent{};          // of its transaction
  // Of kCommit and kAbort: of the branch that is prepared under this name, as a person decided;
  // `key` is that of the act.
  std::string prepared{};
};
struct CommandBatch {
  std::int64_t number = 0;  // 0: empty
  std::vector<Command> commands;
  std::vector<SagaCall> calls{};
  // For sessions that serve participants or answer peers: both keep what it lets them prune.
  std::optional<EndedThrough> ended_through{};
  std::vector<Question> questions{};
};
struct FetchCall {
  SessionId session;
  std::int64_t received_through = 0;
  std::size_t most = 100;
  std::chrono::milliseconds wait{0};
  OnlyFor session_of{};
};

struct VoteReport {
  Gtid gtid;
  BranchVote vote;
};
struct EndReport {
  BranchKey key;
  FinishResult result;
};
struct SiteReport {
  BranchKey key;
  SiteAnswer answer;
};
struct ReportCall {
  SessionId session;
  std::vector<VoteReport> votes;
  std::vector<EndReport> ends;
  std::vector<SagaAnswer> answers{};
  std::vector<SiteReport> sites{};
  std::vector<AnswerReport> question_answers{};
  OnlyFor session_of{};
};

// What a site says to the coordinator's witness.
struct PeerCall {
  Gtid gtid;
  PeerMessage message;
};

struct SessionView {
  SessionId session;
  std::string process;
  WallTime attached = 0;
  std::chrono::milliseconds idle{0};
  std::string peer_address{};  // of the resource it is shown under; empty: it answers no peers
  std::string release{};       // of Settle in the process; empty: not said
};
struct ParticipantView {
  std::string resource;
  std::string identity;
  std::vector<SessionView> sessions;
  std::string refused_identity;
  std::vector<SessionView> action_sessions{};  // that serve actions of sagas under this name
  WallTime left = 0;  // when the last of `sessions` went away; 0: not since the coordinator started
};

}  // namespace settle::coordinator
