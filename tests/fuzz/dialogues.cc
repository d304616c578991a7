#include "dialogues.h"

namespace settle::fuzz {
namespace {

constexpr const char* kTrip = R"({"saga": "trip", "version": 1, "deadline_ms": 60000, "steps": [
  {"name": "flight", "participant": "airline", "action": "reserve",
   "input": {"to": {"$input": "/to"}}},
  {"name": "pay", "participant": "bank", "action": "pay", "after": ["flight"], "pivot": true,
   "input": {"price": {"$result": "/flight/price"}}, "retry": {"attempts": 5, "first_ms": 200}}]})";

wire::BeginRequest Asking() {
  wire::BeginRequest request;
  request.timeout_ms = 30'000;
  request.comment = "order 7";
  request.owner = "shop";
  request.__set_protocol(wire::Protocol::TWO_PHASE);
  request.__set_trace_parent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  return request;
}

std::string Begin(Recorder& wire, const wire::BeginRequest& request = Asking()) {
  wire::BeginReply reply;
  wire.coordinator.begin_transaction(reply, request);
  return reply.gtid;
}

std::string Attach(Recorder& wire) {
  wire::AttachRequest request;
  request.version_low = request.version_high = 1;
  request.process = "shop@here:1";
  request.resources.resize(2);
  for (std::size_t i = 0; i < 2; ++i) {
    request.resources[i].name = i == 0 ? "orders" : "stock";
    request.resources[i].identity = "test:" + request.resources[i].name;
    request.resources[i].__set_peer_address("127.0.0.1:7421");
  }
  request.__set_participants({"airline", "bank"});
  request.__set_answers_questions(true);
  wire::AttachReply reply;
  wire.participant.attach(reply, request);
  return reply.session;
}

void Enlist(Recorder& wire, const std::string& gtid, const std::string& session) {
  for (const char* resource : {"orders", "stock"}) {
    wire::EnlistRequest request;
    request.gtid = gtid;
    request.session = session;
    request.resource = request.request_key = resource;
    wire::EnlistReply reply;
    wire.coordinator.enlist(reply, request);
  }
}

wire::CommandBatch Fetch(Recorder& wire, const std::string& session, std::int64_t received = 0) {
  wire::FetchRequest request;
  request.session = session;
  request.received_through = received;
  request.most = 100;
  request.wait_ms = 1;
  wire::CommandBatch batch;
  wire.participant.fetch(batch, request);
  return batch;
}

wire::BranchVote Vote(std::int32_t branch, wire::Vote::type vote = wire::Vote::COMMIT) {
  wire::BranchVote given;
  given.branch = branch;
  given.vote = vote;
  given.evidence.database = "test:orders";
  given.evidence.timeline = 1;
  given.evidence.local_transaction = "742";
  return given;
}

void Commit(Recorder& wire, const std::string& gtid, const std::vector<wire::BranchVote>& votes) {
  wire::CommitRequest request;
  request.gtid = gtid;
  request.votes = votes;
  request.wait = wire::Wait::DECISION;
  request.wait_ms = 5;
  wire::CommitReply reply;
  wire.coordinator.commit(reply, request);
}

void ReportEnds(Recorder& wire, const std::string& gtid, const std::string& session) {
  wire::ReportRequest request;
  request.session = session;
  request.ends.resize(2);
  for (std::int32_t i = 0; i < 2; ++i) {
    request.ends[i].gtid = gtid;
    request.ends[i].branch = i + 1;
    request.ends[i].became = i == 0 ? wire::BranchEnd::COMMITTED : wire::BranchEnd::HAZARD;
  }
  wire.participant.report(request);
}

void TwoPhase(Recorder& wire) {
  wire::HelloRequest hello;
  hello.version_low = hello.version_high = 1;
  hello.application = "shop";
  wire::HelloReply greeted;
  wire.coordinator.hello(greeted, hello);
  const std::string session = Attach(wire);
  const std::string gtid = Begin(wire);
  Enlist(wire, gtid, session);
  Commit(wire, gtid, {Vote(1), Vote(2)});
  const std::int64_t received = Fetch(wire, session).number;
  ReportEnds(wire, gtid, session);
  wire::Ending ending;
  wire.coordinator.outcome(ending, gtid);
  Fetch(wire, session, received);
  wire.participant.detach(session);
}

void VotesReported(Recorder& wire) {
  const std::string session = Attach(wire);
  const std::string gtid = Begin(wire);
  Enlist(wire, gtid, session);
  Commit(wire, gtid, {});
  Fetch(wire, session);
  wire::ReportRequest report;
  report.session = session;
  report.votes.resize(2);
  for (std::int32_t i = 0; i < 2; ++i) {
    report.votes[i].gtid = gtid;
    report.votes[i].vote = Vote(i + 1, i == 0 ? wire::Vote::READ_ONLY : wire::Vote::NO);
  }
  report.found.resize(1);
  report.found[0].resource = "orders";
  report.found[0].database_name = "settle:" + gtid + ":1";
  wire.participant.report(report);
  Fetch(wire, session);
}

void OnePhase(Recorder& wire) {
  const std::string session = Attach(wire);
  const std::string gtid = Begin(wire);
  Enlist(wire, gtid, session);
  wire::OnePhaseRequest request;
  request.gtid = gtid;
  request.branch = 1;
  request.evidence = Vote(1).evidence;
  wire::OnePhaseReply reply;
  wire.coordinator.commit_one_phase(reply, request);
}

// The caller numbers its branches itself; the first one decides.
void LastResource(Recorder& wire) {
  const std::string session = Attach(wire);
  wire::BeginRequest asking = Asking();
  asking.__set_last_resource(true);
  asking.__set_own_branches(8);
  asking.__set_session(session);
  const std::string gtid = Begin(wire, asking);
  wire::OnePhaseRequest request;
  request.gtid = gtid;
  request.branch = 1;
  request.evidence = Vote(1).evidence;
  request.__set_votes({Vote(2)});
  request.branches.resize(2);
  request.__isset.branches = true;
  for (std::int32_t i = 0; i < 2; ++i) {
    request.branches[i].number = i + 1;
    request.branches[i].resource = i == 0 ? "orders" : "stock";
  }
  wire::OnePhaseReply reply;
  wire.coordinator.commit_one_phase(reply, request);
  ReportEnds(wire, gtid, session);
}

void Abort(Recorder& wire) {
  const std::string session = Attach(wire);
  const std::string gtid = Begin(wire);
  Enlist(wire, gtid, session);
  wire::AbortRequest request;
  request.gtid = gtid;
  request.reason = "the customer left";
  request.rolled_back = {1, 2};
  wire::Ending ending;
  wire.coordinator.abort(ending, request);
}

wire::PeerRequest Peer(const std::string& gtid, wire::PeerVerb::type verb, std::int64_t round) {
  wire::PeerRequest request;
  request.gtid = gtid;
  request.site = 0;
  request.verb = verb;
  wire::Ballot ballot;
  ballot.round = round;
  ballot.leader = 1;
  request.__set_ballot(ballot);
  request.__set_quorum({0, 1});
  return request;
}

void ThreePhase(Recorder& wire) {
  const std::string session = Attach(wire);
  wire::BeginRequest asking = Asking();
  asking.__set_protocol(wire::Protocol::THREE_PHASE);
  const std::string gtid = Begin(wire, asking);
  Enlist(wire, gtid, session);
  Commit(wire, gtid, {});
  const wire::CommandBatch batch = Fetch(wire, session);
  wire::ReportRequest report;
  report.session = session;
  report.votes.resize(2);
  for (std::int32_t i = 0; i < 2; ++i) {
    report.votes[i].gtid = gtid;
    report.votes[i].vote = Vote(i + 1);
  }
  report.sites.resize(1);
  report.sites[0].gtid = gtid;
  report.sites[0].branch = 1;
  report.sites[0].answer.state = wire::SiteState::PRE_COMMITTED;
  report.sites[0].answer.elected.round = report.sites[0].answer.accepted.round = 1;
  report.__isset.sites = true;
  wire.participant.report(report);
  Fetch(wire, session, batch.number);
  wire::SiteAnswer answer;
  wire.peer.tell(answer, Peer(gtid, wire::PeerVerb::STATE, 1));
  wire.peer.tell(answer, Peer(gtid, wire::PeerVerb::ELECT, 2));
  wire.peer.tell(answer, Peer(gtid, wire::PeerVerb::PRE_ABORT, 2));
  wire.peer.tell(answer, Peer(gtid, wire::PeerVerb::ABORT, 2));
}

void Answered(Recorder& wire, const std::string& session) {
  const wire::CommandBatch batch = Fetch(wire, session);
  wire::ReportRequest report;
  report.session = session;
  for (const wire::ActionCall& call : batch.calls) {
    wire::ActionAnswer answer;
    answer.gtid = call.gtid;
    answer.step = call.step;
    answer.op = call.op;
    answer.attempt = call.attempt;
    answer.kind = wire::AnswerKind::DONE;
    answer.text = R"({"price": 12})";
    report.answers.push_back(answer);
  }
  report.__isset.answers = true;
  wire.participant.report(report);
}

void Saga(Recorder& wire) {
  const std::string session = Attach(wire);
  wire::DefineSagaRequest define;
  define.definition = kTrip;
  define.owner = "shop";
  wire::DefineSagaReply defined;
  wire.coordinator.define_saga(defined, define);
  wire::StartSagaRequest start;
  start.input = R"({"to": "LIS"})";
  start.comment = "trip 7";
  start.owner = "shop";
  start.__set_request_key("trip-7");
  start.__set_name("trip");
  start.__set_version(1);
  wire::BeginReply begun;
  wire.coordinator.start_saga(begun, start);
  Answered(wire, session);
  wire::AwaitSagaRequest await;
  await.gtid = begun.gtid;
  await.wait_ms = 1;
  wire::AwaitSagaReply awaited;
  wire.coordinator.await_saga(awaited, await);
  wire::ActOnStepRequest act;
  act.gtid = begun.gtid;
  act.step = "flight";
  act.act = "set-input";
  act.input = "{}";
  act.operator_name = "me";
  act.reason = "a typing error";
  wire::TransactionView view;
  try {
    wire.admin.act_on_step(view, act);
  } catch (const wire::ServiceError&) {  // it gets on
  }
  wire::AbortRequest abort;
  abort.gtid = begun.gtid;
  abort.reason = "rain";
  wire.coordinator.send_abort(abort);  // is answered once everything is compensated
}

void Reservation(Recorder& wire) {
  const std::string session = Attach(wire);
  const std::string gtid = Begin(wire);
  wire::TryRequest request;
  request.gtid = gtid;
  request.participant = "airline";
  request.action = "reserve";
  request.input = R"({"seat": 7})";
  request.request_key = "seat";
  request.wait_ms = 1;
  wire::TryReply reply;
  wire.coordinator.try_branch(reply, request);
  Answered(wire, session);
  wire.coordinator.try_branch(reply, request);
  Commit(wire, gtid, {});
  Answered(wire, session);
}

void Looks(Recorder& wire) {
  Attach(wire);
  const std::string gtid = Begin(wire);
  wire::StatusReply status;
  wire.admin.status(status);
  wire::ListRequest list;
  list.which = "all";
  list.most = 10;
  wire::ListReply listed;
  wire.admin.list_transactions(listed, list);
  wire::PageRequest page;
  page.most = 10;
  wire::InDoubtReply in_doubt;
  wire.admin.in_doubt(in_doubt, page);
  wire::ParticipantsReply participants;
  wire.admin.participants(participants, page);
  wire::DefinitionsReply definitions;
  wire.admin.definitions(definitions, page);
  wire::ExamineRequest examine;
  examine.resource = "orders";
  examine.wait_ms = 1;
  examine.most = 10;
  wire::ExamineReply examined;
  wire.admin.examine(examined, examine);
  wire::DiagnosisReply diagnosis;
  wire.admin.diagnose(diagnosis);
  wire::LookRequest look;
  look.gtid = gtid;
  look.wait_ms = 1;
  wire::LookReply looked;
  wire.admin.look(looked, look);
  wire::TransactionView view;
  wire.admin.show(view, gtid);
}

void Controls(Recorder& wire) {
  Attach(wire);
  wire::PauseRequest pause;
  pause.name = "orders";
  pause.operator_name = "me";
  pause.reason = "maintenance";
  wire::PauseView paused;
  wire.admin.pause(paused, pause);
  wire.admin.resume(paused, pause);
  wire::SendAgainRequest again;
  again.resource = "orders";
  wire::SendAgainReply sent;
  wire.admin.send_again(sent, again);
  wire.admin.accept_identity("orders", "test:other", "me", "it moved");
  wire::DrainRequest drain;
  drain.on = true;
  drain.operator_name = "me";
  wire.admin.drain(paused, drain);
  wire::AuditRequest audit;
  audit.most = 10;
  wire::AuditReply audited;
  wire.admin.audit(audited, audit);
}

// A branch that nobody can prove: a person says what became of it, and that it is repaired.
void Repair(Recorder& wire) {
  const std::string session = Attach(wire);
  const std::string gtid = Begin(wire);
  Enlist(wire, gtid, session);
  Commit(wire, gtid, {Vote(1), Vote(2)});
  Fetch(wire, session);
  ReportEnds(wire, gtid, session);
  wire::ResolveRequest resolve;
  resolve.gtid = gtid;
  resolve.to = "committed";
  resolve.operator_name = "me";
  resolve.reason = "the rows are there";
  resolve.__set_heuristic(true);
  resolve.__set_branch(2);
  wire::TransactionView view;
  wire.admin.resolve(view, resolve);
  wire::ForgetRequest forget;
  forget.gtid = gtid;
  forget.operator_name = "me";
  forget.reason = "repaired";
  wire.admin.forget(view, forget);
}

}  // namespace

const std::vector<Dialogue>& Dialogues() {
  static const std::vector<Dialogue> all{
      {"two-phase", &TwoPhase}, {"votes-reported", &VotesReported},
      {"one-phase", &OnePhase}, {"last-resource", &LastResource},
      {"abort", &Abort},        {"three-phase", &ThreePhase},
      {"saga", &Saga},          {"reservation", &Reservation},
      {"looks", &Looks},        {"controls", &Controls},
      {"repair", &Repair}};
  return all;
}

}  // namespace settle::fuzz
