// `settle agent` in the tests' world.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "end_to_end/world.h"

namespace settle::testing {

inline std::string AfterColon(const std::string& text) { return text.substr(text.find(':') + 1); }

// `settle agent` as a service manager would run it.
class Agent {
 public:
  Agent(World& world, char bank, std::vector<std::string> more = {})
      : process_(MakeLaunch(world, bank, std::move(more))) {}

  std::string Said() const { return process_.Output() + process_.Errors(); }
  bool AwaitLine(const std::string& part) {
    return WaitUntil([&] { return Said().find(part) != std::string::npos; });
  }
  std::optional<Ended> Stop(int signal = SIGTERM) {
    process_.Signal(signal);
    return process_.Wait();
  }
  Process& process() { return process_; }

 private:
  static Launch MakeLaunch(World& world, char bank, std::vector<std::string> more) {
    static int count = 0;
    const std::string name = world / ("agent" + std::to_string(++count));
    const bool postgres = world.bank(bank).kind() == Kind::kPostgres;
    Launch launch{.arguments = {Program("settle"), "agent", "--address", world.daemon().address(),
                                "--resource", std::string(1, bank), postgres ? "--dsn" : "--sqlite",
                                AfterColon(world.bank(bank).Dsn())},
                  .output_path = name + ".out",
                  .error_path = name + ".err",
                  .user = std::nullopt};
    launch.arguments.insert(launch.arguments.end(), more.begin(), more.end());
    return launch;
  }

  Process process_;
};

}  // namespace settle::testing
