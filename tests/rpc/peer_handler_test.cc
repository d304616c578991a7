// The coordinator's witness behind the wire.
#include <gmock/gmock.h>

#include "handlers.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

class Witness : public Handlers {
 protected:
  wire::PeerRequest Ask(const std::string& gtid, wire::PeerVerb::type verb, std::int64_t round = 0,
                        std::int32_t leader = 0) {
    wire::PeerRequest request;
    request.gtid = gtid;
    request.site = 0;
    request.verb = verb;
    wire::Ballot ballot;
    ballot.round = round;
    ballot.leader = leader;
    if (round != 0) request.__set_ballot(ballot);
    return request;
  }
  wire::SiteAnswer Tell(const wire::PeerRequest& request) {
    wire::SiteAnswer reply;
    peer_.tell(reply, request);
    return reply;
  }

  // Two branches that were told to prepare; neither has voted.
  std::string Preparing() {
    wire::BeginRequest begin;
    begin.timeout_ms = 0;
    begin.owner = "shop";
    begin.__set_protocol(wire::Protocol::THREE_PHASE);
    wire::BeginReply begun;
    coordinator_.begin_transaction(begun, begin);
    wire::AttachRequest attach;
    attach.version_low = attach.version_high = 1;
    attach.process = "shop@here:1";
    for (const char* name : {"orders", "stock"}) {
      wire::ResourceOffer offer;
      offer.name = name;
      offer.identity = std::string("test:") + name;
      offer.__set_peer_address("127.0.0.1:7421");
      attach.resources.push_back(offer);
    }
    wire::AttachReply attached;
    participant_.attach(attached, attach);
    session_ = attached.session;
    Enlist(begun.gtid, session_, "orders");
    Enlist(begun.gtid, session_, "stock");
    wire::CommitRequest commit;
    commit.gtid = begun.gtid;
    commit.wait = wire::Wait::DECISION;
    commit.wait_ms = 1;
    wire::CommitReply reply;
    coordinator_.commit(reply, commit);
    EXPECT_EQ(reply.ending.outcome, wire::Outcome::UNDECIDED);
    return begun.gtid;
  }
  void Vote(const std::string& gtid, std::int32_t branch) {
    wire::ReportRequest request;
    request.session = session_;
    request.votes.resize(1);
    request.votes[0].gtid = gtid;
    request.votes[0].vote.branch = branch;
    request.votes[0].vote.vote = wire::Vote::COMMIT;
    request.votes[0].vote.evidence.database = "test:db";
    participant_.report(request);
  }

  std::string session_;
};

TEST_F(Witness, ThatWasNeverAskedIsPresumedToHaveAborted) {
  const std::string gtid = Begin();
  wire::AbortRequest abort;
  abort.gtid = gtid;
  wire::Ending ending;
  coordinator_.abort(ending, abort);
  const wire::SiteAnswer answer = Tell(Ask(gtid, wire::PeerVerb::STATE));
  EXPECT_EQ(answer.state, wire::SiteState::ABORTED);
  EXPECT_FALSE(answer.__isset.decided_ballot);
  // Of an earlier life, which left no record of it.
  EXPECT_EQ(Tell(Ask("k3m9qxw4c7ab.3.7.0000abcd", wire::PeerVerb::ELECT, 2, 1)).state,
            wire::SiteState::ABORTED);
}

TEST_F(Witness, SaysWhyItDoesNotKnow) {
  const auto error = [&](const std::string& gtid) {
    return ErrorOf([&] { Tell(Ask(gtid, wire::PeerVerb::STATE)); });
  };
  EXPECT_EQ(error("aaaaaaaaaaaa.3.7.0000abcd").code, wire::ErrorCode::WRONG_LOG);
  EXPECT_EQ(error("k3m9qxw4c7ab.4.999999.0000abcd").code, wire::ErrorCode::NOT_FOUND);
  EXPECT_EQ(error("nonsense").code, wire::ErrorCode::INVALID);
  const wire::ServiceError two_phase = error(Begin());
  EXPECT_EQ(two_phase.code, wire::ErrorCode::REFUSED);
  EXPECT_THAT(two_phase.message, HasSubstr("three-phase"));
}

TEST_F(Witness, IsTheOnlySiteThatTheCoordinatorAnswersFor) {
  wire::PeerRequest request = Ask(Preparing(), wire::PeerVerb::STATE);
  request.site = 1;
  request.resource = "orders";
  const wire::ServiceError error = ErrorOf([&] { Tell(request); });
  EXPECT_EQ(error.code, wire::ErrorCode::NOT_FOUND);
  EXPECT_THAT(error.message, HasSubstr("witness (site 0) only"));
}

TEST_F(Witness, ThatHasNotVotedAbortsWhenItIsElected) {
  const std::string gtid = Preparing();
  EXPECT_EQ(Tell(Ask(gtid, wire::PeerVerb::STATE)).state, wire::SiteState::INITIAL);
  EXPECT_EQ(Tell(Ask(gtid, wire::PeerVerb::ELECT, 2, 1)).state, wire::SiteState::ABORTED);
  wire::Ending ending;
  coordinator_.outcome(ending, gtid);
  EXPECT_EQ(ending.outcome, wire::Outcome::ABORTED);
}

TEST_F(Witness, M10_TakesPartInTheRoundOfASiteAndLearnsWhatItDecided) {
  const std::string gtid = Preparing();
  Vote(gtid, 1);
  Vote(gtid, 2);
  const wire::SiteAnswer joined = Tell(Ask(gtid, wire::PeerVerb::ELECT, 2, 1));
  EXPECT_EQ(joined.state, wire::SiteState::PRE_COMMITTED);
  EXPECT_EQ(joined.elected.round, 2);
  EXPECT_EQ(joined.elected.leader, 1);
  const wire::SiteAnswer accepted = Tell(Ask(gtid, wire::PeerVerb::PRE_COMMIT, 2, 1));
  EXPECT_EQ(accepted.accepted.round, 2);
  wire::PeerRequest decided = Ask(gtid, wire::PeerVerb::COMMIT, 2, 1);
  decided.__set_quorum({0, 1});
  EXPECT_EQ(Tell(decided).state, wire::SiteState::COMMITTED);
  wire::TransactionView shown;
  admin_.show(shown, gtid);
  EXPECT_EQ(shown.ending.outcome, wire::Outcome::COMMITTED);
  ASSERT_TRUE(shown.__isset.quorum);
  EXPECT_EQ(shown.quorum.ballot, "2.1");
  EXPECT_EQ(shown.quorum.leader, "site 1 (orders)");
  EXPECT_EQ(shown.quorum.quorum, (std::vector<std::int32_t>{0, 1}));
  // And it says so for ever, also once nothing of it runs any more.
  for (const std::int32_t branch : {1, 2}) ReportCommitted(session_, gtid, branch);
  coordinator_.outcome(shown.ending, gtid);
  const wire::SiteAnswer later = Tell(Ask(gtid, wire::PeerVerb::ELECT, 9, 2));
  EXPECT_EQ(later.state, wire::SiteState::COMMITTED);
  EXPECT_EQ(later.decided_ballot.round, 2);
  EXPECT_EQ(later.decided_quorum, (std::vector<std::int32_t>{0, 1}));
}

}  // namespace
}  // namespace settle::testing
