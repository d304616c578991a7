// From the wire: every field is checked before the engine sees it. wire_replies.cc is the way back.
#include "rpc/wire.h"

#include <set>
#include <utility>

#include "rpc/utf8.h"
#include "rpc/wire_checks.h"
#include "settle/vocabulary/trace_parent.h"
#include "wire/types_constants.h"

namespace settle::coordinator {
namespace {

constexpr int kItemsMax = 1'000;

Result<Vote> VoteFromWire(const wire::Vote::type& vote) {
  switch (Raw(vote)) {
    case wire::Vote::COMMIT: return Vote::kCommit;
    case wire::Vote::READ_ONLY: return Vote::kReadOnly;
    case wire::Vote::NO: return Vote::kNo;
  }
  return UnknownValue("vote", Raw(vote));
}

Result<BranchEnd> BranchEndFromWire(const wire::BranchEnd::type& end) {
  switch (Raw(end)) {
    case wire::BranchEnd::COMMITTED: return BranchEnd::kCommitted;
    case wire::BranchEnd::ABORTED: return BranchEnd::kAborted;
    case wire::BranchEnd::HAZARD: return BranchEnd::kHazard;
    case wire::BranchEnd::RETRY: return BranchEnd::kRetry;
  }
  return UnknownValue("became", Raw(end));
}

Result<Wait> WaitFromWire(const wire::Wait::type& wait) {
  switch (Raw(wait)) {
    case wire::Wait::DECISION: return Wait::kDecision;
    case wire::Wait::APPLIED: return Wait::kApplied;
  }
  return UnknownValue("wait", Raw(wait));
}

Result<Evidence> EvidenceFromWire(const wire::Evidence& evidence) {
  if (Status text = CheckText("evidence.database", evidence.database, kNameBytesMax); !text) {
    return Fail(text.error());
  }
  if (Status text =
          CheckText("evidence.local_transaction", evidence.local_transaction, kKeyBytesMax);
      !text) {
    return Fail(text.error());
  }
  if (evidence.timeline < 0) {
    return Wrong("evidence.timeline",
                 "is " + std::to_string(evidence.timeline) + "; it cannot be negative");
  }
  return Evidence{evidence.database, static_cast<std::uint32_t>(evidence.timeline),
                  evidence.local_transaction};
}

Result<BranchVote> VoteFromWire(const wire::BranchVote& vote) {
  const Result<BranchNumber> branch = BranchFromWire(vote.branch);
  if (!branch) return Fail(branch.error());
  const Result<Vote> value = VoteFromWire(vote.vote);
  if (!value) return Fail(value.error());
  Result<Evidence> evidence = EvidenceFromWire(vote.evidence);
  if (!evidence) return Fail(evidence.error());
  return BranchVote{*branch, {*value, *std::move(evidence), OneLine(vote.reason), vote.retryable}};
}

Result<EndReport> EndFromWire(const wire::EndReport& end) {
  Result<Gtid> gtid = GtidFromWire(end.gtid);
  if (!gtid) return Fail(gtid.error());
  const Result<BranchNumber> branch = BranchFromWire(end.branch);
  if (!branch) return Fail(branch.error());
  const Result<BranchEnd> became = BranchEndFromWire(end.became);
  if (!became) return Fail(became.error());
  return EndReport{{*std::move(gtid), *branch}, {*became, OneLine(end.detail)}};
}

Status CheckMost(std::int32_t most) {
  if (most >= 1 && most <= kItemsMax) return {};
  return Wrong("most", "is " + std::to_string(most) + "; 1 to " + std::to_string(kItemsMax) +
                           " are allowed");
}

}  // namespace

Result<std::int32_t> AgreeOnVersion(std::int32_t low, std::int32_t high) {
  const std::int32_t ours = wire::g_types_constants.PROTOCOL_VERSION;
  if (low < 1 || low > high) {
    return Wrong("version_low", "is " + std::to_string(low) + " and version_high " +
                                    std::to_string(high) + ": that is no range of versions");
  }
  if (low <= ours && ours <= high) return ours;
  return Fail(ErrorCode::kVersion,
              "the caller speaks versions " + std::to_string(low) + " to " + std::to_string(high) +
                  " of the contract, this coordinator speaks " + std::to_string(ours),
              low > ours ? "upgrade the coordinator" : "upgrade the caller");
}

Status CheckText(const char* what, const std::string& text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return Wrong(what, "has " + std::to_string(text.size()) + " bytes; at most " +
                           std::to_string(bytes_max) + " are allowed");
  }
  if (!IsUtf8(text)) return Wrong(what, "is not UTF-8");
  return {};
}

std::string OneLine(const std::string& text) { return OneLineOfUtf8(text, kWordsBytesMax); }

Result<Gtid> GtidFromWire(const std::string& text) { return Gtid::Parse(text); }

Result<SessionId> SessionFromWire(const std::string& text) {
  if (text.empty()) return Wrong("session", "is empty");
  if (Status checked = CheckText("session", text, kKeyBytesMax); !checked)
    return Fail(checked.error());
  return text;
}

Result<BeginCall> FromWire(const wire::BeginRequest& request) {
  const auto timeout = MillisecondsFromWire("timeout_ms", request.timeout_ms);
  if (!timeout) return Fail(timeout.error());
  if (Status text = CheckText("comment", request.comment, kWordsBytesMax); !text)
    return Fail(text.error());
  if (Status text = CheckText("owner", request.owner, kNameBytesMax); !text)
    return Fail(text.error());
  BeginCall call{*timeout, request.comment, request.owner};
  if (request.__isset.protocol) {
    const Result<Protocol> protocol = ProtocolFromWire(request.protocol);
    if (!protocol) return Fail(protocol.error());
    call.protocol = *protocol;
  }
  call.trace_parent = TraceParentFrom(request.trace_parent);
  call.last_resource = request.__isset.last_resource && request.last_resource;
  if (call.last_resource && call.protocol != Protocol::kTwoPhase)
    return Wrong("last_resource", "is given for a three-phase commit, which has none");
  if (!request.__isset.own_branches || request.own_branches == 0) return call;
  const Result<BranchNumber> own = BranchFromWire(request.own_branches);
  if (!own) return Fail(own.error());
  Result<SessionId> session = SessionFromWire(request.session);
  if (!session) return Fail(session.error());
  call.own_branches = *own;
  call.session = *std::move(session);
  return call;
}

Result<EnlistCall> FromWire(const wire::EnlistRequest& request) {
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  if (Status name = CheckResourceName(request.resource); !name) return Fail(name.error());
  Result<SessionId> session = SessionFromWire(request.session);
  if (!session) return Fail(session.error());
  if (request.request_key.empty()) return Wrong("request_key", "is empty");
  if (Status key = CheckText("request_key", request.request_key, kKeyBytesMax); !key)
    return Fail(key.error());
  return EnlistCall{*std::move(gtid), request.resource, *std::move(session), request.request_key};
}

namespace {

Result<std::vector<BranchVote>> VotesFromWire(const std::vector<wire::BranchVote>& votes) {
  std::vector<BranchVote> read;
  std::set<BranchNumber> voted;
  for (const wire::BranchVote& each : votes) {
    Result<BranchVote> vote = VoteFromWire(each);
    if (!vote) return Fail(vote.error());
    if (!voted.insert(vote->branch).second) {
      return Wrong("votes", "name branch " + std::to_string(vote->branch) + " twice");
    }
    read.push_back(*std::move(vote));
  }
  return read;
}

Result<std::vector<event::OwnBranch>> OwnFromWire(const std::vector<wire::OwnBranch>& branches) {
  std::vector<event::OwnBranch> read;
  for (const wire::OwnBranch& each : branches) {
    const Result<BranchNumber> number = BranchFromWire(each.number);
    if (!number) return Fail(number.error());
    if (Status name = CheckResourceName(each.resource); !name) return Fail(name.error());
    read.push_back({*number, each.resource});
  }
  return read;
}

}  // namespace

Result<CommitCall> FromWire(const wire::CommitRequest& request) {
  CommitCall call;
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  call.gtid = *std::move(gtid);
  Result<std::vector<BranchVote>> votes = VotesFromWire(request.votes);
  if (!votes) return Fail(votes.error());
  call.votes = *std::move(votes);
  Result<std::vector<event::OwnBranch>> own = OwnFromWire(request.branches);
  if (!own) return Fail(own.error());
  call.own = *std::move(own);
  const Result<Wait> wait = WaitFromWire(request.wait);
  if (!wait) return Fail(wait.error());
  call.wait = *wait;
  const auto at_most = MillisecondsFromWire("wait_ms", request.wait_ms);
  if (!at_most) return Fail(at_most.error());
  call.wait_at_most = *at_most;
  return call;
}

Result<OnePhaseCall> FromWire(const wire::OnePhaseRequest& request) {
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  const Result<BranchNumber> branch = BranchFromWire(request.branch);
  if (!branch) return Fail(branch.error());
  Result<Evidence> evidence = EvidenceFromWire(request.evidence);
  if (!evidence) return Fail(evidence.error());
  OnePhaseCall call{*std::move(gtid), *branch, *std::move(evidence)};
  if (request.__isset.resource && request.__isset.votes)
    return Wrong("resource", "is given with votes: the branches are named instead");
  if (request.__isset.resource) {
    if (Status name = CheckResourceName(request.resource); !name) return Fail(name.error());
    call.own.push_back({*branch, request.resource});
  }
  if (!request.__isset.votes) return call;
  Result<std::vector<BranchVote>> votes = VotesFromWire(request.votes);
  if (!votes) return Fail(votes.error());
  call.votes = *std::move(votes);
  Result<std::vector<event::OwnBranch>> own = OwnFromWire(request.branches);
  if (!own) return Fail(own.error());
  call.own = *std::move(own);
  return call;
}

Result<AbortCall> FromWire(const wire::AbortRequest& request) {
  AbortCall call;
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  call.gtid = *std::move(gtid);
  call.reason = OneLine(request.reason);
  for (const std::int32_t number : request.rolled_back) {
    const Result<BranchNumber> branch = BranchFromWire(number);
    if (!branch) return Fail(branch.error());
    call.rolled_back.push_back(*branch);
  }
  return call;
}

Result<AttachCall> FromWire(const wire::AttachRequest& request) {
  AttachCall call;
  if (Status text = CheckText("process", request.process, kNameBytesMax); !text)
    return Fail(text.error());
  call.process = request.process;
  if (Status few = CheckServed("resources", request.resources.size()); !few)
    return Fail(few.error());
  std::set<std::string> names;
  for (const wire::ResourceOffer& offer : request.resources) {
    if (Status name = CheckResourceName(offer.name); !name) return Fail(name.error());
    if (offer.identity.empty()) return Wrong("identity", "of resource " + offer.name + " is empty");
    if (Status text = CheckText("identity", offer.identity, kNameBytesMax); !text)
      return Fail(text.error());
    if (!names.insert(offer.name).second)
      return Wrong("resources", "name " + offer.name + " twice");
    call.resources.push_back({offer.name, offer.identity});
    if (!offer.__isset.peer_address) continue;
    if (Status address = CheckPeerAddress(offer.peer_address); !address)
      return Fail(address.error());
    call.resources.back().peer_address = offer.peer_address;
  }
  if (request.epoch_seen < 0) return Wrong("epoch_seen", "is negative");
  if (!request.log_id_seen.empty() && !IsLogId(request.log_id_seen)) {
    return Wrong("log_id_seen", "is not the id of a log");
  }
  Result<std::vector<std::string>> participants = ParticipantsFromWire(request.participants);
  if (!participants) return Fail(participants.error());
  call.participants = *std::move(participants);
  call.epoch_seen = static_cast<Epoch>(request.epoch_seen);
  call.log_id_seen = request.log_id_seen;
  call.answers_questions = request.answers_questions;
  call.release = OneLineOfUtf8(request.release, kReleaseBytesMax);
  return call;
}

Result<FetchCall> FromWire(const wire::FetchRequest& request) {
  Result<SessionId> session = SessionFromWire(request.session);
  if (!session) return Fail(session.error());
  if (request.received_through < 0) return Wrong("received_through", "is negative");
  if (Status most = CheckMost(request.most); !most) return Fail(most.error());
  const auto wait = MillisecondsFromWire("wait_ms", request.wait_ms);
  if (!wait) return Fail(wait.error());
  return FetchCall{*std::move(session), request.received_through,
                   static_cast<std::size_t>(request.most), *wait};
}

Result<FullReport> FromWire(const wire::ReportRequest& request) {
  FullReport full;
  Result<SessionId> session = SessionFromWire(request.session);
  if (!session) return Fail(session.error());
  full.report.session = *std::move(session);
  for (const wire::VoteReport& each : request.votes) {
    Result<Gtid> gtid = GtidFromWire(each.gtid);
    if (!gtid) return Fail(gtid.error());
    Result<BranchVote> vote = VoteFromWire(each.vote);
    if (!vote) return Fail(vote.error());
    full.report.votes.push_back({*std::move(gtid), *std::move(vote)});
  }
  for (const wire::EndReport& each : request.ends) {
    Result<EndReport> end = EndFromWire(each);
    if (!end) return Fail(end.error());
    full.report.ends.push_back(*std::move(end));
  }
  for (const wire::ActionAnswer& each : request.answers) {
    Result<SagaAnswer> answer = FromWire(each);
    if (!answer) return Fail(answer.error());
    full.report.answers.push_back(*std::move(answer));
  }
  for (const wire::SiteReport& each : request.sites) {
    Result<SiteReport> site = FromWire(each);
    if (!site) return Fail(site.error());
    full.report.sites.push_back(*std::move(site));
  }
  for (const wire::QuestionAnswer& each : request.question_answers) {
    full.report.question_answers.push_back(FromWire(each));
  }
  for (const wire::FoundBranch& each : request.found) {
    if (Status name = CheckResourceName(each.resource); !name) return Fail(name.error());
    if (each.database_name.size() > kNameBytesMax)
      return Wrong("database_name", "is longer than 200 bytes");
    FoundBranch found{each.resource, each.database_name};
    if (each.__isset.evidence) {
      Result<Evidence> evidence = EvidenceFromWire(each.evidence);
      if (!evidence) return Fail(evidence.error());
      found.evidence = *std::move(evidence);
    }
    full.found.push_back(std::move(found));
  }
  return full;
}

Result<ListCall> FromWire(const wire::ListRequest& request) {
  ListCall call;
  if (request.which == "open") {
    call.which = Which::kOpen;
  } else if (request.which == "ended") {
    call.which = Which::kEnded;
  } else if (request.which == "all") {
    call.which = Which::kAll;
  } else {
    return Wrong("which", "is \"" + Escaped(request.which) + "\"; open, ended or all are allowed");
  }
  if (Status most = CheckMost(request.most); !most) return Fail(most.error());
  if (Status cursor = CheckText("cursor", request.cursor, kNameBytesMax); !cursor)
    return Fail(cursor.error());
  call.most = static_cast<std::size_t>(request.most);
  call.cursor = request.cursor;
  return call;
}

Result<PageCall> FromWire(const wire::PageRequest& request) {
  if (Status most = CheckMost(request.most); !most) return Fail(most.error());
  if (Status cursor = CheckText("cursor", request.cursor, kNameBytesMax); !cursor)
    return Fail(cursor.error());
  return PageCall{static_cast<std::size_t>(request.most), request.cursor};
}

}  // namespace settle::coordinator
