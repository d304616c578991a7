// What operators see: every transaction with what it waits for and what can safely be done.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/live.h"
#include "engine/engine.h"
#include "engine/pauses.h"
#include "log/decision_log.h"
#include "recovery/inquiry.h"

namespace settle::coordinator {

struct TransactionView {
  TransactionSummary summary;
  std::string waiting_for;  // one line; empty when it has ended
  std::string advice;       // one line; empty when nothing is needed
  std::string would{};      // of a dry run: what would be done
};

// What a line of the log that is about it refers to.
inline About AboutOf(const TransactionView& view) {
  return {view.summary.gtid, view.summary.origin.trace_parent};
}

struct ParticipantRow {
  ParticipantView view;
  std::size_t waiting = 0;  // transactions and sagas that wait for this name
  std::optional<PauseRecord> paused{};
};

struct StatusView {
  LogIdentity log;
  WallTime started = 0;
  std::map<std::string, std::size_t> open;  // by state
  std::size_t damaged = 0;                  // of those, not forgotten yet
  LogTotals ended;                          // its heuristics are those that a person forgot
  LogWrites written;
  std::size_t sessions = 0;
  std::size_t sagas = 0;  // of the open ones
  EndedThrough ended_through;
  std::optional<Gtid> oldest_unended{};  // what holds that back
  Messages messages;
  std::optional<Epoch> unsettled_loss{};  // as Engine::UnsettledLoss
  OpenCounts counts{};                    // of the open ones, once more
  std::size_t undecided = 0;              // of those, sagas aside
  std::vector<PauseRecord> pauses{};
  AuditTotals audit{};
};

struct TransactionPage {
  std::vector<TransactionView> transactions;  // newest first
  std::string next_cursor;                    // empty when there are no more
};

struct InDoubtView {
  std::vector<TransactionView> transactions;  // decided and not carried out, or damaged
  std::string next_cursor;                    // empty when there are no more
  std::size_t count = 0;                      // on all pages
  std::vector<Stray> strays;                  // on the first page
};

struct ParticipantPage {
  std::vector<ParticipantRow> rows;  // by name
  std::string next_cursor;           // empty when there are no more
};

struct LookView {
  TransactionView transaction;
  std::vector<LiveRow> live;  // of each branch that is in a database
};

struct ExaminedPage {
  std::vector<ExaminedRow> rows;  // by name
  std::string next_cursor;        // empty when there are no more
};

// Null: it has none of that number.
const BranchSummary* BranchOf(const TransactionSummary& summary, BranchNumber number);

// A branch that is tried, confirmed and cancelled in a service (docs/tcc.md).
bool IsReservation(const BranchSummary& branch);
bool HasReservations(const TransactionSummary& summary);

// A three-phase commit that may have been pre-committed and is not decided: a majority of its sites
// decides it, and nobody else can.
bool AwaitsAMajority(const TransactionSummary& summary);
// The branch of a last resource that decides and has not said what it did; null if it is not that
// which the transaction waits for.
const BranchSummary* AwaitedLastResource(const TransactionSummary& summary);

// A step of a saga, whose participant an operator has paused.
bool IsHeldBack(const BranchSummary& branch);

// A saga whose pivot has run: it goes forward, and cannot be cancelled.
bool IsPastItsPivot(const TransactionSummary& summary);

// `resolve --heuristic` can decide it: it waits for a majority or for its last resource, or is
// quarantined with branches that its records name.
bool CanBeForced(const TransactionSummary& summary);

// The state is one of a saga that waits for participants.
bool CallsParticipants(std::string_view state);

// kNotFound: no more is known of it than what is presumed of any gtid that the log does not name.
[[nodiscard]] Status CheckRecorded(const TransactionView& view);

// Why nothing can be done about one that may have been decided in records that were lost.
Error IsUnknown(const TransactionView& view);

// Says in words what a transaction waits for and what is safe.
// `pauses` are told where it waits for what is paused.
TransactionView Explain(TransactionSummary summary, const std::vector<PauseRecord>& pauses = {});

// Thread-safe; every function blocks until the shards have answered. Memory is taken for one page,
// however many transactions there are. A cursor stays good while transactions begin and end: what
// has not ended is on a later page or was on an earlier one, never on none.
class Views {
 public:
  Views(Engine& engine, DecisionLog& log, Inquiry& inquiry, Clock& clock);

  [[nodiscard]] Result<StatusView> Status() const;
  // Open ones come before ended ones, so one that ends between two pages may be on both. kInvalid
  // for a cursor that no reply gave, and for a page of none.
  [[nodiscard]] Result<TransactionPage> List(Which which, std::size_t most,
                                             const std::string& cursor) const;
  // Running or ended; a gtid without a record is shown as presumed aborted. kWrongLog, kNotFound.
  [[nodiscard]] Result<TransactionView> Show(const Gtid& gtid) const;
  [[nodiscard]] Result<InDoubtView> InDoubt(std::size_t most, const std::string& cursor) const;
  // The prepared branch that a scan found under that name; kNotFound: none did.
  [[nodiscard]] Result<Stray> FindStray(const std::string& resource,
                                        const std::string& database_name) const;
  // Held from looking whether a person decided of a stray already until that is durable: of two who
  // decide at the same moment the second finds what the first did. Blocks.
  [[nodiscard]] std::unique_lock<std::mutex> DecideOfStrays() const {
    return std::unique_lock(deciding_);
  }
  // Of a transaction that was forgotten: the stray that it was about, if any, is listed no more.
  void LetGoOfStray(const TransactionSummary& summary) const;
  // A page has at most so many resources and, together, sessions; a resource is never divided.
  [[nodiscard]] Result<ParticipantPage> Participants(std::size_t most,
                                                     const std::string& cursor) const;
  // What its databases say beside. They are asked at once; blocks for `wait` or a little more.
  [[nodiscard]] Result<LookView> Look(const Gtid& gtid, std::chrono::milliseconds wait) const;
  // Whether databases are fit for what Settle promises, as they say themselves: that of `resource`,
  // or all of them by pages as Participants has them. They are asked at once; blocks for `wait` or
  // a little more. kNotFound: nobody ever attached with that name.
  [[nodiscard]] Result<ExaminedPage> Examine(const std::string& resource,
                                             std::chrono::milliseconds wait, std::size_t most,
                                             const std::string& cursor) const;

  // Somebody serves the name or did, or something waits for it.
  [[nodiscard]] Result<bool> Knows(const std::string& name) const;

 private:
  TransactionView ExplainInAList(TransactionSummary summary) const;
  [[nodiscard]] Result<OpenPage> ListOpen(const OpenQuery& query) const;
  [[nodiscard]] Result<OpenCounts> CountOpen() const;
  [[nodiscard]] Result<std::vector<ParticipantView>> Served() const;
  [[nodiscard]] Result<ParticipantPage> Participant(const std::string& resource) const;

  Engine& engine_;
  DecisionLog& log_;
  Inquiry& inquiry_;
  Clock& clock_;
  const WallTime started_;
  mutable std::mutex deciding_;
};

}  // namespace settle::coordinator
