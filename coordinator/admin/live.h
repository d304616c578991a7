// What databases say when they are asked now, beside what the coordinator knows. Nothing is decided
// by it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "admin/compare.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "settle/vocabulary/finding.h"
#include "settle/vocabulary/live.h"

namespace settle::coordinator {

// When a process was asked, and who answered.
struct AskedNow {
  WallTime asked = 0;
  std::chrono::milliseconds took{0};  // until the answer, or until it was given up
  std::string process{};              // who answered; empty: nobody
  std::string why_not{};              // one line: why there is no answer; empty: there is one
};

// A branch in its database.
struct LiveRow {
  BranchNumber branch = 0;
  AskedNow how{};
  std::optional<LiveBranch> live{};
  Comparison comparison{};  // of what is decided with `live`
  // Nobody serves its database: since when; 0: not since this coordinator was started.
  std::optional<WallTime> unserved_since{};
};

struct ExaminedRow {
  std::string resource;
  std::string identity;
  AskedNow how{};
  std::optional<Examination> examination{};
};

struct Told {
  AskedNow how;
  std::optional<AnswerContent> content;
};
// Asks all of them at once; the answers in the questions' order. Blocking, for their time-outs or a
// little more.
std::vector<Told> AskNow(Engine& engine, const Clock& clock, std::vector<Question> questions);

// What the branch is prepared as. A stray has its own name, and not that of the act that a person
// did to it.
BranchKey KeyInTheDatabase(const TransactionSummary& summary, const BranchSummary& branch);

// Every branch of the transaction that is in a database. Reservations and the steps of sagas are in
// services, which cannot be asked.
std::vector<LiveRow> AskBranches(Engine& engine, const Clock& clock,
                                 const TransactionSummary& summary, std::chrono::milliseconds wait);

}  // namespace settle::coordinator
