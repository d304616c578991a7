// settle-bench as a program: every suite, briefly. Nothing here depends on how fast the machine is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/child_process.h"
#include "support/temporary_directory.h"
#include "support/wait_until.h"

namespace settle::testing {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Runs settle-bench; its files are in a directory of this test's own.
class SettleBench : public ::testing::Test {
 protected:
  SettleBench() {
    // A server that root starts runs as another user, who must get to its directory.
    std::filesystem::permissions(work_.path(), std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add);
  }

  void Start(std::vector<std::string> arguments) {
    const char* folder = std::getenv("SETTLE_BIN");
    ASSERT_NE(folder, nullptr) << "SETTLE_BIN must name the folder of the build's programs";
    arguments.insert(arguments.begin(), std::string(folder) + "/settle-bench");
    process_ = StartProcess({.arguments = std::move(arguments),
                             .output_path = said_ / "out",
                             .error_path = said_ / "err",
                             .ends_with_starter = true});
  }

  // Its exit code; -1 when it did not exit by itself.
  int Await() const {
    const int status = AwaitProcess(process_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  int Measure(const std::string& suite, std::vector<std::string> more) {
    std::vector<std::string> arguments{suite,       "--seconds", "0.5",         "--rounds",  "1",
                                       "--clients", "2",         "--directory", work_.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Start(std::move(arguments));
    return Await();
  }

  std::string Output() const { return ReadAll(said_ / "out"); }
  std::string Errors() const { return ReadAll(said_ / "err"); }

  std::vector<json> Rows() const { return LinesWith("row", "target"); }
  // What was held against a target.
  std::vector<json> Verdicts() const { return LinesWith("target", ""); }

  // The objects that have the one key and not the other.
  std::vector<json> LinesWith(const std::string& key, const std::string& other) const {
    std::vector<json> found;
    std::istringstream lines(Output());
    for (std::string line; std::getline(lines, line);) {
      json object = json::parse(line);
      if (object.contains(key) && !object.contains(other)) found.push_back(std::move(object));
    }
    return found;
  }

  const TemporaryDirectory work_{"/var/tmp"};  // a disk, where /tmp may be in memory
  const TemporaryDirectory said_;
  pid_t process_ = -1;
};

// "name against other"; every figure of it must be one.
std::string CheckedNameOf(const json& row, int clients = 2, int rounds = 1) {
  EXPECT_EQ(row.at("clients"), clients) << row;
  for (const char* key : {"value", "p50_us", "p99_us", "p999_us", "count"})
    EXPECT_GT(row.at(key), 0) << row;
  EXPECT_LE(row.at("p50_us"), row.at("p99_us")) << row;
  EXPECT_LE(row.at("p99_us"), row.at("p999_us")) << row;
  EXPECT_EQ(row.at("rounds"), rounds) << row;
  EXPECT_THAT(row.at("acknowledged").get<std::string>(), Not(IsEmpty())) << row;
  const std::string name = row.at("row");
  if (row.at("against").is_null()) {
    EXPECT_TRUE(row.at("ratio").is_null()) << row;
    return name;
  }
  EXPECT_GT(row.at("ratio"), 0) << row;
  return name + " against " + row.at("against").get<std::string>();
}

TEST_F(SettleBench, MeasuresTheCoordinator) {
  ASSERT_EQ(Measure("coordinator", {"--json"}), 0) << Errors();
  std::map<int, std::vector<std::string>> names;  // by clients
  for (const json& row : Rows()) {
    const int clients = row.at("clients");
    names[clients].push_back(CheckedNameOf(row, clients));
  }
  const std::vector<std::string> wanted{
      "coordinator.empty_call",
      "coordinator.transaction against coordinator.empty_call",
      "coordinator.its_calls against coordinator.empty_call",
      "coordinator.tls_call against coordinator.empty_call",
      "coordinator.tls_transaction against coordinator.transaction",
  };
  EXPECT_EQ(names[2], wanted);
  EXPECT_EQ(names[128], wanted);
  std::vector<std::string> of_one = wanted;
  for (const char* name : {"coordinator.flush", "coordinator.call_and_flush_p50",
                           "coordinator.transaction_p50 against coordinator.call_and_flush_p50",
                           "coordinator.sqlite_decisions_256", "coordinator.sqlite_256"}) {
    of_one.push_back(name);
  }
  EXPECT_EQ(names[1], of_one);
  EXPECT_THAT(names[4], ElementsAre("coordinator.in_flight against coordinator.sqlite_256",
                                    "coordinator.in_flight against "
                                    "coordinator.sqlite_decisions_256"));
  EXPECT_EQ(Verdicts().size(), 3u) << "of one caller, of 128, and of those with many in flight";
  EXPECT_THAT(Errors(), HasSubstr("fdatasync"));
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
}

TEST_F(SettleBench, MeasuresTheSdk) {
  ASSERT_EQ(Measure("sdk", {"--json"}), 0) << Errors();
  std::vector<std::string> names;
  for (const json& row : Rows()) names.push_back(CheckedNameOf(row));
  EXPECT_THAT(names, ElementsAre("sdk.plain_client", "sdk.transaction against sdk.plain_client"));
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
}

TEST_F(SettleBench, MeasuresTheLog) {
  ASSERT_EQ(Measure("log", {"--json"}), 0) << Errors();
  std::vector<std::string> names;
  for (const json& row : Rows()) names.push_back(CheckedNameOf(row, 1));
  ASSERT_EQ(names.size(), 20u);
  EXPECT_THAT(std::vector(names.begin(), names.begin() + 4),
              ElementsAre("log.raw_file_1", "log.bare_sqlite_1 against log.raw_file_1",
                          "log.decision_log_1 against log.raw_file_1",
                          "log.decision_log_1 against log.bare_sqlite_1"));
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
}

TEST_F(SettleBench, MeasuresHowItScales) {
  ASSERT_EQ(Measure("scale", {"--json", "--percent", "1"}), 0) << Errors();
  std::vector<std::string> names;
  for (const json& row : Rows()) {
    names.push_back(row.at("row"));
    const std::string unit = row.at("unit");  // memory of a few may be none that can be seen
    if (unit == "transactions/s" || unit == "seconds") {
      EXPECT_GT(row.at("value"), 0) << row;
    }
    EXPECT_GT(row.at("count"), 0) << row;
    if (!row.at("against").is_null()) {
      EXPECT_GT(row.at("ratio"), 0) << row;
    }
  }
  EXPECT_THAT(
      names,
      ElementsAre("scale.clients_1", "scale.clients_2", "scale.clients_4", "scale.clients_8",
                  "scale.clients_16", "scale.clients_32", "scale.clients_64", "scale.clients_128",
                  "scale.clients_256", "scale.clients_512", "scale.with_0_finished",
                  "scale.with_100000_finished", "scale.serving_100000_finished",
                  "scale.with_0_open", "scale.with_10_open", "scale.memory_10_open",
                  "scale.with_100_open", "scale.memory_100_open", "scale.with_1000_open",
                  "scale.memory_1000_open", "scale.with_10000_open", "scale.memory_10000_open",
                  "scale.with_0_idle", "scale.with_100_idle", "scale.memory_100_idle",
                  "scale.branches_1", "scale.branches_2", "scale.branches_4", "scale.branches_8",
                  "scale.branches_16", "scale.participants_1", "scale.participants_4",
                  "scale.participants_16", "scale.participants_64", "scale.with_none_dead",
                  "scale.with_one_dead", "scale.idle_daemon", "scale.serving_10_in_doubt",
                  "scale.resolved_10_in_doubt", "scale.serving_100_in_doubt",
                  "scale.resolved_100_in_doubt", "scale.serving_1000_in_doubt",
                  "scale.resolved_1000_in_doubt"));
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
}

TEST_F(SettleBench, MeasuresTransfersBetweenTwoPostgresClusters) {
  ASSERT_EQ(Measure("postgres", {"--json"}), 0) << Errors();
  std::vector<std::string> names;
  for (const json& row : Rows()) names.push_back(CheckedNameOf(row));
  EXPECT_THAT(names, ElementsAre("postgres.one_after_another",
                                 "postgres.both_at_once against postgres.one_after_another",
                                 "postgres.log_table against postgres.both_at_once",
                                 "postgres.settle_applied against postgres.both_at_once",
                                 "postgres.settle_applied against postgres.one_after_another",
                                 "postgres.settle_decision against postgres.both_at_once",
                                 "postgres.settle_decision against postgres.one_after_another",
                                 "postgres.pipelined against postgres.both_at_once",
                                 "postgres.pipelined against postgres.one_after_another",
                                 "postgres.last_resource against postgres.both_at_once",
                                 "postgres.last_resource against postgres.one_after_another",
                                 "postgres.last_pipelined against postgres.both_at_once",
                                 "postgres.last_pipelined against postgres.one_after_another",
                                 "postgres.other_processes against postgres.both_at_once",
                                 "postgres.other_processes against postgres.one_after_another",
                                 "postgres.settle_applied against postgres.log_table",
                                 "postgres.last_resource against postgres.settle_applied",
                                 "postgres.last_pipelined against postgres.pipelined",
                                 "postgres.both_at_once_p50",
                                 "postgres.settle_decision_p50 against postgres.both_at_once_p50",
                                 "postgres.both_at_once_commit",
                                 "postgres.settle_decision_commit against "
                                 "postgres.both_at_once_commit"));
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
}

TEST_F(SettleBench, MeasuresTransfersBetweenTwoSqliteFiles) {
  ASSERT_EQ(Measure("sqlite", {"--json"}), 0) << Errors();
  std::vector<std::string> names;
  for (const json& row : Rows()) names.push_back(CheckedNameOf(row, 1));
  EXPECT_THAT(names,
              ElementsAre("sqlite.by_hand", "sqlite.settle against sqlite.by_hand",
                          "sqlite.by_hand_p50", "sqlite.settle_p50 against sqlite.by_hand_p50"));
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
}

// What one transaction of each kind forces and sends. Something that a server or the SDK does now
// and then for itself may come on top, of which a transaction of a short run has a small part.
TEST_F(SettleBench, MeasuresThreePhaseCommitAndWhatItForcesAndSends) {
  ASSERT_EQ(Measure("three-phase", {"--json"}), 0) << Errors();
  std::vector<json> rows = Rows();
  std::vector<std::string> timed;
  std::map<std::string, double> counts;
  for (const json& row : rows) {
    const std::string name = row.at("row");
    if (row.at("unit") == "transactions/s") {
      timed.push_back(CheckedNameOf(row));
    } else {
      const int sites = name.ends_with("_3_syncs") ? 3 : name.ends_with("_syncs") ? 2 : 1;
      counts[CheckedNameOf(row, 1, sites)] = row.at("value");
    }
  }
  std::vector<std::string> wanted;
  for (const std::string size : {"_2", "_3"}) {
    const std::string caller = "three_phase.2pc" + size;
    const std::string left = "three_phase.2pc_left" + size;
    const std::string sites = "three_phase.3pc" + size;
    for (const std::string& row : {caller, left + " against " + caller,
                                   sites + " against " + caller, sites + " against " + left}) {
      wanted.push_back(row);
    }
    EXPECT_NEAR(counts[caller + "_syncs"], 2, 0.5) << "PREPARE, COMMIT PREPARED";
    EXPECT_NEAR(counts[left + "_syncs"], 2, 0.5);
    EXPECT_NEAR(counts[sites + "_syncs"], 3, 0.5) << "its acceptance as well";
    EXPECT_EQ(counts[caller + "_forced"], 1) << "the decision";
    EXPECT_EQ(counts[left + "_forced"], 1);
    EXPECT_EQ(counts[sites + "_forced"], 2) << "that pre-commit may have been sent, as well";
    EXPECT_NEAR(counts[caller + "_messages"], 1, 0.5) << "the end";
    EXPECT_NEAR(counts[left + "_messages"], 4, 0.5) << "prepare, vote, commit, the end";
    EXPECT_NEAR(counts[sites + "_messages"], 7, 0.5) << "pre-commit, two of its record, as well";
    for (const std::string& kind : {caller, left, sites}) {
      EXPECT_GT(counts[kind + "_flushes"], 0.9) << "one client shares no flush";
    }
  }
  EXPECT_EQ(timed, wanted);
  EXPECT_EQ(counts.size(), 24u);
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
}

TEST_F(SettleBench, MeasuresBarriersOnBothDatabases) {
  ASSERT_EQ(Measure("barrier", {"--json"}), 0) << Errors();
  std::vector<std::string> names;
  for (const json& row : Rows()) names.push_back(CheckedNameOf(row));
  EXPECT_THAT(
      names,
      ElementsAre("barrier.postgres_by_hand", "barrier.postgres against barrier.postgres_by_hand",
                  "barrier.sqlite_by_hand", "barrier.sqlite against barrier.sqlite_by_hand"));
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
}

TEST_F(SettleBench, MeasuresSagasAndWhatTheLogWritesForEach) {
  ASSERT_EQ(Measure("saga", {"--json"}), 0) << Errors();
  std::vector<std::string> names;
  std::map<std::string, double> values;
  for (const json& row : Rows()) {
    names.push_back(CheckedNameOf(row));
    values[names.back()] = row.at("value");
  }
  EXPECT_THAT(names, ElementsAre("saga.by_hand", "saga.no_op against saga.by_hand",
                                 "saga.booked against saga.by_hand",
                                 "saga.compensated against saga.booked", "saga.transaction",
                                 "saga.no_op against saga.transaction", "saga.no_op_forced",
                                 "saga.no_op_flushes", "saga.booked_forced", "saga.booked_flushes",
                                 "saga.compensated_forced", "saga.compensated_flushes"));
  EXPECT_EQ(values["saga.no_op_forced"], 2) << "begin and end";
  EXPECT_EQ(values["saga.booked_forced"], 2);
  EXPECT_EQ(values["saga.compensated_forced"], 3) << "aborting as well";
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
}

TEST_F(SettleBench, PrintsATableForPeople) {
  ASSERT_EQ(Measure("coordinator", {}), 0) << Errors();
  EXPECT_THAT(Output(), HasSubstr("machine: "));
  EXPECT_THAT(Output(), HasSubstr("software: settled "));
  EXPECT_THAT(Output(), HasSubstr("\ntransaction "));
  EXPECT_THAT(Output(), HasSubstr("\none caller: p50 for each empty call and flush "));
}

TEST_F(SettleBench, LeavesNothingBehindWhenItIsInterrupted) {
  Start({"postgres", "--seconds", "600", "--rounds", "1", "--clients", "2", "--directory",
         work_.path()});
  const auto measuring = [&] { return Errors().find("one_after_another") != std::string::npos; };
  // Three clusters are made before.
  ASSERT_TRUE(WaitUntil([&] { return measuring() || HasEnded(process_); }, 3 * kPatience))
      << Errors();
  ASSERT_FALSE(HasEnded(process_)) << Errors();
  const std::vector<pid_t> children = DescendantsOf(process_);
  EXPECT_GE(children.size(), 3u) << "two servers and a daemon at least";
  ::kill(process_, SIGINT);
  EXPECT_EQ(Await(), 130) << Errors();
  EXPECT_TRUE(WaitUntil([&] { return std::ranges::all_of(children, HasEnded); }));
  EXPECT_TRUE(std::filesystem::is_empty(work_.path()));
  EXPECT_THAT(Output(), Not(HasSubstr("against")));
}

TEST_F(SettleBench, SaysWhatToInstallWhereThereIsNoPostgres) {
  EXPECT_EQ(Measure("all", {"--postgres", work_.path()}), 3);
  EXPECT_THAT(Errors(), HasSubstr("install"));
  EXPECT_THAT(Errors(), HasSubstr(work_.path()));
  EXPECT_TRUE(Output().empty());
}

TEST_F(SettleBench, RefusesADirectoryInMemory) {
  if (!std::filesystem::exists("/dev/shm")) GTEST_SKIP() << "no /dev/shm here";
  Start({"coordinator", "--directory", "/dev/shm"});
  EXPECT_EQ(Await(), 3);
  EXPECT_THAT(Errors(), HasSubstr("in memory"));
}

TEST_F(SettleBench, RefusesWhatItDoesNotUnderstand) {
  const std::vector<std::vector<std::string>> wrong{
      {},
      {"everything"},
      {"coordinator", "postgres"},
      {"coordinator", "--clients", "0"},
      {"coordinator", "--clients", "8,"},
      {"coordinator", "--clients", "8,x"},
      {"coordinator", "--seconds", "nan"},
      {"coordinator", "--seconds", "0"},
      {"coordinator", "--rounds", "-1"},
      {"coordinator", "--second", "1"},
  };
  for (const std::vector<std::string>& arguments : wrong) {
    Start(arguments);
    EXPECT_EQ(Await(), 2) << ::testing::PrintToString(arguments);
  }
  EXPECT_TRUE(Output().empty()) << Output();
  Start({"--help"});
  EXPECT_EQ(Await(), 0);
  for (const char* word :
       {"coordinator", "sdk", "postgres", "barrier", "saga", "--seconds", "--json", "130"}) {
    EXPECT_THAT(Output(), HasSubstr(word));
  }
}

}  // namespace
}  // namespace settle::testing
