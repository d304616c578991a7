#include "settle/vocabulary/three_phase.h"

namespace settle {

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
