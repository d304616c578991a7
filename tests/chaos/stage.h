// Everything that runs in the chaos: a daemon, two PostgreSQL clusters, SQLite files, and programs
// of each protocol, each behind a wire of its own. Kept running by Supervise, as by a service
// manager.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "chaos/small_disk.h"
#include "checker/checker.h"
#include "end_to_end/application.h"
#include "end_to_end/cli.h"
#include "end_to_end/daemon.h"
#include "support/faulty_wire.h"

namespace settle::testing {

using Clock = std::chrono::steady_clock;

// A program's place, which programs take one after another.
struct Slot {
  std::string name;                // "transfer-1"
  std::string program;             // of this build
  std::vector<std::string> banks;  // that it serves
  bool site = false;               // of three-phase commits
  std::unique_ptr<FaultyWire> wire;
  std::unique_ptr<Application> application;
  int lives = 0;
  bool down = false;  // by a fault, until it is healed
};

class Stage {
 public:
  // Made and running, with the load begun; the log keeps so many that have ended. Throws
  // std::runtime_error.
  Stage(unsigned seed, int keep_ended);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Starts again what has ended and no fault holds down; notes what a signal
  // ended that no fault sends.
  void Supervise();
  // Tells every program to end its load, once it is up; everything must be healed.
  void StopLoad();
  // Waits until every program has ended what it had begun.
  void AwaitLoadStopped();

  // What is prepared anywhere now, "bank/name"; a bank that cannot be asked counts as "bank/?".
  std::vector<std::string> Prepared() const;
  // Nothing is open or prepared anywhere. The coordinator may still remember that it was asked
  // about branches of what a person forced and let go of: strays, for some minutes.
  bool IsQuiet(const std::set<std::string>& forced);
  std::vector<BankFacts> Facts() const;
  std::vector<std::string> NotePaths() const;
  // Of commits that programs were told since the last call.
  std::size_t NewlyAcknowledged();
  // In seconds, of what PostgreSQL has prepared; -1 where it cannot be asked.
  double OldestPrepared() const;

  CliAnswer Cli(const std::vector<std::string>& words) const;

  Daemon& daemon() { return daemon_; }
  std::vector<Slot>& slots() { return slots_; }
  PostgresCluster& cluster(std::size_t number) { return *clusters_.at(number); }
  SmallDisk& disk(std::size_t number) { return number == 0 ? log_disk_ : file_disk_; }
  bool has_small_disks() const { return log_disk_.denied().empty() && file_disk_.denied().empty(); }
  const std::string& why_no_small_disks() const { return log_disk_.denied(); }
  const std::string& directory() const { return directory_.path(); }

  bool daemon_down = false;            // by a fault, until it is healed
  std::array<bool, 2> cluster_down{};  // likewise
  std::vector<std::string> crashes;    // of Settle's own programs, in words

  // Copies everything to a directory that stays. Nothing runs afterwards.
  std::string Keep(const std::string& parent);

 private:
  void MakeBanks();
  void StartProgram(Slot& slot);
  void NoteCrash(const std::string& what, Process& process);

  const unsigned seed_;
  const TemporaryDirectory directory_;
  SmallDisk log_disk_;
  SmallDisk file_disk_;
  std::array<std::unique_ptr<PostgresCluster>, 2> clusters_;
  std::map<std::string, std::unique_ptr<Database>> banks_;
  Daemon daemon_;
  std::vector<Slot> slots_;
  std::vector<std::string> note_paths_;
  std::map<std::string, std::size_t> read_to_;  // of each file of notes
  Clock::time_point next_start_{};              // of whatever has ended
  bool loaded_ = true;
};

}  // namespace settle::testing
