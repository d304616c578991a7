#include "settle/fenced_lock.h"

#include <algorithm>
#include <thread>

namespace settle {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPauseFirst{10};
constexpr milliseconds kPauseMost{200};

}  // namespace

Result<LockToken> FencedLock::Acquire(Work& work, const Gtid& owner) const {
  const Result<Rows> taken = work.Execute(
      "INSERT INTO settle_lock (name, token, owner) VALUES ($1, 1, $2) ON CONFLICT (name) "
      "DO UPDATE SET owner = excluded.owner, token = settle_lock.token + "
      "CASE WHEN settle_lock.owner = excluded.owner THEN 0 ELSE 1 END "
      "WHERE settle_lock.owner IS NULL OR settle_lock.owner = excluded.owner RETURNING token",
      {name_, owner.text()});
  if (!taken) return Fail(taken.error());
  if (!taken->rows.empty()) return std::stoll(taken->rows[0][0].value());
  const Result<Rows> holder =
      work.Execute("SELECT owner FROM settle_lock WHERE name = $1", {name_});
  if (!holder) return Fail(holder.error());
  // It may have been freed between the two.
  const std::string who = holder->rows.empty() ? "" : holder->rows[0][0].value_or("");
  return Fail(ErrorCode::kRetry,
              "the lock \"" + Escaped(name_) + "\" is held by " + (who.empty() ? "another" : who),
              who.empty() ? "" : "it is free when that ends: see 'settle show " + who + "'");
}

// An update, for its lock on the row: SQLite has no SELECT ... FOR UPDATE.
Status FencedLock::CheckToken(Work& work, const Gtid& owner, LockToken token) const {
  const Result<Rows> held = work.Execute(
      "UPDATE settle_lock SET token = token WHERE name = $1 AND owner = $2 "
      "AND token = CAST($3 AS bigint)",
      {name_, owner.text(), std::to_string(token)});
  if (!held) return Fail(held.error());
  if (held->affected == 1) return {};
  return Fail(ErrorCode::kRefused, "the lock \"" + Escaped(name_) + "\" is not held by " +
                                       owner.text() + " with token " + std::to_string(token) +
                                       " (any more)");
}

Status FencedLock::Release(Work& work, const Gtid& owner) const {
  const Result<Rows> freed = work.Execute(
      "UPDATE settle_lock SET owner = NULL WHERE name = $1 AND owner = $2", {name_, owner.text()});
  if (!freed) return Fail(freed.error());
  return {};
}

Status FencedLock::ReleaseAll(Work& work, const Gtid& owner) {
  const Result<Rows> freed =
      work.Execute("UPDATE settle_lock SET owner = NULL WHERE owner = $1", {owner.text()});
  if (!freed) return Fail(freed.error());
  return {};
}

Answer TryUntilFree(const ActionContext& call, const LockWait& wait,
                    const std::function<Answer(bool& held)>& attempt) {
  // No call's deadline is later.
  auto until = Clock::now() + std::min<milliseconds>(wait.timeout, std::chrono::hours(24));
  if (call.deadline != Clock::time_point{}) until = std::min(until, call.deadline);
  for (milliseconds pause = kPauseFirst;; pause = std::min(pause * 2, kPauseMost)) {
    bool held = false;
    Answer answer = attempt(held);
    if (!held) return answer;
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left <= milliseconds(0)) {
      Answer otherwise = wait.otherwise;
      if (otherwise.text.empty()) otherwise.text = answer.text;
      return otherwise;
    }
    std::this_thread::sleep_for(std::min(pause, left));
  }
}

}  // namespace settle
