// The handlers with rules in force, and callers of whom different things are proved.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "handlers.h"

namespace settle::testing {

class Callers : public Handlers {
 protected:
  static server::Caller Named(const std::string& name) {
    return {
        .proof = server::Caller::Proof::kCertificate, .address = "10.0.0.7:40312", .names = {name}};
  }
  static access::Rule For(const std::string& name, access::Roles roles,
                          std::vector<std::string> resources = {}, access::Quota quota = {}) {
    return {{access::Who::Kind::kCertificate, name}, roles, resources, resources, quota};
  }

  Callers() {
    using access::Role;
    gate_.Replace(access::Policy({
        For("cn:shop", {Role::kApplication, Role::kParticipant}, {"orders"}),
        For("cn:other", {Role::kApplication}),
        For("cn:bank", {Role::kParticipant}, {"bank-*"}),
        For("cn:thief", {Role::kApplication, Role::kParticipant}, {"loot"}),
        For("cn:watcher", {Role::kOperatorRead}),
        For("cn:operator", {Role::kOperatorResolve}),
        For("cn:namer", {Role::kParticipant}, {"n-*", "n-spelt-out"}, {.sessions = 9, .names = 2}),
        For("cn:small", {Role::kApplication, Role::kParticipant}, {"small"},
            {.open_transactions = 1, .sessions = 1, .calls_per_second = {}, .connections = {}}),
    }));
  }

  static std::string Begin(Services& as) {
    wire::BeginRequest request;
    request.owner = "shop";
    wire::BeginReply reply;
    as.coordinator.begin_transaction(reply, request);
    return reply.gtid;
  }
  static std::string Attach(Services& as, const std::string& resource) {
    wire::AttachRequest request;
    request.version_low = request.version_high = 1;
    request.resources.resize(1);
    request.resources[0].name = resource;
    request.resources[0].identity = "test:" + resource;
    wire::AttachReply reply;
    as.participant.attach(reply, request);
    return reply.session;
  }
  static std::int32_t Enlist(Services& as, const std::string& gtid, const std::string& session,
                             const std::string& resource) {
    wire::EnlistRequest request;
    request.gtid = gtid;
    request.session = session;
    request.resource = request.request_key = resource;
    wire::EnlistReply reply;
    as.coordinator.enlist(reply, request);
    return reply.branch;
  }
  static wire::Ending Outcome(Services& as, const std::string& gtid) {
    wire::Ending ending;
    as.coordinator.outcome(ending, gtid);
    return ending;
  }
  static wire::BranchVote Yes(std::int32_t branch) {
    wire::BranchVote vote;
    vote.branch = branch;
    vote.vote = wire::Vote::COMMIT;
    vote.evidence.database = "test:bank-1";
    return vote;
  }
  static wire::CommitReply Commit(Services& as, const std::string& gtid,
                                  std::vector<wire::BranchVote> votes = {}) {
    wire::CommitRequest request;
    request.gtid = gtid;
    request.votes = std::move(votes);
    request.wait = wire::Wait::DECISION;
    request.wait_ms = 200;
    wire::CommitReply reply;
    as.coordinator.commit(reply, request);
    return reply;
  }
  static std::vector<wire::Command> Fetch(Services& as, const std::string& session) {
    wire::FetchRequest request;
    request.session = session;
    request.most = 10;
    request.wait_ms = 10'000;
    wire::CommandBatch batch;
    as.participant.fetch(batch, request);
    return batch.commands;
  }
  static void ReportVote(Services& as, const std::string& session, const std::string& gtid,
                         std::int32_t branch) {
    wire::ReportRequest request;
    request.session = session;
    request.votes.resize(1);
    request.votes[0].gtid = gtid;
    request.votes[0].vote = Yes(branch);
    as.participant.report(request);
  }

  template <typename Call>
  void ExpectDenied(access::Reason reason, Call call) {
    const std::uint64_t before = CountOf(reason);
    const wire::ServiceError error = ErrorOf(call);
    EXPECT_EQ(error.code, wire::ErrorCode::DENIED) << error.message;
    EXPECT_EQ(CountOf(reason), before + 1) << error.message;
  }
  std::uint64_t CountOf(access::Reason reason) const {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < access::kServices.size(); ++i) all += gate_.denied(i, reason);
    return all;
  }

  Services shop_{*this, Named("cn:shop")};
  Services other_{*this, Named("cn:other")};
  Services bank_{*this, Named("cn:bank")};
  Services thief_{*this, Named("cn:thief")};
  Services nobody_{*this, Named("cn:nobody")};
};

}  // namespace settle::testing
