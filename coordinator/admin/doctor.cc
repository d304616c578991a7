#include "admin/doctor.h"

#include <algorithm>
#include <utility>

#include "admin/machine.h"
#include "engine/await.h"

namespace settle::coordinator {
namespace {

using std::chrono_literals::operator""s;

constexpr int kFlushes = 20;
constexpr auto kFlushPatience = 2s;

// By its time, not by its place: that is what a clock that was set back shows in.
WallTime NewestRecord(const DecisionLog& log) {
  const Result<EndedPage> ended = log.ListEnded(1, "");
  if (!ended || ended->transactions.empty()) return 0;
  const TransactionSummary& newest = ended->transactions.front();
  return std::max(newest.ended, newest.origin.began);
}

}  // namespace

Doctor::Doctor(Deployment deployment, Certificate certificate, Engine& engine,
               const DecisionLog& log, const Inquiry& inquiry, const Clock& clock)
    : deployment_(std::move(deployment)),
      certificate_(std::move(certificate)),
      engine_(engine),
      log_(log),
      inquiry_(inquiry),
      clock_(clock),
      started_(clock.WallNow()) {}

void Doctor::ListensOn(std::string address) {
  const std::lock_guard lock(address_mutex_);
  deployment_.address = std::move(address);
}

Result<Diagnosis> Doctor::Examine() {
  CoordinatorFacts facts;
  {
    const std::lock_guard lock(address_mutex_);
    facts.deployment = deployment_;
  }
  facts.identity = log_.identity();
  facts.now = clock_.WallNow();
  facts.started = started_;
  facts.descriptors = DescriptorLimit();
  facts.certificate = certificate_();
  facts.clock = ReadClockState();
  facts.newest_record = NewestRecord(log_);
  facts.log = log_.Condition();
  if (facts.log) {
    facts.file_system = LookAtFileSystem(facts.log->path);
    const std::lock_guard one_at_a_time(measuring_);
    facts.flushes = TimeFlushes(facts.log->path, kFlushes, kFlushPatience);
  }
  auto open = Await<OpenCounts>([&](auto done) { engine_.CountOpen(done); });
  if (!open) return Fail(std::move(open).error());
  facts.open = *std::move(open);
  auto served = Await<std::vector<ParticipantView>>([&](auto done) { engine_.Participants(done); });
  if (!served) return Fail(std::move(served).error());
  facts.participants = *std::move(served);
  facts.strays = inquiry_.Strays();
  return Diagnosis{facts.now, CheckCoordinator(facts)};
}

}  // namespace settle::coordinator
