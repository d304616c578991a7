// A bank in a process of its own: does its share of transfers that others begin and commit.
//
//   settle-bench-bank COORDINATOR NAME DSN CLIENTS
//
// Started by settle-bench. Prints "listening on PORT" when it serves; ends by SIGTERM or SIGINT.
#include <pthread.h>
#include <signal.h>
#include <thrift/Thrift.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <thread>

#include "BankService.h"
#include "bench/banks.h"
#include "bench/or_throw.h"
#include "settle/coordinator.h"
#include "settle/postgres_resource.h"

namespace settle::bench {
namespace {

using apache::thrift::protocol::TBinaryProtocolFactory;
using apache::thrift::server::TServerEventHandler;
using apache::thrift::server::TThreadedServer;
using apache::thrift::transport::TBufferedTransportFactory;
using apache::thrift::transport::TServerSocket;

class Handler : public bank::BankServiceIf {
 public:
  Handler(Coordinator& coordinator, PostgresResource& bank)
      : coordinator_(coordinator), bank_(bank) {}

  void debit(const std::string& context, const std::string& account) override {
    Work(context, kDebit, account);
  }
  void credit(const std::string& context, const std::string& account) override {
    Work(context, kCredit, account);
  }

 private:
  void Work(const std::string& context, const char* sql, const std::string& account) {
    try {
      GlobalTransaction transaction = OrThrow(coordinator_.Join(context));
      OrThrow(OrThrow(transaction.Enlist(bank_))->Execute(sql, {account}));
      const Status left = transaction.Leave();
      if (!left) throw std::runtime_error(Describe(left.error()));
    } catch (const std::runtime_error& error) {
      bank::Failed failed;
      failed.message = error.what();
      throw failed;
    }
  }

  Coordinator& coordinator_;
  PostgresResource& bank_;
};

struct SayWhere : TServerEventHandler {
  explicit SayWhere(TServerSocket& socket) : socket_(socket) {}
  void preServe() override { std::cout << "listening on " << socket_.getPort() << std::endl; }
  TServerSocket& socket_;
};

void Serve(const std::string& coordinator_address, const std::string& name, const std::string& dsn,
           int clients) {
  // Signals are waited for below, and by no thread that is started from here on.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  apache::thrift::GlobalOutput.setOutputFunction([](const char*) {});

  const auto bank = PostgresResource::Make(
      {.name = name,
       .dsn = dsn,
       .connections_max = std::max(PostgresOptions().connections_max, 2 * clients)});
  const auto coordinator = OrThrow(Coordinator::Connect(
      {.addresses = {coordinator_address}, .application = name, .resources = {bank}}));
  const auto socket = std::make_shared<TServerSocket>("127.0.0.1", 0);
  TThreadedServer server(
      std::make_shared<bank::BankServiceProcessor>(std::make_shared<Handler>(*coordinator, *bank)),
      socket, std::make_shared<TBufferedTransportFactory>(),
      std::make_shared<TBinaryProtocolFactory>());
  server.setServerEventHandler(std::make_shared<SayWhere>(*socket));
  std::thread serving([&] { server.serve(); });
  int signal = 0;
  sigwait(&ends, &signal);
  server.stop();
  serving.join();
}

}  // namespace
}  // namespace settle::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "settle-bench-bank COORDINATOR NAME DSN CLIENTS\n";
    return 64;
  }
  try {
    settle::bench::Serve(argv[1], argv[2], argv[3], std::stoi(argv[4]));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "settle-bench-bank: " << error.what() << "\n";
    return 1;
  }
}
