#include "log/seals.h"

#include <sodium.h>

#include <cstring>
#include <string>

namespace settle::coordinator {
namespace {

static_assert(std::tuple_size_v<Seals::Key> == crypto_shorthash_KEYBYTES);

void Append(std::string& bytes, std::uint64_t number) {
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xff));
}

}  // namespace

std::optional<std::uint32_t> Seals::TailOf(Epoch epoch, std::uint64_t sequence,
                                           std::string_view identity) const {
  const auto key = keys_.find(epoch);
  if (key == keys_.end()) return std::nullopt;
  std::string sealed;
  sealed.reserve(2 * 8 + identity.size());
  Append(sealed, epoch);
  Append(sealed, sequence);
  sealed += identity;
  std::array<unsigned char, crypto_shorthash_BYTES> hash{};
  crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(sealed.data()),
                   sealed.size(), key->second.data());
  std::uint32_t tail = 0;
  std::memcpy(&tail, hash.data(), sizeof(tail));
  return tail;
}

bool Seals::Began(const Gtid& gtid, std::string_view identity) const {
  const auto tail = TailOf(gtid.epoch(), gtid.sequence(), identity);
  return tail ? *tail == gtid.tail() : identity.empty();
}

}  // namespace settle::coordinator
