// A peer that sends bytes of the test's choice.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace settle::testing {

class RawPeer {
 public:
  RawPeer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  explicit RawPeer(const std::string& address) : RawPeer() { Connect(address); }

  // "127.0.0.1:<port>".
  void Connect(const std::string& address) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
      throw std::runtime_error("cannot connect to " + address);
    }
  }
  ~RawPeer() { ::close(socket_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // False when the peer has closed already.
  bool Send(const std::string& bytes) {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  // Everything up to the peer's close; none if it has not closed by then.
  std::optional<std::string> ReadToEnd(
      std::chrono::milliseconds at_most = std::chrono::seconds(10)) {
    std::string all;
    while (Readable(at_most)) {
      char bytes[4096];
      const ssize_t count = ::recv(socket_, bytes, sizeof(bytes), 0);
      if (count <= 0) return all;
      all.append(bytes, static_cast<std::size_t>(count));
    }
    return std::nullopt;
  }

  bool Readable(std::chrono::milliseconds at_most) {
    pollfd entry{socket_, POLLIN, 0};
    return ::poll(&entry, 1, static_cast<int>(at_most.count())) > 0;
  }

  int socket() const { return socket_; }

 private:
  const int socket_;
};

inline std::string BigEndian(std::uint32_t value, int bytes = 4) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
  return text;
}

inline std::string Frame(const std::string& payload) {
  return BigEndian(static_cast<std::uint32_t>(payload.size())) + payload;
}

// The header of a strict binary call with sequence number 1.
inline std::string CallHeader(const std::string& name) {
  return BigEndian(0x80010001) + BigEndian(static_cast<std::uint32_t>(name.size())) + name +
         BigEndian(1);
}

// Of a struct: its type and number.
inline std::string Field(int type, int number) {
  return std::string(1, static_cast<char>(type)) + BigEndian(static_cast<std::uint32_t>(number), 2);
}

inline std::string Text(const std::string& value) {
  return BigEndian(static_cast<std::uint32_t>(value.size())) + value;
}

inline const std::string kStop(1, '\0');
inline constexpr int kI32 = 8;
inline constexpr int kI64 = 10;
inline constexpr int kString = 11;
inline constexpr int kStruct = 12;
inline constexpr int kList = 15;

}  // namespace settle::testing
