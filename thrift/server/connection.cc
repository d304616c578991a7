#include "server/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "server/connections.h"

namespace settle::server {
namespace {

using channel::Step;

constexpr std::chrono::milliseconds kFarewell{1'000};
constexpr int kReceivesInTurn = 4;                // then others are looked after
constexpr std::size_t kSentInTurn = 1024 * 1024;  // likewise
constexpr std::size_t kUnsentMax = 1024 * 1024;   // then no more calls are begun
constexpr std::size_t kKeptReplies = 4 * 1024;    // of a connection that rests

std::string Seconds(std::chrono::milliseconds time) {
  return std::to_string(time.count() / 1000) + "." + std::to_string(time.count() % 1000 / 100) +
         " s";
}

std::chrono::steady_clock::time_point Now() { return std::chrono::steady_clock::now(); }

}  // namespace

Connection::Connection(Connections& all, int socket,
                       std::shared_ptr<const channel::TlsMaterial> tls, Caller caller)
    : all_(all),
      caller_(std::move(caller)),
      frames_(all.lent().settings.frame, all.lent().budget),
      since_(Now()) {
  channel_.emplace(socket, std::move(tls));
  state_ = channel_->encrypted() ? State::kGreeting : State::kServing;
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

Connection::~Connection() { all_.lent().gone(); }

// What is thrown here must not reach libevent, which is written in C.
template <void (Connection::*Handle)()>
void Connection::On(evutil_socket_t, short, void* self) {
  auto& connection = *static_cast<Connection*>(self);
  connection.all_.loop().NoteAwake();
  connection.Guarded(Handle);
}

void Connection::Guarded(void (Connection::*handle)()) {
  try {
    (this->*handle)();
    Update();
  } catch (const std::exception& error) {
    Complain({ErrorCode::kInternal, error.what(), {}});
    Close();
  }
}

void Connection::Open() {
  event_base* const base = all_.loop().base();
  event_assign(&readable_, base, channel_->socket(), EV_READ | EV_PERSIST,
               On<&Connection::OnReadable>, this);
  event_assign(&writable_, base, channel_->socket(), EV_WRITE | EV_PERSIST,
               On<&Connection::OnWritable>, this);
  evtimer_assign(&timer_, base, On<&Connection::OnTimer>, this);
  if (state_ == State::kServing) Guarded(&Connection::Serve);
  if (state_ == State::kGreeting) Guarded(&Connection::Greet);
}

void Connection::OnReadable() {
  switch (state_) {
    case State::kGreeting: return Greet();
    case State::kServing:
      if (send_awaits_ == Awaits::kInput) Advance();
      return Receive();
    case State::kEnding: return Advance();
    case State::kFarewell: return ReadFarewell();
    case State::kClosed: return;
  }
}

void Connection::OnWritable() {
  if (state_ == State::kGreeting) return Greet();
  if (send_awaits_ == Awaits::kRoom) Advance();
  if (receive_awaits_ == Awaits::kRoom) Receive();
}

void Connection::Greet() {
  const Step step = channel_->Handshake();
  switch (step.kind) {
    case Step::Kind::kMoved:
      caller_.proof = Caller::Proof::kCertificate;
      caller_.names = channel_->peer_names();
      return Serve();
    case Step::Kind::kWantsRead: receive_awaits_ = Awaits::kInput; return;
    case Step::Kind::kWantsWrite: receive_awaits_ = Awaits::kRoom; return;
    case Step::Kind::kClosed: return Close();
    case Step::Kind::kBroken: return SayFarewell(channel_->why());
  }
}

void Connection::Serve() {
  state_ = State::kServing;
  since_ = Now();
  receive_awaits_ = Awaits::kInput;
  dry_ = !channel_->encrypted();  // what came behind the handshake is in the channel already
  services_ = all_.lent().services_for(caller_, all_.loop());
}

bool Connection::MayBegin() const {
  return state_ == State::kServing && !blocked_ && unsent_ < kUnsentMax &&
         calls_.size() < all_.lent().settings.calls_in_progress_max;
}

// TLS may have received more than was asked for.
bool Connection::HoldsInput() const { return !dry_ && channel_->encrypted(); }

void Connection::Receive() {
  dry_ = false;
  for (int i = 0; i < kReceivesInTurn && !dry_ && MayBegin(); ++i) {
    const Result<std::span<std::uint8_t>> room = frames_.Room(all_.scratch());
    if (!room) return Refuse(room.error());
    TakeReceived(channel_->Receive(*room), room->size());
  }
}

void Connection::TakeReceived(const Step& step, std::size_t room) {
  receive_awaits_ = Awaits::kInput;
  switch (step.kind) {
    case Step::Kind::kMoved:
      dry_ = !channel_->encrypted() && step.bytes < room;
      frames_.Received(step.bytes);
      return BeginCalls();
    case Step::Kind::kWantsWrite: receive_awaits_ = Awaits::kRoom; [[fallthrough]];
    case Step::Kind::kWantsRead: dry_ = true; return;
    case Step::Kind::kClosed:
      if (frames_.unread() > 0)
        return Refuse({ErrorCode::kInvalid, "the peer closed inside a frame", {}});
      return End();
    case Step::Kind::kBroken: return Close();
  }
}

void Connection::BeginCalls() {
  bool any = false;
  while (MayBegin()) {
    const Result<std::span<std::uint8_t>> frame = frames_.Next();
    if (!frame) return Refuse(frame.error());
    if (frame->empty()) break;
    any = true;
    Begin(*frame);
  }
  if (state_ != State::kServing) return;
  if (Status kept = frames_.Keep(); !kept) return Refuse(kept.error());
  if (any) {
    greeted_ = true;
    since_ = Now();
    frame_since_.reset();
  }
  // What is held back by us alone has no deadline.
  if (frames_.unread() == 0 || !MayBegin()) {
    frame_since_.reset();
  } else if (!frame_since_) {
    frame_since_ = Now();
  }
}

void Connection::Begin(std::span<std::uint8_t> frame) {
  Call& call = *calls_.emplace_back(all_.NewCall());
  call.connection = shared_from_this();
  CallHeader header;
  if (!all_.dispatch().ReadHeader(frame, header, call)) return call.Finish(true);
  const Service& service = Find(header.service);
  if (service.async != nullptr) {
    all_.dispatch().CallAsync(*service.async, frame, header, call);
  } else if (service.blocking != nullptr) {
    BeginBlocking(*service.blocking, frame, header, call);
  } else {
    Dispatch::RefuseService(header, call);
    call.Finish(true);
  }
}

const Service& Connection::Find(const std::string& name) {
  static const Service kNone;
  for (const auto& [known, service] : known_) {
    if (known == name) return service;
  }
  Service service = services_(name);
  if (service.async == nullptr && service.blocking == nullptr) return kNone;
  if (service.async != nullptr) service.async->setEventHandler(all_.dispatch().fault());
  return known_.emplace_back(name, std::move(service)).second;
}

// The frame is somebody else's room, and is copied: a large one within the budget.
void Connection::BeginBlocking(apache::thrift::TProcessor& service,
                               std::span<const std::uint8_t> frame, const CallHeader& header,
                               Call& call) {
  const std::size_t budgeted = frame.size() > kSmallBuffer ? frame.size() : 0;
  if (!all_.lent().budget.Take(budgeted)) {
    Refuse(Frames::NoMemory());
    return call.Finish(true);
  }
  blocked_ = true;
  all_.lent().pool.Post([&all = all_, &service, &call, header, budgeted,
                         bytes = std::vector<std::uint8_t>(frame.begin(), frame.end())]() mutable {
    Dispatch(all.lent().settings).CallBlocking(service, bytes, header, call);
    all.loop().Post([&call, &budget = all.lent().budget, budgeted] {
      budget.Give(budgeted);
      call.connection->blocked_ = false;
      call.Finish(true);
    });
  });
}

void Connection::Finished(Call& call) {
  const auto self = shared_from_this();
  if (state_ == State::kClosed) {
    const auto place = std::find_if(calls_.begin(), calls_.end(),
                                    [&](const auto& each) { return each.get() == &call; });
    std::unique_ptr<Call> owned = std::move(*place);
    calls_.erase(place);
    return all_.Recycle(std::move(owned));
  }
  unsent_ += call.Reply(all_.lent().settings.frame.frame_bytes_max).size();
  if (!call.complaint.empty()) Refuse({ErrorCode::kInvalid, call.complaint, {}});
  all_.Touch(*this);
}

void Connection::EndRound() {
  dirty_ = false;
  Guarded(&Connection::Advance);
}

void Connection::Advance() {
  if (state_ == State::kClosed) return;
  CollectReplies();
  Send();
  if (frames_.unread() > 0 && MayBegin()) BeginCalls();
  if (HoldsInput() && MayBegin()) Receive();
}

void Connection::CollectReplies() {
  const bool any = !calls_.empty();
  while (!calls_.empty() && calls_.front()->finished) {
    const auto reply = calls_.front()->Reply(all_.lent().settings.frame.frame_bytes_max);
    replies_.append(reinterpret_cast<const char*>(reply.data()), reply.size());
    all_.Recycle(std::move(calls_.front()));
    calls_.pop_front();
  }
  if (any && calls_.empty()) since_ = Now();  // from now on it rests
}

void Connection::Send() {
  if (state_ != State::kServing && state_ != State::kEnding) return;
  send_awaits_ = Awaits::kNothing;
  const std::size_t turn_ends = std::min(replies_.size(), sent_ + kSentInTurn);
  while (sent_ < turn_ends && send_awaits_ == Awaits::kNothing) {
    const Step step = channel_->Send(
        {reinterpret_cast<const std::uint8_t*>(replies_.data()) + sent_, replies_.size() - sent_});
    switch (step.kind) {
      case Step::Kind::kMoved: break;
      case Step::Kind::kWantsRead: send_awaits_ = Awaits::kInput; break;
      case Step::Kind::kWantsWrite: send_awaits_ = Awaits::kRoom; break;
      case Step::Kind::kClosed:
      case Step::Kind::kBroken: return Close();
    }
    sent_ += step.bytes;
    unsent_ -= step.bytes;
  }
  if (sent_ == replies_.size()) {
    replies_.clear();
    if (replies_.capacity() > kKeptReplies) replies_.shrink_to_fit();
    sent_ = stuck_ = 0;
  } else {
    if (send_awaits_ == Awaits::kNothing) send_awaits_ = Awaits::kRoom;
    if (sent_ < stuck_) return;
    replies_.erase(0, sent_);
    sent_ = 0;
    stuck_ = replies_.size();
    stuck_since_ = Now();
  }
}

// Closed at once, what it sent meanwhile would have the kernel reset the connection, and the alert
// that names the reason might be lost.
void Connection::SayFarewell(const std::string& why) {
  Complain({ErrorCode::kInvalid, why, {}});
  ::shutdown(channel_->socket(), SHUT_WR);
  state_ = State::kFarewell;
  since_ = Now();
}

void Connection::ReadFarewell() {
  const ssize_t count =
      ::recv(channel_->socket(), all_.scratch().data(), all_.scratch().size(), MSG_DONTWAIT);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) Close();
}

void Connection::Update() {
  if (state_ == State::kEnding && calls_.empty() && sent_ == replies_.size()) return Close();
  if (state_ == State::kClosed) return;
  const bool receives = state_ == State::kGreeting || MayBegin();
  Await(readable_, reads_,
        state_ == State::kFarewell || send_awaits_ == Awaits::kInput ||
            (receives && receive_awaits_ == Awaits::kInput));
  Await(writable_, writes_,
        send_awaits_ == Awaits::kRoom || (receives && receive_awaits_ == Awaits::kRoom));
  if (HoldsInput() && MayBegin()) all_.Touch(*this);  // no event will tell of it
  const std::optional<Instant> deadline = Deadline();
  // One that is too early finds out when it fires: it is moved far less often than a deadline is.
  if (!deadline || (armed_ && *armed_ <= *deadline)) return;
  armed_ = deadline;
  const auto left =
      std::max(std::chrono::ceil<std::chrono::milliseconds>(*deadline - Now()).count(),
               std::chrono::milliseconds::rep(0));
  const timeval time{.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
  event_add(&timer_, &time);
}

void Connection::Await(event& which, bool& awaited, bool wanted) {
  if (awaited == wanted) return;
  awaited = wanted;
  if (wanted) {
    if (event_add(&which, nullptr) != 0) throw std::runtime_error("no memory for an event");
  } else {
    event_del(&which);
  }
}

std::optional<Connection::Instant> Connection::Deadline() const {
  const FrameLimits& limits = all_.lent().settings.frame;
  if (state_ == State::kGreeting) return since_ + limits.io_timeout;
  if (state_ == State::kFarewell) return since_ + kFarewell;
  std::optional<Instant> first;
  if (stuck_ > 0) first = stuck_since_ + limits.io_timeout;
  if (frame_since_)
    first = std::min(first.value_or(Instant::max()), *frame_since_ + limits.io_timeout);
  if (!first && state_ == State::kServing && calls_.empty())
    first = since_ + (greeted_ ? limits.idle_timeout : limits.io_timeout);
  return first;
}

void Connection::OnTimer() {
  armed_.reset();
  const std::optional<Instant> deadline = Deadline();
  if (!deadline || Now() < *deadline) return;
  const std::string limit = Seconds(all_.lent().settings.frame.io_timeout);
  if (state_ == State::kGreeting) {
    Complain({ErrorCode::kInvalid, "a TLS handshake was not done within " + limit, {}});
  } else if (stuck_ > 0 && stuck_since_ <= Now() - all_.lent().settings.frame.io_timeout) {
    Complain({ErrorCode::kInvalid, "a reply was not taken within " + limit, {}});
  } else if (frame_since_) {
    return Refuse({ErrorCode::kInvalid, "a frame was not whole within " + limit, {}});
  }
  Close();  // that nothing came for long is nothing to complain of
}

void Connection::Complain(const Error& why) {
  all_.lent().complaints.Say("a connection was closed: " + caller_.text() + ": " + Describe(why));
}

// Calls that were begun before are answered.
void Connection::Refuse(const Error& why) {
  Complain(why);
  End();
}

void Connection::End() {
  if (state_ == State::kGreeting || state_ == State::kFarewell) return Close();
  if (state_ != State::kServing) return;
  state_ = State::kEnding;
  frame_since_.reset();
  frames_.Drop();
  all_.Touch(*this);  // it may be what a call of ours is being begun from
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  event_del(&readable_);
  event_del(&writable_);
  event_del(&timer_);
  channel_.reset();
  frames_.Drop();
  std::string().swap(replies_);
  for (auto& call : calls_) {
    if (call->finished) all_.Recycle(std::move(call));
  }
  std::erase(calls_, nullptr);  // the others keep this alive until they are finished
  all_.Bury(*this);
}

}  // namespace settle::server
