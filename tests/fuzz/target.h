// What fuzzers feed. A target takes any bytes at all: whatever they are, the process survives, what
// is refused is refused in words that are safe to print, and what is accepted keeps its promises.
// docs/testing.md says how they are run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "settle/vocabulary/status.h"

namespace settle::fuzz {

struct Target {
  const char* name;    // also of the folder of its seeds
  const char* faults;  // what of the list of faults it is about: "L05"
  unsigned runs;       // in the ordinary tests, so that each target has a second or two
  void (*run)(std::string_view bytes);
};

extern const Target kAccessRules;
extern const Target kCommandLine;
extern const Target kDaemonOptions;
extern const Target kDsn;
extern const Target kGtid;
extern const Target kLogFile;
extern const Target kPeerPort;
extern const Target kPort;
extern const Target kRecord;
extern const Target kReplies;
extern const Target kRequests;
extern const Target kSagaJson;
extern const Target kSiteRecord;
extern const Target kViews;

const std::vector<const Target*>& Targets();
// Null: there is none.
const Target* FindTarget(std::string_view name);

// For targets: ends the process where a promise is broken, as a sanitizer would.
void Require(bool kept, const std::string& promise);
// Of text that people read: it has no control characters but, where `lines`, ends of lines.
void RequirePrintable(std::string_view text, bool lines = false);
void RequirePrintable(const Error& error);

// The words or lines in `bytes`, divided at `divider`.
std::vector<std::string> Split(std::string_view bytes, char divider);

}  // namespace settle::fuzz
