// Statements that wait for the next round trip.
#include <iterator>
#include <utility>

#include "postgres/branch.h"
#include "postgres/sql_text.h"

namespace settle::postgres {
namespace {

const char* const kStillQueued = "the statement has not been sent yet";
const char* const kNotRun = "the statement was not run: one before it failed";

}  // namespace

Result<std::size_t> BranchOnConnection::Queue(
    const std::string& sql, const std::vector<std::optional<std::string>>& parameters,
    std::optional<std::int64_t> affected) {
  const Inside inside(*this, WhenBusy::kRefuse);
  if (!inside) return Fail(ErrorCode::kRefused, inside.why());
  if (std::string why = WhyNotUsable(); !why.empty()) {
    return Fail(ErrorCode::kRefused, std::move(why));
  }
  if (Status sendable = CheckSendable(sql, parameters); !sendable) {
    return Fail(std::move(sendable).error());
  }
  const std::string first_word = FirstWord(sql);
  if (ControlsTransaction(first_word)) {
    // What follows in the same round trip would run whatever the answer to this is.
    return Fail(ErrorCode::kRefused, first_word + " cannot be queued",
                "use Execute for savepoints; leave COMMIT and ROLLBACK to the global transaction");
  }
  const std::lock_guard lock(mutex_);
  const std::size_t number = answers_.size();
  answers_.emplace_back(Fail(ErrorCode::kRefused, kStillQueued, "call Flush, Execute or Commit"));
  queue_.push_back({number, {sql, parameters}, Writes(first_word), affected});
  return number;
}

Status BranchOnConnection::Flush() {
  const Inside inside(*this, WhenBusy::kRefuse);
  if (!inside) return Fail(ErrorCode::kRefused, inside.why());
  if (std::string why = WhyNotUsable(); !why.empty()) {
    return Fail(ErrorCode::kRefused, std::move(why));
  }
  if (queue_.empty()) return {};
  const Reply reply = RunInside({});
  if (!reply.ok()) {
    NoteFailure(reply);
    return Fail(CodeFor(reply), reply.words());
  }
  if (std::string why = WhyNotUsable(); !why.empty()) {
    return Fail(ErrorCode::kRefused, std::move(why));
  }
  return {};
}

Result<Rows> BranchOnConnection::Answer(std::size_t number) const {
  const std::lock_guard lock(mutex_);
  if (number < answers_.size()) return answers_[number];
  return Fail(ErrorCode::kInvalid, "no statement of this branch has that number");
}

void BranchOnConnection::SetAnswer(std::size_t number, Result<Rows> answer) {
  const std::lock_guard lock(mutex_);
  answers_[number] = std::move(answer);
}

bool BranchOnConnection::QueueWrites() const {
  return std::ranges::any_of(queue_, [](const Queued& queued) { return queued.writes; });
}

std::vector<Statement> BranchOnConnection::TakeWaiting() {
  evidence_.reset();
  std::vector<Statement> statements;
  if (!std::exchange(begun_, true)) {
    statements.push_back({"BEGIN"});
    const long long timeout = database_->options().statement_timeout.count();
    if (timeout > 0) {
      statements.push_back({"SET LOCAL statement_timeout = " + std::to_string(timeout)});
    }
  }
  begin_out_ = statements.size();
  queue_out_ = std::exchange(queue_, {});
  for (const Queued& queued : queue_out_) statements.push_back(queued.statement);
  // A function may have prepared statements, or taken away those that are kept here.
  lease_->touched = lease_->plans_in_doubt = true;
  return statements;
}

std::vector<Reply> BranchOnConnection::NoteWaiting(std::vector<Reply> replies) {
  const std::size_t waited = waiting_out();
  std::size_t at = std::exchange(begin_out_, 0);
  for (const Queued& queued : std::exchange(queue_out_, {})) NoteQueued(queued, replies, at++);
  const std::size_t noted = std::min(waited, replies.size());
  // Of those that waited alone, or up to one that failed, the last reply stands for all.
  const std::size_t rest = noted == replies.size() ? noted - 1 : noted;
  replies.erase(replies.begin(), replies.begin() + static_cast<std::ptrdiff_t>(rest));
  return replies;
}

void BranchOnConnection::NoteQueued(const Queued& queued, std::vector<Reply>& replies,
                                    std::size_t at) {
  if (at >= replies.size()) {
    const bool lost = replies.back().lost();
    return SetAnswer(queued.number, Fail(lost ? ErrorCode::kRetryTransaction : ErrorCode::kRefused,
                                         lost ? replies.back().words() : kNotRun));
  }
  const Reply& reply = replies[at];
  if (!reply.ok()) {
    NoteFailure(reply);
    return SetAnswer(queued.number, Fail(CodeFor(reply), reply.words()));
  }
  if (reply.affected() > 0) wrote_ = true;
  const std::string tag = reply.tag();
  if (tag == "NOTIFY") must_prepare_ = true;
  // Queue lets nothing through that is answered so. Should it have done so all the same, what ran
  // behind it was outside of the branch's transaction.
  if (tag == "COMMIT" || tag == "ROLLBACK" || tag == "PREPARE TRANSACTION") {
    ended_ = true;
    failure_ = kEndedByApplication;
  }
  const bool as_expected = !queued.affected || reply.affected() == *queued.affected;
  if (!as_expected && unexpected_.empty()) {
    unexpected_ = "queued statement " + std::to_string(queued.number) + " (" + OneLine(tag) +
                  ") affected " + std::to_string(reply.affected()) + " rows instead of " +
                  std::to_string(*queued.affected);
  }
  SetAnswer(queued.number, reply.Rows());
}

}  // namespace settle::postgres
