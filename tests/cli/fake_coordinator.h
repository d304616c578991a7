// An AdminService on a free port of 127.0.0.1 that answers what a test put into it and notes what
// it was asked.
#pragma once

#include <thrift/concurrency/Monitor.h>
#include <thrift/processor/TMultiplexedProcessor.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>

#include <algorithm>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "wire/AdminService.h"
#include "wire/CoordinatorService.h"

namespace settle::cli {

// What people use of the CoordinatorService.
class FakeStarts : public wire::CoordinatorServiceNull {
 public:
  wire::BeginReply begun;
  std::vector<wire::AwaitSagaReply> ends;  // one after the other; the last again and again
  std::optional<wire::ServiceError> error;
  bool known = false;  // of define_saga

  std::vector<wire::StartSagaRequest> starts;
  std::vector<wire::DefineSagaRequest> definitions;
  std::size_t awaited = 0;

  void define_saga(wire::DefineSagaReply& reply, const wire::DefineSagaRequest& request) override {
    definitions.push_back(request);
    if (error) throw *error;
    reply.name = "trip";
    reply.version = 3;
    reply.known = known;
  }
  void start_saga(wire::BeginReply& reply, const wire::StartSagaRequest& request) override {
    starts.push_back(request);
    if (error) throw *error;
    reply = begun;
  }
  void await_saga(wire::AwaitSagaReply& reply, const wire::AwaitSagaRequest&) override {
    reply = ends.at(std::min(awaited, ends.size() - 1));
    ++awaited;
  }
};

// Set what it answers before the first call; read what it was asked after the last reply.
// What a test does not ask about is answered with nothing.
class FakeAdmin : public wire::AdminServiceNull {
 public:
  wire::StatusReply status_reply;
  wire::ListReply list_reply;
  wire::TransactionView transaction;
  std::vector<wire::LiveView> live;  // look's, beside `transaction`
  wire::Explanation explanation;
  wire::ExamineReply examine_reply;
  wire::DiagnosisReply diagnosis_reply;
  wire::InDoubtReply in_doubt_reply;
  wire::ParticipantsReply participants_reply;
  wire::SendAgainReply send_again_reply;
  wire::DefinitionsReply definitions_reply;
  wire::DefinitionView definition_reply;
  wire::BackupView backup_view;
  std::string backup_bytes;
  wire::AuditReply audit_reply;
  wire::PauseView pause_reply;
  std::optional<wire::ServiceError> error;  // thrown by every call when set

  std::vector<std::string> calls;
  std::vector<wire::ListRequest> lists;
  std::vector<wire::LookRequest> looks;
  std::vector<wire::PageRequest> pages;  // of in-doubt and participants
  std::vector<wire::SendAgainRequest> retries;
  // Runs before each answer, which it may change; `nth` counts the calls from 1.
  std::function<void(std::size_t nth)> before_answer;
  std::vector<wire::ResolveRequest> resolves;
  std::vector<wire::ForgetRequest> forgets;
  std::vector<wire::ActOnStepRequest> acts;
  std::vector<wire::AuditRequest> audits;
  std::vector<wire::PauseRequest> pauses;
  std::vector<wire::DrainRequest> drains;

  void status(wire::StatusReply& reply) override { Answer("status", reply, status_reply); }
  void list_transactions(wire::ListReply& reply, const wire::ListRequest& request) override {
    lists.push_back(request);
    Answer("list", reply, list_reply);
  }
  void show(wire::TransactionView& reply, const std::string& gtid) override {
    Answer("show " + gtid, reply, transaction);
  }
  void look(wire::LookReply& reply, const wire::LookRequest& request) override {
    looks.push_back(request);
    Answer("look " + request.gtid, reply.transaction, transaction);
    if (!request.without_live) reply.live = live;
    reply.explanation = explanation;
  }
  void examine(wire::ExamineReply& reply, const wire::ExamineRequest&) override {
    Answer("examine", reply, examine_reply);
  }
  void diagnose(wire::DiagnosisReply& reply) override {
    Answer("diagnose", reply, diagnosis_reply);
  }
  void in_doubt(wire::InDoubtReply& reply, const wire::PageRequest& request) override {
    pages.push_back(request);
    Answer("in-doubt", reply, in_doubt_reply);
  }
  void participants(wire::ParticipantsReply& reply, const wire::PageRequest& request) override {
    pages.push_back(request);
    Answer("participants", reply, participants_reply);
  }
  void send_again(wire::SendAgainReply& reply, const wire::SendAgainRequest& request) override {
    retries.push_back(request);
    Answer("retry", reply, send_again_reply);
  }
  void resolve(wire::TransactionView& reply, const wire::ResolveRequest& request) override {
    resolves.push_back(request);
    Answer("resolve", reply, transaction);
  }
  void forget(wire::TransactionView& reply, const wire::ForgetRequest& request) override {
    forgets.push_back(request);
    Answer("forget", reply, transaction);
  }
  void act_on_step(wire::TransactionView& reply, const wire::ActOnStepRequest& request) override {
    acts.push_back(request);
    Answer(request.act, reply, transaction);
  }
  void definitions(wire::DefinitionsReply& reply, const wire::PageRequest& request) override {
    pages.push_back(request);
    Answer("definitions", reply, definitions_reply);
  }
  void definition(wire::DefinitionView& reply, const std::string& name,
                  std::int32_t version) override {
    Answer("definition " + name + " " + std::to_string(version), reply, definition_reply);
  }
  void pause(wire::PauseView& reply, const wire::PauseRequest& request) override {
    pauses.push_back(request);
    Answer("pause", reply, pause_reply);
  }
  void resume(wire::PauseView& reply, const wire::PauseRequest& request) override {
    pauses.push_back(request);
    Answer("resume", reply, pause_reply);
  }
  void drain(wire::PauseView& reply, const wire::DrainRequest& request) override {
    drains.push_back(request);
    Answer("drain", reply, pause_reply);
  }
  void audit(wire::AuditReply& reply, const wire::AuditRequest& request) override {
    audits.push_back(request);
    Answer("audit", reply, audit_reply);
  }
  void accept_identity(const std::string& resource, const std::string& identity,
                       const std::string& operator_name, const std::string& reason) override {
    int nothing = 0;
    Answer("accept " + resource + " " + identity + " " + operator_name + " " + reason, nothing, 0);
  }
  void backup_begin(wire::BackupView& reply) override { Answer("backup", reply, backup_view); }
  void backup_progress(wire::BackupView& reply) override {
    wire::BackupView complete = backup_view;
    complete.size = complete.copied = static_cast<std::int64_t>(backup_bytes.size());
    complete.complete = true;
    Answer("backup-progress", reply, complete);
  }
  void backup_read(std::string& bytes, std::int64_t offset) override {
    constexpr std::size_t kMost = 10'000;
    const auto from = std::min(backup_bytes.size(), static_cast<std::size_t>(offset));
    Answer("backup-read", bytes, backup_bytes.substr(from, kMost));
  }
  void backup_end() override {
    int nothing = 0;
    Answer("backup-end", nothing, 0);
  }

 private:
  template <typename T>
  void Answer(std::string call, T& reply, const T& answer) {
    calls.push_back(std::move(call));
    if (before_answer) before_answer(calls.size());
    if (error) throw *error;
    reply = answer;
  }
};

class FakeCoordinator {
 public:
  FakeCoordinator() {
    auto multiplexed = std::make_shared<apache::thrift::TMultiplexedProcessor>();
    multiplexed->registerProcessor("admin", std::make_shared<wire::AdminServiceProcessor>(admin_));
    multiplexed->registerProcessor("coordinator",
                                   std::make_shared<wire::CoordinatorServiceProcessor>(starts_));
    socket_ = std::make_shared<apache::thrift::transport::TServerSocket>("127.0.0.1", 0);
    server_ = std::make_unique<apache::thrift::server::TThreadedServer>(
        multiplexed, socket_,
        std::make_shared<apache::thrift::transport::TFramedTransportFactory>(),
        std::make_shared<apache::thrift::protocol::TBinaryProtocolFactory>());
    auto listening = std::make_shared<Listening>();
    server_->setServerEventHandler(listening);
    thread_ = std::thread([this] { server_->serve(); });
    listening->now.get_future().wait();
  }
  ~FakeCoordinator() {
    server_->stop();
    thread_.join();
  }

  FakeAdmin& admin() { return *admin_; }
  FakeStarts& starts() { return *starts_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(socket_->getPort()); }

 private:
  struct Listening : apache::thrift::server::TServerEventHandler {
    std::promise<void> now;
    void preServe() override { now.set_value(); }
  };

  std::shared_ptr<FakeAdmin> admin_ = std::make_shared<FakeAdmin>();
  std::shared_ptr<FakeStarts> starts_ = std::make_shared<FakeStarts>();
  std::shared_ptr<apache::thrift::transport::TServerSocket> socket_;
  std::unique_ptr<apache::thrift::server::TThreadedServer> server_;
  std::thread thread_;
};

}  // namespace settle::cli
