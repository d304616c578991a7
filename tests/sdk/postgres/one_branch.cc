// One branch from its work to its end, in a process that a failpoint may kill:
//
//   postgres_one_branch <dsn> <branch's name in the database>
//   two-phase|one-phase|three-phase|queued
//
// Prints its evidence as soon as it has it. Exits with 0 when the branch is committed.
#include <cstdio>
#include <string>

#include "settle/postgres_resource.h"

namespace {

void Print(const settle::Evidence& evidence) {
  std::printf("%s %u %s\n", evidence.database.c_str(), evidence.timeline,
              evidence.local_transaction.c_str());
  std::fflush(stdout);
}

bool Committed(settle::PostgresBranch& branch, const std::string& mode) {
  if (mode == "one-phase") {
    const settle::Result<settle::Evidence> evidence = branch.TakeEvidence();
    if (!evidence) return false;
    Print(*evidence);
    return branch.CommitOnePhase().end == settle::BranchEnd::kCommitted;
  }
  const settle::Roster sites{{.number = 0}, {.number = 1, .resource = "bank"}};
  if (mode == "three-phase" && !branch.BecomeSite(sites)) return false;
  const settle::VoteResult vote = branch.AwaitPrepare();
  if (vote.vote != settle::Vote::kCommit) return false;
  Print(vote.evidence);
  return branch.AwaitFinish(settle::Decision::kCommit).end == settle::BranchEnd::kCommitted;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto key = settle::BranchKey::ParseDatabaseName(argv[2]);
  if (!key) return 2;
  const std::string mode = argv[3];
  const auto bank = settle::PostgresResource::Make(
      {.name = "bank", .dsn = argv[1], .three_phase = mode == "three-phase"});
  const auto branch = bank->Open(*key);
  if (!branch) return 3;
  const char* const work = "UPDATE account SET balance = balance - 10 WHERE id = 1";
  const bool worked = mode == "queued" ? (*branch)->Queue(work, {}, 1).has_value()
                                       : (*branch)->Execute(work).has_value();
  if (!worked) return 3;
  return Committed(**branch, mode) ? 0 : 1;
}
