// What operators see: every transaction with what it waits for and what can safely be done.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "log/decision_log.h"
#include "recovery/inquiry.h"

namespace settle::coordinator {

struct TransactionView {
  TransactionSummary summary;
  std::string waiting_for;  // one line; empty when it has ended
  std::string advice;       // one line; empty when nothing is needed
};

struct ParticipantRow {
  ParticipantView view;
  std::size_t waiting = 0;  // transactions that wait for this resource
};

struct StatusView {
  LogIdentity log;
  WallTime started = 0;
  std::map<std::string, std::size_t> open;  // by state
  std::size_t damaged = 0;                  // of those, not forgotten yet
  LogTotals ended;                          // its heuristics are those that a person forgot
  std::size_t sessions = 0;
};

struct TransactionPage {
  std::vector<TransactionView> transactions;  // newest first
  std::string next_cursor;                    // empty when there are no more
};

struct InDoubtView {
  std::vector<TransactionView> transactions;  // decided and not carried out, or damaged
  std::vector<Stray> strays;
};

// Says in words what a transaction waits for and what is safe.
TransactionView Explain(TransactionSummary summary);

// Thread-safe; every function blocks until the shards have answered.
class Views {
 public:
  Views(Engine& engine, DecisionLog& log, Inquiry& inquiry, Clock& clock);

  [[nodiscard]] Result<StatusView> Status() const;
  // Open ones come before ended ones. kInvalid for a cursor that no reply gave.
  [[nodiscard]] Result<TransactionPage> List(Which which, std::size_t most,
                                             const std::string& cursor) const;
  // Running or ended; a gtid without a record is shown as presumed aborted. kWrongLog, kNotFound.
  [[nodiscard]] Result<TransactionView> Show(const Gtid& gtid) const;
  [[nodiscard]] Result<InDoubtView> InDoubt() const;
  [[nodiscard]] Result<std::vector<ParticipantRow>> Participants() const;

 private:
  [[nodiscard]] Result<std::vector<TransactionSummary>> Open() const;

  Engine& engine_;
  DecisionLog& log_;
  Inquiry& inquiry_;
  Clock& clock_;
  const WallTime started_;
};

}  // namespace settle::coordinator
