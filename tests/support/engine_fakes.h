// Stand-ins for what an engine needs of the world outside, moved by hand, and an engine wired to
// them.
//
//   EngineUnderTest under_test({.shards = 1});
//   Participant bank(under_test, {"bank-a"});
//   Answer<Begun> begun;
//   under_test.engine().Begin({}, begun.done());
//   under_test.Run();
//   ASSERT_TRUE(begun.ok());
//
// Nothing runs by itself: Run() lets the shards and the log work, Advance() lets time pass.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/shard.h"
#include "protocol/describe.h"
#include "support/fake_log.h"

namespace settle::coordinator {

using namespace std::chrono_literals;

class FakeClock : public Clock {
 public:
  Instant Now() const override { return Instant(std::chrono::hours(1)) + elapsed_; }
  WallTime WallNow() const override { return wall_; }

  void Advance(std::chrono::nanoseconds by) {
    elapsed_ += std::chrono::duration_cast<Instant::duration>(by);
    wall_ += std::chrono::duration_cast<std::chrono::microseconds>(by).count();
  }
  void SetWall(WallTime wall) { wall_ = wall; }  // somebody set the clock; no time passed

 private:
  Instant::duration elapsed_{0};
  WallTime wall_ = 1'700'000'000'000'000;
};

// Counts up. Session names are s1, s2...
class FakeIds : public Ids {
 public:
  std::uint32_t Tail() override { return ++tail_; }
  std::string SessionName() override { return "s" + std::to_string(++session_); }
  double Jitter() override { return jitter; }

  double jitter = 0.5;  // the middle: delays as they are written in the settings

 private:
  std::uint32_t tail_ = 0;
  int session_ = 0;
};

// Thrown by RecordingObserver::Fatal, where the daemon would end.
struct ProcessEnded : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Thread-safe.
class RecordingObserver : public Observer {
 public:
  struct Entry {
    Level level;
    Gtid gtid;
    std::string what;
    std::string trace_parent;
  };

  void Event(Level level, const About& about, std::string_view what) override {
    if (on_event) on_event(what);
    const std::lock_guard lock(mutex_);
    entries_.push_back({level, about.gtid, std::string(what), std::string(about.trace_parent)});
  }
  [[noreturn]] void Fatal(std::string_view why) override { throw ProcessEnded(std::string(why)); }

  std::vector<Entry> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  bool Saw(std::string_view words) const {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_) {
      if (entry.what.find(words) != std::string::npos) return true;
    }
    return false;
  }

  std::function<void(std::string_view what)> on_event;  // on the thread that tells

 private:
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

// Receives one completion and remembers every time that it ran.
template <typename T>
class Answer {
 public:
  Completion<T> done() const {
    return [given = given_](Result<T> result) { given->push_back(std::move(result)); };
  }
  std::size_t count() const { return given_->size(); }
  bool came() const { return count() != 0; }
  bool ok() const { return came() && given_->back().has_value(); }
  const T& operator*() const { return given_->back().value(); }
  const T* operator->() const { return &given_->back().value(); }
  // What went wrong; without a code of its own if nothing did, or nothing came yet.
  Error error() const {
    if (!came() || ok())
      return {ErrorCode::kInternal, came() ? "it went well" : "nothing came yet", ""};
    return given_->back().error();
  }

 private:
  std::shared_ptr<std::vector<Result<T>>> given_ = std::make_shared<std::vector<Result<T>>>();
};

// An engine whose world is all fake.
class EngineUnderTest {
 public:
  explicit EngineUnderTest(Settings settings = {}, LogIdentity identity = {"k3m9qxw4c7ab", 2})
      : log_(std::move(identity)), engine_(settings, log_, clock_, ids_, observer_) {}

  Engine& engine() { return engine_; }
  FakeLog& log() { return log_; }
  FakeClock& clock() { return clock_; }
  FakeIds& ids() { return ids_; }
  RecordingObserver& observer() { return observer_; }

  // Until nothing moves without time passing; the longest chain of hops is far shorter.
  void Run() {
    for (int round = 0; round < 8; ++round) {
      RunShards();
      if (!log_.held) log_.CompleteAll();
    }
    RunShards();
  }
  void RunShards() {
    for (const auto& shard : engine_.shards()) shard->RunReady();
  }
  // In steps as small as the engine's own tick.
  void Advance(std::chrono::milliseconds by) {
    for (auto left = by; left.count() > 0; left -= 100ms) {
      clock_.Advance(std::min<std::chrono::milliseconds>(left, 100ms));
      Run();
    }
  }

  // For calls that wait for the shards: they get a thread of their own while this one moves the
  // world.
  template <typename Call>
  auto Blocking(Call call) {
    auto result = std::async(std::launch::async, std::move(call));
    while (result.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) Run();
    return result.get();
  }

  Gtid Begin(BeginCall call = {}) {
    Answer<Begun> begun;
    engine_.Begin(std::move(call), begun.done());
    Run();
    return begun.ok() ? begun->gtid : Gtid();
  }
  Ending AskOutcome(const Gtid& gtid) {
    Answer<Ending> ending;
    engine_.AskOutcome(gtid, ending.done());
    Run();
    return ending.ok() ? *ending : Ending{};
  }
  TransactionSummary Show(const Gtid& gtid) {
    Answer<TransactionSummary> summary;
    engine_.Show(gtid, summary.done());
    Run();
    return summary.ok() ? *summary : TransactionSummary{};
  }
  std::vector<TransactionSummary> ListOpen() {
    Answer<OpenPage> open;
    engine_.ListOpen({.most = 1'000'000}, open.done());
    Run();
    return open->transactions;
  }

 private:
  FakeClock clock_;
  FakeIds ids_;
  RecordingObserver observer_;
  FakeLog log_;
  Engine engine_;
};

// A process that serves resources: it keeps a poll parked and collects the commands that come.
class Participant {
 public:
  // Each resource stands for the database "db:<name>".
  Participant(EngineUnderTest& under_test, const std::vector<std::string>& resources,
              const std::string& peer_address = "")
      : under_test_(under_test) {
    AttachCall call{"process", {}, "", 0};
    for (const std::string& name : resources)
      call.resources.push_back({name, "db:" + name, peer_address});
    Answer<Attached> attached;
    under_test_.engine().Attach(call, attached.done());
    under_test_.Run();
    if (attached.ok()) session_ = attached->session;
  }

  const SessionId& session() const { return session_; }

  // As it was told last.
  const std::optional<EndedThrough>& ended_through() const { return ended_through_; }

  // What came since the last call.
  std::vector<Command> Take() {
    std::vector<Command> all;
    while (true) {
      if (!poll_) Poll();
      under_test_.Run();
      if (!poll_->ok()) return all;
      const CommandBatch batch = **poll_;
      poll_.reset();
      if (batch.ended_through) ended_through_ = batch.ended_through;
      if (batch.number == 0) continue;  // the poll's time was up
      received_ = batch.number;
      all.insert(all.end(), batch.commands.begin(), batch.commands.end());
    }
  }
  // "commit 1" for each command that came, in order.
  std::vector<std::string> TakeWords();

  BranchNumber Enlist(const Gtid& gtid, const std::string& resource,
                      const std::string& key = "k1") {
    Answer<BranchNumber> joined;
    under_test_.engine().Enlist({gtid, resource, session_, key}, joined.done());
    under_test_.Run();
    return joined.ok() ? *joined : 0;
  }
  void Vote(const Gtid& gtid, BranchNumber branch, settle::Vote vote = settle::Vote::kCommit) {
    Report(
        {session_, {{gtid, {branch, {vote, {"db", 1, std::to_string(branch)}, "", false}}}}, {}});
  }
  void Finish(const Gtid& gtid, BranchNumber branch, BranchEnd end) {
    Report({session_, {}, {{{gtid, branch}, {end, ""}}}});
  }
  void Say(const Gtid& gtid, BranchNumber site, const SiteAnswer& answer) {
    Report({session_, {}, {}, {}, {{{gtid, site}, answer}}});
  }
  void Detach() {
    Answer<std::monostate> detached;
    under_test_.engine().Detach(session_, detached.done());
    under_test_.Run();
  }

 private:
  void Poll() {
    poll_.emplace();
    under_test_.engine().Fetch({session_, received_, 100, 5s}, poll_->done());
  }
  void Report(const ReportCall& call) {
    Answer<std::monostate> reported;
    under_test_.engine().Report(call, reported.done());
    under_test_.Run();
  }

  EngineUnderTest& under_test_;
  SessionId session_;
  std::int64_t received_ = 0;
  std::optional<EndedThrough> ended_through_;
  std::optional<Answer<CommandBatch>> poll_;
};

inline std::vector<std::string> Participant::TakeWords() {
  std::vector<std::string> words;
  for (const Command& command : Take()) {
    words.push_back(std::string(ToString(command.kind)) + " " + std::to_string(command.key.number));
  }
  return words;
}

}  // namespace settle::coordinator
