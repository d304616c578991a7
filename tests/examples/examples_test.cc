// The programs of examples/ against a real daemon and real databases.
#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "support/child_process.h"
#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
using namespace std::chrono_literals;

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Program(const std::string& name) {
  const char* bin = std::getenv("SETTLE_BIN");
  if (bin == nullptr) throw std::runtime_error("SETTLE_BIN is not set: run this through ctest");
  return std::string(bin) + "/" + name;
}

// A running program; killed with this object.
class Running {
 public:
  explicit Running(const Launch& launch) : process_(StartProcess(launch)) {}
  ~Running() { Stop(SIGKILL); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // The exit code; 128 and the signal's number when a signal ended it.
  int Stop(int signal) {
    if (process_ < 0) return -1;
    kill(process_, signal);
    const int status = AwaitProcess(process_);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  bool ended() const { return HasEnded(process_); }

 private:
  pid_t process_ = -1;
};

struct Ended {
  int exit = -1;
  std::string output;
};

class Examples : public ::testing::Test {
 protected:
  Examples()
      : daemon_({.arguments = {Program("settled"), "--log", directory_ / "settle.db", "--listen",
                               "127.0.0.1:0", "--ready-file", directory_ / "ready",
                               "--session-timeout", "2s"},
                 .output_path = directory_ / "settled.out"}) {
    address_ = AwaitLine("ready", daemon_, "settled.out");
  }

  // The first line that appears in a file of the directory.
  std::string AwaitLine(const std::string& name, const Running& writer, const std::string& output) {
    for (const auto give_up = std::chrono::steady_clock::now() + 30s;
         std::chrono::steady_clock::now() < give_up; std::this_thread::sleep_for(10ms)) {
      const std::string text = TextOf(directory_ / name);
      if (const std::size_t end = text.find('\n'); end != std::string::npos)
        return text.substr(0, end);
      if (writer.ended()) break;
    }
    throw std::runtime_error("no line in " + name + ": " + TextOf(directory_ / output));
  }

  Ended Run(std::vector<std::string> words) {
    words[0] = Program(words[0]);
    const std::string output = directory_ / ("output." + std::to_string(++runs_));
    const int status = AwaitProcess(StartProcess({.arguments = words, .output_path = output}));
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), TextOf(output)};
  }

  Ended Transfer(std::vector<std::string> words) {
    words.insert(words.begin(),
                 {"bank_transfer", "--coordinator", address_, "--from", from_, "--to", to_});
    return Run(words);
  }

  // The first value that the statement gives, or empty.
  std::string Sql(const std::string& file, const std::string& sql) {
    sqlite3* database = nullptr;
    std::string value;
    sqlite3_open((directory_ / file).c_str(), &database);
    const auto take = [](void* into, int, char** values, char**) {
      *static_cast<std::string*>(into) = values[0] != nullptr ? values[0] : "";
      return 0;
    };
    char* why = nullptr;
    sqlite3_exec(database, sql.c_str(), take, &value, &why);
    EXPECT_EQ(why, nullptr) << why;
    sqlite3_free(why);
    sqlite3_close(database);
    return value;
  }

  void MakeShop() {
    Sql("stock.db",
        "CREATE TABLE item (name TEXT NOT NULL PRIMARY KEY, count INTEGER NOT NULL);"
        "INSERT INTO item VALUES ('chair', 10)");
    Sql("orders.db",
        "CREATE TABLE purchase (id TEXT NOT NULL PRIMARY KEY, item TEXT, count INTEGER)");
  }
  Launch StockService() {
    return {.arguments = {Program("stock_service"), "--coordinator", address_, "--database",
                          directory_ / "stock.db"},
            .output_path = directory_ / "stock.out"};
  }
  Ended Order(const std::string& port, const std::string& count) {
    return Run({"order_service", "--coordinator", address_, "--stock-port", port, "--database",
                directory_ / "orders.db", "--item", "chair", "--count", count});
  }

  TemporaryDirectory directory_;
  Running daemon_;
  std::string address_;
  std::string from_ = "sqlite:" + (directory_ / "a.db");
  std::string to_ = "sqlite:" + (directory_ / "b.db");
  int runs_ = 0;
};

TEST_F(Examples, BankTransferMovesMoneyBetweenTwoSqliteFiles) {
  ASSERT_EQ(Transfer({"--create"}).exit, 0);
  const Ended moved =
      Transfer({"--transfers", "50", "--clients", "2", "--notes", directory_ / "notes"});
  EXPECT_EQ(moved.exit, 0) << moved.output;
  EXPECT_THAT(moved.output, MatchesRegex("[0-9]+ committed, [0-9]+ aborted, .* 0 damaged\n"));
  const Ended checked = Transfer({"--check", "--notes", directory_ / "notes"});
  EXPECT_EQ(checked.exit, 0) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr(" = 200000: nothing lost"));
  EXPECT_NE(Sql("a.db", "SELECT count(*) FROM transfer"), "0");
  EXPECT_EQ(Run({"settle", "--address", address_, "in-doubt", "--check"}).exit, 0);
}

TEST_F(Examples, BankTransferMovesMoneyBetweenPostgresAndSqlite) {
  const PostgresCluster cluster;
  from_ = "postgresql:" + cluster.Dsn();
  ASSERT_EQ(Transfer({"--create"}).exit, 0);
  const Ended moved =
      Transfer({"--transfers", "50", "--clients", "2", "--notes", directory_ / "notes"});
  EXPECT_EQ(moved.exit, 0) << moved.output;
  const Ended checked = Transfer({"--check", "--notes", directory_ / "notes"});
  EXPECT_EQ(checked.exit, 0) << checked.output;
  EXPECT_NE(Sql("b.db", "SELECT count(*) FROM transfer"), "0");
}

TEST_F(Examples, BankTransferAbortsWhatTheAccountHasNotEnoughFor) {
  ASSERT_EQ(Transfer({"--create", "--balance", "0"}).exit, 0);
  const Ended moved = Transfer({"--transfers", "5", "--notes", directory_ / "notes"});
  EXPECT_EQ(moved.exit, 0) << moved.output;
  EXPECT_THAT(moved.output, StartsWith("0 committed, 5 aborted"));
  EXPECT_THAT(TextOf(directory_ / "notes"), HasSubstr(" aborted "));
  EXPECT_EQ(Sql("a.db", "SELECT count(*) FROM transfer"), "0");
}

TEST_F(Examples, TheCheckCatchesEachKindOfDamage) {
  const std::string notes = directory_ / "notes";
  ASSERT_EQ(Transfer({"--create"}).exit, 0);
  ASSERT_EQ(Transfer({"--transfers", "5", "--notes", notes}).exit, 0);
  ASSERT_EQ(Transfer({"--check", "--notes", notes}).exit, 0);

  Sql("a.db", "UPDATE account SET balance = balance + 1 WHERE id = 1");
  EXPECT_THAT(Transfer({"--check"}).output, HasSubstr("WRONG: the bank that gave: balances are"));
  EXPECT_EQ(Transfer({"--check"}).exit, 1);
  Sql("a.db", "UPDATE account SET balance = balance - 1 WHERE id = 1");

  Sql("a.db", "INSERT INTO transfer VALUES ('half', 0)");
  EXPECT_THAT(Transfer({"--check"}).output, HasSubstr("half took money and gave it to nobody"));
  Sql("a.db", "DELETE FROM transfer WHERE gtid = 'half'");
  Sql("b.db", "INSERT INTO transfer VALUES ('half', 0)");
  EXPECT_THAT(Transfer({"--check"}).output, HasSubstr("half gave money that it took from nobody"));
  Sql("b.db", "DELETE FROM transfer WHERE gtid = 'half'");

  const std::string gtid = Sql("a.db", "SELECT gtid FROM transfer LIMIT 1");
  std::ofstream(directory_ / "lies")
      << gtid << " aborted 1 \nnever committed 1 \nlost unknown 1 \ncut commit";
  const std::string found = Transfer({"--check", "--notes", directory_ / "lies"}).output;
  EXPECT_THAT(found, HasSubstr(gtid + " was told aborted and is there"));
  EXPECT_THAT(found, HasSubstr("never was told committed and is not there"));
  EXPECT_THAT(found, HasSubstr("lost was told unknown"));
  EXPECT_THAT(found, ::testing::Not(HasSubstr("cut")));
}

TEST_F(Examples, BankTransferSaysWhatIsWrongWithItsCommandLine) {
  EXPECT_EQ(Run({"bank_transfer", "--from", "x"}).exit, 2);
  EXPECT_EQ(Run({"bank_transfer", "--from", from_, "--to", from_}).exit, 2);
  from_ = "mysql:x";
  const Ended wrong = Transfer({"--create"});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_THAT(wrong.output, HasSubstr("\"mysql:x\" names no database"));
}

TEST_F(Examples, TheReadmesTransferMovesMoneyOrNothing) {
  for (const char* bank : {"a.db", "b.db"}) {
    Sql(bank,
        "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER CHECK (balance >= 0));"
        "INSERT INTO account VALUES (1, 15), (7, 15)");
  }
  const std::vector<std::string> command{"first_transaction", address_, directory_ / "a.db",
                                         directory_ / "b.db"};
  const Ended moved = Run(command);
  EXPECT_EQ(moved.exit, 0) << moved.output;
  EXPECT_EQ(moved.output, "committed\n");
  const Ended refused = Run(command);  // there is not enough left for a second one
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.output, StartsWith("aborted: "));
  EXPECT_EQ(Sql("a.db", "SELECT balance FROM account WHERE id = 1"), "5");
  EXPECT_EQ(Sql("b.db", "SELECT balance FROM account WHERE id = 7"), "25");
}

TEST_F(Examples, TwoServicesCommitTheOrderAndTheReservationTogether) {
  MakeShop();
  Running stock(StockService());
  const std::string line = AwaitLine("stock.out", stock, "stock.out");
  ASSERT_THAT(line, StartsWith("listening on "));
  const std::string port = line.substr(std::string("listening on ").size());

  const Ended ordered = Order(port, "7");
  EXPECT_EQ(ordered.exit, 0) << ordered.output;
  EXPECT_EQ(Sql("stock.db", "SELECT count FROM item"), "3");
  EXPECT_EQ(Sql("orders.db", "SELECT sum(count) FROM purchase"), "7");

  const Ended refused = Order(port, "4");
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.output, HasSubstr("out of stock: 3 left"));
  EXPECT_EQ(Sql("stock.db", "SELECT count FROM item"), "3");
  EXPECT_EQ(Sql("orders.db", "SELECT count(*) FROM purchase"), "1");

  EXPECT_EQ(stock.Stop(SIGTERM), 0);
}

TEST_F(Examples, TwoServicesOrderNothingWhileTheStockServiceIsAway) {
  MakeShop();
  std::string port;
  {
    Running stock(StockService());
    port = AwaitLine("stock.out", stock, "stock.out").substr(std::string("listening on ").size());
  }
  const Ended failed = Order(port, "1");
  EXPECT_EQ(failed.exit, 1);
  EXPECT_THAT(failed.output, HasSubstr("the stock service could not be reached"));
  EXPECT_EQ(Sql("orders.db", "SELECT count(*) FROM purchase"), "0");
}

}  // namespace
}  // namespace settle::testing
