// order_service: the first of two services. It begins a global transaction, writes an order into
// its own database, asks the stock service for the pieces in the same transaction, and commits: the
// order and the reservation are both there, or neither is.
//
//   order_service --coordinator HOST:PORT --stock-port PORT --database FILE --item NAME --count N
//
// The file has the table purchase(id TEXT PRIMARY KEY, item, count). Exit code 0: ordered; 1: not
// ordered; 2: wrong usage; 3: not known.
#include <thrift/Thrift.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>

#include <boost/program_options.hpp>
#include <iostream>

#include "StockService.h"
#include "settle/coordinator.h"
#include "settle/sqlite_resource.h"

namespace {

using apache::thrift::TException;
using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::transport::TFramedTransport;
using apache::thrift::transport::TSocket;

// A connection to the stock service.
class Stock {
 public:
  explicit Stock(int port)
      : socket_(std::make_shared<TSocket>("127.0.0.1", port)),
        frames_(std::make_shared<TFramedTransport>(socket_)),
        service_(std::make_shared<TBinaryProtocol>(frames_)) {
    socket_->setConnTimeout(2'000);
    socket_->setRecvTimeout(20'000);
    frames_->open();
  }
  stock::StockServiceClient& operator*() { return service_; }

 private:
  std::shared_ptr<TSocket> socket_;
  std::shared_ptr<TFramedTransport> frames_;
  stock::StockServiceClient service_;
};

struct Purchase {
  std::string item;
  int count = 0;
};

settle::Result<settle::Ending> Buy(settle::Coordinator& coordinator, settle::SqliteResource& orders,
                                   int stock_port, const Purchase& purchase) {
  auto transaction =
      coordinator.Begin({.timeout = std::chrono::seconds(30),
                         .comment = std::to_string(purchase.count) + " of " + purchase.item});
  if (!transaction) return settle::Fail(transaction.error());
  auto branch = transaction->Enlist(orders);
  if (!branch) return settle::Fail(branch.error());
  auto written = (*branch)->Execute(
      "INSERT INTO purchase (id, item, count) VALUES ($1, $2, $3)",
      {transaction->gtid().text(), purchase.item, std::to_string(purchase.count)});
  if (!written) return settle::Fail(written.error());

  try {
    // All that crosses to the other service, beside the call's own arguments, is the context.
    Stock stock(stock_port);
    (*stock).reserve(transaction->context(), purchase.item, purchase.count);
  } catch (const stock::OutOfStock& out) {
    return transaction->Abort("out of stock: " + std::to_string(out.left) + " left");
  } catch (const stock::Failed& failed) {
    return transaction->Abort("the stock service failed: " + failed.message);
  } catch (const TException& lost) {
    // Whether it was reserved is not known, and need not be: the abort reaches whatever was done.
    return transaction->Abort(std::string("the stock service could not be reached: ") +
                              lost.what());
  }
  return transaction->Commit();
}

int Run(const std::string& coordinator_address, const std::string& database, int stock_port,
        const Purchase& purchase) {
  const auto orders = settle::SqliteResource::Make({.name = "orders", .path = database});
  auto coordinator = settle::Coordinator::Connect(
      {.addresses = {coordinator_address}, .application = "order_service", .resources = {orders}});
  if (!coordinator) {
    std::cerr << "order_service: " << Describe(coordinator.error()) << "\n";
    return 1;
  }
  const settle::Result<settle::Ending> ending = Buy(**coordinator, *orders, stock_port, purchase);
  if (!ending) {
    std::cerr << "order_service: nothing was ordered: " << Describe(ending.error()) << "\n";
    return 1;
  }
  std::cout << ToString(ending->outcome) << (ending->reason.empty() ? "" : ": ") << ending->reason
            << std::endl;
  if (ending->committed()) return 0;
  return ending->aborted() ? 1 : 3;
}

}  // namespace

int main(int argc, char** argv) {
  namespace options = boost::program_options;
  std::string coordinator;
  std::string database;
  int port = 0;
  Purchase purchase;
  options::options_description all("order_service");
  auto add = all.add_options();
  add("coordinator", options::value(&coordinator)->default_value("127.0.0.1:7420"), "HOST:PORT");
  add("stock-port", options::value(&port)->required(),
      "where the stock service listens, on 127.0.0.1");
  add("database", options::value(&database)->required(), "the SQLite file of the orders");
  add("item", options::value(&purchase.item)->required(), "what to order");
  add("count", options::value(&purchase.count)->default_value(1), "how many");
  try {
    options::variables_map values;
    options::store(options::command_line_parser(argc, argv).options(all).positional({}).run(),
                   values);
    options::notify(values);
    apache::thrift::GlobalOutput.setOutputFunction([](const char*) {});
    return Run(coordinator, database, port, purchase);
  } catch (const std::exception& error) {
    std::cerr << "order_service: " << error.what() << "\n" << all;
    return 2;
  }
}
