#include "participant/reporter.h"

#include <utility>

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;
constexpr std::size_t kBatchMost = 500;
constexpr seconds kCallTimeout{10};
constexpr seconds kFarewell{1};
// How often a session may be said not to exist before its reports are given up.
constexpr int kNotFoundMost = 5;

}  // namespace

Reporter::Reporter(LinkSettings settings, Participant& participant, Warn warn)
    : settings_(std::move(settings)), participant_(participant), warn_(std::move(warn)) {}

Reporter::~Reporter() { Stop(); }

void Reporter::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Reporter::Stop() {
  if (!thread_.joinable()) return;
  stop_.Interrupt();
  participant_.outbox().Close();
  // A coordinator that hangs must not hang this program.
  std::thread impatience([this] {
    if (!abort_.Sleep(kFarewell)) abort_.Interrupt();
  });
  thread_.join();
  abort_.Interrupt();
  impatience.join();
}

void Reporter::Run() {
  for (;;) {
    ReportCall batch = participant_.outbox().Take(kBatchMost);
    if (IsEmpty(batch)) break;  // closed and drained
    Deliver(std::move(batch));
    if (abort_.interrupted()) return;
  }
  detached_ = Detach();
}

// Repeats a batch until it was heard. What is dropped here costs a repeated command, which is
// answered again.
void Reporter::Deliver(ReportCall batch) {
  backoff_.Reset();
  int not_found = 0;
  for (;;) {
    const SessionId session = participant_.AwaitSession({}, Clock::now() + backoff_.Next());
    if (!session.empty()) {
      // A vote belongs to the session that was asked for it; the coordinator gave up on the others
      // with it.
      if (!batch.session.empty() && batch.session != session) batch.votes.clear();
      batch.session = session;
      const Status sent = Send(batch);
      if (sent) return;
      const ErrorCode code = sent.error().code;
      if (code == ErrorCode::kNotFound && ++not_found < kNotFoundMost) {
        participant_.AwaitSession(session, Clock::now() + backoff_.Next());
      } else if (!IsPassing(code)) {
        warn_("a report was refused and dropped: " + Describe(sent.error()));
        return;
      }
    }
    if (stopping()) return;
    stop_.Sleep(backoff_.Next());
  }
}

Status Reporter::Send(const ReportCall& batch) {
  const Instant deadline = Clock::now() + (stopping() ? kFarewell : kCallTimeout);
  if (link_ == nullptr || link_->broken()) {
    link_.reset();
    Result<std::unique_ptr<Link>> link = Link::Open(settings_, &abort_, deadline);
    if (!link) return Fail(std::move(link).error());
    if (Status met = participant_.Meet((*link)->hello()); !met) {
      return Fail(ErrorCode::kUnavailable, std::move(met).error().message);
    }
    link_ = *std::move(link);
  }
  return link_->Report(batch, deadline);
}

Status Reporter::Detach() {
  const SessionId session = participant_.session();
  const Instant deadline = Clock::now() + kFarewell;
  if (session.empty()) return Fail(ErrorCode::kUnavailable, "it was not attached");
  if (link_ == nullptr || link_->broken()) {
    Result<std::unique_ptr<Link>> link = Link::Open(settings_, &abort_, deadline);
    if (!link) return Fail(std::move(link).error());
    link_ = *std::move(link);
  }
  Status detached = link_->Detach(session, deadline);
  if (!detached) link_.reset();
  return detached;
}

}  // namespace settle::sdk
