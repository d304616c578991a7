#include "samples.h"

namespace settle::coordinator {

Gtid SampleGtid(const std::string& log_id, Epoch epoch, std::uint64_t sequence) {
  return Gtid::Make(log_id, epoch, sequence, 0x9f3c2a51);
}

namespace {
const Evidence kEvidence{"postgresql:7301234567890123456:16384", 3, "7421"};
const Origin kOrigin{"transfer-service", "order 17: \"quoted\", \xc3\xa9", 1'700'000'000'123'456};
}  // namespace

CommitRecord SampleCommit(const Gtid& gtid) {
  return {gtid,
          kOrigin,
          1'700'000'000'223'456,
          {{1, "accounts", Vote::kCommit, kEvidence},
           {2, "stock", Vote::kReadOnly, {"sqlite:6f1c", 0, ""}}}};
}

OnePhaseRecord SampleOnePhase(const Gtid& gtid) {
  return {gtid, kOrigin, -1, {1, "accounts", Vote::kCommit, kEvidence}};
}

HeuristicRecord SampleHeuristic(const Gtid& gtid) {
  return {gtid, 2, BranchEnd::kHazard, "pg_xact_status said nothing", 1'700'000'000'323'456};
}

EndRecord SampleEnd(const Gtid& gtid, Outcome outcome) {
  TransactionSummary summary;
  summary.gtid = gtid;
  summary.state = "done";
  summary.ending = {outcome, AbortCause::kNone, "", true};
  if (outcome == Outcome::kAborted) {
    summary.ending = {outcome, AbortCause::kVotedNo, "stock: 40001", true};
  }
  summary.origin = kOrigin;
  summary.ended = 1'700'000'000'423'456;
  summary.branches = {{1, "accounts", kEvidence.database, "transfer-1", "committed", "commit",
                       kEvidence, 2, "connection lost once"},
                      {2, "stock", "sqlite:6f1c", "", "read-only", "read-only", {}, 0, ""}};
  summary.timeline = {{1, "began"}, {2, "decided: commit"}};
  return {summary};
}

ResourceRecord SampleResource() {
  return {"accounts", kEvidence.database, "alice", "restored from a backup", 1'700'000'000'523'456};
}

ForgetRecord SampleForget(const Gtid& gtid) {
  return {gtid,
          {Outcome::kMixed, AbortCause::kNone, "branch 2 in stock: rolled back by hand", false},
          "alice",
          "credited by hand",
          1'700'000'000'623'456};
}

SagaBeginRecord SampleSagaBegin(const Gtid& gtid) {
  saga::StepDefinition flight{"flight", "airline", "reserve-seat", R"({"from": "ZRH"})", {},
                              {},       {},        30'000};
  flight.kind = saga::StepKind::kCompensatable;
  saga::StepDefinition payment{"payment",
                               "bank",
                               "pay",
                               R"({"$result": "/flight/price"})",
                               {"flight"},
                               saga::StepKind::kPivot,
                               {5, 100, 60'000, 150},
                               1'000};
  return {gtid, kOrigin, "order-17", {"trip", 3, 86'400'000, {flight, payment}}, "{}"};
}

std::vector<Record> SampleSagaRecords(const Gtid& gtid) {
  const Ending failed{Outcome::kAborted, AbortCause::kStepFailed, "step payment failed", false};
  EndRecord end = SampleEnd(gtid, Outcome::kAborted);
  end.summary.ending = failed;
  ForgetRecord forget = SampleForget(gtid);
  forget.ending.cause = AbortCause::kStepFailed;
  return {SampleSagaBegin(gtid),
          SagaStepRecord{gtid, 1, ActionOp::kAction, R"({"price": 120})"},
          SagaAbortingRecord{gtid, failed, 1'700'000'000'723'456, {1, 2}},
          SagaActRecord{gtid, 1, SagaAct::kSetInput, "{}", "alice", "new card", 1},
          SagaEndRecord{gtid, failed, 1'700'000'000'823'456},
          end,
          forget};
}

RegisteredRecord SampleRegistered(const Gtid& gtid) {
  return {gtid,
          kOrigin,
          3,
          "inventory",
          "reserve",
          R"({"sku": "b-17", "count": 2})",
          1'700'000'000'923'456};
}

std::vector<Record> SampleVersion4Records(const Gtid& gtid) {
  EndRecord end = SampleEnd(gtid, Outcome::kCommitted);
  end.summary.saga = {
      "trip",
      3,
      "order-17",
      {0x12345678, 0x9abcdef0},
      {{1, "flight", "reserve-seat", saga::StepKind::kCompensatable, {}, "{}", 1, 2},
       {2, "payment", "pay", saga::StepKind::kPivot, {1}, "", 3, 4}}};
  SagaBeginRecord begin = SampleSagaBegin(gtid);
  begin.definition.steps.back().retry.jitter_percent = 5;
  return {DefinitionRecord{begin.definition, "alice", 1'700'000'000'923'456}, begin, end,
          SampleRegistered(gtid)};
}

std::vector<Record> SampleVersion5Records(const Gtid& gtid) {
  const DecidedBy by{{3, 2}, {0, 2}};
  const Roster sites{
      {0, "", {"settled:7070"}}, {1, "accounts", {"a:7100", "b:7100"}}, {2, "stock", {}}};
  CommitRecord commit = SampleCommit(gtid);
  commit.by = by;
  EndRecord end = SampleEnd(gtid);
  end.summary.quorum = {
      {{sites[0], SiteAnswer{SiteState::kCommitted, {3, 2}, {3, 2}, by}}, {sites[1], {}}},
      2,
      by,
      {1}};
  ForgetRecord forget = SampleForget(gtid);
  forget.ending.cause = AbortCause::kQuorum;
  EndRecord aborted = SampleEnd(gtid, Outcome::kAborted);
  aborted.summary.ending.cause = AbortCause::kQuorum;
  return {PreCommitRecord{gtid, kOrigin, 1'700'000'001'023'456, commit.branches, sites},
          BallotRecord{gtid, {SiteState::kPreAborted, {2, 0}, {1, 0}, {}}},
          QuorumAbortRecord{gtid, 1'700'000'001'123'456, by, "no majority had pre-committed"},
          commit,
          end,
          forget,
          aborted};
}

std::vector<Record> SampleVersion6Records(const Gtid& gtid) {
  std::vector<Record> records{SampleCommit(gtid), SampleOnePhase(gtid), SampleEnd(gtid)};
  const std::vector<std::vector<Record>> later{
      {SampleSagaBegin(gtid)}, SampleVersion4Records(gtid), SampleVersion5Records(gtid)};
  for (const auto& some : later) records.insert(records.end(), some.begin(), some.end());
  const auto set = [](Origin& origin) {
    origin.identity = "cn:shop";
    origin.trace_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  };
  std::erase_if(records, [&](Record& record) {
    return std::visit(
        [&](auto& one) {
          if constexpr (requires { one.origin; }) {
            set(one.origin);
          } else if constexpr (requires { one.summary.origin; }) {
            set(one.summary.origin);
          } else {
            return true;
          }
          return false;
        },
        record);
  });
  records.push_back(PauseRecord{PauseScope::kParticipant, "bank-b", true, "alice",
                                "its disk is full", 1'700'000'001'123'456});
  return records;
}

std::vector<Record> SampleHeuristicRecords(const Gtid& gtid) {
  const HeuristicIntent force{HeuristicAct::kForce,
                              Decision::kCommit,
                              SampleCommit(gtid).branches,
                              "",
                              "alice",
                              "both banks agreed by telephone",
                              1'700'000'001'223'456};
  HeuristicIntent stray = force;
  stray.act = HeuristicAct::kStray;
  stray.to = Decision::kAbort;
  stray.branches.resize(1);
  stray.database_name = "settle:" + SampleGtid("m3m9qxw4c7ab", 1, 7).text() + ":1";
  EndRecord end = SampleEnd(gtid);
  end.summary.heuristics = {force};
  EndRecord of_sites = end;
  of_sites.summary.quorum.emplace().needed = 2;
  return {HeuristicIntentRecord{gtid, kOrigin, force}, HeuristicIntentRecord{gtid, kOrigin, stray},
          end, of_sites};
}

LastResourceRecord SampleLastResource(const Gtid& gtid) {
  return {gtid, kOrigin, 1'700'000'001'323'456, 1, SampleCommit(gtid).branches};
}

std::vector<Record> SampleRecords() {
  const Gtid gtid = SampleGtid("k3m9qxw4c7ab", 2, 1842);
  std::vector<Record> records{SampleCommit(gtid), SampleOnePhase(gtid), SampleHeuristic(gtid),
                              SampleEnd(gtid),    SampleResource(),     SampleForget(gtid)};
  for (Record& record : SampleSagaRecords(gtid)) records.push_back(std::move(record));
  for (Record& record : SampleVersion4Records(gtid)) records.push_back(std::move(record));
  for (Record& record : SampleVersion5Records(gtid)) records.push_back(std::move(record));
  for (Record& record : SampleVersion6Records(gtid)) records.push_back(std::move(record));
  for (Record& record : SampleHeuristicRecords(gtid)) records.push_back(std::move(record));
  records.push_back(SampleLastResource(gtid));
  return records;
}

}  // namespace settle::coordinator
