// Sagas, as far as they are not one shard's affair: starting them, and what is kept by name.
#include <utility>

#include "engine/admission.h"
#include "engine/posting.h"
#include "saga_definition/check.h"
#include "saga_definition/json_text.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

Begun AsBegun(const Gtid& gtid) { return {gtid, gtid.epoch()}; }

// A start by name that does not say which version is the same although a newer one is stored now.
Status CheckSame(const SagaStart& before, const StartSagaCall& call, const SagaStart& now) {
  const bool by_name_alone = !call.name.empty() && call.version == 0;
  const bool same_definition =
      before.fingerprint.definition == now.fingerprint.definition ||
      (by_name_alone && before.saga == call.name && before.version != now.version);
  const bool same_input = before.fingerprint.input == now.fingerprint.input;
  if (same_definition && same_input) return {};
  return Fail(ErrorCode::kRefused,
              "the request key \"" + Escaped(call.request_key) + "\" began saga " +
                  before.gtid.text() + " (" + Escaped(before.saga) + " version " +
                  std::to_string(before.version) + ") with another " +
                  (same_definition ? "input" : "definition") + "; nothing was started",
              "repeat the start as it was, or use another key for another saga");
}

Error MayHaveBegun(const std::string& key, const LostEpochs& lost) {
  return {ErrorCode::kRefused,
          "the request key \"" + Escaped(key) +
              "\" is not known here, and may have begun a saga all the same: this log was "
              "restored from a backup, and what was written after that was lost; nothing was "
              "started",
          "see in its participants whether its work is there; once everything that was lost has "
          "been looked after, settled --losses-settled " +
              std::to_string(lost.last) + " lets keys begin sagas again"};
}

}  // namespace

void Engine::StartSaga(StartSagaCall call, Completion<Begun> done) {
  if (!call.name.empty()) {
    const auto stored = admission_->definitions.Find(call.name, call.version);
    if (!stored) return done(Fail(stored.error()));
    call.definition = (*stored)->definition;
  } else if (Status good = saga::Check(call.definition); !good) {
    return done(Fail(good.error()));
  }
  if (const auto json = saga::ParseJson(call.input); !json) {
    return done(Fail(ErrorCode::kInvalid, "the saga's input: " + json.error().message));
  }
  if (call.request_key.empty()) {
    const Result<Gtid> begun = BeginSaga(std::move(call), done);
    return begun ? void() : done(Fail(begun.error()));
  }
  SagaStart start{{},
                  call.identity,
                  call.request_key,
                  call.definition.name,
                  call.definition.version,
                  FingerprintOf(call.definition, call.input)};
  std::unique_lock lock = admission_->starts.Lock();
  if (const SagaStart* before = admission_->starts.Find(call.identity, call.request_key);
      before != nullptr) {
    const Gtid gtid = before->gtid;
    const Status same = CheckSame(*before, call, start);
    lock.unlock();
    return same ? JoinSaga(gtid, call, done) : done(Fail(same.error()));
  }
  if (UnsettledLoss()) {
    lock.unlock();
    return done(Fail(MayHaveBegun(call.request_key, log_.identity().lost.back())));
  }
  const Result<Gtid> begun = BeginSaga(std::move(call), done);
  if (begun) {
    start.gtid = *begun;
    admission_->starts.Add(std::move(start));
  }
  lock.unlock();
  if (!begun) done(Fail(begun.error()));
}

// The gtid once it is on its way to its shard, which completes `done`; an error if it is not.
Result<Gtid> Engine::BeginSaga(StartSagaCall call, const Completion<Begun>& done) {
  if (Status room = CheckRoom(); !room) return Fail(room.error());
  const std::string key = QuotaKey(call.identity, call.owner);
  if (!admission_->sagas_quota.Take(key, call.open_max)) {
    return Fail(OverQuota(call.identity, call.owner, call.open_max, settings_.sagas_per_owner_max,
                          "sagas that have not ended", "--max-sagas-per-owner",
                          "wait until some have ended: 'settle list' shows what they wait for"));
  }
  const Gtid gtid = NextGtid(call.identity);
  Shard& shard = ShardOf(gtid);
  const bool posted = shard.mailbox().Post([&shard, gtid, call = std::move(call), done] {
    shard.sagas().Start(gtid, call, [done](Result<Gtid> started) {
      if (!started) return done(Fail(std::move(started).error()));
      done(AsBegun(*started));
    });
  });
  if (posted) return gtid;
  admission_->sagas_quota.GiveBack(key);
  admission_->unended.End(gtid);
  return Fail(IsBusy());
}

// The key's saga runs, has ended, or is just being begun by another call: then this waits with it.
void Engine::JoinSaga(const Gtid& gtid, const StartSagaCall& call, const Completion<Begun>& done) {
  const auto again = [this, gtid, identity = call.identity, key = call.request_key] {
    return admission_->starts.Has(identity, key, gtid);
  };
  Post(gtid, done, [gtid, again](Shard& shard, const Completion<Begun>& reply) {
    shard.sagas().Join(gtid, [gtid, again, reply](Result<Gtid> begun) {
      if (begun) return reply(AsBegun(gtid));
      if (begun.error().code != ErrorCode::kNotFound) return reply(Fail(begun.error()));
      if (again()) return reply(AsBegun(gtid));  // it has ended
      reply(Fail(ErrorCode::kRetry, "the start that this one repeats was refused at this moment",
                 "start it again"));
    });
  });
}

void Engine::AwaitSaga(Gtid gtid, std::chrono::milliseconds wait, Completion<SagaEnd> done) {
  Post(gtid, done, [gtid, wait](Shard& shard, const Completion<SagaEnd>& reply) {
    shard.sagas().Await(gtid, wait, [&shard, gtid, reply](Result<Ending> ending) {
      if (!ending) return reply(Fail(std::move(ending).error()));
      reply(SagaEnd{*ending, shard.sagas().ResultsOf(gtid, *ending)});
    });
  });
}

void Engine::ActOnSaga(SagaActCall call, Completion<std::monostate> done) {
  const Gtid gtid = call.gtid;
  Post(gtid, done, [call = std::move(call)](Shard& shard, const Completion<std::monostate>& reply) {
    shard.Act(call, reply);
  });
}

void Engine::DefineSaga(const DefineSagaCall& call, Completion<Defined> done) {
  admission_->definitions.Store(call, std::move(done));
}

Status Engine::CheckDefine(const saga::Definition& definition) const {
  return admission_->definitions.CheckStore(definition);
}

DefinitionPage Engine::ListDefinitions(const DefinitionQuery& query) const {
  return admission_->definitions.List(query);
}

Result<std::shared_ptr<const DefinitionRecord>> Engine::FindDefinition(const std::string& name,
                                                                       std::int32_t version) const {
  return admission_->definitions.Find(name, version);
}

EndedThrough Engine::ended_through() const {
  if (SETTLE_PLANTED_BUG(kMarkPassesWhatRuns)) return {log_.identity().epoch, last_sequence()};
  return admission_->unended.Through();
}

std::optional<Gtid> Engine::oldest_unended() const { return admission_->unended.Oldest(); }

}  // namespace settle::coordinator
