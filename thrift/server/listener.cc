#include "server/listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "settle/vocabulary/gtid.h"

namespace settle::server {
namespace {

constexpr int kBacklog = 1024;
constexpr mode_t kUnixMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP;

auto CannotListen(const std::string& address, const char* step, int error) {
  return Fail(ErrorCode::kUnavailable,
              "cannot listen on " + Escaped(address) + ": " + step + ": " + std::strerror(error),
              error == EADDRINUSE ? "another program listens there: choose another address" : "");
}

// Whether somebody would answer at the file of a Unix socket: 0, ECONNREFUSED when nobody does, or
// what keeps us from knowing.
int TryToReach(const SocketAddress& address) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return errno;
  const int failed =
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0
          ? 0
          : errno;
  ::close(socket);
  return failed == EAGAIN ? 0 : failed;  // its backlog is full: it is served
}

SocketAddress NameOf(int socket) {
  SocketAddress name;
  name.length = sizeof(name.storage);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&name.storage), &name.length);
  return name;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::Bind(const SocketAddress& address) {
  std::unique_ptr<Listener> made(new Listener);
  if (address.is_unix()) {
    if (Status ours = made->ClaimPath(address.path()); !ours) return Fail(ours.error());
  }
  if (Status bound = made->BindTo(address); !bound) return Fail(bound.error());
  return made;
}

// Afterwards there is no file of this name, and nobody else who keeps to the lock makes one.
Status Listener::ClaimPath(const std::string& path) {
  const std::string lock_path = path + ".lock";
  lock_ = ::open(lock_path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (lock_ < 0) return CannotListen("unix:" + path, "its lock file", errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return CannotListen("unix:" + path, "its lock file", errno == EWOULDBLOCK ? EADDRINUSE : errno);
  }
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) {
    return errno == ENOENT ? Status() : CannotListen("unix:" + path, "stat", errno);
  }
  if (!S_ISSOCK(file.st_mode)) {
    return Fail(ErrorCode::kUnavailable,
                "cannot listen on unix:" + Escaped(path) + ": there is a file that is no socket",
                "it is left as it is: choose another path, or move it away");
  }
  const int reached = TryToReach(*Resolve(ListenAddress{.path = path}));
  if (reached != ECONNREFUSED) {
    return CannotListen("unix:" + path, "the socket that is there",
                        reached == 0 ? EADDRINUSE : reached);
  }
  if (::unlink(path.c_str()) != 0) return CannotListen("unix:" + path, "unlink", errno);
  return {};
}

Status Listener::BindTo(const SocketAddress& address) {
  const auto failed = [&](const char* step) { return CannotListen(address.text(), step, errno); };
  socket_ = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return failed("socket");
  const int on = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) {
    return failed("bind");
  }
  if (address.is_unix()) {
    path_ = address.path();
    struct stat file {};
    // Before it listens nobody can connect, whatever the mode was.
    if (::chmod(path_.c_str(), kUnixMode) != 0) return failed("chmod");
    if (::lstat(path_.c_str(), &file) != 0) return failed("stat");
    device_ = file.st_dev;
    inode_ = file.st_ino;
  }
  if (::listen(socket_, kBacklog) != 0) return failed("listen");
  address_ = NameOf(socket_).text();
  return {};
}

Listener::~Listener() {
  struct stat file {};
  if (is_unix() && ::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ &&
      file.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
  if (socket_ >= 0) ::close(socket_);
  if (lock_ >= 0) ::close(lock_);
}

Listener::Accepted Listener::Accept() const {
  SocketAddress peer;
  peer.length = sizeof(peer.storage);
  const int socket =
      ::accept4(socket_, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length, SOCK_CLOEXEC);
  if (socket < 0) return {};
  return {socket, is_unix() ? UnixCaller(socket) : Caller{.address = peer.text()}};
}

// As they were when it connected (unix(7)): what becomes of the process later changes nothing.
Caller Listener::UnixCaller(int socket) const {
  // Of whom the kernel does not say who it is, it is nobody: without rules everybody on plain TCP
  // may do everything.
  ucred who{};
  socklen_t size = sizeof(who);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
    who = {.pid = 0, .uid = static_cast<uid_t>(-1), .gid = static_cast<gid_t>(-1)};
  return {.proof = Caller::Proof::kUnixPeer,
          .address = address_,
          .uid = who.uid,
          .gid = who.gid,
          .pid = who.pid};
}

}  // namespace settle::server
