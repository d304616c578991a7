// Bytes read as a value of the wire contract, within the limits of the daemon's port.
#pragma once

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>

#include "server/settings.h"

namespace settle::fuzz {

// False: it is none.
template <typename Value>
bool ReadWire(std::string_view bytes, Value& value) {
  using apache::thrift::transport::TMemoryBuffer;
  if (bytes.empty()) return false;
  const server::Settings limits;
  // A copy of the exact size, so that reading beyond it is seen.
  const auto buffer = std::make_shared<TMemoryBuffer>(
      reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data())),
      static_cast<std::uint32_t>(bytes.size()), TMemoryBuffer::COPY);
  apache::thrift::protocol::TBinaryProtocolT<TMemoryBuffer> reader(
      buffer, limits.string_bytes_max, limits.container_items_max, true, true);
  try {
    value.read(&reader);
    return true;
  } catch (const apache::thrift::TException&) {
    return false;
  }
}

// What is sent or answered in calls of a method.
struct Reader {
  std::string_view method;
  void (*read)(std::string_view bytes);
};

// The first byte picks one of `readers`, the rest is its value.
template <typename Readers>
void ReadOneOf(const Readers& readers, std::string_view bytes) {
  if (bytes.empty()) return;
  readers[static_cast<unsigned char>(bytes[0]) % std::size(readers)].read(bytes.substr(1));
}

// The byte that picks those of `method`; none: there are none.
template <typename Readers>
std::optional<char> PlaceOf(const Readers& readers, std::string_view method) {
  for (std::size_t i = 0; i < std::size(readers); ++i) {
    if (readers[i].method == method) return static_cast<char>(i);
  }
  return std::nullopt;
}

// For those who write seeds: of the targets "requests", "replies" and "views".
std::optional<char> RequestOf(std::string_view method);
std::optional<char> ReplyOf(std::string_view method);  // "": an error, of any method
std::optional<char> ViewOf(std::string_view method);

}  // namespace settle::fuzz
