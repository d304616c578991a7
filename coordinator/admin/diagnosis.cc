#include "admin/diagnosis.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>

#include "settle/vocabulary/gtid.h"
#include "vocabulary/shell_word.h"

namespace settle::coordinator {
namespace {

using std::to_string;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;

constexpr WallTime kSecond = 1'000'000;

// Until then a decision that has not reached every branch is no more than a process that restarts.
constexpr WallTime kInDoubtForLong = 60 * kSecond;
// A branch of another coordinator may well be prepared for a moment while a scan looks.
constexpr WallTime kStrayForLong = 15 * 60 * kSecond;
// Every commit waits for one flush at the least.
constexpr auto kFlushSlow = 30ms;      // of the half that are faster
constexpr auto kFlushStalls = 200ms;   // of one in a hundred
constexpr auto kFlushInMemory = 20us;  // faster than any disk without a cache of its own
// Checkpoints begin at 4 MB; what is more than this could not be folded in for a long time.
constexpr std::uint64_t kWalLarge = 256ULL << 20;
constexpr WallTime kCertificateEnds = 14 * 86'400 * kSecond;
constexpr WallTime kClockSlack = kSecond;
constexpr WallTime kClocksApart = 60 * kSecond;

using Findings = std::vector<Finding>;

std::string Count(std::size_t count, const char* one, const char* many) {
  return to_string(count) + " " + (count == 1 ? one : many);
}

std::string Long(WallTime us) {
  const WallTime s = us / kSecond;
  if (s < 120) return to_string(s) + " s";
  if (s < 7'200) return to_string(s / 60) + " min";
  if (s < 172'800) return to_string(s / 3'600) + " h";
  return to_string(s / 86'400) + " d";
}

std::string Time(microseconds time) {
  if (time < 10ms) return to_string(time.count()) + " us";
  return to_string(time.count() / 1'000) + " ms";
}

Findings CheckProcess(const CoordinatorFacts& facts) {
  const Deployment& deployment = facts.deployment;
  Findings found{{"coordinator-release", Severity::kOk,
                  "release " + deployment.release + ", log " + facts.identity.log_id + ", epoch " +
                      to_string(facts.identity.epoch) + ", up for " +
                      Long(facts.now - facts.started),
                  ""}};
  if (deployment.unprotected) {
    found.push_back({"coordinator-listen", Severity::kWarning,
                     "other machines reach " + deployment.address +
                         " and nothing on the wire is encrypted or authenticated (--insecure)",
                     "listen on 127.0.0.1 or protect the connections, unless the network itself "
                     "is trusted"});
  } else {
    found.push_back({"coordinator-listen", Severity::kOk, "listens on " + deployment.address, ""});
  }
  return found;
}

Findings CheckCertificate(const CoordinatorFacts& facts) {
  if (!facts.certificate) return {};
  const std::string code = "coordinator-certificate";
  const WallTime left = facts.certificate->until - facts.now;
  const std::string what = Escaped(facts.certificate->text);
  if (left >= kCertificateEnds) return {{code, Severity::kOk, what, ""}};
  const std::string advice =
      "put a new one into its place: settled reads it by itself, without a restart";
  if (left <= 0) {
    return {
        {code, Severity::kProblem, what + " has expired: nobody who checks it connects", advice}};
  }
  return {{code, Severity::kWarning, what + " ends in " + Long(left), advice}};
}

Findings CheckDescriptors(const CoordinatorFacts& facts) {
  const std::uint64_t needed = facts.deployment.connections + facts.deployment.own_descriptors;
  const std::string what = "may open " + to_string(facts.descriptors) + " files, needs " +
                           to_string(needed) + " for --max-connections " +
                           to_string(facts.deployment.connections);
  if (facts.descriptors >= needed) {
    return {{"coordinator-descriptors", Severity::kOk, what, ""}};
  }
  return {{"coordinator-descriptors", Severity::kWarning, what + ", so fewer connections are taken",
           "raise LimitNOFILE in the unit (ulimit -n), or lower --max-connections"}};
}

Findings CheckLogFile(const CoordinatorFacts& facts) {
  if (!facts.log) {
    return {{"log-settings", Severity::kProblem,
             "the log's file cannot be looked at: " + facts.log.error().message,
             facts.log.error().advice}};
  }
  const LogCondition& log = *facts.log;
  const std::string path = Escaped(log.path);
  Findings found;
  const std::string settings =
      "journal_mode is " + log.journal_mode + ", synchronous " + to_string(log.synchronous);
  const bool durable = log.journal_mode == "wal" && log.synchronous >= 2;
  found.push_back({"log-settings", durable ? Severity::kOk : Severity::kProblem,
                   durable ? settings : settings + ": a crash can lose decisions",
                   durable ? "" : "restart settled: it refuses a log that it cannot make durable"});
  const std::string size = path + " has " + Bytes(log.bytes) + ", its -wal " +
                           Bytes(log.wal_bytes) + "; keeps " + to_string(log.keep_ended) +
                           " ended transactions";
  const bool grows = log.wal_bytes >= kWalLarge;
  found.push_back(
      {"log-size", grows ? Severity::kWarning : Severity::kOk, size,
       grows ? "find who reads the file and does not end (fuser -v " + path + ")" : ""});
  return found;
}

Findings CheckLogFileSystem(const CoordinatorFacts& facts) {
  if (!facts.log) return {};
  if (facts.file_system)
    return CheckFileSystem(*facts.file_system, "log", Escaped(facts.log->path));
  return {{"log-file-system", Severity::kProblem, facts.file_system.error().message,
           "see that the file system is mounted and answers"}};
}

Findings CheckFlushes(const CoordinatorFacts& facts) {
  if (!facts.log) return {};
  const std::string code = "log-flush";
  const FlushTimes& flushes = facts.flushes;
  if (!flushes.failure.empty()) {
    return {{code, Severity::kProblem, "beside the log " + flushes.failure,
             "make room, and look at the kernel's messages about the disk (dmesg)"}};
  }
  const std::string what = to_string(flushes.flushes) + " flushes of 4 KiB beside the log: half " +
                           "within " + Time(flushes.median) + ", 99 % within " + Time(flushes.p99);
  if (flushes.median >= kFlushSlow || flushes.p99 >= kFlushStalls) {
    return {{code, Severity::kWarning, what + "; each commit waits for at least one",
             "move the log to a faster disk, or find what else keeps this one busy (iostat -x 1)"}};
  }
  if (flushes.median < kFlushInMemory) {
    return {{code, Severity::kNote,
             what + ": as fast as only a cache is; it must survive a power failure", ""}};
  }
  return {{code, Severity::kOk, what, ""}};
}

Findings CheckClock(const CoordinatorFacts& facts) {
  Findings found;
  const WallTime ahead = facts.newest_record - facts.now;
  if (ahead > kClockSlack) {
    found.push_back({"clock-order", Severity::kWarning,
                     "the newest record is " + Long(ahead) +
                         " in the future: the clock was set back; ages and times shown are wrong, "
                         "but no decision rests on them",
                     "set the clock right (timedatectl), and see that NTP keeps it"});
  } else {
    found.push_back({"clock-order", Severity::kOk, "no record is in the future", ""});
  }
  if (!facts.clock) {
    found.push_back({"clock-sync", Severity::kNote,
                     "whether it is synchronised is not known: this process may not ask the kernel "
                     "(the service's ProtectClock= forbids it)",
                     "timedatectl status"});
  } else if (facts.clock->synchronised) {
    found.push_back({"clock-sync", Severity::kOk,
                     "synchronised, to " + Time(facts.clock->error_max) + " at the worst", ""});
  } else {
    found.push_back({"clock-sync", Severity::kNote,
                     "the kernel does not know of a synchronisation (NTP); nothing is decided by "
                     "the clock, but times shown may be off",
                     "timedatectl status"});
  }
  return found;
}

Findings CheckServed(const CoordinatorFacts& facts) {
  Findings found;
  for (const auto& [name, waiting] : facts.open.waiting) {
    const auto view = std::ranges::find(facts.participants, name, &ParticipantView::resource);
    const bool served = view != facts.participants.end() &&
                        !(view->sessions.empty() && view->action_sessions.empty());
    if (waiting == 0 || served) continue;
    found.push_back({"participants-served", Severity::kProblem,
                     Count(waiting, "transaction waits", "transactions wait") + " for " +
                         Escaped(name) + ", which nobody serves",
                     "start its application; of a database that has none any more: settle agent "
                     "--resource " +
                         Escaped(name) + " --dsn DSN (or --sqlite FILE)"});
  }
  if (found.empty()) {
    found.push_back({"participants-served", Severity::kOk,
                     Count(facts.participants.size(), "name is", "names are") +
                         " known, and nothing waits for one that nobody serves",
                     ""});
  }
  return found;
}

Findings CheckIdentities(const CoordinatorFacts& facts) {
  Findings found;
  for (const ParticipantView& view : facts.participants) {
    if (view.refused_identity.empty()) continue;
    found.push_back({"participants-identity", Severity::kProblem,
                     "a process was refused: behind the name " + Escaped(view.resource) +
                         " it has " + Escaped(view.refused_identity) + " in place of " +
                         Escaped(view.identity),
                     "point it at the right database; or, when nothing of the old one is in doubt: "
                     "settle participants accept " +
                         Escaped(view.resource) + " " + ShellWord(Escaped(view.refused_identity)) +
                         " --reason TEXT"});
  }
  if (found.empty()) {
    found.push_back({"participants-identity", Severity::kOk, "no database was refused", ""});
  }
  return found;
}

// "1.2" of "1.2.3": within it the contract of the wire and the tables stay as they are.
std::string Series(const std::string& release) { return release.substr(0, release.rfind('.')); }

Findings CheckReleases(const CoordinatorFacts& facts) {
  const std::string code = "participants-release";
  const std::string& ours = facts.deployment.release;
  std::map<std::string, std::string> others;  // release -> one of the processes
  for (const ParticipantView& view : facts.participants) {
    for (const auto* sessions : {&view.sessions, &view.action_sessions}) {
      for (const SessionView& session : *sessions) {
        if (session.release.empty() || session.release == ours) continue;
        others.emplace(session.release, session.process);
      }
    }
  }
  if (others.empty())
    return {{code, Severity::kOk, "no process is known to differ in release", ""}};
  Findings found;
  for (const auto& [release, process] : others) {
    const std::string what =
        Escaped(process) + " has release " + Escaped(release) + ", the coordinator " + ours;
    if (Series(release) == Series(ours)) {
      found.push_back({code, Severity::kNote, what, ""});
    } else {
      found.push_back({code, Severity::kWarning, what,
                       "bring the processes and the coordinator to one release"});
    }
  }
  return found;
}

Findings CheckInDoubt(const CoordinatorFacts& facts) {
  const OpenCounts& open = facts.open;
  if (open.in_doubt == 0) return {{"in-doubt-age", Severity::kOk, "nothing is in doubt", ""}};
  const WallTime age = open.oldest_in_doubt == 0 ? 0 : facts.now - open.oldest_in_doubt;
  const bool known = open.oldest_in_doubt != 0;
  const std::string what = Count(open.in_doubt, "transaction is", "transactions are") +
                           " in doubt, the oldest " +
                           (known ? "for " + Long(age) : "for a time that is not known");
  if (known && age < kInDoubtForLong) return {{"in-doubt-age", Severity::kOk, what, ""}};
  return {{"in-doubt-age", Severity::kWarning, what,
           "settle in-doubt: it says of each what it waits for"}};
}

Findings CheckDamage(const CoordinatorFacts& facts) {
  Findings found;
  const std::size_t damaged = facts.open.damaged;
  found.push_back({"in-doubt-heuristics", damaged == 0 ? Severity::kOk : Severity::kProblem,
                   damaged == 0 ? "no damage that nobody has forgotten"
                                : Count(damaged, "transaction is", "transactions are") +
                                      " damaged: branches ended otherwise than decided",
                   damaged == 0 ? ""
                                : "settle in-doubt; repair by hand, then settle forget GTID "
                                  "--reason TEXT"});
  const auto at = facts.open.by_state.find("quarantined");
  const std::size_t quarantined = at == facts.open.by_state.end() ? 0 : at->second;
  found.push_back(
      {"in-doubt-quarantined", quarantined == 0 ? Severity::kOk : Severity::kProblem,
       quarantined == 0 ? "nothing is quarantined"
                        : Count(quarantined, "transaction is", "transactions are") +
                              " quarantined: their records contradict themselves, or were lost "
                              "before the log was restored",
       quarantined == 0 ? ""
                        : "settle in-doubt says of each which; unless the log was restored, find "
                          "out who edited or copied it before anything else"});
  return found;
}

Findings CheckStrays(const CoordinatorFacts& facts) {
  const std::string code = "in-doubt-strays";
  if (facts.strays.empty()) {
    return {{code, Severity::kOk, "no scan found a branch that this log does not answer for", ""}};
  }
  const Stray& oldest = *std::ranges::min_element(facts.strays, {}, &Stray::first_seen);
  const WallTime age = facts.now - oldest.first_seen;
  const std::string what =
      Count(facts.strays.size(), "prepared branch is", "prepared branches are") +
      " not this log's to finish, the first seen " + Long(age) + " ago in " +
      Escaped(oldest.resource) + ": " + Escaped(oldest.database_name) + " (" + Escaped(oldest.why) +
      ")";
  if (age < kStrayForLong) return {{code, Severity::kNote, what, ""}};
  return {{code, Severity::kWarning, what,
           "settle in-doubt lists them; their own coordinator ends them. Only if it is gone for "
           "good: settle resolve --resource NAME --prepared NAME_IN_THE_DATABASE commit|abort "
           "--heuristic --dry-run --reason ... says what that would do"}};
}

using Check = Findings (*)(const CoordinatorFacts& facts);
constexpr std::array<Check, 13> kChecks{
    CheckProcess, CheckCertificate, CheckDescriptors, CheckLogFile,    CheckLogFileSystem,
    CheckFlushes, CheckClock,       CheckServed,      CheckIdentities, CheckReleases,
    CheckInDoubt, CheckDamage,      CheckStrays};

}  // namespace

std::vector<Finding> CheckCoordinator(const CoordinatorFacts& facts) {
  Findings all;
  for (const Check check : kChecks) std::ranges::move(check(facts), std::back_inserter(all));
  return all;
}

std::optional<Finding> CheckDatabaseClock(WallTime database, WallTime asked, milliseconds took) {
  if (database == 0) return std::nullopt;
  const std::string code = "database-clock";
  const WallTime span = std::max<WallTime>(0, microseconds(took).count());
  const WallTime answered = asked + span;
  const WallTime apart = database < asked      ? asked - database
                         : database > answered ? database - answered
                                               : 0;
  if (apart <= kClockSlack) {
    return Finding{code, Severity::kOk, "its clock agrees with the coordinator's", ""};
  }
  const std::string what = "its clock is " + Long(apart) +
                           (database < asked ? " behind" : " ahead of") +
                           " the coordinator's; nothing is decided by it";
  if (apart <= kClocksApart) return Finding{code, Severity::kNote, what, ""};
  return Finding{code, Severity::kWarning, what,
                 "set both clocks right (timedatectl): times in their logs cannot be compared"};
}

}  // namespace settle::coordinator
