#include "channel/tls_material.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "settle/vocabulary/gtid.h"

namespace settle::channel {
namespace {

constexpr std::size_t kFileBytesMost = 1024 * 1024;
constexpr long kChainBytesMost = 32 * 1024;  // of a peer's certificates, before it is known

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* it) const {
    Free(it);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

auto Wrong(const char* what, const std::string& path, const std::string& why, const char* advice) {
  return Fail(ErrorCode::kInvalid,
              std::string("the TLS ") + what + " file \"" + Escaped(path) + "\" " + why, advice);
}

// As PostgreSQL has it: nobody but its owner, except a group when root owns it (Debian's ssl-cert).
bool OthersMayUse(const struct stat& file) {
  const mode_t forbidden = file.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
  return (file.st_mode & forbidden) != 0;
}

enum class Secrecy { kPublic, kSecret };

// What is looked at is the file that is read, not one of the same name.
Result<Bio> ReadFile(const char* what, const std::string& path, Secrecy secrecy) {
  const auto unreadable = [&] {
    return Wrong(what, path, std::string("cannot be read: ") + std::strerror(errno),
                 "see that it exists and that this program's user may read it");
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return unreadable();
  const std::unique_ptr<const int, void (*)(const int*)> closer(
      &file, [](const int* descriptor) { ::close(*descriptor); });
  struct stat facts {};
  if (::fstat(file, &facts) != 0) return unreadable();
  if (!S_ISREG(facts.st_mode)) return Wrong(what, path, "is no ordinary file", "name a PEM file");
  if (secrecy == Secrecy::kSecret && OthersMayUse(facts)) {
    return Wrong(what, path, "can be used by other users of this machine",
                 "chmod 600 it; whoever could read it until now can pretend to be its owner, so "
                 "consider a new key");
  }
  std::string text(kFileBytesMost + 1, '\0');
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < text.size();) {
    got = ::read(file, text.data() + size, text.size() - size);
    if (got < 0) return unreadable();
    size += static_cast<std::size_t>(got);
  }
  if (size > kFileBytesMost) return Wrong(what, path, "is larger than 1 MB", "name a PEM file");
  Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || BIO_write(bio.get(), text.data(), static_cast<int>(size)) < 0) {
    return Fail(ErrorCode::kInternal, "no memory for TLS");
  }
  OPENSSL_cleanse(text.data(), text.size());
  return bio;
}

// Never asks a terminal.
int NoPassPhrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Certificate NextCertificate(BIO* from) {
  bool asked = false;
  return Certificate(PEM_read_bio_X509_AUX(from, nullptr, NoPassPhrase, &asked));
}

// The end of a file of certificates is none of its faults; anything else in it is.
bool AtItsEnd() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

void Configure(SSL_CTX* context, TlsMaterial::Side side) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Frames say themselves where they end: one without a farewell cuts off nothing unseen.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context, kChainBytesMost);
  SSL_CTX_set_read_ahead(context, 1);  // a record is one system call, not two
  SSL_CTX_set_verify(context,
                     side == TlsMaterial::Side::kListens
                         ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                         : SSL_VERIFY_PEER,
                     nullptr);
}

}  // namespace

Result<std::shared_ptr<const TlsMaterial>> TlsMaterial::Read(const TlsFiles& files, Side side) {
  SSL_CTX* const context =
      SSL_CTX_new(side == Side::kListens ? TLS_server_method() : TLS_client_method());
  if (context == nullptr) return Fail(ErrorCode::kInternal, "no memory for TLS");
  Configure(context, side);
  const std::shared_ptr<TlsMaterial> made(new TlsMaterial(files, side, context));
  ERR_clear_error();
  if (Status authorities = made->UseAuthorities(); !authorities) return Fail(authorities.error());
  if (Status certificate = made->UseCertificate(); !certificate) return Fail(certificate.error());
  if (Status key = made->UseKey(); !key) return Fail(key.error());
  ERR_clear_error();
  return made;
}

TlsMaterial::~TlsMaterial() { SSL_CTX_free(context_); }

Status TlsMaterial::UseAuthorities() {
  Result<Bio> file = ReadFile("CA", files_.ca, Secrecy::kPublic);
  if (!file) return Fail(std::move(file).error());
  X509_STORE* const store = SSL_CTX_get_cert_store(context_);
  int found = 0;
  while (const Certificate one = NextCertificate(file->get())) {
    ++found;
    X509_STORE_add_cert(store, one.get());
    if (side_ == Side::kListens) SSL_CTX_add_client_CA(context_, one.get());
  }
  if (found > 0 && AtItsEnd()) return {};
  return Wrong("CA", files_.ca, "holds no certificate that can be read",
               "it must be PEM: -----BEGIN CERTIFICATE-----");
}

Status TlsMaterial::UseCertificate() {
  Result<Bio> file = ReadFile("certificate", files_.certificate, Secrecy::kPublic);
  if (!file) return Fail(std::move(file).error());
  const Certificate own = NextCertificate(file->get());
  if (own == nullptr) {
    return Wrong("certificate", files_.certificate, "holds no certificate that can be read",
                 "it must be PEM: -----BEGIN CERTIFICATE-----");
  }
  if (SSL_CTX_use_certificate(context_, own.get()) != 1) {
    return Wrong("certificate", files_.certificate, "is too weak, or of a kind that is not known",
                 "make one with an EC key (P-256), or RSA of 2048 bits at least");
  }
  while (Certificate next = NextCertificate(file->get())) {
    if (SSL_CTX_add0_chain_cert(context_, next.get()) == 1) next.release();
  }
  if (!AtItsEnd()) {
    return Wrong("certificate", files_.certificate,
                 "holds something after its certificate that "
                 "cannot be read",
                 "put there the certificates up to its authority, or nothing");
  }
  names_ = NamesOf(own.get());
  validity_ = ValidityOf(own.get());
  return {};
}

Status TlsMaterial::UseKey() {
  Result<Bio> file = ReadFile("key", files_.key, Secrecy::kSecret);
  if (!file) return Fail(std::move(file).error());
  bool asked = false;
  const Key key(PEM_read_bio_PrivateKey(file->get(), nullptr, NoPassPhrase, &asked));
  if (asked) {
    return Wrong("key", files_.key, "has a pass phrase, and nobody is there to type it",
                 "store it without one (openssl pkey), readable by its owner alone");
  }
  if (key == nullptr) {
    return Wrong("key", files_.key, "holds no private key that can be read",
                 "it must be PEM: -----BEGIN PRIVATE KEY-----");
  }
  if (SSL_CTX_use_PrivateKey(context_, key.get()) != 1) {
    return Wrong("key", files_.key,
                 "does not belong to the certificate in \"" + Escaped(files_.certificate) + "\"",
                 "name the key that this certificate was made for");
  }
  return {};
}

std::string TlsMaterial::text() const {
  return "the certificate " + (names_.empty() ? "without a name" : Escaped(names_.front())) +
         " of " + Escaped(files_.certificate) + ", valid until " + MomentText(validity_.until);
}

}  // namespace settle::channel
