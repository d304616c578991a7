// Who is at the other end of a connection, as far as the connection itself proves it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace settle::server {

struct Caller {
  enum class Proof {
    kNone,         // plain TCP: anybody who reaches the port
    kUnixPeer,     // a Unix socket: the kernel says which process (unix(7), SO_PEERCRED)
    kCertificate,  // TLS: it holds the key of a certificate that our authority signed
  };

  Proof proof = Proof::kNone;
  std::string address{};  // where from: "10.0.0.7:40312", "unix:/run/settle/settled.sock"
  uid_t uid = 0;          // of kUnixPeer, with the next two
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<std::string> names{};  // of kCertificate: "cn:shop", "dns:shop.example", "uri:..."

  // One line for logs and records: "cn:shop from 10.0.0.7:40312", "uid 1000 (pid 77)",
  // "127.0.0.1:40312".
  std::string text() const;
};

}  // namespace settle::server
