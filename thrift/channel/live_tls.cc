#include "channel/live_tls.h"

#include <sys/stat.h>

#include <ctime>
#include <utility>

namespace settle::channel {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kLookPause{1};
constexpr std::chrono::hours kWarnPause{24};
constexpr std::int64_t kNearItsEnd = 14 * 24 * 3600;  // seconds

}  // namespace

Result<std::unique_ptr<LiveTls>> LiveTls::Open(const TlsFiles& files, Told told) {
  std::unique_ptr<LiveTls> made(new LiveTls(files, std::move(told)));
  made->stamps_ = made->StampsNow();
  Result<std::shared_ptr<const TlsMaterial>> read =
      TlsMaterial::Read(files, TlsMaterial::Side::kListens);
  if (!read) return Fail(std::move(read).error());
  made->material_ = *std::move(read);
  made->look_next_ = Clock::now() + kLookPause;
  made->WarnOfItsEndLocked();
  return made;
}

std::shared_ptr<const TlsMaterial> LiveTls::Current() {
  const std::scoped_lock lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (now < look_next_) return material_;
  look_next_ = now + kLookPause;
  if (const Stamps stamps = StampsNow(); stamps != stamps_) ReadLocked(stamps);
  if (now >= warn_next_) WarnOfItsEndLocked();
  return material_;
}

void LiveTls::LookAgain() {
  const std::scoped_lock lock(mutex_);
  ReadLocked(StampsNow());
  if (Clock::now() >= warn_next_) WarnOfItsEndLocked();
}

// The stamps were taken before: a file that is written meanwhile is read again.
void LiveTls::ReadLocked(const Stamps& now) {
  const bool changed = std::exchange(stamps_, now) != now;
  Result<std::shared_ptr<const TlsMaterial>> read =
      TlsMaterial::Read(files_, TlsMaterial::Side::kListens);
  if (!read) {
    return told_.warn("the former certificates stay in use: " + Describe(read.error()));
  }
  material_ = *std::move(read);
  if (!changed) return;
  told_.inform("new connections use " + material_->text());
  WarnOfItsEndLocked();
}

void LiveTls::WarnOfItsEndLocked() {
  warn_next_ = Clock::now() + kWarnPause;
  const std::int64_t now = std::time(nullptr);
  const std::string advice =
      "; put another one in its place, which is used at once, without a restart";
  if (now < material_->validity().from) {
    told_.warn(material_->text() + ", is not valid before " +
               MomentText(material_->validity().from) +
               ": every peer refuses it until then (is the clock of this machine right?)");
  } else if (now > material_->validity().until) {
    told_.warn(material_->text() + ", HAS EXPIRED: every peer refuses it" + advice);
  } else if (now + kNearItsEnd > material_->validity().until) {
    told_.warn(material_->text() + ", is near its end" + advice);
  }
}

LiveTls::Stamps LiveTls::StampsNow() const {
  const auto nanoseconds = [](const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
  };
  Stamps stamps;
  auto stamp = stamps.begin();
  for (const std::string* path : {&files_.ca, &files_.certificate, &files_.key}) {
    struct stat facts {};
    if (::stat(path->c_str(), &facts) == 0) {
      *stamp = {facts.st_dev, facts.st_ino, facts.st_size, nanoseconds(facts.st_mtim),
                nanoseconds(facts.st_ctim)};
    }
    ++stamp;
  }
  return stamps;
}

}  // namespace settle::channel
