#include "bench/no_op_participant.h"

#include <iterator>
#include <utility>

#include "wire/types_constants.h"

namespace settle::bench {
namespace {

constexpr int kCommandsMost = 1'000;
constexpr std::size_t kEndsMost = 10'000;  // of one report
constexpr int kPollMs = 200;               // also how long stopping takes
constexpr int kPatientPollMs = 5'000;

std::string Attach(const Endpoint& endpoint, const std::vector<std::string>& resources) {
  WireClient client(endpoint);
  wire::AttachRequest request;
  request.version_low = request.version_high = wire::g_types_constants.PROTOCOL_VERSION;
  request.process = "settle-bench";
  for (const std::string& name : resources) {
    wire::ResourceOffer offer;
    offer.name = name;
    offer.identity = "no-op:" + name;
    request.resources.push_back(offer);
  }
  wire::AttachReply reply;
  client.participant.attach(reply, request);
  return reply.session;
}

wire::EndReport End(const std::string& gtid, std::int32_t branch, wire::BranchEnd::type became) {
  wire::EndReport end;
  end.gtid = gtid;
  end.branch = branch;
  end.became = became;
  return end;
}

}  // namespace

NoOpParticipant::NoOpParticipant(const Endpoint& endpoint,
                                 const std::vector<std::string>& resources, Life life)
    : endpoint_(endpoint), life_(life), session_(Attach(endpoint, resources)) {
  if (life == Life::kDead) return;
  fetcher_ = std::jthread([this] { Guarded([this] { FetchUntilStopped(); }); });
  reporter_ = std::jthread([this] { Guarded([this] { ReportUntilStopped(); }); });
}

NoOpParticipant::~NoOpParticipant() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

template <typename Loop>
void NoOpParticipant::Guarded(Loop loop) {
  try {
    loop();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!stopping_) failure_ = std::current_exception();
  }
}

void NoOpParticipant::CheckAlive() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void NoOpParticipant::ReportCommitted(const std::string& gtid, std::int32_t first,
                                      std::int32_t last) {
  std::vector<wire::EndReport> ends;
  for (std::int32_t branch = first; branch <= last; ++branch) {
    ends.push_back(End(gtid, branch, wire::BranchEnd::COMMITTED));
  }
  Add(std::move(ends));
}

void NoOpParticipant::Add(std::vector<wire::EndReport> ends) {
  const std::lock_guard lock(mutex_);
  std::move(ends.begin(), ends.end(), std::back_inserter(ends_));
  changed_.notify_one();
}

// Keeps the session alive. Commands come for ends that were slow to be reported; whoever does
// nothing has always done it already.
void NoOpParticipant::FetchUntilStopped() {
  WireClient client(endpoint_);
  wire::FetchRequest request;
  request.session = session_;
  request.most = kCommandsMost;
  request.wait_ms = life_ == Life::kPatient ? kPatientPollMs : kPollMs;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    wire::CommandBatch batch;
    client.participant.fetch(batch, request);
    if (batch.number > 0) request.received_through = batch.number;
    std::vector<wire::EndReport> ends;
    for (const wire::Command& command : batch.commands) {
      const bool commit = command.kind == wire::CommandKind::COMMIT;
      ends.push_back(End(command.gtid, command.branch,
                         commit ? wire::BranchEnd::COMMITTED : wire::BranchEnd::ABORTED));
    }
    if (!ends.empty()) Add(std::move(ends));
  }
}

// A batch is whatever queued while the last one was on the wire.
void NoOpParticipant::ReportUntilStopped() {
  WireClient client(endpoint_);
  for (;;) {
    wire::ReportRequest report;
    report.session = session_;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !ends_.empty(); });
      if (ends_.empty()) return;
      if (ends_.size() <= kEndsMost) {
        report.ends = std::exchange(ends_, {});
      } else {
        const auto middle = ends_.begin() + static_cast<std::ptrdiff_t>(kEndsMost);
        report.ends.assign(std::make_move_iterator(ends_.begin()), std::make_move_iterator(middle));
        ends_.erase(ends_.begin(), middle);
      }
    }
    client.participant.report(report);
  }
}

}  // namespace settle::bench
