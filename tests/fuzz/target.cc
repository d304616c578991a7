#include "target.h"

#include <cstdio>
#include <cstdlib>

namespace settle::fuzz {

const std::vector<const Target*>& Targets() {
  static const std::vector<const Target*> all{
      &kAccessRules, &kCommandLine, &kDaemonOptions, &kDsn,    &kGtid,
      &kLogFile,     &kPeerPort,    &kPort,          &kRecord, &kReplies,
      &kRequests,    &kSagaJson,    &kSiteRecord,    &kViews};
  return all;
}

const Target* FindTarget(std::string_view name) {
  for (const Target* target : Targets()) {
    if (name == target->name) return target;
  }
  return nullptr;
}

void Require(bool kept, const std::string& promise) {
  if (kept) return;
  std::fprintf(stderr, "a promise is broken: %s\n", promise.c_str());
  std::abort();
}

void RequirePrintable(std::string_view text, bool lines) {
  for (const char each : text) {
    const bool control = static_cast<unsigned char>(each) < ' ' || each == '\x7f';
    Require(!control || (lines && each == '\n'),
            "a control character in text for people: " + std::string(text));
  }
}

void RequirePrintable(const Error& error) {
  RequirePrintable(error.message);
  RequirePrintable(error.advice);
}

std::vector<std::string> Split(std::string_view bytes, char divider) {
  std::vector<std::string> parts;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find(divider), bytes.size());
    parts.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return parts;
}

}  // namespace settle::fuzz
