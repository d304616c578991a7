// The session: attach, fetch, carry out, report, scan. As participant-sdk/src/participant does it.
#include "simulation/process.h"

#include <utility>

namespace settle::simulation {

Process::Process(World& world, CoordinatorNode& coordinator, std::string name,
                 std::vector<SimulatedDatabase*> databases, std::map<Gtid, Note>& notes)
    : Caller(world, coordinator, std::move(name)),
      databases_(std::move(databases)),
      notes_(notes),
      witness_(world, coordinator, notes) {}

void Process::OnCrash() {
  for (const auto& [key, work] : work_)
    work.database->Rollback(work.local);  // its connections are gone
  work_.clear();
  evidence_.clear();
  table_.emplace();
  greeted_ = 0;
  seen_log_.clear();
  votes_.clear();
  ends_.clear();
  site_reports_.clear();
  found_.clear();
  reporting_ = false;
}

bool Process::Greets(std::uint64_t incarnation) {
  const Epoch epoch = coordinator_.epoch();
  if (incarnation != incarnation_ || frozen()) return !coordinator_.runs_on_an_older_copy();
  if (epoch == greeted_) return true;
  Result<sdk::Steps> met = table_->Meet(coordinator_.disk().log_id, epoch);
  if (!met) {
    world_.Count(Fault::kOlderLogRefused);
    world_.Say("    ", name(), " refuses: ", met.error().message);
    return false;
  }
  greeted_ = epoch;
  Perform(*std::move(met));
  return true;
}

SimulatedDatabase* Process::DatabaseOf(const std::string& resource) const {
  for (SimulatedDatabase* database : databases_) {
    if (database->name() == resource) return database;
  }
  return nullptr;
}

void Process::Attach() {
  NoteTouch(false);  // until it is answered, which may be never
  session_.clear();
  received_through_ = 0;
  AttachCall call;
  call.process = name();
  for (SimulatedDatabase* database : databases_)
    call.resources.push_back({database->name(), database->identity()});
  OfferPeers(call);
  call.log_id_seen = seen_log_;
  call.epoch_seen = table_->HighestEpoch(seen_log_);
  Ask<Attached>(
      {}, 1'000'000, microseconds(30'000),
      [call](Engine& engine, Inquiry&, Completion<Attached> done) {
        engine.Attach(call, std::move(done));
      },
      [this](const Result<Attached>& attached) {
        NoteTouch(attached.has_value());
        if (attached) return OnAttached(*attached);
        Later(microseconds(20'000), [this] { Attach(); });
      });
}

void Process::OnAttached(const Attached& attached) {
  auto met = table_->Meet(attached.log_id, attached.epoch);
  if (!met) return Later(microseconds(20'000), [this] { Attach(); });
  seen_log_ = attached.log_id;
  session_epoch_ = attached.epoch;
  session_ = attached.session;
  Perform(*std::move(met));
  Perform(table_->Attach(session_, attached.log_id));
  Fetch();
  Scan();
  Report();
}

void Process::SessionIsLost() {
  if (coordinator_.up() && coordinator_.epoch() == session_epoch_)
    world_.Count(Fault::kSessionTakenForLost);
  Attach();
}

void Process::Fetch() {
  const SessionId session = session_;
  if (session.empty()) return;
  FetchCall call{session, received_through_, 10, std::chrono::milliseconds(50)};
  Ask<CommandBatch>(
      {}, 1, microseconds(120'000),
      [call](Engine& engine, Inquiry&, Completion<CommandBatch> done) {
        engine.Fetch(call, std::move(done));
      },
      [this, session](const Result<CommandBatch>& batch) {
        if (session != session_) return;
        NoteTouch(batch.has_value());
        if (!batch && batch.error().code == ErrorCode::kNotFound) return SessionIsLost();
        if (batch) Carry(*batch);
        Fetch();
      });
}

void Process::Carry(const CommandBatch& batch) {
  if (batch.number <= received_through_) return;
  received_through_ = batch.number;
  for (const Command& command : batch.commands) {
    sdk::Command own{static_cast<sdk::CommandKind>(command.kind),
                     command.key,
                     command.resource,
                     command.attempt,
                     command.epoch,
                     command.evidence,
                     command.sites,
                     command.ballot,
                     command.quorum};
    const Epoch seen = table_->HighestEpoch(coordinator_.disk().log_id);
    auto steps = table_->Handle(own);
    if (!steps) continue;
    witness_.Carries(command, seen);
    Perform(*std::move(steps));
    if (command.key.number != 0) CarryToSite(command);
  }
}

void Process::Report() {
  const bool nothing = votes_.empty() && ends_.empty() && found_.empty() && site_reports_.empty();
  if (reporting_ || session_.empty() || nothing) return;
  reporting_ = true;
  if (world_.telling()) TellReport();
  ReportCall call{session_,
                  {votes_.begin(), votes_.end()},
                  {ends_.begin(), ends_.end()},
                  {},
                  {site_reports_.begin(), site_reports_.end()}};
  const std::vector<coordinator::FoundBranch> found(found_.begin(), found_.end());
  const auto reported_now = [this, session = session_, votes = votes_.size(), ends = ends_.size(),
                             sites = site_reports_.size(),
                             found = found_.size()](const Result<std::monostate>& reported) {
    reporting_ = false;
    if (reported) {
      votes_.erase(votes_.begin(), votes_.begin() + static_cast<long>(votes));
      ends_.erase(ends_.begin(), ends_.begin() + static_cast<long>(ends));
      site_reports_.erase(site_reports_.begin(), site_reports_.begin() + static_cast<long>(sites));
      found_.erase(found_.begin(), found_.begin() + static_cast<long>(found));
    } else if (reported.error().code == ErrorCode::kNotFound && session == session_) {
      SessionIsLost();
    }
    Report();
  };
  Ask<std::monostate>(
      {}, 1, microseconds(40'000),
      [call = std::move(call), found](Engine& engine, Inquiry& inquiry,
                                      Completion<std::monostate> done) {
        bool attached = false;  // as the handler: what it found counts only for a session
        engine.Report(call, [&attached, done](Result<std::monostate> reported) {
          attached = reported.has_value();
          done(std::move(reported));
        });
        if (!attached) return;
        for (const coordinator::EndReport& end : call.ends) {
          if (end.result.end == BranchEnd::kCommitted)
            inquiry.Committed(end.key, end.result.detail);
        }
        inquiry.Found(found);
      },
      reported_now);
}

void Process::TellReport() {
  for (const coordinator::VoteReport& vote : votes_) {
    world_.Say(name(), " reports: ", vote.gtid.text(), ":", vote.vote.branch, " votes ",
               settle::ToString(vote.vote.result.vote), " ", vote.vote.result.reason);
  }
  for (const coordinator::EndReport& end : ends_) {
    world_.Say(name(), " reports: ", end.key.DatabaseName(), " ", settle::ToString(end.result.end),
               " ", end.result.detail);
  }
  for (const coordinator::SiteReport& site : site_reports_) {
    world_.Say(name(), " reports: ", site.key.DatabaseName(), " is ",
               settle::ToString(site.answer.state), ", elected ",
               settle::ToString(site.answer.elected), ", accepted ",
               settle::ToString(site.answer.accepted));
  }
  for (const auto& [resource, branch, evidence] : found_)
    world_.Say(name(), " reports: ", resource, " has ", branch, " prepared");
}

void Process::Scan() {
  const SessionId session = session_;
  if (session.empty()) return;
  for (SimulatedDatabase* database : databases_) {
    const std::uint64_t ended_before = table_->ended_count();
    const auto names = database->ScanPrepared();
    if (!names || names->empty()) continue;  // one that fails half way counts for nothing
    Later(Effort(), [this, database, names, ended_before] {
      for (const std::string& name : *names) {
        const BranchKey key = *BranchKey::ParseDatabaseName(name);
        if (!table_->Found(key, ended_before) || IsLeftToSites(key, database->name())) continue;
        const std::optional<Evidence> evidence =
            LastResourceIn(name) ? database->EvidenceOfPrepared(name) : Evidence{};
        if (evidence) found_.push_back({database->name(), name, *evidence});
      }
      Report();
    });
  }
  Later(microseconds(150'000), [this, session] {
    if (session == session_) Scan();
  });
}

bool Process::Tell(const BranchKey& key, const sdk::BranchEvent& event) {
  sdk::Steps steps = table_->Handle(key, event);
  bool proceed = false;
  for (const sdk::Step& step : steps) {
    proceed = proceed || std::holds_alternative<sdk::effect::Proceed>(step.effect);
  }
  Perform(std::move(steps));
  return proceed;
}

void Process::Perform(sdk::Steps steps) {
  if (steps.empty()) return;
  for (const sdk::Step& step : steps) PerformOne(step);
  Report();
}

void Process::PerformOne(const sdk::Step& step) {
  const BranchKey& key = step.key;
  if (const auto* vote = std::get_if<sdk::effect::ReportVote>(&step.effect)) {
    votes_.push_back({key.gtid, {key.number, vote->vote}});
  } else if (const auto* end = std::get_if<sdk::effect::ReportEnd>(&step.effect)) {
    ends_.push_back({key, end->end});
  } else if (const auto* prepare = std::get_if<sdk::effect::Prepare>(&step.effect)) {
    if (!prepare->sites.empty()) return PrepareAsSite(key, step.resource, prepare->sites);
    Later(Effort(), [this, key] {
      const VoteResult vote = PrepareNow(key);
      Later(Effort(), [this, key, vote] { Tell(key, sdk::event::Voted{vote}); });
    });
  } else if (const auto* finish = std::get_if<sdk::effect::FinishByHandle>(&step.effect)) {
    FinishSoon(key, step.resource, finish->decision, std::nullopt, {},
               finish->may_be_site ? std::optional(finish->by) : std::nullopt);
  } else if (const auto* by_key = std::get_if<sdk::effect::FinishByKey>(&step.effect)) {
    FinishSoon(key, step.resource, by_key->decision, by_key->evidence, {},
               by_key->may_be_site ? std::optional(by_key->by) : std::nullopt);
  } else if (const auto* prove = std::get_if<sdk::effect::Prove>(&step.effect)) {
    Later(Effort(), [this, key, resource = step.resource, evidence = prove->evidence] {
      const FinishResult result = DatabaseOf(resource)->Prove(evidence);
      world_.Effect(name(), "asks ", resource, " for proof");
      if (notes_[key.gtid].last) {
        world_.Count(result.end == BranchEnd::kHazard  ? Fault::kLastResourceWithoutProof
                     : result.end == BranchEnd::kRetry ? Fault::kLastResourceInProgress
                                                       : Fault::kLastResourceProved);
      }
      Later(Effort(), [this, key, result] { Tell(key, sdk::event::Finished{result}); });
    });
  } else if (std::holds_alternative<sdk::effect::Fence>(step.effect)) {
    RollBackWork(key);
    Later(Effort(), [this, key] { Tell(key, sdk::event::Fenced{}); });
  }
}

// By the evidence that this process itself keeps, unless another is given.
void Process::FinishSoon(const BranchKey& key, const std::string& resource, Decision decision,
                         std::optional<Evidence> evidence, std::function<void()> done,
                         std::optional<DecidedBy> by) {
  Later(Effort(), [this, key, resource, decision, evidence = std::move(evidence),
                   done = std::move(done), by = std::move(by)] {
    if (by && !MayFinish(key, resource, decision, *by)) return;
    const FinishResult result =
        FinishNow(key, resource, decision, evidence ? *evidence : evidence_[key]);
    Later(Effort(), [this, key, result, done] {
      Tell(key, sdk::event::Finished{result});
      if (done) done();
    });
  });
}

std::optional<Evidence> Process::EvidenceOfWork(const BranchKey& key) const {
  const auto work = work_.find(key);
  if (work == work_.end()) return std::nullopt;
  return work->second.database->EvidenceOf(work->second.local);
}

VoteResult Process::PrepareNow(const BranchKey& key, const std::string& name) {
  const auto work = work_.find(key);
  if (work == work_.end()) return {Vote::kNo, {}, "the branch is not open", false};
  const VoteResult vote = work->second.database->Prepare(key, work->second.local, name);
  evidence_[key] = vote.evidence;
  world_.Effect(this->name(), "prepares in ", work->second.database->name());
  work_.erase(work);
  return vote;
}

FinishResult Process::FinishNow(const BranchKey& key, const std::string& resource,
                                Decision decision, const Evidence& evidence) {
  SimulatedDatabase* database = DatabaseOf(resource);
  if (database == nullptr) return {BranchEnd::kRetry, "not served here"};
  const FinishResult result = database->FinishOverAConnection(key, decision, evidence);
  world_.Effect(name(), decision == Decision::kCommit ? "commits in " : "aborts in ", resource);
  return result;
}

void Process::RollBackWork(const BranchKey& key) {
  const auto work = work_.find(key);
  if (work == work_.end()) return;
  SimulatedDatabase& database = *work->second.database;
  database.Rollback(work->second.local);
  work_.erase(key);
  world_.Effect(name(), "rolls back in ", database.name());
}

bool Process::OpenBranch(const BranchKey& key, SimulatedDatabase& database, std::int64_t change,
                         const SessionId& session) {
  if (!table_->Adopt(key, database.name(), session)) return false;
  const auto local = database.Begin(key, change);
  if (!local) {
    Tell(key, sdk::event::ApplicationDrops{"the database is busy", true});
    Tell(key, sdk::event::Fenced{});
    return false;
  }
  work_[key] = {&database, *local};
  world_.Effect(name(), "works in ", database.name());
  return true;
}

}  // namespace settle::simulation
