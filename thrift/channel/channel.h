// The bytes of one connected stream socket, plain or TLS, in steps that do not wait: whoever uses
// it waits as its own deadlines demand.
//
//   Channel channel(socket, tls);                        // no `tls`: plain
//   while (channel.Handshake().waits()) ...poll()...
//   const Step got = channel.Receive(room);
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "channel/tls_material.h"
#include "channel/tls_words.h"

namespace settle::channel {

struct Step {
  enum class Kind {
    kMoved,      // so many bytes; of a handshake: it is done
    kWantsRead,  // poll for input and repeat it
    kWantsWrite,
    kClosed,  // by the peer
    kBroken,  // Channel::why
  };
  Kind kind = Kind::kMoved;
  std::size_t bytes = 0;

  bool waits() const { return kind == Kind::kWantsRead || kind == Kind::kWantsWrite; }
};

// Used by one thread.
class Channel {
 public:
  // Takes the socket over. `host` is what was dialled, a name or an IP address, which the peer's
  // certificate must name (RFC 6125, 9110 4.3.4: the subject alternative names, never the common
  // name); empty: whatever the authority has signed will do.
  Channel(int socket, std::shared_ptr<const TlsMaterial> tls, const std::string& host = "");
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  int socket() const { return socket_; }
  bool encrypted() const { return ssl_ != nullptr; }

  // Once, before the first byte. A plain channel has none.
  Step Handshake();
  Step Receive(std::span<std::uint8_t> room);
  // The same, except that a plain channel waits as its socket does (SO_RCVTIMEO; kWantsRead: in
  // vain).
  Step ReceiveWaiting(std::span<std::uint8_t> room);
  Step Send(std::span<const std::uint8_t> bytes);

  // Received, but not yet given out: there is no use in polling for it.
  bool holds_input() const;
  // Of the latest kBroken; one line.
  const std::string& why() const { return why_; }
  // Of the peer's certificate, once the handshake is done; NamesOf.
  std::vector<std::string> peer_names() const;

 private:
  Step ReceivePlain(std::span<std::uint8_t> room, int flags);
  Step After(int result);  // of OpenSSL
  Step Broken(std::string why);
  static int OnVerify(int believed, X509_STORE_CTX* store);

  const int socket_;
  const std::shared_ptr<const TlsMaterial> tls_;
  const std::string host_;
  SSL* ssl_ = nullptr;
  bool open_ = false;  // the handshake is done and nothing broke since: a farewell makes sense
  Disbelief disbelief_;
  std::string why_;
};

}  // namespace settle::channel
