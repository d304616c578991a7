#include "fake_coordinator.h"

#include <sys/socket.h>
#include <thrift/TOutput.h>
#include <thrift/processor/TMultiplexedProcessor.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>
#include <thrift/transport/TSocket.h>

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "settle/vocabulary/gtid.h"

namespace settle::sdk {
namespace {

namespace thrift = apache::thrift;
using thrift::transport::TSocket;

// The connection whose call this thread is handling.
thread_local TSocket* current = nullptr;

class RememberConnection : public thrift::server::TServerEventHandler {
 public:
  void preServe() override { listening.set_value(); }
  void processContext(void*, std::shared_ptr<thrift::transport::TTransport> transport) override {
    current = dynamic_cast<TSocket*>(transport.get());
  }

  std::promise<void> listening;
};

std::string Word(wire::BranchEnd::type end) {
  switch (end) {
    case wire::BranchEnd::COMMITTED: return "committed";
    case wire::BranchEnd::ABORTED: return "aborted";
    case wire::BranchEnd::HAZARD: return "hazard";
    case wire::BranchEnd::RETRY: return "retry";
  }
  return "?";
}

}  // namespace

wire::ServiceError ServiceError(wire::ErrorCode::type code, const std::string& message) {
  wire::ServiceError error;
  error.code = code;
  error.message = message;
  return error;
}

wire::Ending WireEnding(wire::Outcome::type outcome, wire::AbortCause::type cause,
                        const std::string& reason) {
  wire::Ending ending;
  ending.outcome = outcome;
  ending.cause = cause;
  ending.reason = reason;
  ending.retryable = false;
  return ending;
}

class FakeCoordinator::CoordinatorFace : public wire::CoordinatorServiceNull {
 public:
  explicit CoordinatorFace(FakeCoordinator& fake) : fake_(fake) {}

  void hello(wire::HelloReply& reply, const wire::HelloRequest&) override {
    std::lock_guard lock(fake_.mutex_);
    reply.version = 1;
    reply.log_id = fake_.log_id_;
    reply.epoch = fake_.epoch_;
    reply.release = "fake";
    if (fake_.on_hello) fake_.on_hello(reply);
  }

  void begin_transaction(wire::BeginReply& reply, const wire::BeginRequest& request) override {
    fake_.Note(request.protocol == wire::Protocol::THREE_PHASE ? "begin 3pc" : "begin");
    if (fake_.on_begin) fake_.on_begin();
    std::lock_guard lock(fake_.mutex_);
    const bool last = fake_.knows_last_resources && request.last_resource;
    const auto make = last ? Gtid::MakeForLastResource : Gtid::Make;
    reply.gtid = make(fake_.log_id_, static_cast<Epoch>(fake_.epoch_), ++fake_.sequence_, 7).text();
    reply.epoch = fake_.epoch_;
    const bool of_a_session = fake_.sessions_.count(request.session) != 0;
    const int granted = of_a_session ? std::min(fake_.own_granted, request.own_branches) : 0;
    if (granted != 0) reply.__set_own_branches(granted);
    fake_.branches_[reply.gtid] = granted;
    fake_.granted_[reply.gtid] = granted;
  }

  void enlist(wire::EnlistReply& reply, const wire::EnlistRequest& request) override {
    fake_.Note("enlist " + request.resource);
    {
      std::lock_guard lock(fake_.mutex_);
      if (fake_.sessions_.count(request.session) == 0) {
        throw ServiceError(wire::ErrorCode::NOT_FOUND, "no such session");
      }
      int& branch = fake_.requests_[request.gtid][request.request_key];
      if (branch == 0) branch = ++fake_.branches_[request.gtid];
      reply.branch = branch;
    }
    if (fake_.on_enlist) fake_.on_enlist(request);
  }

  // Each request key is a branch, and it is reserved.
  void try_branch(wire::TryReply& reply, const wire::TryRequest& request) override {
    fake_.Note("try " + request.participant + "/" + request.action);
    {
      std::lock_guard lock(fake_.mutex_);
      int& branch = fake_.requests_[request.gtid][request.request_key];
      if (branch == 0) branch = ++fake_.branches_[request.gtid];
      reply.branch = branch;
    }
    reply.became = wire::TryOutcome::RESERVED;
    reply.text = "{}";
    if (fake_.on_try) fake_.on_try(request, reply);
  }

  void commit(wire::CommitReply& reply, const wire::CommitRequest& request) override {
    std::string line = "commit";
    for (const wire::BranchVote& vote : request.votes) fake_.NoteVote(" ", vote, line);
    for (const wire::OwnBranch& own : request.branches)
      line += " own " + std::to_string(own.number) + " " + own.resource;
    fake_.Note(line);
    const bool no = std::any_of(request.votes.begin(), request.votes.end(),
                                [](const wire::BranchVote& v) { return v.vote == wire::Vote::NO; });
    {
      std::lock_guard lock(fake_.mutex_);
      reply.ending =
          no ? WireEnding(wire::Outcome::ABORTED, wire::AbortCause::VOTED_NO, fake_.last_reason_)
             : WireEnding(wire::Outcome::COMMITTED);
      const int own = static_cast<int>(request.branches.size());
      const int others = fake_.branches_[request.gtid] - fake_.granted_[request.gtid];
      reply.finish_here = static_cast<int>(request.votes.size()) == own + others;
    }
    if (fake_.on_commit) fake_.on_commit(request, reply);
    std::lock_guard lock(fake_.mutex_);
    fake_.endings_[request.gtid] = reply.ending;
  }

  void commit_one_phase(wire::OnePhaseReply& reply, const wire::OnePhaseRequest& request) override {
    std::string line = "one-phase " + std::to_string(request.branch) +
                       (request.__isset.resource ? " own " + request.resource : "");
    for (const wire::BranchVote& vote : request.votes) fake_.NoteVote(" ", vote, line);
    for (const wire::OwnBranch& own : request.branches)
      line += " own " + std::to_string(own.number) + " " + own.resource;
    fake_.Note(line);
    reply.granted = true;
    if (fake_.on_one_phase) fake_.on_one_phase(request, reply);
  }

  void abort(wire::Ending& reply, const wire::AbortRequest& request) override {
    std::string line = "abort";
    for (const std::int32_t branch : request.rolled_back) line += " " + std::to_string(branch);
    fake_.Note(line);
    {
      std::lock_guard lock(fake_.mutex_);
      fake_.last_reason_ = request.reason;
    }
    if (fake_.on_abort) fake_.on_abort(request);
    reply = WireEnding(wire::Outcome::ABORTED, wire::AbortCause::REQUESTED, request.reason);
  }

  void start_saga(wire::BeginReply& reply, const wire::StartSagaRequest& request) override {
    fake_.Note("start saga");
    if (fake_.on_start_saga) fake_.on_start_saga(request);
    std::lock_guard lock(fake_.mutex_);
    reply.gtid =
        Gtid::Make(fake_.log_id_, static_cast<Epoch>(fake_.epoch_), ++fake_.sequence_, 7).text();
    reply.epoch = fake_.epoch_;
  }

  void define_saga(wire::DefineSagaReply& reply, const wire::DefineSagaRequest& request) override {
    fake_.Note("define saga");
    if (fake_.on_define_saga) fake_.on_define_saga(request);
    reply.known = false;
  }

  void await_saga(wire::AwaitSagaReply& reply, const wire::AwaitSagaRequest& request) override {
    fake_.Note("await saga");
    reply.ending = WireEnding(wire::Outcome::UNDECIDED);
    if (fake_.on_await_saga) fake_.on_await_saga(request, reply);
  }

  void outcome(wire::Ending& reply, const std::string& gtid) override {
    fake_.Note("outcome");
    if (fake_.on_outcome && fake_.on_outcome(gtid, reply)) return;
    std::lock_guard lock(fake_.mutex_);
    const auto found = fake_.endings_.find(gtid);
    reply = found != fake_.endings_.end()
                ? found->second
                : WireEnding(wire::Outcome::ABORTED, wire::AbortCause::PRESUMED);
  }

 private:
  FakeCoordinator& fake_;
};

class FakeCoordinator::ParticipantFace : public wire::ParticipantServiceIf {
 public:
  explicit ParticipantFace(FakeCoordinator& fake) : fake_(fake) {}

  void attach(wire::AttachReply& reply, const wire::AttachRequest& request) override {
    std::string line = "attach";
    for (const wire::ResourceOffer& offer : request.resources) line += " " + offer.name;
    for (const std::string& name : request.participants) line += " acts:" + name;
    line += " seen=" + request.log_id_seen + "/" + std::to_string(request.epoch_seen);
    fake_.Note(line);
    if (fake_.on_attach) fake_.on_attach(request);
    std::lock_guard lock(fake_.mutex_);
    reply.version = 1;
    reply.session = "session-" + std::to_string(++fake_.next_session_);
    reply.log_id = fake_.log_id_;
    reply.epoch = fake_.epoch_;
    reply.session_timeout_ms = fake_.session_timeout_ms;
    Session& session = fake_.sessions_[reply.session];
    for (const wire::ResourceOffer& offer : request.resources) session.resources.insert(offer.name);
    session.participants.insert(request.participants.begin(), request.participants.end());
    session.answers_questions = request.answers_questions;
    fake_.changed_.notify_all();
  }

  void fetch(wire::CommandBatch& reply, const wire::FetchRequest& request) override {
    if (fake_.on_fetch) fake_.on_fetch(request);
    std::unique_lock lock(fake_.mutex_);
    const auto ready = [&] {
      const auto found = fake_.sessions_.find(request.session);
      if (fake_.stopping_ || found == fake_.sessions_.end()) return true;
      Session& session = found->second;
      if (request.received_through >= session.number) session.unacknowledged = {};
      return !session.unacknowledged.empty() || !session.queue.empty();
    };
    fake_.changed_.wait_for(lock, std::chrono::milliseconds(request.wait_ms), ready);
    const auto found = fake_.sessions_.find(request.session);
    if (found == fake_.sessions_.end()) {
      throw ServiceError(wire::ErrorCode::NOT_FOUND, "no such session");
    }
    Session& session = found->second;
    reply.number = 0;
    if (fake_.ended_through_) reply.__set_ended_through(*fake_.ended_through_);
    if (session.unacknowledged.empty() && session.queue.empty()) return;
    if (session.unacknowledged.empty()) {
      session.unacknowledged = std::exchange(session.queue, {});
      ++session.number;
    }
    reply.number = session.number;
    reply.commands = session.unacknowledged.commands;
    reply.__set_calls(session.unacknowledged.calls);
    reply.__set_questions(session.unacknowledged.questions);
  }

  void report(const wire::ReportRequest& request) override {
    if (fake_.on_report) fake_.on_report(request);
    {
      std::lock_guard lock(fake_.mutex_);
      if (fake_.sessions_.count(request.session) == 0) {
        throw ServiceError(wire::ErrorCode::NOT_FOUND, "no such session");
      }
    }
    for (const wire::VoteReport& vote : request.votes) {
      std::string line;
      fake_.NoteVote("vote ", vote.vote, line);
      fake_.Note(line);
    }
    for (const wire::SiteReport& site : request.sites) {
      fake_.Note("site " + std::to_string(site.branch) + "=" +
                 settle::ToString(static_cast<SiteState>(site.answer.state)));
    }
    for (const wire::EndReport& end : request.ends) {
      fake_.Note("end " + std::to_string(end.branch) + "=" + Word(end.became));
    }
    for (const wire::FoundBranch& found : request.found) {
      fake_.Note("found " + found.resource + " " + found.database_name);
    }
    for (const wire::ActionAnswer& answer : request.answers) fake_.NoteAnswer(answer);
  }

  void detach(const std::string& session) override {
    fake_.Note("detach");
    std::lock_guard lock(fake_.mutex_);
    fake_.sessions_.erase(session);
  }

 private:
  FakeCoordinator& fake_;
};

class FakeCoordinator::Server {
 public:
  Server(FakeCoordinator& fake, int port) {
    auto processor = std::make_shared<thrift::TMultiplexedProcessor>();
    processor->registerProcessor("coordinator", std::make_shared<wire::CoordinatorServiceProcessor>(
                                                    std::make_shared<CoordinatorFace>(fake)));
    processor->registerProcessor("participant", std::make_shared<wire::ParticipantServiceProcessor>(
                                                    std::make_shared<ParticipantFace>(fake)));
    socket_ = std::make_shared<thrift::transport::TServerSocket>("127.0.0.1", port);
    server_ = std::make_unique<thrift::server::TThreadedServer>(
        processor, socket_, std::make_shared<thrift::transport::TFramedTransportFactory>(),
        std::make_shared<thrift::protocol::TBinaryProtocolFactory>());
    // Broken connections are what the tests are about; Thrift would write a line about each.
    thrift::GlobalOutput.setOutputFunction([](const char*) {});
    auto events = std::make_shared<RememberConnection>();
    server_->setServerEventHandler(events);
    thread_ = std::thread([this] { server_->serve(); });
    events->listening.get_future().wait();
  }
  ~Server() {
    server_->stop();
    thread_.join();
  }
  int port() const { return socket_->getPort(); }

 private:
  std::shared_ptr<thrift::transport::TServerSocket> socket_;
  std::unique_ptr<thrift::server::TThreadedServer> server_;
  std::thread thread_;
};

FakeCoordinator::FakeCoordinator(std::string log_id, std::int64_t epoch)
    : log_id_(std::move(log_id)), epoch_(epoch) {
  Start(0);
}

FakeCoordinator::~FakeCoordinator() { Stop(); }

void FakeCoordinator::Start(int port) {
  stopping_ = false;
  server_ = std::make_unique<Server>(*this, port);
  port_ = server_->port();
}

void FakeCoordinator::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  server_.reset();
}

void FakeCoordinator::TakeAsLongAs(std::int64_t wait_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return stopping_; });
}

void FakeCoordinator::Restart(std::int64_t epoch, const std::string& log_id) {
  Stop();
  {
    std::lock_guard lock(mutex_);
    epoch_ = epoch;
    if (!log_id.empty()) log_id_ = log_id;
    sessions_.clear();
  }
  Start(port_);
}

CoordinatorOptions FakeCoordinator::Options(std::vector<std::shared_ptr<Resource>> resources) {
  CoordinatorOptions options;
  options.addresses = {address()};
  options.application = "test";
  options.resources = std::move(resources);
  options.connect_timeout = std::chrono::milliseconds(1'000);
  options.call_timeout = std::chrono::milliseconds(2'000);
  options.warn = [](const std::string&) {};
  return options;
}

void FakeCoordinator::CutConnection() { ::shutdown(current->getSocketFD(), SHUT_RDWR); }

}  // namespace settle::sdk
