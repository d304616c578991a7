#include "settled/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {
namespace {

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end ? std::optional(number) : std::nullopt;
}

}  // namespace

Status ServiceManager::Tell(const std::string& assignments) const {
  if (socket_.empty()) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((socket_[0] != '/' && socket_[0] != '@') || socket_.size() >= sizeof(address.sun_path)) {
    return Fail(ErrorCode::kInvalid, "NOTIFY_SOCKET is no socket's name: " + Escaped(socket_));
  }
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const auto failed = [&] {
    return Fail(ErrorCode::kUnavailable, "the service manager at " + Escaped(socket_) +
                                             " cannot be told: " + std::strerror(errno));
  };
  const int channel = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (channel < 0) return failed();
  const ssize_t sent = ::sendto(channel, assignments.data(), assignments.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), length);
  Status told;
  if (sent < 0) told = failed();
  ::close(channel);
  return told;
}

std::optional<std::chrono::milliseconds> WatchdogPause(const char* watchdog_usec,
                                                       const char* watchdog_pid) {
  if (watchdog_usec == nullptr) return std::nullopt;
  if (watchdog_pid != nullptr && Number(watchdog_pid) != static_cast<std::uint64_t>(::getpid()))
    return std::nullopt;
  const std::optional<std::uint64_t> usec = Number(watchdog_usec);
  constexpr std::uint64_t kDay = 86'400'000'000;
  if (!usec || *usec < 2'000 || *usec > kDay) return std::nullopt;
  return std::chrono::milliseconds(*usec / 2'000);
}

}  // namespace settle::coordinator
