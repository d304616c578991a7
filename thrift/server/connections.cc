#include "server/connections.h"

#include <utility>

namespace settle::server {
namespace {

constexpr std::size_t kSpareCalls = 256;

}  // namespace

Connections::Connections(Loop& loop, Lent lent)
    : loop_(loop), lent_(std::move(lent)), dispatch_(lent_.settings) {}

void Connections::Admit(int socket, std::shared_ptr<const channel::TlsMaterial> tls,
                        Caller caller) {
  try {
    const auto made =
        std::make_shared<Connection>(*this, socket, std::move(tls), std::move(caller));
    made->place_ = open_.insert(open_.end(), made);
    made->Open();
  } catch (const std::exception& error) {
    lent_.complaints.Say(std::string("a connection was closed: no memory for it: ") + error.what());
  }
}

void Connections::EndAll() {
  for (auto next = open_.begin(); next != open_.end();) (*next++)->End();
}

void Connections::CloseAll() {
  for (auto next = open_.begin(); next != open_.end();) (*next++)->Close();
}

void Connections::Touch(Connection& connection) {
  if (std::exchange(connection.dirty_, true)) return;
  touched_.push_back(connection.shared_from_this());
  AwaitEndOfRound();
}

void Connections::Bury(Connection& connection) {
  buried_.push_back(std::move(*connection.place_));
  open_.erase(connection.place_);
  AwaitEndOfRound();
}

void Connections::AwaitEndOfRound() {
  if (std::exchange(awaits_end_, true)) return;
  loop_.AtEndOfRound([this] { EndRound(); });
}

// What one of them begins now, and is answered at once, is sent in the next round: everybody gets a
// turn before.
void Connections::EndRound() {
  for (const auto& connection : std::exchange(touched_, {})) connection->EndRound();
  buried_.clear();
  awaits_end_ = false;
  if (touched_.empty()) return;
  AwaitEndOfRound();
  loop_.Wake();
}

std::unique_ptr<Call> Connections::NewCall() {
  if (spare_.empty()) return std::make_unique<Call>();
  std::unique_ptr<Call> call = std::move(spare_.back());
  spare_.pop_back();
  return call;
}

void Connections::Recycle(std::unique_ptr<Call> call) {
  call->connection.reset();
  if (spare_.size() >= kSpareCalls) return;
  call->Clear();
  spare_.push_back(std::move(call));
}

}  // namespace settle::server
