// The `settle` command before what calls itself a coordinator: whatever is answered, what it prints
// is safe on a terminal, and its JSON is JSON. The first byte picks the words, the rest is the
// answer.
#include <nlohmann/json.hpp>

#include "cli/run.h"
#include "cli/text.h"
#include "hostile_coordinator.h"
#include "target.h"
#include "thrift_reader.h"

namespace settle::fuzz {
namespace {

constexpr const char* kGtid = "k3m9qxw4c7ab.4.1.9f3c2a51";

struct Verb {
  std::string_view method;  // that it calls
  std::vector<std::string> words;
};

// Their order is part of the seeds.
const std::vector<Verb> kVerbs{
    {"status", {"status"}},
    {"list_transactions", {"list"}},
    {"show", {"show", kGtid, "--no-live"}},
    {"look", {"explain", kGtid}},
    {"in_doubt", {"in-doubt"}},
    {"participants", {"participants"}},
    {"audit", {"audit"}},
    {"diagnose", {"doctor"}},
    {"send_again", {"retry", kGtid}},
    {"definitions", {"saga", "definitions"}},
    {"definition", {"saga", "definitions", "trip@1"}},
    {"resolve", {"resolve", kGtid, "abort", "--operator", "me", "--reason", "test"}},
};

std::vector<std::string> Words(const HostileCoordinator& coordinator, std::size_t which) {
  std::vector<std::string> words = kVerbs[which % kVerbs.size()].words;
  words.insert(words.end(), {"--address", "unix:" + coordinator.path(), "--timeout", "2s"});
  return words;
}

void Check(const std::vector<std::string>& words) {
  for (const bool json : {false, true}) {
    std::vector<std::string> all = words;
    if (json) all.push_back("--json");
    const cli::Printed printed = cli::Run(all, {.now_us = 1'700'000'000'000'000});
    for (const std::string& text : {printed.out, printed.err}) {
      for (const std::string& line : Split(text, '\n'))
        Require(cli::IsPrintable(line), "what is printed is safe: " + cli::Printable(line));
    }
    if (json) Require(nlohmann::json::accept(printed.out), "what is printed is JSON");
  }
}

void Run(std::string_view bytes) {
  static HostileCoordinator coordinator;
  if (bytes.empty()) return;
  coordinator.AnswerWith(bytes.substr(1));
  Check(Words(coordinator, static_cast<unsigned char>(bytes[0])));
}

}  // namespace

std::optional<char> ViewOf(std::string_view method) { return PlaceOf(kVerbs, method); }

const Target kViews{"views", "A03", 3000, &Run};

}  // namespace settle::fuzz
