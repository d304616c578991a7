// One call behind a barrier: its transaction on a connection, from the notes to the commit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "barrier/notes.h"
#include "postgres/connection.h"
#include "settle/postgres_barrier.h"

namespace settle::postgres {

// For one thread. What it does not Keep is rolled back with the connection's next reset, or its
// end.
class BarrierWork : public PostgresWork {
 public:
  // Both outlive it. Statements are cut off at the deadline.
  BarrierWork(Connection& connection, const ActionContext& call);

  // BEGIN, the call's notes, and a look at what is there: one round trip. Waits for a copy of the
  // call that is at work.
  [[nodiscard]] Result<barrier::Found> MakeNotes();

  Result<Rows> Execute(const std::string& sql,
                       const std::vector<std::optional<std::string>>& parameters) override;
  const std::string& last_sqlstate() const override { return last_sqlstate_; }
  PGconn* connection() override;

  // Nothing of the business's runs from here on.
  void Close() { closed_ = true; }
  // Commits, with the result in the call's own row if there is one: one round trip. The answer is
  // kUnknown unless that is durable.
  Answer Keep(Answer answer, const std::optional<std::string>& result,
              std::chrono::milliseconds reply_timeout);

 private:
  std::string WhyNotUsable() const;
  std::vector<std::optional<std::string>> Key() const;

  Connection& connection_;
  const ActionContext& call_;
  const Clock::time_point deadline_;
  bool closed_ = false;
  bool ended_ = false;   // by the business
  std::string failure_;  // of its first statement that failed
  std::string last_sqlstate_;
};

}  // namespace settle::postgres
