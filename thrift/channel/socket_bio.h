// How OpenSSL reaches a socket here: it never waits, and a peer that is gone raises no SIGPIPE in a
// program that did not ask for it, as OpenSSL's own would.
#pragma once

#include <openssl/types.h>

namespace settle::channel {

// Does not own the socket. Null: no memory.
BIO* NewSocketBio(int socket);

}  // namespace settle::channel
