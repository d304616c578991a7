#include "channel/channel.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "channel/socket_bio.h"

namespace settle::channel {
namespace {

using Kind = Step::Kind;

bool MustWait() { return errno == EAGAIN || errno == EWOULDBLOCK; }

bool IsIpAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

// What SSL_get_error looks at must be of this call alone.
void ForgetErrors() {
  ERR_clear_error();
  errno = 0;
}

// False: the host cannot be checked, and the connection must not be made.
bool Expect(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* const expected = SSL_get0_param(ssl);
  if (IsIpAddress(host)) return X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(
      expected, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

Channel::Channel(int socket, std::shared_ptr<const TlsMaterial> tls, const std::string& host)
    : socket_(socket), tls_(std::move(tls)), host_(host) {
  if (tls_ == nullptr) return;
  ssl_ = SSL_new(tls_->context());
  BIO* const bio = ssl_ == nullptr ? nullptr : NewSocketBio(socket_);
  if (bio == nullptr) {
    SSL_free(ssl_);
    ::close(socket_);
    throw std::runtime_error("no memory for TLS");
  }
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
  SSL_set_verify(ssl_, SSL_get_verify_mode(ssl_), OnVerify);
  if (tls_->side() == TlsMaterial::Side::kListens) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
    if (!host_.empty() && !Expect(ssl_, host_)) {
      SSL_free(ssl_);
      ::close(socket_);
      throw std::runtime_error("the host cannot be expected of a certificate");
    }
  }
}

Channel::~Channel() {
  if (open_) SSL_shutdown(ssl_);  // a farewell, if there is room for it
  SSL_free(ssl_);
  ERR_clear_error();
  ::close(socket_);
}

// The first of a chain that is not believed is the one to be told of.
int Channel::OnVerify(int believed, X509_STORE_CTX* store) {
  if (believed == 1) return 1;
  auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const channel = static_cast<Channel*>(SSL_get_app_data(ssl));
  channel->disbelief_.error = X509_STORE_CTX_get_error(store);
  if (X509* const certificate = X509_STORE_CTX_get_current_cert(store)) {
    const std::vector<std::string> names = NamesOf(certificate);
    channel->disbelief_.whose = names.empty() ? "" : names.front();
    channel->disbelief_.validity = ValidityOf(certificate);
  }
  return 0;
}

Step Channel::Handshake() {
  if (ssl_ == nullptr) return {};
  ForgetErrors();
  const Step step = After(SSL_do_handshake(ssl_));
  open_ = step.kind == Kind::kMoved;
  return step;
}

Step Channel::Receive(std::span<std::uint8_t> room) {
  if (ssl_ == nullptr) return ReceivePlain(room, MSG_DONTWAIT);
  ForgetErrors();
  std::size_t bytes = 0;
  const int result = SSL_read_ex(ssl_, room.data(), room.size(), &bytes);
  return result == 1 ? Step{Kind::kMoved, bytes} : After(result);
}

Step Channel::ReceiveWaiting(std::span<std::uint8_t> room) {
  return ssl_ == nullptr ? ReceivePlain(room, 0) : Receive(room);
}

Step Channel::ReceivePlain(std::span<std::uint8_t> room, int flags) {
  for (;;) {
    const ssize_t count = ::recv(socket_, room.data(), room.size(), flags);
    if (count > 0) return {Kind::kMoved, static_cast<std::size_t>(count)};
    if (count == 0) return {Kind::kClosed};
    if (MustWait()) return {Kind::kWantsRead};
    if (errno != EINTR) return Broken(std::strerror(errno));
  }
}

Step Channel::Send(std::span<const std::uint8_t> bytes) {
  if (ssl_ != nullptr) {
    ForgetErrors();
    std::size_t sent = 0;
    const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent);
    return result == 1 ? Step{Kind::kMoved, sent} : After(result);
  }
  for (;;) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return {Kind::kMoved, static_cast<std::size_t>(count)};
    if (MustWait()) return {Kind::kWantsWrite};
    if (errno != EINTR) return Broken(std::strerror(errno));
  }
}

Step Channel::After(int result) {
  if (result == 1) return {};
  const int system_error = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return {Kind::kWantsRead};
    case SSL_ERROR_WANT_WRITE: return {Kind::kWantsWrite};
    case SSL_ERROR_ZERO_RETURN: return {Kind::kClosed};
    case SSL_ERROR_SYSCALL:
      open_ = false;
      return system_error == 0 ? Step{Kind::kClosed} : Broken(std::strerror(system_error));
    default: break;
  }
  open_ = false;
  return Broken("TLS: " + TlsWords(ERR_peek_last_error(), disbelief_, *tls_, host_));
}

Step Channel::Broken(std::string why) {
  why_ = std::move(why);
  return {Kind::kBroken};
}

bool Channel::holds_input() const { return ssl_ != nullptr && SSL_has_pending(ssl_) == 1; }

std::vector<std::string> Channel::peer_names() const {
  X509* const certificate = ssl_ == nullptr ? nullptr : SSL_get0_peer_certificate(ssl_);
  return certificate == nullptr ? std::vector<std::string>() : NamesOf(certificate);
}

}  // namespace settle::channel
