#include "end_to_end/daemon.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace settle::testing {
namespace {

constexpr std::pair<const char*, const char*> kShortTimes[] = {
    {"--session-timeout", "2s"}, {"--vote-timeout", "2s"}, {"--retry-first", "50ms"},
    {"--retry-max", "500ms"},    {"--commit-wait", "10s"}, {"--drain-timeout", "3s"}};

}  // namespace

std::vector<std::string> Failpoint::Environment() const {
  std::vector<std::string> environment{"SETTLE_FAILPOINT=" + where,
                                       "SETTLE_FAILPOINT_FIRED=" + fired};
  switch (fault) {
    case Fault::kDies: break;
    case Fault::kFreezes: environment.push_back("SETTLE_FAILPOINT_HOW=freeze"); break;
    case Fault::kAssertion: environment.push_back("SETTLE_FAILPOINT_HOW=assertion"); break;
    case Fault::kDelay: environment.push_back("SETTLE_FAILPOINT_HOW=delay"); break;
    case Fault::kError: environment.push_back("SETTLE_FAILPOINT_HOW=error"); break;
    case Fault::kTorn: environment.push_back("SETTLE_FAILPOINT_HOW=torn"); break;
  }
  if (!passes.empty()) environment.push_back("SETTLE_FAILPOINT_PASSES=" + passes);
  return environment;
}

bool Failpoint::HasFired() const { return std::filesystem::exists(fired); }

Daemon::Daemon(std::string directory)
    : log_directory(directory), directory_(std::move(directory)) {}

Process& Daemon::StartUnawaited(const std::string& failpoint, Fault fault) {
  const std::string life = std::to_string(++lives_);
  std::filesystem::remove(ReadyPath());
  failpoint_ = {failpoint, directory_ + "/fired-" + life, fault, passes};
  std::vector<std::string> arguments{Program("settled"), "--log",        log_path(), "--listen",
                                     address(),          "--ready-file", ReadyPath()};
  for (const auto& [option, value] : kShortTimes) {
    if (std::count(options.begin(), options.end(), option) != 0) continue;
    arguments.insert(arguments.end(), {option, value});
  }
  arguments.insert(arguments.end(), options.begin(), options.end());
  Launch launch{.arguments = std::move(arguments),
                .output_path = directory_ + "/settled-" + life + ".out",
                .error_path = directory_ + "/settled-" + life + ".err",
                .environment = failpoint_.Environment(),
                .user = std::nullopt};
  launch.environment.insert(launch.environment.end(), environment.begin(), environment.end());
  process_ = std::make_unique<Process>(launch);
  return *process_;
}

bool Daemon::AwaitReady(std::chrono::milliseconds bound) {
  const auto served_or_ended = [this] {
    return std::filesystem::exists(ReadyPath()) || !process_->running();
  };
  if (!WaitUntil(served_or_ended, bound) || !std::filesystem::exists(ReadyPath())) return false;
  const std::string served = ReadFile(ReadyPath());
  port_ = static_cast<std::uint16_t>(std::stoi(served.substr(served.rfind(':') + 1)));
  return true;
}

// Another test may have taken the port between two lives, for a moment.
void Daemon::Start(const std::string& failpoint, Fault fault) {
  const auto port_is_taken = [this] {
    const std::string errors = directory_ + "/settled-" + std::to_string(lives_) + ".err";
    return !process_->running() &&
           ReadFile(errors).find("Address already in use") != std::string::npos;
  };
  bool serves = false;
  const auto serves_or_cannot = [&] {
    StartUnawaited(failpoint, fault);
    serves = AwaitReady();
    return serves || !port_is_taken();
  };
  static_cast<void>(WaitUntil(serves_or_cannot, kPatience));
  if (!serves) throw std::runtime_error("settled does not serve:\n" + Said());
}

std::optional<Ended> Daemon::Terminate(std::chrono::milliseconds bound) {
  process_->Signal(SIGTERM);
  return process_->Wait(bound);
}

bool Daemon::AwaitFailpoint(std::chrono::milliseconds bound) {
  return WaitUntil([this] { return !process_->running(); }, bound) && failpoint_.HasFired();
}

bool Daemon::AwaitFrozen(std::chrono::milliseconds bound) {
  return WaitUntil([this] { return failpoint_.HasFired() && process_->frozen(); }, bound);
}

std::string Daemon::Said() const {
  std::string said;
  for (int life = 1; life <= lives_; ++life) {
    const std::string file = directory_ + "/settled-" + std::to_string(life);
    said += "--- life " + std::to_string(life) + "\n" + ReadFile(file + ".out") +
            ReadFile(file + ".err");
  }
  return said;
}

}  // namespace settle::testing
