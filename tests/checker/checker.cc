#include "checker/checker.h"

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <variant>

namespace settle::testing {
namespace {

// expected: in which banks a transfer or a payment must be. movement: what a transaction moved,
// by whatever protocol. effective: what took effect for good. damaged: what a person forced and of
// which the coordinator says, to its client or to that person, that it ended otherwise.
const char kTables[] = R"sql(
CREATE TABLE bank (name PRIMARY KEY, opening, total, writable);
CREATE TABLE transfer (bank, gtid, amount);
CREATE TABLE effect (bank, id, gtid, step, op, amount);
CREATE TABLE prepared (bank, name);
CREATE TABLE asked (gtid PRIMARY KEY, protocol);
CREATE TABLE expected (gtid, bank);
CREATE TABLE told (gtid, outcome);
CREATE TABLE forced (gtid PRIMARY KEY);
CREATE TABLE accepted (gtid PRIMARY KEY, decision);
CREATE TABLE shown (gtid PRIMARY KEY, outcome);
CREATE TABLE saga (steps, pivot);
)sql";

const char kViews[] = R"sql(
CREATE INDEX transfer_of ON transfer (gtid);
CREATE INDEX effect_of ON effect (gtid, step, op);
CREATE INDEX expected_of ON expected (gtid);
CREATE INDEX told_of ON told (gtid);
CREATE VIEW movement AS
  SELECT bank, gtid, amount FROM transfer UNION ALL SELECT bank, gtid, amount FROM effect;
CREATE TABLE presence AS
  SELECT e.gtid, count(t.gtid) AS present, count(*) AS wanted
  FROM expected e LEFT JOIN transfer t ON t.gtid = e.gtid AND t.bank = e.bank GROUP BY e.gtid;
CREATE INDEX presence_of ON presence (gtid);
CREATE TABLE saga_end AS
  SELECT gtid, count(DISTINCT iif(op = 'action', step, NULL)) AS done,
    count(DISTINCT iif(op = 'compensate', step, NULL)) AS undone,
    sum(op = 'action' AND step = steps) > 0 AS committed,
    sum(op = 'action' AND step = pivot) > 0 AS pivot_done
  FROM effect, saga WHERE op IN ('action', 'compensate') GROUP BY gtid;
CREATE TABLE effective AS
  SELECT gtid FROM transfer UNION SELECT gtid FROM effect WHERE op = 'confirm'
  UNION SELECT gtid FROM saga_end WHERE committed;
CREATE TABLE damaged AS
  SELECT gtid FROM (SELECT gtid, outcome FROM told UNION SELECT gtid, outcome FROM shown)
  WHERE outcome IN ('mixed', 'hazard', 'heuristic-commit', 'heuristic-rollback')
    AND gtid IN (SELECT gtid FROM forced);
)sql";

const std::vector<Invariant> kInvariants = {
    {"atomicity", R"sql(
      SELECT gtid || ' took effect in ' || present || ' of ' || wanted || ' banks' FROM presence
      WHERE present NOT IN (0, wanted) AND gtid NOT IN (SELECT gtid FROM damaged))sql"},
    {"atomicity", R"sql(
      SELECT 'the halves of ' || gtid || ' differ by ' || sum(amount) FROM movement
      WHERE gtid NOT IN (SELECT gtid FROM damaged)
        AND gtid NOT IN (SELECT gtid FROM presence WHERE present NOT IN (0, wanted))
      GROUP BY gtid HAVING sum(amount) <> 0)sql"},
    {"atomicity", R"sql(
      SELECT gtid || ' is paid, and its reservation ' || step || ' in ' || bank || ' not confirmed'
      FROM effect t WHERE op = 'try' AND gtid IN (SELECT gtid FROM transfer)
        AND NOT EXISTS (SELECT 1 FROM effect c
          WHERE c.gtid = t.gtid AND c.step = t.step AND c.bank = t.bank AND c.op = 'confirm'))sql"},
    {"atomicity", R"sql(
      SELECT gtid || ' is not paid, and its reservation ' || step || ' in ' || bank
        || ' is confirmed'
      FROM effect WHERE op = 'confirm' AND gtid NOT IN (SELECT gtid FROM transfer))sql"},
    {"durability", R"sql(
      SELECT DISTINCT gtid || ' was told committed and is in ' || present || ' of ' || wanted
        || ' banks'
      FROM told JOIN presence USING (gtid) WHERE outcome = 'committed' AND present < wanted
        AND gtid NOT IN (SELECT gtid FROM damaged))sql"},
    {"durability", R"sql(
      SELECT DISTINCT gtid || ' was told committed and its saga is not'
      FROM told JOIN asked USING (gtid) LEFT JOIN saga_end USING (gtid)
      WHERE outcome = 'committed' AND protocol = 'saga' AND NOT ifnull(committed, 0))sql"},
    {"durability", R"sql(
      SELECT DISTINCT gtid || ' was told aborted and is in '
        || (SELECT count(*) FROM transfer t WHERE t.gtid = told.gtid) || ' banks'
      FROM told WHERE outcome = 'aborted' AND gtid IN (SELECT gtid FROM effective)
        AND gtid NOT IN (SELECT gtid FROM damaged))sql"},
    {"durability", R"sql(
      SELECT DISTINCT gtid || ' took effect and nobody had asked for it'
      FROM transfer WHERE gtid NOT IN (SELECT gtid FROM asked) AND (SELECT count(*) FROM asked) > 0
        AND gtid NOT IN (SELECT gtid FROM forced))sql"},
    {"once", R"sql(
      SELECT op || ' of ' || gtid || ' branch ' || step || ' took effect ' || count(*)
        || ' times in ' || bank
      FROM effect GROUP BY bank, gtid, step, op HAVING count(*) > 1)sql"},
    {"order", R"sql(
      SELECT late.op || ' of ' || late.gtid || ' branch ' || late.step || ' took effect in '
        || late.bank || ' without what it belongs to'
      FROM effect late WHERE op IN ('compensate', 'confirm', 'cancel') AND NOT EXISTS (
        SELECT 1 FROM effect origin WHERE origin.gtid = late.gtid AND origin.step = late.step
          AND origin.bank = late.bank AND origin.id < late.id
          AND origin.op = iif(late.op = 'compensate', 'action', 'try')))sql"},
    {"order", R"sql(
      SELECT gtid || ' branch ' || step || ' in ' || bank || ' is confirmed and cancelled'
      FROM effect WHERE op IN ('confirm', 'cancel')
      GROUP BY bank, gtid, step HAVING count(DISTINCT op) > 1)sql"},
    {"order", R"sql(
      SELECT a.op || ' of ' || a.gtid || ' step ' || b.step || ' came before that of step '
        || a.step || ' in ' || a.bank
      FROM effect a JOIN effect b ON a.gtid = b.gtid AND a.op = b.op AND a.bank = b.bank
      WHERE (a.op = 'action' AND a.step < b.step AND a.id > b.id)
        OR (a.op = 'compensate' AND a.step > b.step AND a.id > b.id))sql"},
    {"saga", R"sql(
      SELECT gtid || ' committed with ' || done || ' of ' || steps || ' steps done and '
        || undone || ' undone'
      FROM saga_end, saga WHERE committed AND (done < steps OR undone > 0))sql"},
    {"saga", R"sql(
      SELECT gtid || ' stopped with ' || done || ' steps done and ' || undone || ' undone'
      FROM saga_end WHERE NOT committed AND done <> undone)sql"},
    {"pivot", R"sql(
      SELECT 'step ' || step || ' of ' || gtid || ' was undone' FROM effect, saga
      WHERE op = 'compensate' AND step >= pivot)sql"},
    {"pivot", R"sql(
      SELECT gtid || ' is past it and did not go on to its end' FROM saga_end
      WHERE pivot_done AND NOT committed)sql"},
    {"one decision", R"sql(
      SELECT gtid || ' was told committed and aborted' FROM told
      WHERE outcome IN ('committed', 'aborted') AND gtid NOT IN (SELECT gtid FROM damaged)
      GROUP BY gtid HAVING count(DISTINCT outcome) > 1)sql"},
    {"heuristics", R"sql(
      SELECT DISTINCT gtid || ' was told ' || outcome || ' and nobody forced it' FROM told
      WHERE outcome IN ('mixed', 'hazard', 'heuristic-commit', 'heuristic-rollback')
        AND gtid NOT IN (SELECT gtid FROM forced))sql"},
    {"heuristics", R"sql(
      SELECT gtid || ' was forced to ' || decision || ' and nothing is shown of that'
      FROM accepted WHERE gtid NOT IN (SELECT gtid FROM shown))sql"},
    {"heuristics", R"sql(
      SELECT gtid || ' was forced to ' || decision || ' and is shown as ' || outcome
      FROM accepted JOIN shown USING (gtid)
      WHERE (decision = 'commit' AND outcome NOT IN
              ('committed', 'mixed', 'hazard', 'heuristic-rollback'))
        OR (decision = 'abort' AND outcome NOT IN
              ('aborted', 'mixed', 'hazard', 'heuristic-commit')))sql"},
    {"heuristics", R"sql(
      SELECT gtid || ' is shown as ' || outcome || ' and is in ' || present || ' of ' || wanted
        || ' banks'
      FROM shown JOIN presence USING (gtid)
      WHERE (outcome IN ('committed', 'heuristic-commit') AND present < wanted)
        OR (outcome IN ('aborted', 'heuristic-rollback') AND present > 0)
        OR (outcome = 'mixed' AND present IN (0, wanted)))sql"},
    {"ledger", R"sql(
      SELECT name || ' holds ' || total || ' and its rows say ' || (opening + moved)
      FROM (SELECT name, total, opening,
              (SELECT ifnull(sum(amount), 0) FROM movement WHERE bank = name) AS moved FROM bank)
      WHERE total <> opening + moved)sql"},
    {"conservation", R"sql(
      SELECT total || ' instead of ' || wanted
      FROM (SELECT sum(total) AS total, sum(opening) + (SELECT ifnull(sum(amount), 0)
              FROM movement WHERE gtid IN (SELECT gtid FROM damaged)) AS wanted FROM bank)
      WHERE total <> wanted)sql"},
    {"no orphan", "SELECT name || ' is still prepared in ' || bank FROM prepared"},
    {"no orphan", R"sql(
      SELECT 'a lock keeps writers out of ' || name FROM bank WHERE NOT writable)sql"},
    {"no orphan", R"sql(
      SELECT 'the reservation of ' || gtid || ' branch ' || step || ' in ' || bank || ' is held'
      FROM effect t WHERE op = 'try' AND NOT EXISTS (SELECT 1 FROM effect e WHERE e.gtid = t.gtid
        AND e.step = t.step AND e.bank = t.bank AND e.op IN ('confirm', 'cancel')))sql"},
};

using Value = std::variant<std::string, std::int64_t>;

// A database in memory, for the time of one check.
class Judge {
 public:
  Judge() : file_(Open()) { Run(kTables); }

  void Insert(const std::string& table, const std::vector<Value>& row) {
    std::string sql = "INSERT INTO " + table + " VALUES (?";
    for (std::size_t i = 1; i < row.size(); ++i) sql += ", ?";
    const Statement statement = Prepare(sql + ")");
    for (std::size_t i = 0; i < row.size(); ++i) {
      const int at = static_cast<int>(i) + 1;
      if (const auto* text = std::get_if<std::string>(&row[i])) {
        sqlite3_bind_text(statement.get(), at, text->c_str(), -1, SQLITE_TRANSIENT);
      } else {
        sqlite3_bind_int64(statement.get(), at, std::get<std::int64_t>(row[i]));
      }
    }
    if (sqlite3_step(statement.get()) != SQLITE_DONE) Throw(sql);
  }
  void Run(const char* sql) {
    if (sqlite3_exec(file_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) Throw(sql);
  }
  std::vector<std::string> Sentences(const Invariant& invariant) {
    const Statement statement = Prepare(invariant.violated);
    std::vector<std::string> sentences;
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0));
      sentences.push_back(std::string(invariant.name) + ": " + (text == nullptr ? "NULL" : text));
    }
    if (code != SQLITE_DONE) Throw(invariant.violated);
    return sentences;
  }

 private:
  using File = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;
  using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

  static File Open() {
    sqlite3* file = nullptr;
    sqlite3_open(":memory:", &file);
    return {file, sqlite3_close};
  }
  Statement Prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(file_.get(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
      Throw(sql);
    }
    return {statement, sqlite3_finalize};
  }
  [[noreturn]] void Throw(const std::string& sql) {
    throw std::runtime_error("\"" + sql + "\": " + sqlite3_errmsg(file_.get()));
  }

  const File file_;
};

void InsertFacts(Judge& judge, const std::vector<BankFacts>& banks) {
  for (const BankFacts& bank : banks) {
    judge.Insert("bank", {bank.name, kAccounts * kOpeningBalance, bank.total,
                          static_cast<std::int64_t>(bank.writable)});
    for (const auto& [gtid, amount] : bank.transfers) {
      judge.Insert("transfer", {bank.name, gtid, amount});
    }
    for (const EffectRow& row : bank.effects) {
      judge.Insert("effect", {bank.name, row.id, row.gtid, row.step, row.op, row.amount});
    }
    for (const std::string& name : bank.prepared) judge.Insert("prepared", {bank.name, name});
  }
}

// A gtid that moved something although nobody asked is expected where any other would be.
void InsertNotes(Judge& judge, const std::vector<BankFacts>& banks, const Notes& notes) {
  std::map<std::string, NotedWork> known = notes.asked;
  for (const auto& [gtid, answers] : notes.answers) {
    known.try_emplace(gtid);
    for (const std::string& outcome : answers) judge.Insert("told", {gtid, outcome});
  }
  for (const BankFacts& bank : banks) {
    for (const auto& [gtid, amount] : bank.transfers) known.try_emplace(gtid);
  }
  for (const auto& [gtid, work] : known) {
    if (notes.answers.contains(gtid)) judge.Insert("asked", {gtid, work.protocol});
    if (work.protocol == "saga") continue;
    for (const std::string& bank : work.banks) judge.Insert("expected", {gtid, bank});
    if (!work.banks.empty()) continue;
    for (const BankFacts& bank : banks) judge.Insert("expected", {gtid, bank.name});
  }
  for (const std::string& gtid : notes.forced) judge.Insert("forced", {gtid});
  for (const auto& [gtid, decision] : notes.accepted) judge.Insert("accepted", {gtid, decision});
  for (const auto& [gtid, outcome] : notes.shown) judge.Insert("shown", {gtid, outcome});
}

}  // namespace

const std::vector<Invariant>& Invariants() { return kInvariants; }

BankFacts ReadFacts(const Database& bank, const std::string& name) {
  return {name, bank.Transfers(), bank.Effects(), bank.Total(), bank.Prepared(), bank.Writable()};
}

bool IsQuiet(const BankFacts& facts) { return facts.prepared.empty() && facts.writable; }

std::vector<std::string> Violations(const std::vector<BankFacts>& banks, const Notes& notes) {
  Judge judge;
  judge.Run("BEGIN");
  judge.Insert("saga", {std::int64_t{kSagaSteps}, std::int64_t{kSagaPivot}});
  InsertFacts(judge, banks);
  InsertNotes(judge, banks, notes);
  judge.Run("COMMIT");
  judge.Run(kViews);
  std::vector<std::string> violations;
  for (const Invariant& invariant : kInvariants) {
    for (std::string& sentence : judge.Sentences(invariant)) {
      violations.push_back(std::move(sentence));
    }
  }
  return violations;
}

}  // namespace settle::testing
