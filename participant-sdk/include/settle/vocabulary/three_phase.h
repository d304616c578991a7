// Words of quorum-based three-phase commit (docs/three_phase_commit.md): what a site keeps, what it
// is told and what it answers.
//
// Source: Keidar, Dolev, "Increasing the Resilience of Distributed and Replicated Database
// Systems", Journal of Computer and System Sciences 57(3), 1998 (E3PC).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"

namespace settle {

// How a global transaction is brought to its decision.
enum class Protocol {
  kTwoPhase = 1,    // presumed abort: the coordinator's log decides, whatever the sites can reach
  kThreePhase = 2,  // a majority of the sites decides, with or without the coordinator
};

// Numbers the attempts to bring a transaction to its decision. Never used twice: a site leads with
// its own number only after its own record took the ballot, the coordinator after its log did.
struct Ballot {
  std::uint64_t round = 0;
  BranchNumber leader = 0;  // a site's number; 0: the coordinator

  friend auto operator<=>(const Ballot&, const Ballot&) = default;
};
inline constexpr Ballot kFirstBallot{1, 0};

enum class SiteState {
  kInitial = 1,       // q: has not voted
  kWaiting = 2,       // w: voted yes; prepared
  kPreCommitted = 3,  // pc
  kPreAborted = 4,    // pa
  kCommitted = 5,     // c: decided; final
  kAborted = 6,       // a: decided; final
};
inline bool IsFinal(SiteState state) {
  return state == SiteState::kCommitted || state == SiteState::kAborted;
}

// One that has a voice in the decision.
struct Site {
  BranchNumber number = 0;               // the branch's; 0: the coordinator's witness
  std::string resource{};                // empty for the witness
  std::vector<std::string> addresses{};  // host:port, of the processes that answer its peers

  friend bool operator==(const Site&, const Site&) = default;
};
using Roster = std::vector<Site>;  // by number

// Of a final state: the ballot under which it was decided, and the sites whose acceptances were the
// quorum. Empty when it was decided alone, before anybody could have pre-committed.
struct DecidedBy {
  Ballot ballot;
  std::vector<BranchNumber> quorum;

  friend bool operator==(const DecidedBy&, const DecidedBy&) = default;
};

// What a site answers to whatever it is told.
struct SiteAnswer {
  SiteState state = SiteState::kInitial;
  Ballot elected = kFirstBallot;  // le: the last election it joined
  Ballot accepted;                // la: the last attempt it accepted; round 0: none
  DecidedBy decided;

  friend bool operator==(const SiteAnswer&, const SiteAnswer&) = default;
};

// What a site keeps durably.
struct SiteRecord {
  SiteAnswer at;
  Roster sites;
  Evidence evidence;  // as given with its vote

  friend bool operator==(const SiteRecord&, const SiteRecord&) = default;
};

enum class PeerVerb {
  kState = 1,      // what do you know?
  kElect = 2,      // join my ballot
  kPreCommit = 3,  // accept commit under my ballot
  kPreAbort = 4,   // accept abort under my ballot
  kCommit = 5,     // it is decided
  kAbort = 6,      // it is decided
};
struct PeerMessage {
  PeerVerb verb = PeerVerb::kState;
  Ballot ballot{};
  std::vector<BranchNumber> quorum{};  // of kCommit and kAbort, as DecidedBy

  friend bool operator==(const PeerMessage&, const PeerMessage&) = default;
};

// A roster names at most so many addresses of one resource.
inline constexpr std::size_t kPeerAddressesMost = 16;
// kInvalid unless host:port or [IPv6]:port, port 1 to 65535, at most 300 bytes, printable. The host
// is not looked up.
[[nodiscard]] Status CheckPeerAddress(std::string_view address);

// So many of `sites` decide.
inline std::size_t MajorityOf(std::size_t sites) { return sites / 2 + 1; }

const char* ToString(Protocol protocol);                         // "2pc", "3pc"
const char* ToString(SiteState state);                           // "waiting", "pre-committed"
const char* ToString(PeerVerb verb);                             // "elect", "pre-commit"
std::string ToString(const Ballot& ballot);                      // "2.1"
std::string ToString(const std::vector<BranchNumber>& numbers);  // "1, 3"; the witness: "witness"

}  // namespace settle
