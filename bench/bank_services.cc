#include "bench/bank_services.h"

#include <signal.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "BankService.h"
#include "bench/or_throw.h"
#include "bench/settle_program.h"
#include "support/child_process.h"
#include "support/wait_until.h"

namespace settle::bench {
namespace {

using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::transport::TBufferedTransport;
using apache::thrift::transport::TSocket;

constexpr int kTimeoutMs = 60'000;
constexpr int kBanks = 2;

std::string NameOf(int bank) { return std::string("bank-") + BankLetter(bank); }

// 0: it has not said so yet.
int PortIn(const std::string& output) {
  std::ifstream file(output);
  std::string listening;
  std::string on;
  int port = 0;
  file >> listening >> on >> port;
  return listening == "listening" ? port : 0;
}

std::shared_ptr<TBinaryProtocol> Dial(int port) {
  const auto socket = std::make_shared<TSocket>("127.0.0.1", port);
  socket->setConnTimeout(kTimeoutMs);
  socket->setRecvTimeout(kTimeoutMs);
  socket->open();
  return std::make_shared<TBinaryProtocol>(std::make_shared<TBufferedTransport>(socket));
}

}  // namespace

struct BankServices::Client {
  explicit Client(const std::array<int, kBanks>& ports) : a(Dial(ports[0])), b(Dial(ports[1])) {}
  bank::BankServiceClient a;
  bank::BankServiceClient b;
};

BankServices::BankServices(const Banks& banks, const Daemon& daemon, int clients,
                           const std::string& directory, const Progress& progress)
    : caller_(OrThrow(Coordinator::Connect(
          {.addresses = {daemon.address()}, .application = "settle-bench", .warn = progress}))) {
  try {
    std::array<int, kBanks> ports{};
    for (int bank = 0; bank < kBanks; ++bank) {
      const std::string output = directory + "/" + NameOf(bank) + ".out";
      Start({ProgramBeside("settle-bench-bank"), daemon.address(), NameOf(bank), banks.dsn(bank),
             std::to_string(clients)},
            output);
      ports.at(static_cast<std::size_t>(bank)) = PortIn(output);
    }
    for (int i = 0; i < clients; ++i) clients_.push_back(std::make_unique<Client>(ports));
  } catch (...) {
    End();
    throw;
  }
}

BankServices::~BankServices() {
  clients_.clear();
  End();
}

// Returns when it serves.
void BankServices::Start(const std::vector<std::string>& arguments, const std::string& output) {
  std::filesystem::remove(output);  // of one for another number of clients
  const pid_t process = processes_.emplace_back(testing::StartProcess(
      {.arguments = arguments, .output_path = output, .ends_with_starter = true}));
  const auto serves = [&] { return PortIn(output) != 0; };
  if (testing::WaitUntil([&] { return serves() || testing::HasEnded(process); }) && serves())
    return;
  throw std::runtime_error("settle-bench-bank does not serve:\n" + testing::TailOf(output));
}

void BankServices::End() {
  for (const pid_t process : processes_) ::kill(process, SIGTERM);
  for (const pid_t process : processes_) {
    if (!testing::WaitUntil([&] { return testing::HasEnded(process); })) ::kill(process, SIGKILL);
    testing::AwaitProcess(process);
  }
}

double BankServices::Move(int client, const Transfer& transfer) {
  GlobalTransaction transaction = OrThrow(caller_->Begin());
  auto& [a, b] = *clients_.at(static_cast<std::size_t>(client));
  a.send_debit(transaction.context(), transfer.from);
  b.send_credit(transaction.context(), transfer.to);
  try {
    a.recv_debit();
    b.recv_credit();
  } catch (const bank::Failed& failed) {
    throw std::runtime_error("a bank failed: " + failed.message);
  }
  return CommitOrThrow(transaction, Wait::kApplied);
}

}  // namespace settle::bench
