// All branches that a process knows, and what it knows of the coordinator's lives. Pure, like the
// machines in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "participant/branch_machine.h"
#include "transport/messages.h"

namespace settle::sdk {

// How many branches of a transaction a process numbers itself, if the coordinator grants it so
// many.
inline constexpr BranchNumber kOwnBranches = 8;

// An effect and the branch it is for.
struct Step {
  BranchKey key;
  std::string resource;
  BranchEffect effect;

  friend bool operator==(const Step&, const Step&) = default;
};
using Steps = std::vector<Step>;

class BranchTable {
 public:
  // Ends are remembered, so that repeated commands are answered alike, for the last `ended_kept`
  // branches. Older ones are answered by the database.
  explicit BranchTable(std::size_t ended_kept = 4096) : ended_kept_(ended_kept) {}

  // A coordinator said hello. kStaleEpoch if this process has seen a later life of its log: it runs
  // on an old copy of the log, or is a life that should be over. A new life fences what the older
  // ones can no longer commit.
  [[nodiscard]] Result<Steps> Meet(const std::string& log_id, Epoch epoch);

  // A session was attached: branches enlisted under an earlier one that are not prepared are
  // fenced.
  Steps Attach(const SessionId& session, const std::string& log_id);

  // A branch was enlisted under `session`, or numbered here in a transaction that was begun with
  // it. False: it is dead before it was opened, because the coordinator had it aborted, was
  // restarted, or lost that session meanwhile.
  bool Adopt(const BranchKey& key, const std::string& resource, const SessionId& session,
             const std::string& trace_parent = {});

  // What the session's coordinator says of a transaction, in epoch `epoch`. Refused by name when it
  // comes from an earlier life (kStaleEpoch) or speaks of another log's transaction (kWrongLog).
  // `what`: for people, what it wants.
  [[nodiscard]] Result<Steps> Heed(const Gtid& gtid, Epoch epoch, const std::string& what);

  // A command of the session's coordinator. Refused as by Heed, without any effect.
  [[nodiscard]] Result<Steps> Handle(const Command& command);

  Steps Handle(const BranchKey& key, const BranchEvent& event);
  // Of a branch that need not be of this process.
  Steps Handle(const BranchKey& key, const std::string& resource,
               const event::SitesDecided& decided);

  // Rolls back what was left to the coordinator and is not prepared: the coordinator was out of
  // reach for so long that it has given this process up, and nobody else can end it.
  Steps ForgetLeft(const std::string& why);

  // A scan that began when `ended_count` was `ended_before` found the branch prepared. True: the
  // coordinator is to hear of it. False: it is being worked on here, or ended since.
  std::uint64_t ended_count() const { return ended_count_; }
  bool Found(const BranchKey& key, std::uint64_t ended_before);

  // False: this process knows that it is no site of three-phase commit.
  bool MayBeSite(const BranchKey& key) const;
  BranchState StateOf(const BranchKey& key) const;
  std::optional<FinishResult> EndOf(const BranchKey& key) const;
  Epoch HighestEpoch(const std::string& log_id) const;
  // Of its transaction, as far as it was told with the branch or a command; empty: none.
  std::string TraceParentOf(const BranchKey& key) const;

 private:
  struct Entry {
    BranchMachine machine;
    std::string resource;
    SessionId session;
    std::uint64_t ended_as = 0;  // the how-manieth end it was
    std::string trace_parent{};
  };
  Steps Advance(const BranchKey& key, const BranchEvent& event, const std::string& resource);
  Steps AbortOwn(const Gtid& gtid);
  void RememberEnd(const BranchKey& key, Entry& entry);

  const std::size_t ended_kept_;
  std::unordered_map<BranchKey, Entry> entries_;
  std::deque<BranchKey> ended_;  // oldest first
  std::uint64_t ended_count_ = 0;
  // Transactions that were aborted without naming branches, as many as ends.
  std::unordered_set<Gtid> aborted_;
  std::deque<Gtid> aborted_in_order_;  // oldest first
  std::map<std::string, Epoch> epochs_;
  SessionId session_;
  std::string session_log_;
};

}  // namespace settle::sdk
