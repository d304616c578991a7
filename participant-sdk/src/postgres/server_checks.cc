#include "postgres/server_checks.h"

#include <algorithm>
#include <array>

#include "settle/vocabulary/gtid.h"

namespace settle::postgres {
namespace {

using std::to_string;

constexpr std::int64_t kMinute_s = 60;
constexpr std::int64_t kHour_s = 3'600;

// A branch that is prepared waits for seconds, or for a person. Retries have long passed by then.
constexpr std::int64_t kPreparedForLong_s = 15 * kMinute_s;
// Programs other than Settle may keep theirs for as long as they like; but a forgotten one looks
// the same.
constexpr std::int64_t kOthersForLong_s = kHour_s;
// A limit below this ends branches that do nothing wrong: a vote is waited for half a minute.
constexpr std::int64_t kShortTimeout_ms = 30'000;
// vacuum_failsafe_age, from which on the server neglects all else to get rid of old transactions;
// at 2.1e9 it refuses to write.
constexpr std::int64_t kFailsafeXidAge = 1'600'000'000;

struct Major {
  int number;
  std::int64_t unsupported_from_s;  // UTC
};
// https://www.postgresql.org/support/versioning/
constexpr std::array kMajors{
    Major{13, 1'763'078'400},  // 2025-11-14
    Major{14, 1'794'528'000},  // 2026-11-13
    Major{15, 1'825'977'600},  // 2027-11-12
    Major{16, 1'857'427'200},  // 2028-11-10
    Major{17, 1'888'876'800},  // 2029-11-09
    Major{18, 1'920'931'200},  // 2030-11-15
};

std::string Percent(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? "?" : to_string(part * 100 / whole) + " %";
}

std::string Long(std::int64_t s) {
  if (s < 2 * kMinute_s) return to_string(s) + " s";
  if (s < 2 * kHour_s) return to_string(s / kMinute_s) + " min";
  if (s < 48 * kHour_s) return to_string(s / kHour_s) + " h";
  return to_string(s / (24 * kHour_s)) + " d";
}

Finding CheckVersion(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-version";
  const int number = facts.version / 10'000;
  const std::string what =
      "PostgreSQL " + to_string(number) + "." + to_string(facts.version % 10'000);
  const auto known = std::ranges::find(kMajors, number, &Major::number);
  if (known == kMajors.end()) {
    return {code, Severity::kNote, what + " is newer than this release of Settle knows", ""};
  }
  if (facts.clock_us / 1'000'000 >= known->unsupported_from_s) {
    return {code, Severity::kWarning, what + " gets no corrections from its makers any more",
            "plan the upgrade; end what is prepared before it, for pg_upgrade refuses otherwise"};
  }
  return {code, Severity::kOk, what, ""};
}

Finding CheckRecovery(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-standby";
  const std::string timeline = "timeline " + to_string(facts.timeline);
  if (!facts.standby) return {code, Severity::kOk, "a primary, " + timeline, ""};
  return {code, Severity::kProblem, "a standby, " + timeline + ": nothing can be written to it",
          "point the dsn at the primary, e.g. with target_session_attrs=read-write"};
}

Finding CheckSlots(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-prepared-slots";
  const auto used = static_cast<int>(facts.prepared.size());
  if (facts.slots == 0) {
    return {code, Severity::kProblem, "max_prepared_transactions is 0: nothing can be prepared",
            "put max_prepared_transactions = " + to_string(std::max(100, facts.connections)) +
                " into postgresql.conf and restart the server"};
  }
  const std::string what = to_string(used) +
                           " of max_prepared_transactions = " + to_string(facts.slots) +
                           " are used (" + Percent(used, facts.slots) + "), max_connections is " +
                           to_string(facts.connections);
  if (used >= facts.slots) {
    return {code, Severity::kProblem, what + ": every further prepare is refused",
            "finish what is prepared ('settle in-doubt'), then raise max_prepared_transactions"};
  }
  if (used * 5 > facts.slots * 4) {
    return {code, Severity::kWarning, what,
            "see what is not finished ('settle in-doubt'), and raise max_prepared_transactions"};
  }
  if (facts.slots < facts.connections) {
    return {code, Severity::kNote, what + ": more sessions could prepare at once than may",
            "with many clients set max_prepared_transactions to max_connections"};
  }
  return {code, Severity::kOk, what, ""};
}

Finding CheckFlushing(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-fsync";
  if (!facts.fsync) {
    return {code, Severity::kProblem,
            "fsync is off: a crash of the machine can lose prepared and committed transactions",
            "set fsync = on in postgresql.conf and reload the server"};
  }
  if (!facts.full_page_writes) {
    return {code, Severity::kWarning,
            "full_page_writes is off: a power failure can tear pages, prepared branches with them",
            "set full_page_writes = on, unless the file system never tears a page (ZFS)"};
  }
  return {code, Severity::kOk, "fsync and full_page_writes are on", ""};
}

Finding CheckSynchronousCommit(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-synchronous-commit";
  const std::string what = "synchronous_commit is " + facts.synchronous_commit;
  const bool local = facts.synchronous_commit == "local" || facts.synchronous_commit == "off";
  if (local && !facts.synchronous_standby_names.empty()) {
    return {code, Severity::kWarning,
            what +
                ": prepared branches do not wait for the synchronous standbys, and a fail-over "
                "can lose them",
            "ALTER ROLE \"" + facts.role + "\" SET synchronous_commit = on"};
  }
  if (facts.synchronous_commit == "off") {
    return {code, Severity::kNote,
            what + ": branches are flushed all the same, other commits may be lost in a crash", ""};
  }
  return {code, Severity::kOk, what, ""};
}

Finding CheckReplication(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-replication";
  const std::string standbys =
      to_string(facts.standbys) + (facts.standbys == 1 ? " standby streams" : " standbys stream");
  if (facts.synchronous_standby_names.empty()) {
    if (facts.standbys == 0) {
      return {code, Severity::kOk, "no standby, wal_level is " + facts.wal_level, ""};
    }
    return {code, Severity::kWarning,
            standbys +
                ", none of them synchronous: a fail-over can lose prepared branches and "
                "their outcomes, and on the new timeline nothing proves what became of them",
            "set synchronous_standby_names, e.g. 'ANY 1 (*)', or treat every fail-over as damage: "
            "'settle in-doubt' afterwards"};
  }
  const std::string what = standbys + ", synchronous_standby_names is '" +
                           Escaped(facts.synchronous_standby_names) + "'";
  if (facts.synchronous_standbys == 0 || facts.standbys == 0) {
    return {code, Severity::kProblem,
            what + ", and none of these is there: every prepare and commit waits",
            "bring a synchronous standby back, or take it out of synchronous_standby_names"};
  }
  return {code, Severity::kOk, what, ""};
}

Finding CheckVacuum(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-xid-age";
  std::int64_t oldest = 0;
  for (const PreparedFact& each : facts.prepared) oldest = std::max(oldest, each.xid_age);
  const std::string what = "the oldest prepared transaction is " + to_string(oldest) +
                           " transactions old (" + Percent(oldest, facts.freeze_max_age) +
                           " of autovacuum_freeze_max_age), the database " +
                           to_string(facts.database_xid_age);
  const std::string advice =
      "finish the oldest prepared transaction: VACUUM can remove nothing that is younger";
  if (oldest >= facts.freeze_max_age || facts.database_xid_age >= kFailsafeXidAge) {
    return {code, Severity::kProblem, what,
            oldest >= facts.freeze_max_age
                ? advice
                : "run VACUUM (FREEZE) in this database, after ending what holds it back"};
  }
  if (oldest * 2 >= facts.freeze_max_age) return {code, Severity::kWarning, what, advice};
  return {code, Severity::kOk, what, ""};
}

Finding CheckTimeouts(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-timeouts";
  std::string set;
  std::string shortest;
  const auto add = [&](const char* name, std::int64_t ms) {
    if (ms == 0) return;
    const std::string text = std::string(name) + " = " + to_string(ms) + "ms";
    set += (set.empty() ? "" : ", ") + text;
    if (ms < kShortTimeout_ms) shortest += (shortest.empty() ? "" : ", ") + text;
  };
  add("statement_timeout", facts.statement_timeout_ms);
  add("idle_in_transaction_session_timeout", facts.idle_in_transaction_timeout_ms);
  add("transaction_timeout", facts.transaction_timeout_ms);
  if (set.empty()) return {code, Severity::kOk, "no time-out of the server ends branches", ""};
  if (shortest.empty()) return {code, Severity::kOk, set, ""};
  return {
      code, Severity::kNote,
      shortest + ": branches that wait for longer are ended by the server, and abort",
      "see that no transaction takes so long, or ALTER ROLE \"" + facts.role + "\" SET it higher"};
}

// Prepared transactions of one kind: how many, the oldest, one of them by name.
struct Group {
  std::int64_t count = 0;
  std::int64_t oldest_s = 0;
  std::string oldest;
  std::string role;

  void Add(const PreparedFact& each) {
    ++count;
    if (!oldest.empty() && each.age_s <= oldest_s) return;
    oldest_s = each.age_s;
    oldest = each.gid;
    role = each.role;
  }
  std::string Text() const {
    return to_string(count) + ", the oldest for " + Long(oldest_s) + ": " + Escaped(oldest);
  }
};

bool IsSettles(const PreparedFact& each) { return each.gid.starts_with(kDatabaseNamePrefix); }

bool IsOfLog(const PreparedFact& each, const std::string& log_id) {
  return !log_id.empty() && each.gid.starts_with(std::string(kDatabaseNamePrefix) + log_id + ".");
}

template <typename Belongs>
Group Gather(const ServerFacts& facts, Belongs belongs) {
  Group group;
  for (const PreparedFact& each : facts.prepared) {
    if (each.own_database && belongs(each)) group.Add(each);
  }
  return group;
}

Finding CheckPrepared(const ServerFacts& facts, const std::string& log_id) {
  const std::string code = "postgresql-prepared";
  const Group own = Gather(facts, [&](const auto& each) { return IsOfLog(each, log_id); });
  if (own.count == 0) return {code, Severity::kOk, "no branch of this log is prepared", ""};
  const std::string what = "prepared branches of this log: " + own.Text();
  if (own.oldest_s < kPreparedForLong_s) return {code, Severity::kOk, what, ""};
  return {code, Severity::kWarning, what + "; it keeps its locks",
          "settle explain or show its transaction, then 'settle retry' or 'settle resolve': "
          "the gtid is between 'settle:' and the last ':'"};
}

Finding CheckOtherLogs(const ServerFacts& facts, const std::string& log_id) {
  const std::string code = "postgresql-prepared-orphans";
  const Group group =
      Gather(facts, [&](const auto& each) { return IsSettles(each) && !IsOfLog(each, log_id); });
  if (group.count == 0) return {code, Severity::kOk, "no branch of another log is prepared", ""};
  const std::string what = "prepared branches of other logs of Settle: " + group.Text();
  if (group.oldest_s < kPreparedForLong_s) return {code, Severity::kNote, what, ""};
  return {
      code, Severity::kWarning, what + "; it keeps its locks",
      "ask the coordinator whose log it names (the 12 characters after 'settle:'); only if that "
      "is gone for good: settle resolve --resource NAME --prepared NAME_IN_THE_DATABASE "
      "commit|abort --heuristic --dry-run --reason ... says what deciding it would do"};
}

Finding CheckForeign(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-prepared-foreign";
  const Group group = Gather(facts, [](const auto& each) { return !IsSettles(each); });
  if (group.count == 0) return {code, Severity::kOk, "nothing but Settle prepares here", ""};
  const std::string what = "prepared transactions that are not Settle's: " + group.Text();
  if (group.oldest_s < kOthersForLong_s) return {code, Severity::kNote, what, ""};
  return {code, Severity::kWarning, what + "; it keeps its locks and holds VACUUM back",
          "find out whose it is (pg_prepared_xacts: owner, prepared) and have it finished there"};
}

Finding CheckRole(const ServerFacts& facts, const std::string& log_id) {
  const std::string code = "postgresql-role";
  const Group group =
      Gather(facts, [&](const auto& each) { return IsOfLog(each, log_id) && !each.own_role; });
  const std::string role = "the role is " + Escaped(facts.role);
  if (group.count == 0 || facts.superuser) return {code, Severity::kOk, role, ""};
  return {code, Severity::kWarning,
          role + ", which cannot finish what " + Escaped(group.role) + " prepared: " + group.Text(),
          "let processes that serve this database under one resource name use one role; meanwhile: "
          "settle agent --once as that role"};
}

Finding CheckTables(const ServerFacts& facts, const std::string&) {
  const std::string code = "postgresql-tables";
  if (facts.tables_version == 0) {
    return {code, Severity::kOk,
            "no tables of Settle's own that this role may read; only barriers, locks and "
            "three-phase commit need them",
            ""};
  }
  const std::string what = "Settle's tables have version " + to_string(facts.tables_version) +
                           ", this program makes version " + to_string(facts.tables_latest);
  if (facts.tables_version < facts.tables_latest) {
    return {code, Severity::kWarning, what, "settle barrier install --dsn 'postgresql:DSN'"};
  }
  if (facts.tables_version > facts.tables_latest) {
    return {code, Severity::kWarning, what,
            "upgrade this program to a release at least as new as the one that made them"};
  }
  return {code, Severity::kOk, what, ""};
}

using Check = Finding (*)(const ServerFacts& facts, const std::string& log_id);
constexpr std::array<Check, 13> kChecks{
    CheckVersion,     CheckRecovery, CheckSlots,    CheckFlushing, CheckSynchronousCommit,
    CheckReplication, CheckVacuum,   CheckTimeouts, CheckPrepared, CheckOtherLogs,
    CheckForeign,     CheckRole,     CheckTables};

}  // namespace

std::vector<Finding> CheckServer(const ServerFacts& facts, const std::string& log_id) {
  std::vector<Finding> findings;
  for (const Check check : kChecks) findings.push_back(check(facts, log_id));
  return findings;
}

}  // namespace settle::postgres
