// settle_sqlite_worker: a process of its own for the tests to kill.
//
//   prepare <path> <sequence> <sql>...     prints the vote, drops the handle
//   hold <path> <sequence> <sql>...        the same, and waits to be killed
//   transfer <path> <sequence> <sql>...    prepares and commits in one process
//   one-phase <path> <sequence> <sql>...   prints "evidence <identity> <position>", commits
//   commit|abort <path> <sequence>         finishes by key
//   write <path> <sql>                     without Settle; prints SQLite's error
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bank_file.h"

namespace settle::testing {
namespace {

int Say(const std::string& what, int exit_code = 0) {
  std::puts(what.c_str());
  std::fflush(stdout);
  return exit_code;
}

int Work(const std::string& verb, SqliteResource& resource, const BranchKey& key,
         const std::vector<std::string>& statements) {
  if (verb == "commit" || verb == "abort") {
    const Decision decision = verb == "commit" ? Decision::kCommit : Decision::kAbort;
    const FinishResult result = resource.Finish(key, decision, {});
    return Say(std::string(ToString(result.end)) + " " + result.detail);
  }
  auto branch = OpenAndRun(resource, key, statements);
  if (verb == "one-phase") {
    const auto evidence = branch->TakeEvidence();
    if (!evidence) return Say(Describe(evidence.error()), 1);
    Say("evidence " + evidence->database + " " + evidence->local_transaction);
    return Say(ToString(branch->CommitOnePhase().end));
  }
  const VoteResult vote = branch->AwaitPrepare();
  Say(std::string(ToString(vote.vote)) + " " + vote.reason);
  if (verb == "transfer") return Say(ToString(branch->AwaitFinish(Decision::kCommit).end));
  while (verb == "hold") ::pause();
  return 0;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.at(0) == "write") {
    return Say(PlainConnection(arguments.at(1)).Run(arguments.at(2)));
  }
  SqliteOptions options;
  options.name = "bank";
  options.path = arguments.at(1);
  const auto resource = SqliteResource::Make(options);
  return Work(arguments.at(0), *resource, Key(std::stoull(arguments.at(2))),
              {arguments.begin() + 3, arguments.end()});
}

}  // namespace
}  // namespace settle::testing

int main(int argc, char** argv) {
  try {
    return settle::testing::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    return settle::testing::Say(error.what(), 2);
  }
}
