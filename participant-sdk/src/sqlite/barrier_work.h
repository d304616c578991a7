// One call behind a barrier: its write transaction on a connection, from the notes to the commit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "barrier/notes.h"
#include "settle/sqlite_barrier.h"
#include "sqlite/connection.h"

namespace settle::sqlite {

// For one thread, inside a write transaction that its maker began and ends.
class BarrierWork : public SqliteWork {
 public:
  // Both outlive it.
  BarrierWork(Connection& connection, const ActionContext& call);
  ~BarrierWork() override;

  [[nodiscard]] Result<barrier::Found> MakeNotes();
  // The prepared branch of a global transaction that awaits its decision in this file.
  [[nodiscard]] Result<std::optional<std::string>> FindObstacle();

  Result<Rows> Execute(const std::string& sql,
                       const std::vector<std::optional<std::string>>& parameters) override;
  sqlite3* connection() override;

  // From here on nothing is the business's to run.
  void Close();
  // Commits, with the result in the call's own row if there is one. The answer is kUnknown unless
  // that is durable.
  Answer Keep(Answer answer, const std::optional<std::string>& result);

 private:
  static int Authorize(void* self, int action, const char* first, const char* second,
                       const char* database, const char* inner);
  [[nodiscard]] Status Insert(const barrier::NewNote& note);
  [[nodiscard]] Result<bool> IsPruned();
  [[nodiscard]] Status SetResult(const std::string& result);

  Connection& connection_;
  const ActionContext& call_;
  const std::string log_id_;
  const std::string gtid_;
  bool open_ = false;               // to the business
  const char* why_dead_ = nullptr;  // nothing will be committed
};

}  // namespace settle::sqlite
