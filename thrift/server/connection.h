// One accepted connection, on one loop. Its frames are calls: they are begun in the order in which
// they came, several may be in progress, and their replies leave in that order. Nothing a peer
// sends, or does not send, or does not take, costs more than a bounded time and a bounded memory.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "channel/channel.h"
#include "server/call.h"
#include "server/caller.h"
#include "server/dispatch.h"
#include "server/frames.h"
#include "server/service.h"

namespace settle::server {

class Connections;

// Used on its loop's thread alone.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Takes the socket over. `all` must outlive it. No `tls`: plain.
  Connection(Connections& all, int socket, std::shared_ptr<const channel::TlsMaterial> tls,
             Caller caller);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Open();
  // A call of its own has its reply.
  void Finished(Call& call);
  // Of a round in which something of it was finished: sends, begins what was held back.
  void EndRound();
  // No more calls; closes when those in progress are answered and the replies taken.
  void End();
  void Close();

 private:
  friend class Connections;
  using Instant = std::chrono::steady_clock::time_point;

  enum class State {
    kGreeting,  // a TLS handshake
    kServing,
    kEnding,    // nothing is read any more; closes when all is answered and sent
    kFarewell,  // refused; so that the peer hears why, it is not reset at once
    kClosed,
  };
  // What a step of the channel waits for.
  enum class Awaits { kNothing, kInput, kRoom };

  template <void (Connection::*Handle)()>
  static void On(evutil_socket_t, short, void* self);
  void Guarded(void (Connection::*handle)());
  void OnReadable();
  void OnWritable();
  void OnTimer();

  void Greet();
  void Serve();
  void Receive();
  void TakeReceived(const channel::Step& step, std::size_t room);
  void BeginCalls();
  void Begin(std::span<std::uint8_t> frame);
  void BeginBlocking(apache::thrift::TProcessor& service, std::span<const std::uint8_t> frame,
                     const CallHeader& header, Call& call);
  const Service& Find(const std::string& name);
  bool MayBegin() const;

  bool HoldsInput() const;

  void Advance();
  void CollectReplies();
  void Send();
  void SayFarewell(const std::string& why);
  void ReadFarewell();

  void Update();
  void Await(event& which, bool& awaited, bool wanted);
  std::optional<Instant> Deadline() const;
  void Complain(const Error& why);
  void Refuse(const Error& why);

  Connections& all_;
  Caller caller_;
  std::optional<channel::Channel> channel_;  // none once closed
  Frames frames_;
  Services services_;
  std::vector<std::pair<std::string, Service>> known_;  // services that were asked for

  State state_;
  std::deque<std::unique_ptr<Call>> calls_;  // in progress, or finished behind one that is
  bool blocked_ = false;                     // a call that may block is in progress
  std::string replies_;                      // to be sent
  std::size_t sent_ = 0;                     // of them
  std::size_t unsent_ = 0;                   // bytes of replies, in calls_ too
  bool dirty_ = false;                       // to be advanced at the end of the round

  Awaits receive_awaits_ = Awaits::kInput;
  Awaits send_awaits_ = Awaits::kNothing;
  bool dry_ = true;  // the channel had no more input when it was asked last
  event readable_{};
  event writable_{};
  event timer_{};
  bool reads_ = false;  // the events that are added
  bool writes_ = false;
  std::optional<Instant> armed_;

  Instant since_;                       // when this state began, or its latest frame came
  bool greeted_ = false;                // a whole frame has come
  std::optional<Instant> frame_since_;  // when the frame that is not whole yet began
  Instant stuck_since_{};               // when what is stuck began to be sent
  std::size_t stuck_ = 0;               // of replies_: what must be taken by the deadline
  std::list<std::shared_ptr<Connection>>::iterator place_{};
};

}  // namespace settle::server
