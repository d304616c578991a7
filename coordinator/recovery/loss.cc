#include "recovery/loss.h"

#include <algorithm>
#include <ctime>
#include <variant>

namespace settle::coordinator {
namespace {

std::string InUtc(WallTime at) {
  if (at <= 0) return "a copy";
  const auto seconds = static_cast<std::time_t>(at / 1'000'000);
  std::tm utc{};
  char text[40] = "";
  if (::gmtime_r(&seconds, &utc) != nullptr)
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return "the backup of " + std::string(text);
}

std::string Since(const LostEpochs& lost) {
  return "this log was restored from " + InUtc(lost.taken) + ", taken in epoch " +
         std::to_string(lost.first) + ", and what was written after that was lost";
}

// The loss after which nothing of `gtid` was written any more.
const LostEpochs& LossThatMayConcern(const LogIdentity& log, const Gtid& gtid) {
  return *std::find_if(log.lost.begin(), log.lost.end(),
                       [&](const LostEpochs& lost) { return gtid.epoch() <= lost.last; });
}

std::string MayHave(const LogIdentity& log, const Gtid& gtid, const std::string& what) {
  return Since(LossThatMayConcern(log, gtid)) + ": " + what;
}

bool IsUndecided(const RestoredTransaction& transaction) {
  return std::holds_alternative<std::monostate>(transaction.decision);
}

bool HasTurnedBackOrEnded(const RestoredSaga& saga) {
  return std::any_of(saga.later.begin(), saga.later.end(), [](const SagaRecord& record) {
    return std::holds_alternative<SagaAbortingRecord>(record) ||
           std::holds_alternative<SagaEndRecord>(record);
  });
}

}  // namespace

Ending LostEnding(const LogIdentity& log, const Gtid& gtid) {
  return {Outcome::kUnknown, AbortCause::kNone,
          MayHave(log, gtid,
                  "whether it was committed is not known here, so its branches are left as they "
                  "are; see in the databases of its other branches whether its work is there, then "
                  "commit or roll back by hand what is prepared, all of it alike"),
          false};
}

std::string FindLoss(const RestoredTransaction& transaction, const LogIdentity& log) {
  const Gtid& gtid = transaction.gtid();
  if (!IsUndecided(transaction) || !log.IsFromBeforeALoss(gtid)) return {};
  if (transaction.pre_commit) {
    return MayHave(log, gtid,
                   "it was pre-committed and undecided then; its sites can decide it among "
                   "themselves, without the coordinator's witness, whose promises were lost");
  }
  if (!transaction.registered.empty() && log.HasLost(gtid)) {
    return MayHave(log, gtid,
                   "it had reservations and was undecided then, and may have been committed since");
  }
  return {};
}

std::string FindLoss(const RestoredSaga& saga, const LogIdentity& log) {
  const Gtid& gtid = saga.begin.gtid;
  if (!log.IsFromBeforeALoss(gtid) || HasTurnedBackOrEnded(saga)) return {};
  return MayHave(log, gtid,
                 "it went forward then, and may have gone on, ended or been turned back since; to "
                 "call its next step could do what nobody undoes");
}

}  // namespace settle::coordinator
