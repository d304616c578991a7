// One target under libFuzzer: the one that the environment variable SETTLE_FUZZ_TARGET names.
#include <openssl/crypto.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "support/temporary_directory.h"
#include "target.h"

namespace {

const settle::fuzz::Target& Chosen() {
  const char* name = std::getenv("SETTLE_FUZZ_TARGET");
  settle::testing::UseMemoryForDirectories();
  // Before any target makes a server, so that OpenSSL lets go of what it keeps of a server's thread
  // when it ends, and not before: that is taken for a leak.
  OPENSSL_init_crypto(0, nullptr);
  if (const settle::fuzz::Target* found = settle::fuzz::FindTarget(name == nullptr ? "" : name))
    return *found;
  std::fprintf(stderr, "SETTLE_FUZZ_TARGET is to name one of these:\n");
  for (const settle::fuzz::Target* target : settle::fuzz::Targets())
    std::fprintf(stderr, "%s\n", target->name);
  std::exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const settle::fuzz::Target& target = Chosen();
  target.run({reinterpret_cast<const char*>(data), size});
  return 0;
}
