// The crash matrix bites: over a log that breaks its contract, and over planted bugs, it must find
// violations; in the plays that ctest makes, which are not all.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "crash_matrix/matrix.h"
#include "simulation/mutants.h"

namespace settle::crash_matrix {
namespace {

using namespace coordinator;

// A log in front of another: passes everything on.
class AroundLog : public DecisionLog {
 public:
  explicit AroundLog(DecisionLog& log) : log_(log) {}
  const LogIdentity& identity() const override { return log_.identity(); }
  Status Replay(const std::function<void(std::uint64_t, Record)>& visit) override {
    return log_.Replay(visit);
  }
  void Append(Record record, Durability durability, AppendDone done) override {
    log_.Append(std::move(record), durability, std::move(done));
  }
  Result<std::optional<TransactionSummary>> FindEnded(const Gtid& gtid) const override {
    return log_.FindEnded(gtid);
  }
  Result<EndedPage> ListEnded(std::size_t most, const std::string& cursor) const override {
    return log_.ListEnded(most, cursor);
  }
  LogTotals totals() const override { return log_.totals(); }
  LogWrites writes() const override { return log_.writes(); }

 protected:
  DecisionLog& log_;
};

// Says that a record is durable as soon as it has it.
class HastyLog : public AroundLog {
 public:
  using AroundLog::AroundLog;
  void Append(Record record, Durability durability, AppendDone done) override {
    log_.Append(std::move(record), durability, [](AppendResult, const std::string&) {});
    done(AppendResult::kDurable, "");
  }
};

// Loses the records of one type when it is opened again.
template <typename Lost>
class ForgetfulLog : public AroundLog {
 public:
  using AroundLog::AroundLog;
  Status Replay(const std::function<void(std::uint64_t, Record)>& visit) override {
    return log_.Replay([&](std::uint64_t position, Record record) {
      if (!std::holds_alternative<Lost>(record)) visit(position, std::move(record));
    });
  }
};

template <typename Log>
void ExpectCaught(const std::string& scenario, const std::string& violation) {
  std::ostringstream out;
  const Staging staging{.around_log = [](DecisionLog& log) { return std::make_unique<Log>(log); },
                        .again = Again::kSampled};
  const Tally tally = RunCell(*FindScenario(scenario), Databases::kMixed, staging, out);
  EXPECT_GT(tally.violations, 0u);
  const std::string report = out.str();
  EXPECT_NE(report.find(violation), std::string::npos) << report;
  EXPECT_NE(report.find("replay it with: settle-crash-matrix --scenario " + scenario +
                        " --databases mixed"),
            std::string::npos)
      << report;
}

TEST(CrashMatrix, CatchesALogThatAcknowledgesBeforeItIsDurable) {
  ExpectCaught<HastyLog>("commit-here-and-there", "no durable record says so");
}

TEST(CrashMatrix, CatchesALogThatForgetsDecisions) {
  ExpectCaught<ForgetfulLog<CommitRecord>>("commit-there", "branches committed");
}

TEST(CrashMatrix, CatchesALogThatForgetsLeavesToCommitInOnePhase) {
  ExpectCaught<ForgetfulLog<OnePhaseRecord>>("one-phase", "the coordinator answers aborted");
}

TEST(CrashMatrix, CatchesALogThatForgetsDamage) {
  ExpectCaught<ForgetfulLog<HeuristicRecord>>("committed-by-hand-against-an-abort",
                                              "is recorded and not shown");
}

TEST(CrashMatrix, CatchesALogThatForgetsReservations) {
  ExpectCaught<ForgetfulLog<RegisteredRecord>>("tcc-aborted-by-the-client", "cancelled 0 times");
}

TEST(CrashMatrix, CatchesALogThatForgetsThatReservationsWereDecidedBesideDatabases) {
  ExpectCaught<ForgetfulLog<CommitRecord>>("tcc-beside-databases", "was committed, and reserved");
}

TEST(CrashMatrix, CatchesALogThatForgetsThatASagaTurnsBack) {
  ExpectCaught<ForgetfulLog<SagaAbortingRecord>>("saga-last-step-fails", "forced writes");
}

// A bug of simulation/mutants.h, and a scenario that finds it.
struct Planted {
  const char* mutant;
  const char* scenario;
};

class PlantedBugs : public ::testing::TestWithParam<Planted> {
 protected:
  PlantedBugs() { planted_bug = simulation::FindMutant(GetParam().mutant)->bug; }
  ~PlantedBugs() override { planted_bug = PlantedBug::kNone; }
};

TEST_P(PlantedBugs, AreCaught) {
  std::ostringstream out;
  const Scenario& scenario = *FindScenario(GetParam().scenario);
  const Staging staging{.again = Again::kSampled};
  // As its ctest: databases of barriers are the same of every kind.
  const Databases databases = scenario.saga ? Databases::kPostgres : Databases::kMixed;
  EXPECT_GT(RunCell(scenario, databases, staging, out).violations, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    CrashMatrix, PlantedBugs,
    ::testing::Values(
        Planted{"decision-not-forced", "commit-here"},
        Planted{"reply-before-the-record-is-durable", "commit-here"},
        Planted{"presumed-abort-without-asking-the-log", "commit-here"},
        Planted{"duplicate-vote-counted-twice", "vote-twice-and-a-silent-sibling"},
        Planted{"unknown-at-commit-taken-for-success", "rolled-back-by-hand"},
        Planted{"end-before-the-last-ack", "commit-there"},
        Planted{"one-phase-without-its-record", "one-phase"},
        Planted{"one-phase-record-not-replayed", "one-phase"},
        Planted{"restored-branch-taken-for-finished", "commit-there"},
        Planted{"heuristic-not-forced", "rolled-back-by-hand"},
        Planted{"heuristics-not-replayed", "committed-by-hand-against-an-abort"},
        Planted{"commands-only-to-the-owner", "session-lost-after-prepare"},
        Planted{"evidence-not-recorded", "commit-there"},
        Planted{"refused-record-taken-for-durable", "disk-full-at-the-decision"},
        Planted{"recovery-aborts-what-is-active", "commit-there"},
        Planted{"abort-obeyed-after-the-last-vote", "operator-aborts-too-late"},
        Planted{"gtid-reused", "one-after-another"},
        Planted{"saga-begin-not-forced", "saga-forward"},
        Planted{"saga-end-told-before-it-is-durable", "saga-forward"},
        Planted{"result-of-another-step", "saga-forward"},
        Planted{"aborting-not-forced", "saga-last-step-fails"},
        Planted{"recovery-forgets-what-was-sent", "saga-last-step-fails"},
        Planted{"aborting-record-not-replayed", "saga-last-step-fails"},
        Planted{"compensations-in-forward-order", "saga-last-step-fails"},
        Planted{"only-known-done-compensated", "saga-parallel-step-fails"},
        Planted{"compensation-without-the-actions-row", "saga-action-after-its-compensation"},
        Planted{"pivot-given-up-without-fence", "saga-cancelled-and-the-pivot-ran"},
        Planted{"cancel-answered-before-it-is-durable", "saga-cancelled"},
        Planted{"skipped-step-not-damage", "saga-skipped"},
        Planted{"skip-not-forced", "saga-skipped"},
        Planted{"refused-saga-record-taken-for-durable", "saga-log-refuses-to-turn-back"},
        Planted{"tried-before-its-record", "tcc-confirmed"},
        Planted{"registered-not-forced", "tcc-confirmed"},
        Planted{"registered-not-replayed", "tcc-deadline-when-reserved"},
        Planted{"refused-try-not-cancelled", "tcc-copy-of-a-refused-try"},
        Planted{"unanswered-try-not-cancelled", "tcc-deadline-with-a-try-in-flight"},
        Planted{"refused-confirm-taken-for-done", "tcc-confirm-refused"},
        Planted{"answer-of-the-try-counts-for-its-cancel", "tcc-aborted-by-the-client"},
        Planted{"restored-confirm-taken-for-done", "tcc-confirmed"},
        Planted{"reservations-do-not-hold-the-mark", "tcc-one-after-another"},
        Planted{"end-of-reservations-not-forced", "tcc-one-after-another"},
        Planted{"pre-commit-not-recorded", "quorum-three-sites"},
        Planted{"pre-commit-not-forced", "quorum-three-sites"},
        Planted{"election-not-forced", "quorum-three-sites"},
        Planted{"attempt-not-forced", "quorum-three-sites"},
        Planted{"recovers-without-quorum", "quorum-three-sites"},
        Planted{"aborts-alone-on-its-timer", "quorum-committed-meanwhile"},
        Planted{"aborts-alone-after-pre-commit", "quorum-operator-aborts-too-late"},
        Planted{"ballots-not-compared", "quorum-outbid-by-an-abort"},
        Planted{"any-pre-commit-taken-for-the-latest", "quorum-outbid-by-an-abort"},
        Planted{"own-ballot-not-forced", "quorum-witness-asked-after"},
        Planted{"witness-answers-before-durable", "quorum-witness-asked-meanwhile"}),
    [](const auto& info) {
      std::string name = info.param.mutant;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace settle::crash_matrix
