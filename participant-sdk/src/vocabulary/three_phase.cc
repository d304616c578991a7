#include "settle/vocabulary/three_phase.h"

#include <algorithm>
#include <charconv>

namespace settle {
namespace {

constexpr std::size_t kPeerAddressBytesMost = 300;

bool IsHostAndPort(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  // An IPv6 address without brackets: where it ends is not known.
  if (host.empty() || (!bracketed && host.find_first_of(":[]") != std::string_view::npos)) {
    return false;
  }
  const char* const end = address.data() + address.size();
  std::uint16_t port = 0;
  const auto [rest, error] = std::from_chars(address.data() + colon + 1, end, port);
  return error == std::errc{} && rest == end && port >= 1;
}

}  // namespace

Status CheckPeerAddress(std::string_view address) {
  if (address.size() > kPeerAddressBytesMost) {
    return Fail(ErrorCode::kInvalid, "the peer address has " + std::to_string(address.size()) +
                                         " bytes; at most " +
                                         std::to_string(kPeerAddressBytesMost) + " are allowed");
  }
  const bool printable = std::all_of(address.begin(), address.end(), [](char each) {
    return each > ' ' && each <= '~' && each != ',';
  });
  if (printable && IsHostAndPort(address)) return {};
  return Fail(ErrorCode::kInvalid, "the peer address \"" + Escaped(address) + "\" is not HOST:PORT",
              "write for example 10.0.0.7:7421 or [fd00::7]:7421");
}

const char* ToString(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTwoPhase: return "2pc";
    case Protocol::kThreePhase: return "3pc";
  }
  return "unrecognised";
}

const char* ToString(SiteState state) {
  switch (state) {
    case SiteState::kInitial: return "initial";
    case SiteState::kWaiting: return "waiting";
    case SiteState::kPreCommitted: return "pre-committed";
    case SiteState::kPreAborted: return "pre-aborted";
    case SiteState::kCommitted: return "committed";
    case SiteState::kAborted: return "aborted";
  }
  return "unrecognised";
}

const char* ToString(PeerVerb verb) {
  switch (verb) {
    case PeerVerb::kState: return "state";
    case PeerVerb::kElect: return "elect";
    case PeerVerb::kPreCommit: return "pre-commit";
    case PeerVerb::kPreAbort: return "pre-abort";
    case PeerVerb::kCommit: return "commit";
    case PeerVerb::kAbort: return "abort";
  }
  return "unrecognised";
}

std::string ToString(const Ballot& ballot) {
  return std::to_string(ballot.round) + "." + std::to_string(ballot.leader);
}

std::string ToString(const std::vector<BranchNumber>& numbers) {
  std::string text;
  for (const BranchNumber number : numbers) {
    if (!text.empty()) text += ", ";
    text += number == 0 ? "witness" : std::to_string(number);
  }
  return text;
}

}  // namespace settle
