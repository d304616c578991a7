// Three-phase commit: what sites, their peers and the coordinator say to each other.
#include <utility>

#include "transport/wire_values.h"

namespace settle::sdk {
namespace {

// As many as a transaction can have branches, and the witness.
constexpr std::size_t kSitesMost = 1'001;

tl::unexpected<Error> Wrong(const std::string& what) {
  return Fail(ErrorCode::kInvalid, what,
              "run the same release of the SDK, of its peers and of the coordinator");
}

wire::SiteState::type ToWire(SiteState state) {
  switch (state) {
    case SiteState::kInitial: return wire::SiteState::INITIAL;
    case SiteState::kWaiting: return wire::SiteState::WAITING;
    case SiteState::kPreCommitted: return wire::SiteState::PRE_COMMITTED;
    case SiteState::kPreAborted: return wire::SiteState::PRE_ABORTED;
    case SiteState::kCommitted: return wire::SiteState::COMMITTED;
    case SiteState::kAborted: return wire::SiteState::ABORTED;
  }
  return static_cast<wire::SiteState::type>(0);  // refused by every reader
}

Result<SiteState> FromWire(wire::SiteState::type state) {
  switch (state) {
    case wire::SiteState::INITIAL: return SiteState::kInitial;
    case wire::SiteState::WAITING: return SiteState::kWaiting;
    case wire::SiteState::PRE_COMMITTED: return SiteState::kPreCommitted;
    case wire::SiteState::PRE_ABORTED: return SiteState::kPreAborted;
    case wire::SiteState::COMMITTED: return SiteState::kCommitted;
    case wire::SiteState::ABORTED: return SiteState::kAborted;
  }
  return Wrong("the state of the site has the value " + std::to_string(static_cast<int>(state)) +
               ", which this release does not know");
}

wire::PeerVerb::type ToWire(PeerVerb verb) {
  switch (verb) {
    case PeerVerb::kState: return wire::PeerVerb::STATE;
    case PeerVerb::kElect: return wire::PeerVerb::ELECT;
    case PeerVerb::kPreCommit: return wire::PeerVerb::PRE_COMMIT;
    case PeerVerb::kPreAbort: return wire::PeerVerb::PRE_ABORT;
    case PeerVerb::kCommit: return wire::PeerVerb::COMMIT;
    case PeerVerb::kAbort: return wire::PeerVerb::ABORT;
  }
  return static_cast<wire::PeerVerb::type>(0);  // refused by every reader
}

Result<PeerVerb> FromWire(wire::PeerVerb::type verb) {
  switch (verb) {
    case wire::PeerVerb::STATE: return PeerVerb::kState;
    case wire::PeerVerb::ELECT: return PeerVerb::kElect;
    case wire::PeerVerb::PRE_COMMIT: return PeerVerb::kPreCommit;
    case wire::PeerVerb::PRE_ABORT: return PeerVerb::kPreAbort;
    case wire::PeerVerb::COMMIT: return PeerVerb::kCommit;
    case wire::PeerVerb::ABORT: return PeerVerb::kAbort;
  }
  return Wrong("the verb has the value " + std::to_string(static_cast<int>(verb)) +
               ", which this release does not know");
}

Result<BranchNumber> SiteNumberFromWire(std::int32_t number) {
  if (number >= 0 && number < static_cast<std::int32_t>(kSitesMost)) {
    return static_cast<BranchNumber>(number);
  }
  return Wrong("the site " + std::to_string(number) + " is none: sites are numbered from 0 to " +
               std::to_string(kSitesMost - 1));
}

Result<Site> FromWire(const wire::Site& site) {
  const Result<BranchNumber> number = SiteNumberFromWire(site.number);
  if (!number) return Fail(number.error());
  if (*number == 0 && !site.resource.empty()) {
    return Wrong("the witness has the resource \"" + Escaped(site.resource) + "\"");
  }
  if (*number != 0) {
    if (Status name = CheckResourceName(site.resource); !name) return Fail(name.error());
  }
  if (site.addresses.size() > kPeerAddressesMost) {
    return Wrong("site " + std::to_string(site.number) + " has " +
                 std::to_string(site.addresses.size()) + " addresses; at most " +
                 std::to_string(kPeerAddressesMost) + " are allowed");
  }
  for (const std::string& address : site.addresses) {
    if (Status checked = CheckPeerAddress(address); !checked) return Fail(checked.error());
  }
  return Site{*number, site.resource, site.addresses};
}

wire::Ballot ToWire(const Ballot& ballot) {
  wire::Ballot out;
  out.round = static_cast<std::int64_t>(ballot.round);
  out.leader = static_cast<std::int32_t>(ballot.leader);
  return out;
}

std::vector<std::int32_t> ToWire(const std::vector<BranchNumber>& sites) {
  return {sites.begin(), sites.end()};
}

Result<Ballot> BallotFromWire(const char* what, const wire::Ballot& ballot) {
  const Result<BranchNumber> leader = SiteNumberFromWire(ballot.leader);
  if (!leader) return Fail(leader.error());
  if (ballot.round < 0) {
    return Wrong(std::string(what) + " has the round " + std::to_string(ballot.round) +
                 ", which cannot be negative");
  }
  return Ballot{static_cast<std::uint64_t>(ballot.round), *leader};
}

Result<std::vector<BranchNumber>> QuorumFromWire(const std::vector<std::int32_t>& sites) {
  if (sites.size() > kSitesMost) {
    return Wrong("the quorum has " + std::to_string(sites.size()) + " sites; at most " +
                 std::to_string(kSitesMost) + " are allowed");
  }
  std::vector<BranchNumber> out;
  for (const std::int32_t site : sites) {
    const Result<BranchNumber> number = SiteNumberFromWire(site);
    if (!number) return Fail(number.error());
    out.push_back(*number);
  }
  return out;
}

Result<Roster> RosterFromWire(const std::vector<wire::Site>& sites) {
  if (sites.size() > kSitesMost) {
    return Wrong("the transaction has " + std::to_string(sites.size()) + " sites; at most " +
                 std::to_string(kSitesMost) + " are allowed");
  }
  Roster roster;
  for (const wire::Site& each : sites) {
    Result<Site> site = FromWire(each);
    if (!site) return Fail(site.error());
    if (!roster.empty() && site->number <= roster.back().number) {
      return Wrong("site " + std::to_string(each.number) + " follows site " +
                   std::to_string(roster.back().number) + ": sites are given once, by number");
    }
    roster.push_back(*std::move(site));
  }
  return roster;
}

}  // namespace

Status AddQuorum(const wire::Command& command, Command& out) {
  if (command.__isset.sites) {
    Result<Roster> sites = RosterFromWire(command.sites);
    if (!sites) return Fail(sites.error());
    out.sites = *std::move(sites);
  }
  if (command.__isset.ballot) {
    Result<Ballot> ballot = BallotFromWire("ballot", command.ballot);
    if (!ballot) return Fail(ballot.error());
    out.ballot = *ballot;
  }
  if (command.__isset.quorum) {
    Result<std::vector<BranchNumber>> quorum = QuorumFromWire(command.quorum);
    if (!quorum) return Fail(quorum.error());
    out.quorum = *std::move(quorum);
  }
  return {};
}

wire::SiteAnswer ToWire(const SiteAnswer& answer) {
  wire::SiteAnswer out;
  out.state = ToWire(answer.state);
  out.elected = ToWire(answer.elected);
  out.accepted = ToWire(answer.accepted);
  if (answer.decided.ballot.round != 0) {
    out.__set_decided_ballot(ToWire(answer.decided.ballot));
    out.__set_decided_quorum(ToWire(answer.decided.quorum));
  }
  return out;
}

Result<SiteAnswer> FromWire(const wire::SiteAnswer& answer) {
  const Result<SiteState> state = FromWire(answer.state);
  if (!state) return Fail(state.error());
  const Result<Ballot> elected = BallotFromWire("elected", answer.elected);
  if (!elected) return Fail(elected.error());
  const Result<Ballot> accepted = BallotFromWire("accepted", answer.accepted);
  if (!accepted) return Fail(accepted.error());
  SiteAnswer out{*state, *elected, *accepted, {}};
  if (answer.__isset.decided_ballot) {
    const Result<Ballot> ballot = BallotFromWire("decided_ballot", answer.decided_ballot);
    if (!ballot) return Fail(ballot.error());
    Result<std::vector<BranchNumber>> quorum = QuorumFromWire(answer.decided_quorum);
    if (!quorum) return Fail(quorum.error());
    out.decided = {*ballot, *std::move(quorum)};
  }
  return out;
}

wire::SiteReport ToWire(const SiteReport& report) {
  wire::SiteReport out;
  out.gtid = report.key.gtid.text();
  out.branch = static_cast<std::int32_t>(report.key.number);
  out.answer = ToWire(report.answer);
  return out;
}

wire::PeerRequest ToWire(const PeerCall& call) {
  wire::PeerRequest out;
  out.gtid = call.key.gtid.text();
  out.site = static_cast<std::int32_t>(call.key.number);
  out.resource = call.resource;
  out.verb = ToWire(call.message.verb);
  if (call.message.ballot.round != 0) out.__set_ballot(ToWire(call.message.ballot));
  if (!call.message.quorum.empty()) out.__set_quorum(ToWire(call.message.quorum));
  return out;
}

Result<PeerCall> FromWire(const wire::PeerRequest& request) {
  Result<Gtid> gtid = Gtid::Parse(request.gtid);
  if (!gtid) return Fail(gtid.error());
  const Result<BranchNumber> site = SiteNumberFromWire(request.site);
  if (!site) return Fail(site.error());
  if (*site != 0) {
    if (Status name = CheckResourceName(request.resource); !name) return Fail(name.error());
  } else if (!request.resource.empty()) {
    return Wrong("the witness is asked for with the resource \"" + Escaped(request.resource) +
                 "\", but has none");
  }
  const Result<PeerVerb> verb = FromWire(request.verb);
  if (!verb) return Fail(verb.error());
  PeerCall call{{*std::move(gtid), *site}, request.resource, {*verb, {}, {}}};
  if (request.__isset.ballot) {
    const Result<Ballot> ballot = BallotFromWire("ballot", request.ballot);
    if (!ballot) return Fail(ballot.error());
    call.message.ballot = *ballot;
  }
  if (request.__isset.quorum) {
    Result<std::vector<BranchNumber>> quorum = QuorumFromWire(request.quorum);
    if (!quorum) return Fail(quorum.error());
    call.message.quorum = *std::move(quorum);
  }
  const bool needs_ballot =
      *verb == PeerVerb::kElect || *verb == PeerVerb::kPreCommit || *verb == PeerVerb::kPreAbort;
  if (needs_ballot && call.message.ballot.round == 0) {
    return Wrong(std::string(ToString(*verb)) + " is asked for without a ballot");
  }
  return call;
}

}  // namespace settle::sdk
