// How transactions begin, and whose they are.
#include <utility>

#include "engine/admission.h"
#include "engine/posting.h"
#include "engine/sessions.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {

Status Engine::CheckRoom() const {
  if (admission_->draining) {
    return Fail(ErrorCode::kRetry,
                "the coordinator is shutting down and begins no new transactions",
                "try again; it is probably being restarted");
  }
  if (const auto paused = admission_->pauses.OfEverythingNew()) {
    return Fail(ErrorCode::kRetry, "nothing new is begun: " + InWords(*paused),
                "try again later; " + HowToResume(*paused));
  }
  std::size_t running = 0;
  for (const auto& shard : shards_) running += shard->running();
  if (running < settings_.open_transactions_max) return {};
  return Fail(ErrorCode::kRetry,
              "the limit of " + std::to_string(settings_.open_transactions_max) +
                  " open transactions is reached",
              "finish some, or raise --max-open-transactions");
}

Gtid Engine::NextGtid(const std::string& identity, Decides decides,
                      std::optional<std::size_t> shard) {
  const LogIdentity& log = log_.identity();
  const bool reused = SETTLE_PLANTED_BUG(kGtidReused);
  const auto make = [&](std::uint64_t sequence) {
    if (reused) return Gtid::Make(log.log_id, 1, sequence, 0);
    const auto sealed = log.seals.TailOf(log.epoch, sequence, identity);
    const std::uint32_t tail = sealed ? *sealed : ids_.Tail();
    return decides == Decides::kLog
               ? Gtid::Make(log.log_id, log.epoch, sequence, tail)
               : Gtid::MakeForLastResource(log.log_id, log.epoch, sequence, tail);
  };
  using Lane = Unended::Lane;
  return admission_->unended.GiveOut(
      make, shard ? Lane{shards_.size(), *shard % shards_.size()} : Lane{});
}

bool Engine::Began(const Gtid& gtid, const std::string& identity) const {
  const LogIdentity& log = log_.identity();
  if (gtid.log_id() != log.log_id || log.HasLostAllOf(gtid)) return true;
  return log.seals.Began(gtid, identity);
}

QuotaRefusals Engine::quota_refusals() const {
  return {admission_->quota.refusals(), admission_->sagas_quota.refusals(),
          sessions_->quota_refusals(), sessions_->name_refusals()};
}

void Engine::Begin(BeginCall call, Completion<Begun> done) {
  if (Status room = CheckRoom(); !room) return done(Fail(room.error()));
  if (!admission_->quota.Take(QuotaKey(call.identity, call.owner), call.undecided_max)) {
    return done(Fail(OverQuota(call.identity, call.owner, call.undecided_max,
                               settings_.undecided_per_owner_max,
                               "transactions that are not decided", "--max-undecided-per-owner",
                               "commit or abort each transaction that was begun; their deadlines "
                               "abort them otherwise")));
  }
  const Decides decides = call.last_resource ? Decides::kLogOrLastResource : Decides::kLog;
  const Gtid gtid = NextGtid(call.identity, decides, call.shard);
  Shard& shard = ShardOf(gtid);
  if (shard.mailbox().Post([&shard, gtid, call, done] { shard.Begin(gtid, call, done); })) return;
  admission_->quota.GiveBack(QuotaKey(call.identity, call.owner));
  admission_->unended.End(gtid);
  done(Fail(IsBusy()));
}

}  // namespace settle::coordinator
