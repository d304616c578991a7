// The crash matrix bites: over a log that breaks its contract it must find violations.
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "crash_matrix/matrix.h"

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

// Opened again, it hands out the same epoch.
class TimelessLog : public AroundLog {
 public:
  explicit TimelessLog(DecisionLog& log) : AroundLog(log), identity_(log.identity()) {
    identity_.epoch = 1;
  }
  const LogIdentity& identity() const override { return identity_; }

 private:
  LogIdentity identity_;
};

template <typename Log>
void ExpectCaught(const std::string& scenario, const std::string& violation) {
  std::ostringstream out;
  const Staging staging{.around_log = [](DecisionLog& log) { return std::make_unique<Log>(log); }};
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

TEST(CrashMatrix, CatchesALogThatDoesNotRaiseItsEpoch) {
  ExpectCaught<TimelessLog>("commit-there", "orphans");
}

}  // namespace
}  // namespace settle::crash_matrix
