// A daemon, the services' databases, and what they hold, for tests of the trip of
// examples/trip_saga.
#pragma once

#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>

#include "end_to_end/cli.h"
#include "end_to_end/daemon.h"
#include "support/temporary_directory.h"

namespace settle::testing {

class TripSaga : public ::testing::Test {
 protected:
  struct Travelled {
    std::optional<Ended> ended;
    std::string output;
    std::string errors;
  };

  void SetUp() override {
    daemon_.Start();
    Process create(
        {.arguments = {Program("trip_saga"), "--directory", directory_ / "trips", "--create"},
         .output_path = directory_ / "create.out"});
    ASSERT_EQ(create.Wait(), (Ended{0, {}})) << create.Output();
  }

  Launch TripProgram(const std::vector<std::string>& words) {
    const std::string name = directory_ / ("run-" + std::to_string(++runs_));
    Launch launch{.arguments = {Program("trip_saga"), "--coordinator", daemon_.address(),
                                "--directory", directory_ / "trips"},
                  .output_path = name + ".out",
                  .error_path = name + ".err"};
    launch.arguments.insert(launch.arguments.end(), words.begin(), words.end());
    return launch;
  }
  Travelled Travel(const std::vector<std::string>& words) {
    Process program(TripProgram(words));
    const std::optional<Ended> ended = program.Wait(60s);
    return {ended, program.Output(), program.Errors()};
  }

  // The first value of the first row; empty if there is none.
  std::string Ask(const std::string& service, const std::string& sql) const {
    std::string value;
    sqlite3* file = nullptr;
    sqlite3_open_v2((directory_ / ("trips/" + service + ".db")).c_str(), &file,
                    SQLITE_OPEN_READWRITE, nullptr);
    sqlite3_busy_timeout(file, 5'000);
    const auto take = [](void* into, int, char** values, char**) {
      *static_cast<std::string*>(into) = values[0] == nullptr ? "" : values[0];
      return 1;  // no more rows
    };
    sqlite3_exec(file, sql.c_str(), take, &value, nullptr);
    sqlite3_close(file);
    return value;
  }
  // Places that are free, the customer's money, mails sent: what the world looks like to others.
  std::string World() const {
    std::string world;
    for (const char* service : {"airline", "hotels", "cars"})
      world += Ask(service, "SELECT free FROM offer") + " ";
    return world + Ask("bank", "SELECT balance FROM account WHERE customer = 'ada'") + " " +
           Ask("mail", "SELECT count(*) FROM sent");
  }
  static std::string GtidOf(const Travelled& travelled) {
    return travelled.output.substr(5, travelled.output.find('\n') - 5);
  }

  const TemporaryDirectory directory_;
  Daemon daemon_{directory_.path()};
  int runs_ = 0;
};

}  // namespace settle::testing
