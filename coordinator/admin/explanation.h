// A transaction in plain words, for whoever has to do something about it.
#pragma once

#include <string>
#include <vector>

#include "admin/live.h"
#include "admin/views.h"

namespace settle::coordinator {

// Sentences; each can stand alone.
struct Explanation {
  std::vector<std::string> happened;
  std::vector<std::string> waits_for;  // empty when it has ended
  std::vector<std::string> safe;       // what can be done without harm
  std::vector<std::string> harmful;    // what would do damage, and why
  std::vector<std::string> commands;   // to paste, the most useful first
};

// `live` may be empty: then nobody was asked.
Explanation InPlainWords(const TransactionView& view, const std::vector<LiveRow>& live);

}  // namespace settle::coordinator
