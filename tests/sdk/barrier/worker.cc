// settle_barrier_worker <target> <op> <sequence>: makes one call behind a barrier, in a process
// that a failpoint may kill. Prints the answer. <target> as `settle barrier` takes it. The op
// "install" makes or upgrades the tables and prints how many migrations it applied.
#include <cstdio>
#include <string>

#include "sdk/barrier/barrier_world.h"
#include "settle/postgres_barrier.h"
#include "settle/sqlite_barrier.h"

namespace settle::testing {
namespace {

ActionOp OpOf(const std::string& word) {
  for (const ActionOp op : {ActionOp::kAction, ActionOp::kCompensate, ActionOp::kFence,
                            ActionOp::kTry, ActionOp::kConfirm, ActionOp::kCancel}) {
    if (word == ToString(op)) return op;
  }
  throw std::runtime_error("no such op: " + word);
}

Answer Run(const std::string& target, const ActionContext& call) {
  const Business business = Does(ToString(call.op), "{\"by\": \"worker\"}");
  const std::string name = target.substr(target.find(':') + 1);
  if (target.starts_with("sqlite:")) {
    return SqliteBarrier::Make({.path = name})->Run(call, business);
  }
  return PostgresBarrier::Make({.dsn = name})->Run(call, business);
}

int Install(const std::string& target) {
  const std::string name = target.substr(target.find(':') + 1);
  const auto installed =
      target.starts_with("sqlite:") ? SqliteBarrier::Install(name) : PostgresBarrier::Install(name);
  const std::string said = installed ? "applied " + std::to_string(installed->applied.size())
                                     : Describe(installed.error());
  std::puts(said.c_str());
  return installed ? 0 : 1;
}

}  // namespace
}  // namespace settle::testing

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  if (argv[2] == std::string("install")) return settle::testing::Install(argv[1]);
  const settle::Answer answer = settle::testing::Run(
      argv[1], settle::testing::Call(settle::testing::OpOf(argv[2]), std::stoull(argv[3])));
  std::printf("%s %s\n", settle::ToString(answer.kind), answer.text.c_str());
  return 0;
}
