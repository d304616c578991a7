// What the decision log stores. The byte form is in log/record_codec.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/origin.h"
#include "protocol/saga_records.h"
#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/last_resource.h"
#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/three_phase.h"

namespace settle::coordinator {

// No branch of any transaction has a higher number (--max-branches).
inline constexpr BranchNumber kBranchNumberMax = 1'000;

// One branch as the decision knew it: enough to finish it after any crash.
struct DecidedBranch {
  BranchNumber number = 0;
  std::string resource;
  Vote vote = Vote::kCommit;
  Evidence evidence;

  friend bool operator==(const DecidedBranch&, const DecidedBranch&) = default;
};

// Forced. The decision itself: from here on the transaction is committed, whoever crashes.
struct CommitRecord {
  Gtid gtid;
  Origin origin;
  WallTime decided = 0;
  std::vector<DecidedBranch> branches;  // in order; read-only ones included, for people
  DecidedBy by{};                       // of three-phase commit; round 0 for any other

  friend bool operator==(const CommitRecord&, const CommitRecord&) = default;
};

// Of three-phase commit. Forced before the first pre-commit is sent: from here on its sites can
// decide without the coordinator, so nothing may be presumed of it any more. It is also the
// pre-commit of the coordinator's own site, under kFirstBallot.
struct PreCommitRecord {
  Gtid gtid;
  Origin origin;
  WallTime at = 0;
  std::vector<DecidedBranch> branches;  // in order; all of them voted kCommit
  Roster sites;

  friend bool operator==(const PreCommitRecord&, const PreCommitRecord&) = default;
};

// Of three-phase commit. Forced before the coordinator leads a ballot, and before it answers, as
// a site, what it joined or accepted. The last one of a transaction holds.
struct BallotRecord {
  Gtid gtid;
  SiteAnswer at;

  friend bool operator==(const BallotRecord&, const BallotRecord&) = default;
};

// Of three-phase commit. Forced: the decision to abort after pre-commit may have been sent.
struct QuorumAbortRecord {
  Gtid gtid;
  WallTime decided = 0;
  DecidedBy by;
  std::string reason;  // one line

  friend bool operator==(const QuorumAbortRecord&, const QuorumAbortRecord&) = default;
};

// Forced before a reservation's try is sent: from here on somebody must confirm or cancel it, and
// nobody but the coordinator will.
struct RegisteredRecord {
  Gtid gtid;
  Origin origin;  // of the transaction
  BranchNumber branch = 0;
  std::string participant;
  std::string action;
  std::string input;  // JSON text
  WallTime at = 0;

  friend bool operator==(const RegisteredRecord&, const RegisteredRecord&) = default;
};

// Stands for the resource of a branch of which no more is known than that there may be one.
inline constexpr const char* kNotKnown = "not-known";

// Forced before a lone branch may be committed in one phase: from here on its resource decides, and
// without this record it must not.
struct OnePhaseRecord {
  Gtid gtid;
  Origin origin;
  WallTime delegated = 0;
  DecidedBranch branch;

  friend bool operator==(const OnePhaseRecord&, const OnePhaseRecord&) = default;
};

// Lazy: written when a last resource is given leave to decide (docs/protocols.md, "Logging last
// resource"), and waited for by nobody. From here on only that branch's database knows how the
// transaction ends. Lost in a crash, it costs the answer to a question: the names of the branches
// that are prepared say as much to whoever finds one.
struct LastResourceRecord {
  Gtid gtid;
  Origin origin;
  WallTime delegated = 0;
  BranchNumber last = 0;                // decides; in `branches` with a vote to commit
  std::vector<DecidedBranch> branches;  // in order; read-only ones included, for people

  // `last`; null only in a record that cannot be believed.
  const DecidedBranch* Deciding() const;

  friend bool operator==(const LastResourceRecord&, const LastResourceRecord&) = default;
};
// What the name of a branch that was found prepared says, where no record says anything.
LastResourceRecord RecordByName(const BranchKey& found, const std::string& resource,
                                const Evidence& evidence, const LastResource& last);

// Forced. A branch ended otherwise than decided, or in a way that cannot be proved.
struct HeuristicRecord {
  Gtid gtid;
  BranchNumber branch = 0;
  BranchEnd end = BranchEnd::kHazard;
  std::string detail;
  WallTime learned = 0;

  friend bool operator==(const HeuristicRecord&, const HeuristicRecord&) = default;
};

// Forced. A person has repaired what a transaction damaged: it is kept no longer.
struct ForgetRecord {
  Gtid gtid;
  Ending ending;  // the damage, as whoever forgot it saw it
  std::string operator_name;
  std::string reason;
  WallTime at = 0;

  friend bool operator==(const ForgetRecord&, const ForgetRecord&) = default;
};

// "forgotten by alice: credited by hand": what its ending's reason begins with from then on.
std::string ForgottenBy(const std::string& operator_name, const std::string& reason);

// What a person does instead of the protocol.
enum class HeuristicAct {
  kForce = 1,    // every branch is told a decision that nobody could come to
  kVerdict = 2,  // of a branch in hazard: a person says how it ended; nothing is told to it
  kStray = 3,    // a prepared branch that this log does not answer for is told a decision
};
const char* ToString(HeuristicAct act);

struct HeuristicIntent {
  HeuristicAct act = HeuristicAct::kForce;
  Decision to = Decision::kAbort;       // of a verdict: what is so
  std::vector<DecidedBranch> branches;  // all of them; of a verdict and a stray the one
  std::string database_name;            // of a stray: as its database names it
  std::string operator_name;
  std::string reason;
  WallTime at = 0;

  friend bool operator==(const HeuristicIntent&, const HeuristicIntent&) = default;
};

// "forced to commit by operator alice: both banks agreed by telephone".
std::string Words(const HeuristicIntent& intent);

// Forced before anything of it is done: a start goes on from it and asks nobody again. What a
// person decided holds, whatever else the records of the transaction say.
struct HeuristicIntentRecord {
  Gtid gtid;  // of a stray: given out for the act
  Origin origin;
  HeuristicIntent intent;

  friend bool operator==(const HeuristicIntentRecord&, const HeuristicIntentRecord&) = default;
};

struct BranchSummary {
  BranchNumber number = 0;
  std::string resource;
  std::string identity;
  std::string process;
  std::string state;  // as admin.thrift's BranchView.state
  std::string vote;   // as admin.thrift's BranchView.vote
  Evidence evidence;
  int attempts = 0;
  std::string last_error;

  friend bool operator==(const BranchSummary&, const BranchSummary&) = default;
};

// The last error of a branch whose call found nobody to make it to.
std::string NobodyServes(const std::string& participant);

// A site of a three-phase commit as people see it.
struct SiteSummary {
  Site site;
  std::optional<SiteAnswer> last;  // what it answered last

  friend bool operator==(const SiteSummary&, const SiteSummary&) = default;
};
struct QuorumSummary {
  std::vector<SiteSummary> sites;  // by number
  std::size_t needed = 0;
  DecidedBy
      by;  // once decided; before, `by.ballot` is the ballot that is being tried, round 0: none
  std::vector<BranchNumber> missing{};  // undecided: have not answered, needed for a majority

  friend bool operator==(const QuorumSummary&, const QuorumSummary&) = default;
};

std::string NameOf(const Site& site);  // "site 2 (orders)", "the witness"
// Who leads, or led, its ballot: "coordinator", or "site 2 (orders)".
std::string LeaderOf(const QuorumSummary& quorum);

struct TimelineEntry {
  WallTime at = 0;
  std::string what;

  friend bool operator==(const TimelineEntry&, const TimelineEntry&) = default;
};

// A transaction as people see it, while it runs and after it has ended.
struct TransactionSummary {
  Gtid gtid;
  std::string state;  // as admin.thrift's TransactionView.state
  Ending ending;
  Origin origin;
  WallTime ended = 0;  // 0 while it has not
  std::vector<BranchSummary> branches;
  std::vector<TimelineEntry> timeline;
  std::optional<SagaSummary> saga{};
  std::optional<QuorumSummary> quorum{};
  std::vector<HeuristicIntent> heuristics{};  // what persons did
  // Of one that runs: its beginner has not named the branches that it numbered itself.
  bool own_unnamed = false;

  friend bool operator==(const TransactionSummary&, const TransactionSummary&) = default;
};

// Lazy. The transaction has ended and may be forgotten; also how an abort is remembered. A lost one
// costs a repeated commit command, or an abort that can no longer say why.
struct EndRecord {
  TransactionSummary summary;

  friend bool operator==(const EndRecord&, const EndRecord&) = default;
};

// Forced. The database that a resource's name stands for, from now on.
struct ResourceRecord {
  std::string resource;
  std::string identity;
  std::string accepted_by;  // "first attach" or the operator's name
  std::string reason;
  WallTime at = 0;

  friend bool operator==(const ResourceRecord&, const ResourceRecord&) = default;
};

// What an operator holds back: what is new of one participant, or everything that is new.
enum class PauseScope { kParticipant = 1, kEverythingNew = 2, kDrain = 3 };

// Forced. Held back from now on, or not any more. The last one of a scope and name holds.
struct PauseRecord {
  PauseScope scope = PauseScope::kParticipant;
  std::string name;  // of the resource or participant; empty for the other scopes
  bool paused = true;
  std::string operator_name;
  std::string reason;  // may be empty
  WallTime at = 0;

  friend bool operator==(const PauseRecord&, const PauseRecord&) = default;
};

using Record =
    std::variant<CommitRecord, OnePhaseRecord, HeuristicRecord, EndRecord, ResourceRecord,
                 ForgetRecord, SagaBeginRecord, SagaStepRecord, SagaAbortingRecord, SagaActRecord,
                 SagaEndRecord, DefinitionRecord, RegisteredRecord, PreCommitRecord, BallotRecord,
                 QuorumAbortRecord, HeuristicIntentRecord, PauseRecord, LastResourceRecord>;
// Those that a saga's machine writes.
using SagaRecord = std::variant<SagaBeginRecord, SagaStepRecord, SagaAbortingRecord, SagaActRecord,
                                SagaEndRecord, ForgetRecord>;

enum class Durability {
  kForce,  // durable before going on
  kLazy,   // rides with the next batch, may be lost in a crash
};

// The transaction a record belongs to; empty for a ResourceRecord, a
// DefinitionRecord and a PauseRecord.
const Gtid& GtidOf(const Record& record);

}  // namespace settle::coordinator
