#include "admin/audit.h"

#include "engine/await.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {
namespace {

constexpr std::size_t kResultBytesMost = 1'000;

}  // namespace

std::string ResultInWords(const Error& error) {
  const bool maybe_done =
      error.code == ErrorCode::kAskOutcome || error.code == ErrorCode::kInternal;
  return ((maybe_done ? "unknown: " : "refused: ") + error.message).substr(0, kResultBytesMost);
}

// What would be done after all is asked for like any other.
Status Audit::RefuseUnrecorded(const Action& action) {
  if (!action.would || !refusals_.AreEnough(action.counted_as, clock_.Now())) return {};
  Status refused = action.would();
  if (refused) return {};
  if (refusals_.LeaveOut(action.counted_as) == 1) {
    observer_.Event(Observer::Level::kWarning, {},
                    std::to_string(Refusals::kRowsMost) + " calls (" + Escaped(action.counted_as) +
                        ") were refused within an hour: more of them are counted, and are no rows "
                        "of the audit trail");
  }
  return refused;
}

std::string Audit::Refused(const Action& action, const Error& error) {
  std::string words = ResultInWords(error);
  if (action.counted_as.empty() || !words.starts_with("refused: ")) return words;
  const std::uint64_t left_out = refusals_.Record(action.counted_as, clock_.Now());
  if (left_out > 0)
    words += " (and " + std::to_string(left_out) + " calls like it before, which are no rows)";
  return words;
}

Result<std::uint64_t> Audit::Append(AuditRow row) {
  return Await<std::uint64_t>([&](Completion<std::uint64_t> done) {
    log_.AppendAudit(std::move(row), Durability::kForce,
                     [this, done = std::move(done)](AppendResult result, const std::string& reason,
                                                    std::uint64_t number) {
                       if (result == AppendResult::kUnknown)
                         observer_.Fatal("the decision log failed: " + reason);
                       if (result == AppendResult::kDurable) return done(number);
                       done(Fail(ErrorCode::kRetry,
                                 "nothing was done: that it was asked for could not be written to "
                                 "the audit trail: " +
                                     reason,
                                 "make room for the log, and ask again"));
                     });
  });
}

Result<std::uint64_t> Audit::Ask(const Action& action) {
  Result<std::uint64_t> asked = Append({clock_.WallNow(), 0, action.caller, action.operator_name,
                                        action.what, action.target, action.reason, "asked"});
  // Crash in here: the trail says "asked", and nothing was done.
  if (asked) SETTLE_FAILPOINT("audit.asked");
  return asked;
}

// Without it the trail goes on to say "asked", which is true, and never that it was not done.
void Audit::Answer(const Action& action, std::uint64_t asked, std::string result) {
  // Crash in here: the trail says "asked", and it was done.
  SETTLE_FAILPOINT("audit.acted");
  const Result<std::uint64_t> noted =
      Append({clock_.WallNow(), asked, action.caller, action.operator_name, action.what,
              action.target, action.reason, result});
  if (noted) return;
  const Result<Gtid> gtid = Gtid::Parse(action.target);
  observer_.Event(Observer::Level::kError, gtid ? About(*gtid) : About(),
                  "the audit trail has no room for what came of its row " + std::to_string(asked) +
                      " (" + action.what + ", " + Escaped(action.target) + "): " + result);
}

}  // namespace settle::coordinator
