#include "participant/session.h"

#include <algorithm>
#include <utility>

#include "settle/vocabulary/failpoint.h"

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;
constexpr milliseconds kPollMost{5'000};
constexpr milliseconds kPollLeast{1};
constexpr milliseconds kGrace{5'000};  // on top of the poll, before the connection counts as dead
constexpr milliseconds kAttachTimeout{10'000};

}  // namespace

Session::Session(LinkSettings settings, milliseconds scan_interval, Participant& participant,
                 Warn warn)
    : settings_(settings),
      scan_interval_(scan_interval),
      participant_(participant),
      warn_(warn),
      reporter_(std::move(settings), participant, std::move(warn)) {}

Session::~Session() { Stop(); }

Status Session::Start(First first) {
  const Status attached = EnsureAttached();
  NoteTouch(attached.has_value());
  if (!attached) {
    const bool may_come = attached.error().code == ErrorCode::kUnavailable;
    if (first != First::kAttachLater || !may_come) return attached;
    Complain(attached.error());
  }
  thread_ = std::thread([this] { Run(); });
  reporter_.Start();
  return {};
}

Status Session::Stop() {
  if (!thread_.joinable()) return reporter_.detached();
  stop_.Interrupt();
  thread_.join();
  link_.reset();
  participant_.Stop();
  reporter_.Stop();
  return reporter_.detached();
}

void Session::Run() {
  Backoff backoff;
  while (!stop_.interrupted()) {
    Status done = EnsureAttached();
    if (done) NoteTouch(true);
    // Said now and not when the first poll returns, which may be seconds later.
    if (done && std::exchange(away_, false)) warn_("attached to the coordinator again");
    // Also without a coordinator: sites of three-phase commit are found so, and end without it.
    ScanIfDue();
    if (done) done = FetchOnce();
    NoteTouch(done.has_value());
    if (done) {
      backoff.Reset();
      last_complaint_.clear();
    } else {
      if (stop_.interrupted()) return;
      Complain(done.error());
      stop_.Sleep(backoff.Next());
    }
  }
}

Status Session::EnsureAttached() {
  if (link_ == nullptr || link_->broken()) {
    if (Status connected = Reconnect(); !connected) return connected;
  }
  return attached_.session.empty() ? AttachAnew() : Status();
}

// A connection may be lost without the session being lost: it goes on if the same life of the
// coordinator is there.
Status Session::Reconnect() {
  link_.reset();
  const auto addresses = static_cast<int>(settings_.addresses.size());
  const Instant deadline = Clock::now() + settings_.connect_timeout * (2 * addresses);
  Result<std::unique_ptr<Link>> link = Link::Open(settings_, &stop_, deadline);
  if (!link) return Fail(std::move(link).error());
  if (Status met = participant_.Meet((*link)->hello()); !met) return met;
  link_ = *std::move(link);
  const Hello& hello = link_->hello();
  if (hello.log_id != attached_.log_id || hello.epoch != attached_.epoch) attached_ = {};
  return {};
}

Status Session::AttachAnew() {
  participant_.Detached();
  AttachCall call;
  call.process = settings_.application;
  for (const OwnResource& own : participant_.resources()) {
    const std::string& name = own.resource->name();
    call.resources.push_back({name, own.identity, participant_.PeerAddressOf(name)});
  }
  for (const auto& actor : participant_.actors()) call.participants.push_back(actor->name());
  // Of the log that this process was attached to before, so that a coordinator with another one, or
  // with an older copy of it, can tell.
  call.log_id_seen = seen_log_;
  call.epoch_seen = participant_.HighestEpoch(seen_log_);
  Result<Attached> attached = link_->Attach(call, Clock::now() + kAttachTimeout);
  if (!attached) return Fail(std::move(attached).error());
  if (Status known = participant_.Attach(*attached); !known) return known;
  attached_ = *std::move(attached);
  seen_log_ = attached_.log_id;
  received_through_ = 0;
  next_scan_ = Clock::now();
  SETTLE_FAILPOINT("participant.attached");
  return {};
}

Status Session::FetchOnce() {
  FetchCall call{.session = attached_.session, .received_through = received_through_};
  const auto until_scan = std::chrono::ceil<milliseconds>(next_scan_ - Clock::now());
  call.wait =
      std::max(std::min({attached_.session_timeout / 2, kPollMost, until_scan}), kPollLeast);
  Result<CommandBatch> batch = link_->Fetch(call, Clock::now() + call.wait + kGrace);
  if (!batch) {
    if (batch.error().code == ErrorCode::kNotFound) attached_ = {};
    return Fail(std::move(batch).error());
  }
  // A batch that was sent again because its acknowledgement got lost has been carried out already.
  if (batch->number > received_through_) {
    received_through_ = batch->number;
    participant_.Carry(batch->commands);
    participant_.Carry(std::move(batch->calls));
    participant_.Ask(std::move(batch->questions));
  }
  if (batch->ended_through) participant_.Prune(*batch->ended_through);
  return {};
}

void Session::ScanIfDue() {
  if (Clock::now() < next_scan_ && !participant_.HasUnfinished()) return;
  next_scan_ = Clock::now() + scan_interval_;
  participant_.Scan();
}

void Session::NoteTouch(bool yes) {
  participant_.InTouch(yes);
  if (yes) touched_ = Clock::now();
  const bool given_up =
      !attached_.session.empty() && Clock::now() - touched_ > attached_.session_timeout;
  if (!yes && given_up) participant_.ForgetLeft();
}

// Once for each kind of trouble, not once for each attempt.
void Session::Complain(const Error& why) {
  if (std::exchange(last_complaint_, why.message) == why.message) return;
  away_ = true;
  warn_("not attached to the coordinator: " + Describe(why) + " (trying again)");
}

}  // namespace settle::sdk
