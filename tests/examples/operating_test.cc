// docs/operating.md is executed, command by command, with real programs and a PostgreSQL server.
// To correct what the page shows after a change of the programs' words, and then to review it:
//
//   SETTLE_REWRITE_SCRIPTS=1 ctest --test-dir build/dev -R Operating
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "support/child_process.h"
#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Operating, ThePageIsTrueCommandByCommand) {
  PostgresCluster cluster;
  const TemporaryDirectory directory;
  const std::string said = directory / "said";
  const std::string work = directory / "work";
  std::filesystem::create_directory(work);
  Launch launch{
      .arguments = {"env", "--chdir=" + work, PYTHON, WALK_THROUGH, PAGE},
      .output_path = said,
      .environment = {"PATH=" + std::string(std::getenv("SETTLE_BIN")) + ":" + std::getenv("PATH"),
                      "PGHOST=" + cluster.socket_directory(), "PGUSER=postgres", "LC_ALL=C.UTF-8",
                      "TZ=UTC"},
      .ends_with_starter = true};
  if (std::getenv("SETTLE_REWRITE_SCRIPTS") != nullptr) launch.arguments.push_back("--rewrite");
  // What the page starts ends with it, and what it mounts is mounted nowhere else.
  if (::geteuid() == 0) {
    launch.arguments.insert(launch.arguments.begin(), {"unshare", "--mount", "--pid", "--fork",
                                                       "--kill-child=KILL", "--mount-proc"});
  }
  const int status = AwaitProcess(StartProcess(launch));
  EXPECT_EQ(status, 0) << Contents(said);
  std::cout << Contents(said);
}

}  // namespace
}  // namespace settle::testing
