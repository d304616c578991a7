#include "cli/agent_peers.h"

#include <fmt/format.h>

#include <sstream>
#include <string_view>
#include <utility>

#include "cli/arguments.h"
#include "settle/vocabulary/three_phase.h"

namespace settle::cli {
namespace {

using Known = std::map<std::string, std::vector<std::string>>;

// NAME=HOST:PORT,NAME=HOST:PORT; one name may stand several times.
Result<Known> ParsePeers(std::string_view text) {
  Known known;
  for (;;) {
    const std::size_t end = text.find(',');
    const std::string_view one = text.substr(0, end);
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos) {
      return Fail(ErrorCode::kInvalid,
                  fmt::format("--peers: \"{}\" is not NAME=HOST:PORT", Escaped(one)),
                  "write for example bank=10.0.0.7:7421,orders=10.0.0.8:7421");
    }
    const std::string name(one.substr(0, equals));
    const std::string address(one.substr(equals + 1));
    if (Status fits = CheckResourceName(name); !fits) return Fail(std::move(fits).error());
    if (Status fits = CheckPeerAddress(address); !fits) return Fail(std::move(fits).error());
    known[name].push_back(address);
    if (end == std::string_view::npos) return known;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<VerbOption> PeerVerbOptions() {
  return {{"peer-listen", "HOST:PORT", "be a site of three-phase commits: answer the others here"},
          {"peer-advertise", "HOST:PORT", "where the others reach it, if not where it listens"},
          {"peer-names", "NAME,...",
           "who is a peer by its certificate: cn:bank,dns:bank.example; else our own names"},
          {"peers", "NAME=HOST:PORT,...", "where processes of other resources answer"},
          {"peer-patience", "TIME", "how long the coordinator may be silent: 3s if not given"},
          {"insecure", "", "let other machines reach --peer-listen, in a network that is trusted"}};
}

Result<PeerOptions> PeersGiven(const Given& given) {
  if (!given.Has("peer-listen")) {
    for (const VerbOption& option : PeerVerbOptions()) {
      if (!given.Has(option.name)) continue;
      return Fail(ErrorCode::kInvalid,
                  fmt::format("--{} is of no use without --peer-listen HOST:PORT", option.name),
                  "see 'settle help agent'");
    }
    return PeerOptions{};
  }
  if (given.Has("once")) {
    return Fail(ErrorCode::kInvalid,
                "--once asks the coordinator what is in doubt; a site of three-phase commits waits "
                "for its peers",
                "leave out --once or --peer-listen");
  }
  PeerOptions peers{.listen = given.Option("peer-listen"),
                    .advertise = given.Option("peer-advertise"),
                    .insecure = given.Has("insecure")};
  if (given.Has("peer-patience")) {
    const auto patience = ParseDuration(given.Option("peer-patience"));
    if (!patience) return Fail(patience.error());
    peers.patience = *patience;
  }
  if (given.Has("peer-names")) {
    std::istringstream names(given.Option("peer-names"));
    for (std::string name; std::getline(names, name, ',');) peers.names.push_back(name);
  }
  if (given.Has("peers")) {
    Result<Known> known = ParsePeers(given.Option("peers"));
    if (!known) return Fail(std::move(known).error());
    peers.known = *std::move(known);
  }
  return peers;
}

}  // namespace settle::cli
