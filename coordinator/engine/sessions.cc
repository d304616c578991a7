#include "engine/sessions.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/durable_append.h"
#include "vocabulary/planted_bug.h"
#include "vocabulary/shell_word.h"

namespace settle::coordinator {
Sessions::Sessions(const Settings& settings, DecisionLog& log, Clock& clock, Ids& ids,
                   Observer& observer, Listener listener)
    : settings_(settings),
      log_(log),
      clock_(clock),
      ids_(ids),
      observer_(observer),
      listener_(std::move(listener)) {}

void Sessions::Restore(const std::vector<ResourceRecord>& resources) {
  const std::lock_guard lock(mutex_);
  for (const ResourceRecord& record : resources)
    bindings_[record.resource] = {record.identity, "", true, 0};
}

Status Sessions::CheckRoom(const AttachCall& call) {
  if (sessions_.size() >= settings_.sessions_max) {
    return Fail(ErrorCode::kRetry, "the limit of " + std::to_string(settings_.sessions_max) +
                                       " participant sessions is reached");
  }
  const auto own = sessions_of_.find(call.identity);
  if (call.sessions_max != 0 && own != sessions_of_.end() && own->second >= call.sessions_max) {
    ++quota_refusals_;
    return Fail(ErrorCode::kRetry,
                (call.identity.empty() ? "local" : Escaped(call.identity)) + " has " +
                    std::to_string(own->second) + " sessions, as many as it may have",
                "detach one, or raise the quota in the file of --access");
  }
  return {};
}

Status Sessions::CheckAttach(const AttachCall& call) {
  const LogIdentity& log = log_.identity();
  if (call.log_id_seen == log.log_id && call.epoch_seen > log.epoch &&
      !SETTLE_PLANTED_BUG(kEpochIgnored)) {
    return Fail(ErrorCode::kStaleEpoch,
                "this participant has seen epoch " + std::to_string(call.epoch_seen) + " of log " +
                    log.log_id + ", which is now in epoch " + std::to_string(log.epoch) +
                    ": the log was restored from an older copy",
                "stop this coordinator and bring back its newest log; decisions may be missing "
                "from this one");
  }
  if (Status room = CheckRoom(call); !room) return room;
  for (const std::string& participant : call.participants) {
    if (Status name = CheckResourceName(participant); !name) return name;
  }
  std::map<std::string, std::string> offered;
  for (const OfferedResource& resource : call.resources) {
    if (Status name = CheckResourceName(resource.name); !name) return name;
    if (offered.emplace(resource.name, resource.identity).first->second != resource.identity) {
      return Fail(ErrorCode::kInvalid,
                  "resource " + resource.name + " is offered with two databases",
                  "give each database a name of its own");
    }
    const auto bound = bindings_.find(resource.name);
    if (bound == bindings_.end()) continue;
    if (bound->second.identity == resource.identity) continue;
    bound->second.refused_identity = resource.identity;
    return Fail(
        ErrorCode::kRefused,
        "resource " + resource.name + " stands for database " + bound->second.identity +
            " and came back as " + Escaped(resource.identity),
        "point it at the right database, or accept the new one: settle participants accept " +
            resource.name + " " + ShellWord(Escaped(resource.identity)) + " --reason TEXT");
  }
  return {};
}

// A name stays in the log for good once it was attached: without a limit a pattern of the rules is
// room without end.
Status Sessions::CheckNames(const AttachCall& call) {
  if (!call.names) return {};
  const auto counts = [&](const std::string& name) { return call.names->counts(name); };
  std::set<std::string> fresh;
  for (const OfferedResource& resource : call.resources) {
    if (!bindings_.contains(resource.name) && counts(resource.name)) fresh.insert(resource.name);
  }
  if (fresh.empty()) return {};
  const auto known = static_cast<std::size_t>(
      std::count_if(bindings_.begin(), bindings_.end(),
                    [&](const auto& binding) { return counts(binding.first); }));
  if (known + fresh.size() <= call.names->most) return {};
  ++name_refusals_;
  return Fail(ErrorCode::kRetry,
              (call.identity.empty() ? "local" : Escaped(call.identity)) +
                  " serves resources by a pattern, of whose names " + std::to_string(known) +
                  " are known, and no more than " + std::to_string(call.names->most) +
                  " may be: " + *fresh.begin() + " is new, and nothing was attached",
              "name it in a rule of the file of --access, or raise the quota \"names\" there");
}

// Binds, in memory, the names that are not yet bound durably; the records make it so. Two sessions
// that come at the same time write the same record: neither starts on the strength of the other's,
// which may be refused.
Result<std::vector<ResourceRecord>> Sessions::BindNew(const AttachCall& call) {
  const std::lock_guard lock(mutex_);
  if (Status allowed = CheckAttach(call); !allowed) return Fail(allowed.error());
  if (Status allowed = CheckNames(call); !allowed) return Fail(allowed.error());
  std::vector<ResourceRecord> bound_now;
  for (const OfferedResource& resource : call.resources) {
    Binding& binding = bindings_[resource.name];
    const bool twice =
        std::any_of(bound_now.begin(), bound_now.end(),
                    [&](const ResourceRecord& record) { return record.resource == resource.name; });
    if (binding.durable || twice) continue;
    binding.identity = resource.identity;
    bound_now.push_back(
        {resource.name, resource.identity, "first attach", "first seen", clock_.WallNow()});
  }
  return bound_now;
}

struct Sessions::Binder {
  AttachCall call;
  Completion<Attached> done;
  std::size_t missing = 0;  // guarded by mutex_, as is the rest below
  std::optional<std::string> refused;
};

void Sessions::Attach(const AttachCall& call, Completion<Attached> done) {
  Result<std::vector<ResourceRecord>> bound_now = BindNew(call);
  if (!bound_now) return done(Fail(std::move(bound_now).error()));
  if (bound_now->empty()) return Register(call, done);
  // The session starts once it is durable which databases its names stand for. A crash before that
  // binds them anew.
  const auto binder =
      std::make_shared<Binder>(Binder{call, std::move(done), bound_now->size(), {}});
  for (ResourceRecord& record : *bound_now) {
    const OfferedResource resource{record.resource, record.identity};
    DurableAppend(log_, observer_, std::move(record), Durability::kForce,
                  [this, binder, resource](AppendResult result, const std::string& reason) {
                    OnBound(binder, resource, result, reason);
                  });
  }
}

void Sessions::OnBound(const std::shared_ptr<Binder>& binder, const OfferedResource& resource,
                       AppendResult result, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    Binding& binding = bindings_[resource.name];
    if (result == AppendResult::kDurable) {
      binding = {resource.identity, binding.refused_identity, true, binding.left};
    } else {
      if (!binding.durable) bindings_.erase(resource.name);
      binder->refused = reason;
    }
    if (--binder->missing != 0) return;
  }
  if (!binder->refused) return Register(binder->call, binder->done);
  binder->done(
      Fail(ErrorCode::kRetry, "the log could not store the resource: " + *binder->refused));
}

// Others may have come while it was made durable what this one's names stand for.
Status Sessions::Enter(const SessionId& id, const AttachCall& call) {
  const std::lock_guard lock(mutex_);
  if (Status room = CheckRoom(call); !room) return room;
  Session& session = sessions_[id];
  session.process = call.process;
  session.identity = call.identity;
  ++sessions_of_[call.identity];
  session.attached = clock_.WallNow();
  session.answers_questions = call.answers_questions;
  session.release = call.release;
  session.last_sign = clock_.Now();
  Owner owner{id, {}, {}, call.process, call.identity};
  for (const OfferedResource& resource : call.resources) {
    session.resources[resource.name] = resource;
    owner.resource = resource.name;
    owner.identity = resource.identity;
    session.owners[resource.name] = owner;
    session.answers_peers = session.answers_peers || !resource.peer_address.empty();
    serving_[resource.name].insert(id);
    served_since_.try_emplace(resource.name, clock_.Now());
  }
  for (const std::string& participant : call.participants) {
    session.participants.insert(participant);
    acting_[participant].insert(id);
  }
  return {};
}

void Sessions::Register(const AttachCall& call, const Completion<Attached>& done) {
  const SessionId id = ids_.SessionName();
  if (Status entered = Enter(id, call); !entered) return done(Fail(entered.error()));
  const LogIdentity& log = log_.identity();
  done(Attached{id, log.log_id, log.epoch, settings_.session_timeout});
  for (const OfferedResource& resource : call.resources) listener_.ready(resource.name);
  for (const std::string& participant : call.participants) listener_.participant_ready(participant);
}

void Sessions::Fetch(const FetchCall& call, Completion<CommandBatch> done) {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(call.session);
    if (found == sessions_.end()) {
      answers.push_back([&done] { done(Fail(IsLost())); });
    } else if (call.session_of && *call.session_of != found->second.identity) {
      answers.push_back([&done] { done(Fail(IsAnothers())); });
    } else {
      Park(found->second, call, std::move(done), answers);
    }
  }
  for (const Answer& answer : answers) answer();
}

void Sessions::Park(Session& session, const FetchCall& call, Completion<CommandBatch> done,
                    std::vector<Answer>& answers) {
  session.last_sign = clock_.Now();
  if (session.poll) {  // its connection is gone: nobody reads that answer
    answers.push_back([old = std::move(session.poll->done)] { old(CommandBatch{}); });
  }
  if (session.unconfirmed.number <= call.received_through) session.unconfirmed = {};
  const auto wait =
      std::clamp(call.wait, std::chrono::milliseconds(0), settings_.session_timeout / 2);
  session.poll = Session::Poll{std::move(done), std::clamp<std::size_t>(call.most, 1, 1000),
                               clock_.Now() + wait};
  if (Answer answer = Deliver(session)) answers.push_back(std::move(answer));
}

CommandBatch Sessions::EmptyBatch(const Session& session) const {
  CommandBatch batch;
  if (!session.participants.empty() || session.answers_peers)
    batch.ended_through = listener_.ended_through();
  return batch;
}

CommandBatch Sessions::NextBatch(Session& session, std::size_t most) {
  if (session.unconfirmed.number != 0) return session.unconfirmed;
  CommandBatch batch = EmptyBatch(session);
  TakeCommands(session, most, batch);
  TakeCalls(session, most, batch);
  TakeQuestions(session, most, batch);
  if (session.queue.empty() && session.calls.empty()) session.overflows = false;
  const bool empty = batch.commands.empty() && batch.calls.empty() && batch.questions.empty();
  batch.number = empty ? 0 : ++session.batches;
  session.unconfirmed = batch;
  return batch;
}

Sessions::Answer Sessions::Deliver(Session& session) {
  const bool nothing = session.queue.empty() && session.calls.empty() &&
                       session.questions.empty() && session.unconfirmed.number == 0;
  if (!session.poll || nothing) return {};
  Completion<CommandBatch> done = std::move(session.poll->done);
  CommandBatch batch = NextBatch(session, session.poll->most);
  session.poll.reset();
  return [done = std::move(done), batch = std::move(batch)] { done(batch); };
}

Sessions::Session* Sessions::Choose(const SessionId& preferred, const Command& command) {
  if (const auto owner = sessions_.find(preferred); owner != sessions_.end()) return &owner->second;
  if (command.kind == CommandKind::kPrepare || SETTLE_PLANTED_BUG(kCommandsOnlyToTheOwner))
    return nullptr;  // only the process that did the work can prepare it
  const auto serving = serving_.find(command.resource);
  if (serving == serving_.end() || serving->second.empty()) return nullptr;
  // What is sent again goes to the next of them, whatever else is sent in between: one alone may be
  // able to do it, the process that still holds the branch.
  const std::uint64_t turn = command.attempt == 1 ? turn_++
                                                  : command.key.gtid.sequence() +
                                                        static_cast<std::uint64_t>(command.attempt);
  auto next = serving->second.begin();
  std::advance(next, static_cast<std::ptrdiff_t>(turn % serving->second.size()));
  return &sessions_.at(*next);
}

bool Sessions::Send(const SessionId& preferred, Command command) {
  Answer answer;
  bool sent = false;
  {
    const std::lock_guard lock(mutex_);
    Session* session = Choose(preferred, command);
    if (session == nullptr) return false;
    // The abort of branches that nobody named is not sent again, so it finds room in any case: at
    // most once for each transaction that was begun while there was room (MayNumber).
    const bool sent_again = command.key.number != 0;
    if (sent_again && session->queue.size() >= settings_.commands_queued_max) {
      answer = SayThatItOverflows(*session, {command.key.gtid, command.trace_parent});
    } else {
      // A retry of what was not even fetched yet would only be more work for who is slow already.
      if (!session->queued.emplace(command.key, command.kind).second)
        return Replace(*session, command);
      sent = true;
      ++commands_sent_;
      command.epoch = log_.identity().epoch;
      session->queue.push_back(std::move(command));
      answer = Deliver(*session);
    }
  }
  if (answer) answer();
  return sent;
}

Result<Sessions::Serves> Sessions::Touch(const SessionId& session, const OnlyFor& session_of) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return Fail(IsLost());
  if (session_of && *session_of != found->second.identity) return Fail(IsAnothers());
  found->second.last_sign = clock_.Now();
  Serves serves;
  serves.participants = found->second.participants;
  for (const auto& [name, resource] : found->second.resources) serves.resources.insert(name);
  return serves;
}

Result<Sessions::Owner> Sessions::FindOwner(const SessionId& session,
                                            const std::string& resource) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return Fail(IsLost());
  const auto owner = found->second.owners.find(resource);
  if (owner == found->second.owners.end()) {
    return Fail(ErrorCode::kInvalid,
                "the session does not serve resource \"" + Escaped(resource) + "\"",
                "name the resource when the session attaches");
  }
  return owner->second;
}

bool Sessions::IsAttached(const SessionId& session) const {
  const std::lock_guard lock(mutex_);
  return sessions_.contains(session);
}

bool Sessions::MayNumber(const SessionId& session, const std::string& identity) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session);
  return found != sessions_.end() && found->second.identity == identity &&
         found->second.queue.size() < settings_.commands_queued_max;
}

std::optional<Instant> Sessions::ServedSince(const std::string& resource) const {
  const std::lock_guard lock(mutex_);
  const auto served = served_since_.find(resource);
  if (served == served_since_.end()) return std::nullopt;
  return served->second;
}

void Sessions::AcceptIdentity(ResourceRecord record, Completion<std::monostate> done) {
  bool known = false;
  {
    const std::lock_guard lock(mutex_);
    known = bindings_.contains(record.resource);
  }
  if (!known) {
    return done(Fail(ErrorCode::kNotFound,
                     "no resource is called \"" + Escaped(record.resource) + "\"",
                     "'settle participants' lists them"));
  }
  record.at = clock_.WallNow();
  const ResourceRecord accepted = record;
  DurableAppend(log_, observer_, std::move(record), Durability::kForce,
                [this, accepted, done](AppendResult result, const std::string& reason) {
                  if (result != AppendResult::kDurable) {
                    return done(Fail(ErrorCode::kRetry, "the log could not store it: " + reason));
                  }
                  Rebind(accepted);
                  done(std::monostate{});
                });
}

// A session that serves the name with the database it no longer stands for would be sent the name's
// commands.
void Sessions::Rebind(const ResourceRecord& accepted) {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    Binding& binding = bindings_[accepted.resource];
    binding = {accepted.identity, "", true, binding.left};
    for (const SessionId& id : std::set<SessionId>(serving_[accepted.resource])) {
      if (sessions_.at(id).resources.at(accepted.resource).identity != accepted.identity)
        Remove(id, answers);
    }
  }
  for (const Answer& answer : answers) answer();
}

}  // namespace settle::coordinator
