// stock_service: the second of two services. It is called with the context of a global transaction
// that somebody else began, does its share of the work in it, and leaves the decision to the
// caller.
//
//   stock_service --coordinator HOST:PORT --database FILE [--listen-port PORT]
//
// The file has the table item(name TEXT PRIMARY KEY, count). Prints "listening on PORT" when it
// serves; ends by SIGTERM or SIGINT.
#include <pthread.h>
#include <signal.h>
#include <thrift/Thrift.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <thread>

#include "StockService.h"
#include "settle/coordinator.h"
#include "settle/sqlite_resource.h"

namespace {

using apache::thrift::TConfiguration;
using apache::thrift::protocol::TBinaryProtocolFactory;
using apache::thrift::server::TServerEventHandler;
using apache::thrift::server::TThreadedServer;
using apache::thrift::transport::TFramedTransport;
using apache::thrift::transport::TFramedTransportFactory;
using apache::thrift::transport::TServerSocket;
using apache::thrift::transport::TTransport;

constexpr int kMessageBytesMost = 64 * 1024;

[[noreturn]] void Throw(const settle::Error& error) {
  stock::Failed failed;
  failed.message = Describe(error);
  failed.may_pass = error.code == settle::ErrorCode::kRetry ||
                    error.code == settle::ErrorCode::kRetryTransaction ||
                    error.code == settle::ErrorCode::kUnavailable;
  throw failed;
}

class StockHandler : public stock::StockServiceIf {
 public:
  StockHandler(settle::Coordinator& coordinator, settle::SqliteResource& stock)
      : coordinator_(coordinator), stock_(stock) {}

  // Reserve begins
  // Leaving by an exception drops the transaction without Leave: its branch is rolled back and
  // votes no.
  void reserve(const std::string& context, const std::string& item, int32_t count) override {
    auto transaction = coordinator_.Join(context);
    if (!transaction) Throw(transaction.error());
    auto branch = transaction->Enlist(stock_);
    if (!branch) Throw(branch.error());

    auto left = (*branch)->Execute("SELECT count FROM item WHERE name = $1", {item});
    if (!left) Throw(left.error());
    const int has = left->rows.empty() ? 0 : std::stoi(left->rows[0][0].value_or("0"));
    if (count < 1 || has < count) {
      stock::OutOfStock out;
      out.left = has;
      throw out;
    }
    auto taken = (*branch)->Execute("UPDATE item SET count = count - $1 WHERE name = $2",
                                    {std::to_string(count), item});
    if (!taken) Throw(taken.error());
    if (auto left_it = transaction->Leave(); !left_it) Throw(left_it.error());
  }
  // Reserve ends

 private:
  settle::Coordinator& coordinator_;
  settle::SqliteResource& stock_;
};

// Frames with a limit: a declared length from outside must not become an allocation.
class LimitedFrames : public TFramedTransportFactory {
 public:
  std::shared_ptr<TTransport> getTransport(std::shared_ptr<TTransport> socket) override {
    return std::make_shared<TFramedTransport>(
        socket, std::make_shared<TConfiguration>(kMessageBytesMost, kMessageBytesMost));
  }
};

struct SayWhere : TServerEventHandler {
  explicit SayWhere(TServerSocket& socket) : socket_(socket) {}
  void preServe() override { std::cout << "listening on " << socket_.getPort() << std::endl; }
  TServerSocket& socket_;
};

int Serve(const std::string& coordinator_address, const std::string& database, int port) {
  // Signals are waited for below, and by no thread that is started from here on.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const auto stock = settle::SqliteResource::Make({.name = "stock", .path = database});
  auto coordinator = settle::Coordinator::Connect(
      {.addresses = {coordinator_address}, .application = "stock_service", .resources = {stock}});
  if (!coordinator) {
    std::cerr << "stock_service: " << Describe(coordinator.error()) << "\n";
    return 1;
  }
  const auto socket = std::make_shared<TServerSocket>("127.0.0.1", port);
  socket->setRecvTimeout(60'000);
  socket->setSendTimeout(10'000);
  TThreadedServer server(
      std::make_shared<stock::StockServiceProcessor>(
          std::make_shared<StockHandler>(**coordinator, *stock)),
      socket, std::make_shared<LimitedFrames>(),
      std::make_shared<TBinaryProtocolFactory>(kMessageBytesMost, kMessageBytesMost, true, true));
  server.setServerEventHandler(std::make_shared<SayWhere>(*socket));
  std::thread serving([&] { server.serve(); });
  int signal = 0;
  sigwait(&ends, &signal);
  server.stop();
  serving.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  namespace options = boost::program_options;
  std::string coordinator;
  std::string database;
  int port = 0;
  options::options_description all("stock_service");
  auto add = all.add_options();
  add("coordinator", options::value(&coordinator)->default_value("127.0.0.1:7420"), "HOST:PORT");
  add("database", options::value(&database)->required(), "the SQLite file of the stock");
  add("listen-port", options::value(&port)->default_value(0), "on 127.0.0.1; 0: any free one");
  try {
    options::variables_map values;
    options::store(options::command_line_parser(argc, argv).options(all).positional({}).run(),
                   values);
    options::notify(values);
    apache::thrift::GlobalOutput.setOutputFunction([](const char*) {});
    return Serve(coordinator, database, port);
  } catch (const std::exception& error) {
    std::cerr << "stock_service: " << error.what() << "\n" << all;
    return 2;
  }
}
