#include "bench/no_op_client.h"

#include <stdexcept>
#include <utility>

#include "wire/types_constants.h"

namespace settle::bench {

namespace {

wire::BranchVote YesOf(std::int32_t branch, const std::string& resource) {
  wire::BranchVote vote;
  vote.branch = branch;
  vote.vote = wire::Vote::COMMIT;
  vote.evidence.database = "no-op:" + resource;
  return vote;
}

}  // namespace

wire::BeginRequest BeginOwn(const NoOpParticipant& participant, std::size_t branches) {
  wire::BeginRequest request;
  request.__set_own_branches(static_cast<std::int32_t>(branches));
  request.__set_session(participant.session());
  return request;
}

wire::CommitRequest CommitOwn(const std::string& gtid, const std::vector<std::string>& resources) {
  wire::CommitRequest commit;
  commit.gtid = gtid;
  commit.wait = wire::Wait::DECISION;
  commit.__isset.branches = true;
  for (const std::string& resource : resources) {
    wire::OwnBranch& branch = commit.branches.emplace_back();
    branch.number = static_cast<std::int32_t>(commit.branches.size());
    branch.resource = resource;
    commit.votes.push_back(YesOf(branch.number, resource));
  }
  return commit;
}

void CheckCommitted(const wire::CommitReply& reply) {
  if (reply.ending.outcome == wire::Outcome::COMMITTED) return;
  throw std::runtime_error("a transaction was not committed: " + reply.ending.reason);
}

NoOpClient::NoOpClient(const Endpoint& endpoint, NoOpParticipant& participant,
                       std::vector<std::string> resources)
    : wire_(endpoint), participant_(participant), resources_(std::move(resources)) {}

void NoOpClient::EmptyCall() {
  wire::HelloRequest request;
  request.version_low = request.version_high = wire::g_types_constants.PROTOCOL_VERSION;
  wire::HelloReply reply;
  wire_.coordinator.hello(reply, request);
}

std::string NoOpClient::Open(std::int64_t timeout_ms) {
  wire::BeginRequest request;
  request.timeout_ms = timeout_ms;
  wire::BeginReply begun;
  wire_.coordinator.begin_transaction(begun, request);
  votes_.clear();
  for (const std::string& resource : resources_) votes_.push_back(Enlist(begun.gtid, resource));
  return begun.gtid;
}

void NoOpClient::Decide(const std::string& gtid) {
  wire::CommitRequest commit;
  commit.gtid = gtid;
  commit.votes = votes_;
  commit.wait = wire::Wait::DECISION;
  Commit(commit);
}

void NoOpClient::Commit(const wire::CommitRequest& commit) {
  wire::CommitReply reply;
  wire_.coordinator.commit(reply, commit);
  CheckCommitted(reply);
}

void NoOpClient::Transaction() {
  wire::BeginReply begun;
  wire_.coordinator.begin_transaction(begun, BeginOwn(participant_, resources_.size()));
  Commit(CommitOwn(begun.gtid, resources_));
  participant_.ReportCommitted(begun.gtid, 1, static_cast<std::int32_t>(resources_.size()));
}

wire::BranchVote NoOpClient::Enlist(const std::string& gtid, const std::string& resource) {
  wire::EnlistRequest request;
  request.gtid = gtid;
  request.resource = resource;
  request.session = participant_.session();
  request.request_key = std::to_string(votes_.size());
  wire::EnlistReply reply;
  wire_.coordinator.enlist(reply, request);
  return YesOf(reply.branch, resource);
}

}  // namespace settle::bench
