// Plays transcripts and compares what a machine does, line by line.
//
//   # What this script shows, and the rule it follows.
//   commit 1=commit 2=commit                  an event, in the words of the machine's describe.h
//     deciding: 1 prepared, 2 prepared        the machine afterwards
//     persist commit record: ...              its effects, in order
//
// Lines in the margin are written by hand; indented lines are what happened. To have them written
// anew after a change, and then to review the difference line by line as one reviews code:
//   SETTLE_REWRITE_SCRIPTS=1 build/dev/bin/protocol_test --gtest_filter='*Script*'
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace settle::coordinator {

// The names of the scripts in the folder, in order; those in folders below it are not its own.
std::vector<std::string> ScriptsIn(const std::string& folder);

// Plays a line of the margin; gives the indented lines that follow it.
using PlayLine = std::function<std::string(const std::string& line)>;

// Fails the running test unless the script reads as what happens, or rewrites it.
void ExpectScript(const std::string& folder, const std::string& name, const PlayLine& play);

}  // namespace settle::coordinator
