// "What became of X?", asked by a program about a gtid, or by a scan that found a prepared branch.
//
// Abort is presumed only if all of this holds: the gtid names this log and an epoch and sequence
// that it gave out; the log opened clean; there is no commit record, and there never was one that
// was pruned, or may have been one that was lost before the log was restored; it is not running.
// Anything else is left alone and listed for the operator.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "log/decision_log.h"

namespace settle::coordinator {

// A prepared branch that this log does not answer for.
struct Stray {
  std::string resource;
  std::string database_name;
  std::string why;
  WallTime first_seen = 0;
  WallTime last_seen = 0;
};

// What a scan of a resource found, as it voted if the scan can tell.
struct FoundBranch {
  std::string resource;
  std::string database_name;
  Evidence evidence{};
};

// Thread-safe.
class Inquiry {
 public:
  using Executor = std::function<void(std::function<void()>)>;

  // `off_shard` runs a task, which may block on a read of the log, on a thread that is no shard's.
  Inquiry(Engine& engine, DecisionLog& log, Clock& clock, Observer& observer, Executor off_shard);

  // Blocking. kWrongLog: another log answers for it. kNotFound: this log never gave it out.
  // kExpired: it ended, and its record was pruned.
  [[nodiscard]] Result<Ending> AskOutcome(const Gtid& gtid);
  // The same without blocking; `done` runs on a shard's thread or off the shards.
  void AskOutcome(const Gtid& gtid, Completion<Ending> done);

  // As AskOutcome, with the results of a saga that is committed. kRefused: it is no saga, and it is
  // undecided. Blocking.
  [[nodiscard]] Result<SagaEnd> AskSagaEnd(const Gtid& gtid);

  // As the witness of a three-phase commit that is known not to be running: what was decided, and
  // by whom; without a record, that it is aborted. kRefused: it ended in a way that says neither;
  // else as AskOutcome. Blocking.
  [[nodiscard]] Result<SiteAnswer> AskWitness(const Gtid& gtid) const;

  // A scan of `resource` found a prepared branch of that name; `evidence` as it voted with, if the
  // scan can tell. Does not block. What follows, if
  // anything, is a command to the resource's sessions.
  void Found(const std::string& resource, const std::string& database_name,
             const Evidence& evidence = {});
  // All of one report. What there is no room for is left to the next report, and each begins
  // elsewhere: else those in front, which may have to stay prepared, would keep the others out.
  void Found(const std::vector<FoundBranch>& found);

  // A participant says that a branch was committed. If its transaction is not running and was
  // aborted, somebody committed it behind Settle's back: that is recorded and shown. Nothing
  // happens if the log knows the branch and the `session` that says so does not serve its resource.
  // Does not block.
  void Committed(const BranchKey& key, const std::string& detail,
                 const std::optional<SessionId>& session = {});

  std::vector<Stray> Strays() const;
  // A person saw to it: it is listed no more, unless a scan finds it again.
  void LetGo(const std::string& resource, const std::string& database_name);

 private:
  struct Verdict {
    Ending ending;
    Evidence evidence;  // of the branch, where the log knows it
    bool voted_commit = false;
    std::map<std::string, std::string> results{};  // of a saga
    // Its end has an abort's cause, and knows no damage of the branch.
    bool still_to_be_aborted = false;
    DecidedBy by{};  // of a three-phase commit
    std::string trace_parent{};
    std::string resource{};      // of the branch, where the log knows it
    bool recorded = false;       // the log has its end
    bool by_gtid_alone = false;  // unknown, because the gtid has leave for a last resource
  };
  struct Sighting {
    Stray stray;
    Instant seen{};  // last; the wall clock decides nothing
  };
  bool IsForgotten(const Sighting& sighting) const;
  Status CheckOurs(const Gtid& gtid) const;
  Result<Verdict> ReadVerdict(const BranchKey& key) const;
  void Settle(const std::string& resource, const BranchKey& key, const std::string& database_name,
              const Evidence& evidence);
  void OffShard(std::function<void()> task);
  void LeaveAlone(const std::string& resource, const std::string& database_name, std::string why);

  Engine& engine_;
  DecisionLog& log_;
  Clock& clock_;
  Observer& observer_;
  const Executor off_shard_;
  std::atomic<std::size_t> settling_{0};
  std::atomic<std::uint64_t> reports_{0};
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Sighting> strays_;
  Instant swept_{};  // when the forgotten ones were last dropped to make room
};

}  // namespace settle::coordinator
