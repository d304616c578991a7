#include "channel/socket_bio.h"

#include <openssl/bio.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

namespace settle::channel {
namespace {

int SocketOf(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool MustWait() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int Read(BIO* bio, char* bytes, int most) {
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::recv(SocketOf(bio), bytes, static_cast<std::size_t>(most), MSG_DONTWAIT);
  if (count < 0 && MustWait()) BIO_set_retry_read(bio);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(count);
}

int Write(BIO* bio, const char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent =
      ::send(SocketOf(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && MustWait()) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long Control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* MakeMethod() {
  BIO_METHOD* const method =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "settle socket");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read(method, Read);
  BIO_meth_set_write(method, Write);
  BIO_meth_set_ctrl(method, Control);
  return method;
}

}  // namespace

BIO* NewSocketBio(int socket) {
  static const BIO_METHOD* const method = MakeMethod();  // a constant of the process
  BIO* const bio = method == nullptr ? nullptr : BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace settle::channel
