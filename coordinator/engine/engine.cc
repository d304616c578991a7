#include "engine/engine.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "engine/admission.h"
#include "engine/posting.h"
#include "engine/sessions.h"
#include "engine/shard.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

constexpr std::chrono::milliseconds kTick{100};

}  // namespace

const Gtid& RestoredTransaction::gtid() const {
  if (const auto* commit = std::get_if<CommitRecord>(&decision)) return commit->gtid;
  if (const auto* one_phase = std::get_if<OnePhaseRecord>(&decision)) return one_phase->gtid;
  if (const auto* abort = std::get_if<QuorumAbortRecord>(&decision)) return abort->gtid;
  if (pre_commit) return pre_commit->gtid;
  if (ballot) return ballot->gtid;
  if (last_resource) return last_resource->gtid;
  if (!intents.empty()) return intents.front().gtid;
  if (!heuristics.empty()) return heuristics.front().gtid;
  return registered.empty() ? forgotten->gtid : registered.front().gtid;
}

Engine::Engine(const Settings& settings, DecisionLog& log, Clock& clock, Ids& ids,
               Observer& observer)
    : settings_(settings),
      log_(log),
      clock_(clock),
      ids_(ids),
      observer_(observer),
      admission_(new Admission{OwnerQuota(settings.undecided_per_owner_max),
                               OwnerQuota(settings.sagas_per_owner_max),
                               Unended(log.identity().epoch, UnsettledLoss()),
                               SagaStarts(settings.saga_starts_kept),
                               {log, clock, observer},
                               {log, clock, observer}}) {
  const auto to_all = [this](auto task) {
    for (const auto& shard : shards_)
      shard->mailbox().PostAlways([&shard = *shard, task] { task(shard); });
  };
  sessions_ = std::make_unique<Sessions>(
      settings_, log, clock, ids, observer,
      Sessions::Listener{[to_all](const SessionId& session) {
                           to_all([session](Shard& shard) { shard.SessionLost(session); });
                         },
                         [to_all](const std::string& resource) {
                           to_all([resource](Shard& shard) { shard.ResourceReady(resource); });
                         },
                         [to_all](const std::string& participant) {
                           to_all([participant](Shard& shard) {
                             shard.ParticipantReady(participant);
                           });
                         },
                         [this] { return ended_through(); }});
  for (std::size_t i = 0; i < std::max<std::size_t>(1, settings.shards); ++i) {
    shards_.push_back(
        std::make_unique<Shard>(settings_, log, clock, ids, observer, *sessions_, *admission_));
  }
  shards_.front()->EveryTick(kTick, [this] { Tick(); });
}

Engine::~Engine() = default;

std::optional<Epoch> Engine::UnsettledLoss() const {
  for (const LostEpochs& lost : log_.identity().lost) {
    if (lost.last > settings_.losses_settled) return lost.first;
  }
  return std::nullopt;
}

void Engine::Tick() {
  sessions_->Tick();
  if (!admission_->draining) return;
  for (const auto& shard : shards_) {
    if (shard->undecided() != 0) return;
  }
  std::function<void()> drained;
  {
    const std::lock_guard lock(admission_->mutex);
    drained = std::exchange(admission_->drained, {});
  }
  if (drained) drained();
}

Shard& Engine::ShardOf(const Gtid& gtid) { return *shards_[gtid.sequence() % shards_.size()]; }

void Engine::Restore(RestoredState state) {
  sessions_->Restore(state.resources);
  for (RestoredTransaction& transaction : state.open) {
    const bool forced = !transaction.intents.empty() &&
                        transaction.intents.front().intent.act == HeuristicAct::kForce;
    if (!transaction.registered.empty() || transaction.pre_commit || forced)
      admission_->unended.Restore(transaction.gtid());
    Shard& shard = ShardOf(transaction.gtid());
    shard.Restore(std::move(transaction));
  }
  for (DefinitionRecord& record : state.definitions) {
    admission_->definitions.Restore(std::move(record));
  }
  for (const PauseRecord& record : state.pauses) admission_->pauses.Restore(record);
  for (SagaStart& start : state.ended_starts) admission_->starts.Restore(std::move(start), true);
  for (RestoredSaga& saga : state.sagas) {
    const SagaBeginRecord& begin = saga.begin;
    admission_->unended.Restore(begin.gtid);
    admission_->sagas_quota.TakeBeyond(QuotaKey(begin.origin));
    if (!begin.request_key.empty()) {
      admission_->starts.Restore(
          {begin.gtid, begin.origin.identity, begin.request_key, begin.definition.name,
           begin.definition.version, FingerprintOf(begin.definition, begin.input)},
          false);
    }
    Shard& shard = ShardOf(saga.begin.gtid);
    shard.sagas().Restore(std::move(saga));
  }
}

void Engine::Enlist(EnlistCall call, Completion<BranchNumber> done) {
  Result<Sessions::Owner> owner = sessions_->FindOwner(call.session, call.resource);
  if (!owner) return done(Fail(std::move(owner).error()));
  if (call.session_of && *call.session_of != owner->caller) {
    return done(Fail(ErrorCode::kDenied, "the session belongs to another identity",
                     "enlist with a session that this program has attached"));
  }
  Post(call.gtid, done,
       [call, owner = *owner](Shard& shard, const Completion<BranchNumber>& reply) {
         shard.Enlist(call, owner, reply);
       });
}

void Engine::Try(TryCall call, Completion<TryAnswer> done) {
  const Gtid gtid = call.gtid;
  Post(gtid, done, [call = std::move(call)](Shard& shard, const Completion<TryAnswer>& reply) {
    shard.Try(call, reply);
  });
}

void Engine::Commit(CommitCall call, Completion<CommitAnswer> done) {
  const Gtid gtid = call.gtid;
  Post(gtid, done,
       [call = std::move(call)](Shard& shard, const Completion<CommitAnswer>& reply) mutable {
         shard.Commit(std::move(call), reply);
       });
}

void Engine::CommitOnePhase(OnePhaseCall call, Completion<OnePhaseAnswer> done) {
  Post(call.gtid, done, [call](Shard& shard, const Completion<OnePhaseAnswer>& reply) {
    shard.CommitOnePhase(call, reply);
  });
}

void Engine::Abort(AbortCall call, Completion<Ending> done) {
  Post(call.gtid, done,
       [call](Shard& shard, const Completion<Ending>& reply) { shard.Abort(call, reply); });
}

void Engine::AskOutcome(Gtid gtid, Completion<Ending> done) {
  Post(gtid, done,
       [gtid](Shard& shard, const Completion<Ending>& reply) { shard.AskOutcome(gtid, reply); });
}

void Engine::Attach(AttachCall call, Completion<Attached> done) {
  sessions_->Attach(call, std::move(done));
}

void Engine::Fetch(FetchCall call, Completion<CommandBatch> done) {
  sessions_->Fetch(call, std::move(done));
}

void Engine::Report(ReportCall call, Completion<std::monostate> done) {
  Result<Sessions::Serves> serves = sessions_->Touch(call.session, call.session_of);
  if (!serves) return done(Fail(std::move(serves).error()));
  reports_taken_ += call.votes.size() + call.sites.size() + call.ends.size() + call.answers.size();
  const auto reporter =
      std::make_shared<const Reporter>(observer_, call.session, *std::move(serves));
  for (VoteReport& vote : call.votes) {
    Shard& shard = ShardOf(vote.gtid);
    shard.mailbox().PostAlways(
        [&shard, reporter, vote = std::move(vote)] { shard.Voted(*reporter, vote); });
  }
  for (SiteReport& site : call.sites) {  // before the end of the same branch
    Shard& shard = ShardOf(site.key.gtid);
    shard.mailbox().PostAlways(
        [&shard, reporter, site = std::move(site)] { shard.SiteAnswered(*reporter, site); });
  }
  for (EndReport& end : call.ends) {
    Shard& shard = ShardOf(end.key.gtid);
    shard.mailbox().PostAlways(
        [&shard, reporter, end = std::move(end)] { shard.Finished(*reporter, end); });
  }
  for (SagaAnswer& answer : call.answers) {
    Shard& shard = ShardOf(answer.key.gtid);
    shard.mailbox().PostAlways(
        [&shard, reporter, answer = std::move(answer)] { shard.Answered(*reporter, answer); });
  }
  sessions_->Answered(call.session, std::move(call.question_answers));
  done(std::monostate{});
}

void Engine::Ask(Question question, Completion<LiveAnswer> done) {
  sessions_->Ask(std::move(question), std::move(done));
}

void Engine::StopAsking() { sessions_->StopAsking(); }

void Engine::Detach(SessionId session, Completion<std::monostate> done, const OnlyFor& session_of) {
  if (Status detached = sessions_->Detach(session, session_of); !detached)
    return done(Fail(detached.error()));
  done(std::monostate{});
}

bool Engine::Serves(const SessionId& session, const std::string& resource) const {
  return sessions_->FindOwner(session, resource).has_value();
}

void Engine::Peer(PeerCall call, Completion<SiteAnswer> done) {
  const Gtid gtid = call.gtid;
  Post(gtid, done, [call = std::move(call)](Shard& shard, const Completion<SiteAnswer>& reply) {
    shard.Peer(call, reply);
  });
}

void Engine::FoundPrepared(BranchKey key, std::string resource, const Evidence& evidence,
                           const std::optional<LastResource>& last,
                           Completion<std::monostate> done) {
  const Gtid gtid = key.gtid;
  Post(gtid, done,
       [key = std::move(key), resource = std::move(resource), evidence, last](
           Shard& shard, const Completion<std::monostate>& reply) {
         shard.FoundPrepared(key, resource, evidence, last, reply);
       });
}

void Engine::AskLastResource(const BranchKey& key, const std::string& resource,
                             const Evidence& evidence, const LastResource& last) {
  Shard& shard = ShardOf(key.gtid);
  shard.mailbox().PostAlways([&shard, key, resource, evidence, last] {
    shard.AskLastResource(key, resource, evidence, last);
  });
}

void Engine::RecordDamage(HeuristicRecord record) {
  Shard& shard = ShardOf(record.gtid);
  shard.mailbox().PostAlways([&shard, record = std::move(record)] { shard.RecordDamage(record); });
}

void Engine::SendStray(Command command) { sessions_->Send(SessionId{}, std::move(command)); }

void Engine::Show(Gtid gtid, Completion<TransactionSummary> done) {
  Post(gtid, done, [gtid](Shard& shard, const Completion<TransactionSummary>& reply) {
    shard.Show(gtid, reply);
  });
}

// Asks every shard and adds up what they say: the first answer is the sum so far.
template <typename T, typename Part, typename Add>
void Engine::AskAll(const Completion<T>& done, Part part_of, Add add) {
  struct Gathering {
    std::mutex mutex;
    std::optional<T> sum;
    std::size_t missing;
  };
  auto gathering = std::make_shared<Gathering>();
  gathering->missing = shards_.size();
  for (const auto& shard : shards_) {
    shard->mailbox().PostAlways([&shard = *shard, gathering, done, part_of, add] {
      T part = part_of(shard);
      {
        const std::lock_guard lock(gathering->mutex);
        if (gathering->sum) {
          add(*gathering->sum, std::move(part));
        } else {
          gathering->sum = std::move(part);
        }
        if (--gathering->missing != 0) return;
      }
      done(*std::move(gathering->sum));
    });
  }
}

void Engine::ListOpen(OpenQuery query, Completion<OpenPage> done) {
  AskAll<OpenPage>(
      done, [query](const Shard& shard) { return shard.ListOpen(query); },
      [most = query.most](OpenPage& sum, OpenPage part) {
        std::move(part.transactions.begin(), part.transactions.end(),
                  std::back_inserter(sum.transactions));
        std::sort(sum.transactions.begin(), sum.transactions.end(),
                  [](const auto& a, const auto& b) { return a.gtid > b.gtid; });
        sum.more = sum.more || part.more || sum.transactions.size() > most;
        sum.transactions.resize(std::min(sum.transactions.size(), most));
      });
}

void Engine::CountOpen(Completion<OpenCounts> done) {
  AskAll<OpenCounts>(
      done, [](const Shard& shard) { return shard.CountOpen(); },
      [](OpenCounts& sum, const OpenCounts& part) {
        for (const auto& [state, count] : part.by_state) sum.by_state[state] += count;
        for (const auto& [resource, count] : part.waiting) sum.waiting[resource] += count;
        sum.in_doubt += part.in_doubt;
        sum.NoteOldest(part.oldest_in_doubt);
        sum.sagas += part.sagas;
        sum.damaged += part.damaged;
        sum.quarantined += part.quarantined;
      });
}

void Engine::Measure(Completion<Measures> done) {
  AskAll<Measures>(
      done, [](const Shard& shard) { return shard.measures(); },
      [](Measures& sum, const Measures& part) { sum += part; });
}

void Engine::Participants(Completion<std::vector<ParticipantView>> done) {
  done(sessions_->View());
}

std::optional<Instant> Engine::ServedSince(const std::string& resource) const {
  return sessions_->ServedSince(resource);
}

void Engine::AcceptIdentity(ResourceRecord record, Completion<std::monostate> done) {
  sessions_->AcceptIdentity(std::move(record), std::move(done));
}

void Engine::Hurry(Gtid gtid, Completion<Hurried> done) {
  Post(gtid, done,
       [gtid](Shard& shard, const Completion<Hurried>& reply) { shard.Hurry(gtid, reply); });
}

void Engine::HurryStep(Gtid gtid, BranchNumber step, Completion<Hurried> done) {
  Post(gtid, done, [gtid, step](Shard& shard, const Completion<Hurried>& reply) {
    shard.sagas().Retry(gtid, step, reply);
  });
}

void Engine::HurryAll(std::string resource, Completion<Hurried> done) {
  AskAll<Hurried>(
      done, [resource = std::move(resource)](Shard& shard) { return shard.HurryAll(resource); },
      [](Hurried& sum, const Hurried& part) {
        sum.transactions += part.transactions;
        const auto add = [](auto& sums, const auto& parts) {
          for (const auto& [where, branches] : parts) {
            Hurried::Branches& all = sums[where];
            all.count += branches.count;
            if (all.last_error.empty()) all.last_error = branches.last_error;
          }
        };
        add(sum.sent, part.sent);
        add(sum.called, part.called);
      });
}

void Engine::Forget(ForgetCall call, Completion<std::monostate> done) {
  Post(call.gtid, done, [call](Shard& shard, const Completion<std::monostate>& reply) {
    shard.ForgetDamaged(call, reply);
  });
}

void Engine::Intervene(HeuristicCall call, Completion<Gtid> done) {
  if (call.gtid.empty()) {
    call.gtid = NextGtid(call.identity);
    // No participant keeps anything for it.
    done = [this, gtid = call.gtid, done = std::move(done)](Result<Gtid> recorded) {
      admission_->unended.End(gtid);
      done(std::move(recorded));
    };
  }
  const Gtid gtid = call.gtid;
  Post(gtid, done, [call = std::move(call)](Shard& shard, const Completion<Gtid>& reply) {
    shard.Intervene(call, reply);
  });
}

void Engine::Drain(std::function<void()> done) {
  {
    const std::lock_guard lock(admission_->mutex);
    admission_->drained = std::move(done);
  }
  admission_->draining = true;
}

bool Engine::draining() const { return admission_->draining; }

Messages Engine::messages() const { return {sessions_->commands_sent(), reports_taken_}; }

const LogIdentity& Engine::log_identity() const { return log_.identity(); }

std::uint64_t Engine::last_sequence() const { return admission_->unended.last_sequence(); }

}  // namespace settle::coordinator
