// Three-phase commit: what sites and the coordinator say to each other.
#include <utility>

#include "rpc/wire.h"
#include "rpc/wire_checks.h"

namespace settle::coordinator {
namespace {

// Every branch, and the witness.
constexpr std::size_t kSitesMax = kBranchNumberMax + 1;

Result<BranchNumber> SiteNumberFromWire(const char* what, std::int32_t number) {
  if (number < 0 || number > static_cast<std::int32_t>(kBranchNumberMax)) {
    return Wrong(what, "names site " + std::to_string(number) +
                           "; sites are numbered from 0 (the witness) to " +
                           std::to_string(kBranchNumberMax));
  }
  return static_cast<BranchNumber>(number);
}

Result<SiteState> StateFromWire(const wire::SiteState::type& state) {
  switch (Raw(state)) {
    case wire::SiteState::INITIAL: return SiteState::kInitial;
    case wire::SiteState::WAITING: return SiteState::kWaiting;
    case wire::SiteState::PRE_COMMITTED: return SiteState::kPreCommitted;
    case wire::SiteState::PRE_ABORTED: return SiteState::kPreAborted;
    case wire::SiteState::COMMITTED: return SiteState::kCommitted;
    case wire::SiteState::ABORTED: return SiteState::kAborted;
  }
  return UnknownValue("state", Raw(state));
}

Result<PeerVerb> VerbFromWire(const wire::PeerVerb::type& verb) {
  switch (Raw(verb)) {
    case wire::PeerVerb::STATE: return PeerVerb::kState;
    case wire::PeerVerb::ELECT: return PeerVerb::kElect;
    case wire::PeerVerb::PRE_COMMIT: return PeerVerb::kPreCommit;
    case wire::PeerVerb::PRE_ABORT: return PeerVerb::kPreAbort;
    case wire::PeerVerb::COMMIT: return PeerVerb::kCommit;
    case wire::PeerVerb::ABORT: return PeerVerb::kAbort;
  }
  return UnknownValue("verb", Raw(verb));
}

Result<Ballot> BallotFromWire(const char* what, const wire::Ballot& ballot) {
  const Result<BranchNumber> leader = SiteNumberFromWire(what, ballot.leader);
  if (!leader) return Fail(leader.error());
  if (ballot.round < 0) {
    return Wrong(what, "has the round " + std::to_string(ballot.round) + "; it cannot be negative");
  }
  return Ballot{static_cast<std::uint64_t>(ballot.round), *leader};
}

Result<std::vector<BranchNumber>> QuorumFromWire(const char* what,
                                                 const std::vector<std::int32_t>& sites) {
  if (sites.size() > kSitesMax) {
    return Wrong(what, "names " + std::to_string(sites.size()) + " sites; at most " +
                           std::to_string(kSitesMax) + " are allowed");
  }
  std::vector<BranchNumber> out;
  for (const std::int32_t site : sites) {
    const Result<BranchNumber> number = SiteNumberFromWire(what, site);
    if (!number) return Fail(number.error());
    out.push_back(*number);
  }
  return out;
}

Result<SiteAnswer> AnswerFromWire(const wire::SiteAnswer& answer) {
  const Result<SiteState> state = StateFromWire(answer.state);
  if (!state) return Fail(state.error());
  const Result<Ballot> elected = BallotFromWire("elected", answer.elected);
  if (!elected) return Fail(elected.error());
  const Result<Ballot> accepted = BallotFromWire("accepted", answer.accepted);
  if (!accepted) return Fail(accepted.error());
  SiteAnswer out{*state, *elected, *accepted, {}};
  if (answer.__isset.decided_ballot) {
    const Result<Ballot> ballot = BallotFromWire("decided_ballot", answer.decided_ballot);
    if (!ballot) return Fail(ballot.error());
    Result<std::vector<BranchNumber>> quorum =
        QuorumFromWire("decided_quorum", answer.decided_quorum);
    if (!quorum) return Fail(quorum.error());
    out.decided = {*ballot, *std::move(quorum)};
  }
  return out;
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

wire::Ballot ToWire(const Ballot& ballot) {
  wire::Ballot reply;
  reply.round = static_cast<std::int64_t>(ballot.round);
  reply.leader = static_cast<std::int32_t>(ballot.leader);
  return reply;
}

std::vector<std::int32_t> ToWire(const std::vector<BranchNumber>& sites) {
  return {sites.begin(), sites.end()};
}

wire::Site ToWire(const Site& site) {
  wire::Site reply;
  reply.number = static_cast<std::int32_t>(site.number);
  reply.resource = site.resource;
  reply.addresses = site.addresses;
  return reply;
}

std::string Shown(const Ballot& ballot) { return ballot.round == 0 ? "" : ToString(ballot); }

wire::SiteView ToWire(const SiteSummary& site) {
  wire::SiteView view;
  view.number = static_cast<std::int32_t>(site.site.number);
  view.resource = site.site.resource;
  view.addresses = site.site.addresses;
  if (!site.last) return view;
  view.state = ToString(site.last->state);
  view.elected = Shown(site.last->elected);
  view.accepted = Shown(site.last->accepted);
  return view;
}

}  // namespace

Result<Protocol> ProtocolFromWire(const wire::Protocol::type& protocol) {
  switch (Raw(protocol)) {
    case wire::Protocol::TWO_PHASE: return Protocol::kTwoPhase;
    case wire::Protocol::THREE_PHASE: return Protocol::kThreePhase;
  }
  return UnknownValue("protocol", Raw(protocol));
}

Result<SiteReport> FromWire(const wire::SiteReport& report) {
  Result<Gtid> gtid = GtidFromWire(report.gtid);
  if (!gtid) return Fail(gtid.error());
  const Result<BranchNumber> branch = BranchFromWire(report.branch);
  if (!branch) return Fail(branch.error());
  Result<SiteAnswer> answer = AnswerFromWire(report.answer);
  if (!answer) return Fail(answer.error());
  return SiteReport{{*std::move(gtid), *branch}, *std::move(answer)};
}

Result<PeerCall> FromWire(const wire::PeerRequest& request) {
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  const Result<BranchNumber> site = SiteNumberFromWire("site", request.site);
  if (!site) return Fail(site.error());
  if (*site != 0) {
    return Fail(ErrorCode::kNotFound,
                "the coordinator answers for its witness (site 0) only, not for site " +
                    std::to_string(*site),
                "ask a process that serves the site's resource");
  }
  if (!request.resource.empty()) return Wrong("resource", "is given, but the witness has none");
  const Result<PeerVerb> verb = VerbFromWire(request.verb);
  if (!verb) return Fail(verb.error());
  PeerMessage message{*verb, {}, {}};
  if (request.__isset.ballot) {
    const Result<Ballot> ballot = BallotFromWire("ballot", request.ballot);
    if (!ballot) return Fail(ballot.error());
    message.ballot = *ballot;
  }
  if (request.__isset.quorum) {
    Result<std::vector<BranchNumber>> quorum = QuorumFromWire("quorum", request.quorum);
    if (!quorum) return Fail(quorum.error());
    message.quorum = *std::move(quorum);
  }
  const bool needs_ballot =
      *verb == PeerVerb::kElect || *verb == PeerVerb::kPreCommit || *verb == PeerVerb::kPreAbort;
  if (needs_ballot && message.ballot.round == 0) {
    return Wrong("ballot", "is missing: " + std::string(ToString(*verb)) + " needs one");
  }
  return PeerCall{*std::move(gtid), std::move(message)};
}

void AddQuorum(const Command& command, wire::Command& reply) {
  for (const Site& site : command.sites) reply.sites.push_back(ToWire(site));
  reply.__isset.sites = !reply.sites.empty();
  if (command.ballot.round != 0) reply.__set_ballot(ToWire(command.ballot));
  if (!command.quorum.empty()) reply.__set_quorum(ToWire(command.quorum));
  if (!command.prepared.empty()) reply.__set_prepared(command.prepared);
}

wire::SiteAnswer ToWire(const SiteAnswer& answer) {
  wire::SiteAnswer reply;
  reply.state = ToWire(answer.state);
  reply.elected = ToWire(answer.elected);
  reply.accepted = ToWire(answer.accepted);
  if (answer.decided.ballot.round != 0) {
    reply.__set_decided_ballot(ToWire(answer.decided.ballot));
    reply.__set_decided_quorum(ToWire(answer.decided.quorum));
  }
  return reply;
}

wire::QuorumView ToWire(const QuorumSummary& quorum) {
  wire::QuorumView view;
  for (const SiteSummary& site : quorum.sites) view.sites.push_back(ToWire(site));
  view.needed = static_cast<std::int32_t>(quorum.needed);
  view.ballot = Shown(quorum.by.ballot);
  if (quorum.by.ballot.round != 0) view.leader = LeaderOf(quorum);
  view.quorum = ToWire(quorum.by.quorum);
  view.missing = ToWire(quorum.missing);
  return view;
}

}  // namespace settle::coordinator
