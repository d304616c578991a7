// The sagas of one shard: performs what their machines want done. A saga that waits, for a second
// or for weeks, costs its memory and a timer.
//
//   Sagas sagas({settings, log, clock, ids, observer, mailbox, send});
//   sagas.Start(gtid, {definition, input, ...}, [](Result<Gtid> started) { ... });
//   std::optional<Instant> next = sagas.FireDue();
//
// All on the shard's own thread; nothing blocks. Completions run once, on that thread, and must not
// call back in, except to look. kNotFound: no such saga runs here; whoever asks looks in the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "engine/mailbox.h"
#include "engine/timers.h"
#include "protocol/saga.h"

namespace settle::coordinator {

class Sagas {
 public:
  // A saga that is no longer here: its end is durable, or it never began and never can.
  struct Gone {
    const Gtid& gtid;
    const std::string& identity;
    const std::string& owner;
    const std::string& request_key;
    bool began = true;
    // Of one that ended; kUndecided: nobody knows.
    Outcome outcome = Outcome::kUndecided;
    Instant begun{};  // in this process
  };
  // References outlive it. `send` and `gone` must not call back in.
  struct Outside {
    const Settings& settings;
    DecisionLog& log;
    Clock& clock;
    Ids& ids;
    Observer& observer;
    Mailbox& mailbox;
    std::function<bool(SagaCall)> send;  // whether it is on its way, as Sessions::Call says
    // Why no action is to be called at the participant; none: it is.
    std::function<std::optional<PauseRecord>(const std::string& participant)> paused;
    std::function<void(const Gone&)> gone;
  };

  explicit Sagas(Outside outside);
  ~Sagas();

  // The saga, whose definition satisfies saga::Check, is durable when `done` runs. kRetry: the log
  // has no room, nothing was started. kInvalid: the input is no JSON.
  void Start(const Gtid& gtid, const StartSagaCall& call, Completion<Gtid> done);
  void Restore(RestoredSaga restored);
  // As Start, of a saga that is being started; at once if it began before.
  void Join(const Gtid& gtid, Completion<Gtid> done);

  // The ending, once it is durable; kUndecided when `wait` is over before.
  void Await(const Gtid& gtid, std::chrono::milliseconds wait, Completion<Ending> done);
  // As Await. kRefused: too late, the saga only goes forward.
  void Cancel(const Gtid& gtid, AbortCause cause, const std::string& reason,
              std::chrono::milliseconds wait, Completion<Ending> done);

  // From a session that serves these participants; for another's step it counts for nothing, and is
  // false.
  bool Answered(const std::set<std::string>& serves, SagaAnswer answer);
  // A process that serves the participant attached.
  void ParticipantReady(const std::string& participant);

  // Operators. kRefused says why not; kRetry: the log could not store it. A quarantined saga can
  // only be forgotten.
  void Act(const SagaActCall& call, Completion<std::monostate> done);
  // Step 0: every outstanding one.
  void Retry(const Gtid& gtid, BranchNumber step, const Completion<Hurried>& done);
  void Forget(const ForgetCall& call, Completion<std::monostate> done);

  // It runs here, is quarantined, or its end is not in the log yet.
  bool Has(const Gtid& gtid) const;
  // Of its steps, by name, if it is committed and Has.
  std::map<std::string, std::string> ResultsOf(const Gtid& gtid, const Ending& ending) const;
  // Nothing unless Has.
  std::optional<TransactionSummary> Show(const Gtid& gtid) const;
  // Every one that is open, quarantined ones included, and those whose end is not in the log yet.
  struct Open {
    const Gtid& gtid;
    bool in_doubt = false;  // somebody should look: a step does not get on, or there is damage
    bool ended = false;
  };
  void ForEach(const std::function<void(const Open&)>& visit) const;
  void Count(OpenCounts& counts) const;
  // Calls now whatever waits for the participant, or for any if it is empty; adds what was called.
  void HurryAll(const std::string& participant, Hurried& hurried);
  std::size_t size() const { return running_.size() + ended_.size() + quarantined_.size(); }

  // Handles every timer that is due. Returns when the next one is.
  std::optional<Instant> FireDue();

 private:
  enum class TimerKind { kStep, kDeadline, kLog, kWaiter, kEnd };
  struct TimerKey {
    Gtid gtid;
    TimerKind kind = TimerKind::kStep;
    std::uint64_t number = 0;  // of the step or the waiter
    friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
  };
  struct TimerHash {
    std::size_t operator()(const TimerKey& key) const noexcept {
      return std::hash<Gtid>{}(key.gtid) + 31 * key.number + static_cast<std::size_t>(key.kind);
    }
  };
  struct Saga;
  struct Ended;

  Saga* Find(const Gtid& gtid);
  void Quarantine(const RestoredSaga& restored);
  void ForgetQuarantined(const ForgetCall& call, const Completion<std::monostate>& done);
  const TransactionSummary* FindNotRunning(const Gtid& gtid) const;
  void Handle(Saga& saga, const saga::Event& event);
  void Fire(const TimerKey& key);
  void AddWaiter(Saga& saga, bool cancels, std::chrono::milliseconds wait, Completion<Ending> done);
  void TellWaiters(Saga& saga, bool cancelling_only, const Result<Ending>& ending);
  void OnAppended(const Gtid& gtid, AppendResult result, const std::string& reason);
  void WriteEnd(const Gtid& gtid);
  void OnEndWritten(const Gtid& gtid, AppendResult result);
  Instant After(std::chrono::nanoseconds delay) const;

  void Perform(Saga& saga, saga::effect::Call& call);
  void Hold(Saga& saga, const saga::effect::Call& call);
  void Perform(Saga& saga, const saga::effect::Pause& pause);
  void Perform(Saga& saga, const saga::effect::StopTimer& stop);
  void Perform(Saga& saga, saga::effect::Persist& persist);
  void Perform(Saga& saga, const saga::effect::ArmDeadline& arm);
  void Perform(Saga& saga, const saga::effect::StopDeadline&);
  void Perform(Saga& saga, const saga::effect::ArmLogTimer& arm);
  void Perform(Saga& saga, const saga::effect::Alarm& alarm);
  void Perform(Saga& saga, const saga::effect::ReplyStarted&);
  void Perform(Saga& saga, const saga::effect::ReplyNotStarted& reply);
  void Perform(Saga& saga, const saga::effect::RefuseCancel& refuse);
  void Perform(Saga& saga, const saga::effect::Refuse& refuse);
  void Perform(Saga& saga, const saga::effect::ReplyAct& reply);
  void Perform(Saga& saga, const saga::effect::ReplyForget& reply);
  void Perform(Saga& saga, const saga::effect::ReplyEnded& reply);
  void Perform(Saga& saga, const saga::effect::Forget&);

  const Outside out_;
  Timers<TimerKey, TimerHash> timers_;
  std::unordered_map<Gtid, std::unique_ptr<Saga>> running_;
  std::unordered_map<Gtid, std::unique_ptr<Ended>> ended_;  // the record for people not written yet
  std::unordered_map<Gtid, TransactionSummary> quarantined_;  // their records contradict themselves
  std::uint64_t next_waiter_ = 1;
};

}  // namespace settle::coordinator
