// The table of proofs in docs/heuristics.md, as a real PostgreSQL gives them: read from the page
// and compared with what happens. SETTLE_REWRITE_SCRIPTS=1 writes its cells anew, to be reviewed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

struct Bank : World {
  std::shared_ptr<PostgresBranch> open;  // its application still works in it
};

// What became of a branch since it voted: what the resource is then asked to finish it by.
struct Row {
  std::string branch;
  std::function<Evidence(Bank& world)> happens;
};

Evidence Prepare(Bank& world) {
  auto branch = world.Working();
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  return vote.evidence;
}

Evidence ByHand(Bank& world, const std::string& verb) {
  const Evidence evidence = Prepare(world);
  world.Query(verb + " PREPARED '" + world.key.DatabaseName() + "'");
  return evidence;
}

const std::vector<Row>& Rows() {
  static const std::vector<Row> rows{
      {"prepared", Prepare},
      {"committed already",
       [](Bank& world) {
         const Evidence evidence = Prepare(world);
         EXPECT_EQ(world.bank->Finish(world.key, Decision::kCommit, evidence).end,
                   BranchEnd::kCommitted);
         return evidence;
       }},
      {"committed by hand", [](Bank& world) { return ByHand(world, "COMMIT"); }},
      {"rolled back by hand", [](Bank& world) { return ByHand(world, "ROLLBACK"); }},
      {"open and not prepared",
       [](Bank& world) {
         world.open = world.Working(*world.bank, world.key);
         return *world.open->TakeEvidence();
       }},
      {"gone, without evidence",
       [](Bank& world) {
         ByHand(world, "ROLLBACK");
         return Evidence{};
       }},
      {"gone, on another timeline",
       [](Bank& world) {
         Evidence evidence = ByHand(world, "ROLLBACK");
         ++evidence.timeline;
         return evidence;
       }},
      {"gone, and of a time that the server has not seen",
       [](Bank& world) {
         Evidence evidence = ByHand(world, "ROLLBACK");
         evidence.local_transaction = "4000000000";
         return evidence;
       }},
      {"gone, and of another database",
       [](Bank& world) {
         Evidence evidence = ByHand(world, "ROLLBACK");
         evidence.database = "postgresql:1:1";
         return evidence;
       }},
  };
  return rows;
}

std::string Verdict(Bank& world, const Row& row, Decision decision) {
  world.key = world.NextKey();
  const Evidence evidence = row.happens(world);
  const FinishResult result = world.bank->Finish(world.key, decision, evidence);
  world.open.reset();
  return ToString(result.end);
}

std::string PathOfThePage() {
  const char* top = std::getenv("SETTLE_SOURCE");
  return (top == nullptr ? std::string(".") : std::string(top)) + "/docs/heuristics.md";
}

TEST(PostgresProofTable, P05_P06_IsWhatTheDatabaseSays) {
  Bank bank;
  std::stringstream page;
  page << std::ifstream(PathOfThePage()).rdbuf();
  std::string replayed;
  std::multiset<std::string> seen;
  bool within = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("#")) within = line == "## Proof, by PostgreSQL";
    const auto row = std::find_if(Rows().begin(), Rows().end(), [&](const Row& one) {
      return within && line.starts_with("| " + one.branch + " |");
    });
    if (row != Rows().end()) {
      seen.insert(row->branch);
      line = "| " + row->branch + " | " + Verdict(bank, *row, Decision::kCommit) + " | " +
             Verdict(bank, *row, Decision::kAbort) + " |";
    }
    replayed += line + "\n";
  }
  std::multiset<std::string> wanted;
  for (const Row& row : Rows()) wanted.insert(row.branch);
  EXPECT_EQ(seen, wanted) << "the page has each row once";
  if (std::getenv("SETTLE_REWRITE_SCRIPTS") != nullptr) {
    std::ofstream(PathOfThePage()) << replayed;
    return;
  }
  EXPECT_EQ(replayed, page.str()) << "if the new verdict is right, write it down with "
                                  << "SETTLE_REWRITE_SCRIPTS=1 and review the difference";
}

}  // namespace
}  // namespace settle::testing
