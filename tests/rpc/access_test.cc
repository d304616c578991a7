// Who may do what, at the handlers: every call is asked for, and what is another's stays so.
#include <gmock/gmock.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include "callers.h"

namespace settle::testing {
namespace {

using access::Reason;
using ::testing::AnyOf;
using ::testing::HasSubstr;

// What a call with no arguments at all is answered: only who calls can matter.
wire::ServiceError AnswerTo(apache::thrift::TProcessor& service, const std::string& method) {
  using apache::thrift::protocol::TBinaryProtocol;
  using apache::thrift::transport::TMemoryBuffer;
  namespace protocol = apache::thrift::protocol;
  const auto in = std::make_shared<TMemoryBuffer>();
  const auto out = std::make_shared<TMemoryBuffer>();
  TBinaryProtocol call(in);
  call.writeMessageBegin(method, protocol::T_CALL, 7);
  call.writeStructBegin("args");
  call.writeFieldStop();
  call.writeStructEnd();
  call.writeMessageEnd();
  service.process(std::make_shared<TBinaryProtocol>(in), std::make_shared<TBinaryProtocol>(out),
                  nullptr);
  TBinaryProtocol reply(out);
  std::string name;
  protocol::TMessageType type = protocol::T_CALL;
  std::int32_t sequence = 0;
  reply.readMessageBegin(name, type, sequence);
  EXPECT_EQ(type, protocol::T_REPLY) << method << " is not served";
  protocol::TType field = protocol::T_STOP;
  std::int16_t id = 0;
  reply.readStructBegin(name);
  reply.readFieldBegin(name, field, id);
  EXPECT_EQ(id, 1) << method << " was answered";
  wire::ServiceError error;
  if (id == 1) error.read(&reply);
  return error;
}

// Whatever is added to the contract: it is served only where the table lets it be.
TEST_F(Callers, EveryCallOfTheContractIsDeniedToWhoeverHasNoRule) {
  const auto borrow = [](auto& handler) {
    return std::shared_ptr<std::remove_reference_t<decltype(handler)>>(std::shared_ptr<void>(),
                                                                       &handler);
  };
  wire::CoordinatorServiceProcessor coordinator(borrow(nobody_.coordinator));
  wire::ParticipantServiceProcessor participant(borrow(nobody_.participant));
  wire::PeerServiceProcessor peer(borrow(nobody_.peer));
  wire::AdminServiceProcessor admin(borrow(nobody_.admin));
  const std::map<std::string_view, apache::thrift::TProcessor*> services{
      {"coordinator", &coordinator},
      {"participant", &participant},
      {"peer", &peer},
      {"admin", &admin}};
  for (const access::Method& method : access::kMethods) {
    const wire::ServiceError error =
        AnswerTo(*services.at(method.service), std::string(method.name));
    EXPECT_EQ(error.code, wire::ErrorCode::DENIED) << method.service << "." << method.name;
    EXPECT_THAT(error.message,
                HasSubstr(std::string(method.service) + "." + std::string(method.name)));
  }
  EXPECT_EQ(CountOf(Reason::kRole), access::kMethods.size());
  EXPECT_TRUE(observer_.AwaitOneWith("cn:nobody from 10.0.0.7:40312"));
}

TEST_F(Callers, X02_NobodyElseEndsOrAsksForATransaction) {
  const std::string gtid = Begin(shop_);
  // The same answers for one that never was, save for its name.
  const std::string never = gtid.substr(0, gtid.rfind('.') + 1) + "00000000";
  ASSERT_NE(gtid, never);
  std::vector<std::string> answers;
  for (const std::string& which : {gtid, never}) {
    const auto denied = [&](auto call) {
      ExpectDenied(Reason::kTransaction, call);
      const wire::ServiceError error = ErrorOf(call);
      answers.push_back(error.message + error.advice);
      answers.back().replace(answers.back().find(which), which.size(), "X");
    };
    denied([&] { Commit(other_, which); });
    denied([&] { Outcome(other_, which); });
    denied([&] {
      wire::AbortRequest request;
      request.gtid = which;
      wire::Ending ending;
      other_.coordinator.abort(ending, request);
    });
    denied([&] { Enlist(other_, which, "any", "orders"); });
    denied([&] {
      wire::TryRequest request;
      request.gtid = which;
      request.participant = request.action = request.request_key = "x";
      request.input = "{}";
      wire::TryReply reply;
      other_.coordinator.try_branch(reply, request);
    });
    denied([&] {
      wire::OnePhaseRequest request;
      request.gtid = which;
      request.branch = 1;
      wire::OnePhaseReply reply;
      other_.coordinator.commit_one_phase(reply, request);
    });
    denied([&] {
      wire::AwaitSagaRequest request;
      request.gtid = which;
      wire::AwaitSagaReply reply;
      other_.coordinator.await_saga(reply, request);
    });
  }
  ASSERT_EQ(answers.size(), 14U);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(answers[i], answers[i + 7]);
  EXPECT_EQ(Outcome(shop_, gtid).outcome, wire::Outcome::UNDECIDED) << "nothing was done to it";
  EXPECT_EQ(Commit(shop_, gtid).ending.outcome, wire::Outcome::COMMITTED);
}

// Presumed abort leaves no record that could say whose it was.
TEST_F(Callers, WhoeverBeganATransactionIsToldThatItIsPresumedAborted) {
  const auto earlier = [&](Epoch epoch, std::string_view identity) {
    const Seals& seals = log_.identity().seals;
    return Gtid::Make("k3m9qxw4c7ab", epoch, 7, seals.TailOf(epoch, 7, identity).value_or(99))
        .text();
  };
  EXPECT_EQ(Outcome(shop_, earlier(3, "cn:shop")).outcome, wire::Outcome::ABORTED);
  ExpectDenied(Reason::kTransaction, [&] { Outcome(other_, earlier(3, "cn:shop")); });
  // Before there were keys, nobody had proved anything.
  ExpectDenied(Reason::kTransaction, [&] { Outcome(shop_, earlier(2, "cn:shop")); });
  gate_.Replace(access::Policy(
      {{{access::Who::Kind::kLocal, "local"}, {access::Role::kApplication}, {}, {}, {}}}));
  EXPECT_EQ(Outcome(services_, earlier(2, "")).outcome, wire::Outcome::ABORTED);
  ExpectDenied(Reason::kTransaction, [&] { Outcome(services_, earlier(3, "cn:shop")); });
}

TEST_F(Callers, X02_AServiceJoinsWithItsOwnSessionAndForWhatItMayServe) {
  const std::string gtid = Begin(shop_);
  const std::string session = Attach(bank_, "bank-1");
  EXPECT_EQ(Enlist(bank_, gtid, session, "bank-1"), 1);
  ExpectDenied(Reason::kName, [&] { Enlist(bank_, gtid, session, "orders"); });
  Attach(thief_, "loot");
  ExpectDenied(Reason::kName, [&] { Enlist(thief_, gtid, session, "bank-1"); });
  const std::string shops = Attach(shop_, "orders");
  gate_.Replace(access::Policy({For("cn:thief", {access::Role::kParticipant}, {"*"})}));
  ExpectDenied(Reason::kSession, [&] { Enlist(thief_, gtid, shops, "orders"); });
}

TEST_F(Callers, X02_OnlyTheNamesOfTheRulesAreServed) {
  ExpectDenied(Reason::kName, [&] { Attach(thief_, "bank-1"); });
  wire::AttachRequest request;
  request.version_low = request.version_high = 1;
  request.__set_participants({"bank-1"});
  wire::AttachReply reply;
  ExpectDenied(Reason::kName, [&] { thief_.participant.attach(reply, request); });
  bank_.participant.attach(reply, request);
  EXPECT_NE(reply.session, "");
}

TEST_F(Callers, X02_ASessionIsServedByWhoeverAttachedIt) {
  const std::string session = Attach(bank_, "bank-1");
  ExpectDenied(Reason::kSession, [&] { Fetch(thief_, session); });
  ExpectDenied(Reason::kSession, [&] { ReportVote(thief_, session, Begin(shop_), 1); });
  ExpectDenied(Reason::kSession, [&] { thief_.participant.detach(session); });
  const std::string gtid = Begin(shop_);
  EXPECT_EQ(Enlist(bank_, gtid, session, "bank-1"), 1) << "it is still attached";
  bank_.participant.detach(session);
}

TEST_F(Callers, X02_TheVoteOfAnothersBranchIsNotTheCommittersToGive) {
  const std::string gtid = Begin(shop_);
  const std::string banks = Attach(bank_, "bank-1");
  ASSERT_EQ(Enlist(bank_, gtid, banks, "bank-1"), 1);
  const std::string shops = Attach(shop_, "orders");
  ASSERT_EQ(Enlist(shop_, gtid, shops, "orders"), 2);
  ExpectDenied(Reason::kSession, [&] { Commit(shop_, gtid, {Yes(1), Yes(2)}); });
  wire::OnePhaseRequest request;
  request.gtid = gtid;
  request.branch = 1;
  wire::OnePhaseReply reply;
  ExpectDenied(Reason::kSession, [&] { shop_.coordinator.commit_one_phase(reply, request); });

  // The bank is asked itself, and its vote counts.
  EXPECT_EQ(Commit(shop_, gtid, {Yes(2)}).ending.outcome, wire::Outcome::UNDECIDED);
  const std::vector<wire::Command> asked = Fetch(bank_, banks);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].kind, wire::CommandKind::PREPARE);
  ReportVote(bank_, banks, gtid, 1);
  EXPECT_EQ(Commit(shop_, gtid).ending.outcome, wire::Outcome::COMMITTED);
}

TEST_F(Callers, X02_ThatAnothersBranchWasRolledBackIsNotBelieved) {
  const std::string gtid = Begin(shop_);
  const std::string banks = Attach(bank_, "bank-1");
  ASSERT_EQ(Enlist(bank_, gtid, banks, "bank-1"), 1);
  wire::AbortRequest request;
  request.gtid = gtid;
  request.rolled_back = {1};
  wire::Ending ending;
  shop_.coordinator.abort(ending, request);
  const std::vector<wire::Command> told = Fetch(bank_, banks);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, wire::CommandKind::ABORT);
}

TEST_F(Callers, X02_AReportIsBelievedOfTheResourcesOfItsSessionAlone) {
  const std::string gtid = Begin(shop_);
  const std::string banks = Attach(bank_, "bank-1");
  ASSERT_EQ(Enlist(bank_, gtid, banks, "bank-1"), 1);
  const std::string thiefs = Attach(thief_, "loot");
  ReportVote(thief_, thiefs, gtid, 1);
  EXPECT_EQ(Commit(shop_, gtid).ending.outcome, wire::Outcome::UNDECIDED) << "no vote came";
  EXPECT_TRUE(observer_.AwaitOneWith("which is not its own: ignored"));

  wire::ReportRequest found;
  found.session = thiefs;
  found.found.resize(1);
  found.found[0].resource = "bank-1";
  found.found[0].database_name = "not one of ours";
  thief_.participant.report(found);
  EXPECT_TRUE(inquiry_.Strays().empty());
  found.session = banks;
  bank_.participant.report(found);
  EXPECT_EQ(inquiry_.Strays().size(), 1U);
}

TEST_F(Callers, OperatorsReadOrResolveAsTheirRoleSays) {
  const std::string gtid = Begin(shop_);
  Services watcher(*this, Named("cn:watcher"));
  wire::TransactionView view;
  watcher.admin.show(view, gtid);
  EXPECT_EQ(view.identity, "cn:shop") << "whose it is, as it was proved";
  EXPECT_EQ(view.owner, "shop");
  wire::ResolveRequest request;
  request.gtid = gtid;
  request.to = "abort";
  request.operator_name = "ann";
  request.reason = "stuck";
  ExpectDenied(Reason::kRole, [&] { watcher.admin.resolve(view, request); });
  ExpectDenied(Reason::kRole, [&] { shop_.admin.resolve(view, request); });
  Services an_operator(*this, Named("cn:operator"));
  ExpectDenied(Reason::kRole, [&] { Commit(an_operator, gtid); });
  ExpectDenied(Reason::kRole,
               [&] { an_operator.admin.accept_identity("orders", "x", "ann", "moved"); });
  an_operator.admin.resolve(view, request);
  EXPECT_EQ(view.ending.outcome, wire::Outcome::ABORTED);
}

TEST_F(Callers, ThePeersOfAThreePhaseCommitAreParticipants) {
  wire::PeerRequest request;
  request.gtid = Begin(shop_);
  request.verb = wire::PeerVerb::STATE;
  wire::SiteAnswer answer;
  ExpectDenied(Reason::kRole, [&] { other_.peer.tell(answer, request); });
  EXPECT_THAT(ErrorOf([&] { bank_.peer.tell(answer, request); }).code,
              ::testing::Ne(wire::ErrorCode::DENIED));
}

TEST_F(Callers, X03_QuotasOfAnIdentityHoldWhateverItsProgramsCallThemselves) {
  Services small(*this, Named("cn:small"));
  const std::string gtid = Begin(small);
  Services again(*this, Named("cn:small"));
  const wire::ServiceError refused = ErrorOf([&] {
    wire::BeginRequest request;
    request.owner = "another name";
    wire::BeginReply reply;
    again.coordinator.begin_transaction(reply, request);
  });
  EXPECT_EQ(refused.code, wire::ErrorCode::RETRY);
  EXPECT_THAT(refused.message, HasSubstr("cn:small has 1 transactions that are not decided"));
  EXPECT_THAT(refused.advice, HasSubstr("raise the quota in the file of --access"));
  EXPECT_EQ(engine_.quota_refusals().transactions, 1U);
  Begin(shop_);  // others are served
  Commit(small, gtid);
  Begin(small);

  const std::string session = Attach(small, "small");
  EXPECT_EQ(ErrorOf([&] { Attach(again, "small"); }).code, wire::ErrorCode::RETRY);
  EXPECT_EQ(engine_.quota_refusals().sessions, 1U);
  small.participant.detach(session);
  Attach(again, "small");
}

TEST_F(Callers, X03_NamesThatAPatternGrantsHaveAnEnd) {
  Services namer(*this, Named("cn:namer"));
  Attach(namer, "n-1");
  Attach(namer, "n-2");
  const wire::ServiceError refused = ErrorOf([&] { Attach(namer, "n-3"); });
  EXPECT_EQ(refused.code, wire::ErrorCode::RETRY);
  EXPECT_THAT(refused.message, HasSubstr("2 are known, and no more than 2 may be: n-3 is new"));
  EXPECT_THAT(refused.advice, HasSubstr("raise the quota \"names\""));
  EXPECT_EQ(engine_.quota_refusals().names, 1U);
  Attach(namer, "n-1");          // is known
  Attach(namer, "n-spelt-out");  // counts for nothing, like those of others
  Attach(bank_, "bank-1");
  EXPECT_EQ(ErrorOf([&] { Attach(namer, "n-3"); }).code, wire::ErrorCode::RETRY);
}

TEST_F(Callers, ARequestKeyOfAnotherIdentityIsAnotherKey) {
  const auto start = [](Services& as) {
    wire::StartSagaRequest request;
    request.definition = R"({"saga": "trip", "steps": [{"name": "a", "participant": "p",
                                 "action": "x"}]})";
    request.input = "{}";
    request.owner = "shop";
    request.__set_request_key("order-7");
    wire::BeginReply reply;
    as.coordinator.start_saga(reply, request);
    return reply.gtid;
  };
  const std::string shops = start(shop_);
  EXPECT_EQ(start(shop_), shops);
  EXPECT_NE(start(other_), shops);
}

}  // namespace
}  // namespace settle::testing
