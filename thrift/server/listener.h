// A socket that listens: of TCP, or a Unix socket with its file.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "server/caller.h"
#include "server/listen_address.h"
#include "settle/vocabulary/status.h"

namespace settle::server {

class Listener {
 public:
  // Binds and listens; kUnavailable says what stands in the way. The file of a Unix socket (mode
  // 0660) that a dead process left is replaced; nothing else is, and none that somebody serves: two
  // that start at once are told apart by a lock on PATH.lock, which stays.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> Bind(const SocketAddress& address);
  ~Listener();  // the file of a Unix socket goes, unless it is another one by now
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int socket() const { return socket_; }
  bool is_unix() const { return !path_.empty(); }
  // With the port that was really taken.
  const std::string& address() const { return address_; }

  struct Accepted {
    int socket = -1;  // the receiver's own; -1: none, and errno says why
    Caller caller{};  // as far as the socket itself tells
  };
  // Does not wait.
  Accepted Accept() const;

 private:
  Listener() = default;
  [[nodiscard]] Status ClaimPath(const std::string& path);
  [[nodiscard]] Status BindTo(const SocketAddress& address);
  Caller UnixCaller(int socket) const;

  int socket_ = -1;
  int lock_ = -1;       // of a Unix socket
  std::string path_{};  // of a Unix socket, once its file is ours
  dev_t device_ = 0;    // of that file, with the next
  ino_t inode_ = 0;
  std::string address_{};
};

}  // namespace settle::server
