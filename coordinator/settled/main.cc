// The daemon: the only place that names concrete classes together.
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access/gate.h"
#include "admin/audit.h"
#include "admin/doctor.h"
#include "admin/views.h"
#include "engine/engine.h"
#include "log/sqlite_decision_log.h"
#include "observe/http_listener.h"
#include "observe/log_observer.h"
#include "observe/metrics.h"
#include "recovery/inquiry.h"
#include "recovery/replay.h"
#include "rpc/services.h"
#include "rpc/thrift_output.h"
#include "rpc/warn.h"
#include "server/loop.h"
#include "server/pool.h"
#include "server/server.h"
#include "settle/vocabulary/failpoint.h"
#include "settle/vocabulary/gtid.h"
#include "settled/access_rules.h"
#include "settled/driven_shards.h"
#include "settled/exit_codes.h"
#include "settled/heartbeat.h"
#include "settled/listening.h"
#include "settled/options.h"
#include "settled/ready_file.h"
#include "settled/service_manager.h"
#include "settled/system_ports.h"
#include "settled/wakeups.h"

namespace settle::coordinator {
namespace {

constexpr std::size_t kDescriptorsForOurselves = 64;
constexpr std::size_t kReadThreads = 2;
constexpr std::size_t kAdminThreads = 8;  // calls of operators at a time; more wait their turn
constexpr std::chrono::milliseconds kCallsPatience{2'000};  // for calls in progress after the drain
constexpr std::chrono::milliseconds kShardPatience{2'000};  // of whoever asks whether we are ready
constexpr std::chrono::milliseconds kFilesLooked{1'000};    // whether they have changed
constexpr std::chrono::milliseconds kClosingPatience{10'000};  // for the log's last checkpoint

int Refuse(const Error& error, int exit_code) {
  std::fprintf(stderr, "settled: %s\n", Describe(error).c_str());
  return exit_code;
}

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Everything that must be so before the first thread or file.
void PrepareProcess() {
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// A connection that is refused by us is told so; one that runs into the kernel's limit takes the
// log's files along.
server::Settings WithinDescriptors(server::Settings settings, Observer& observer) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return settings;
  const std::size_t room = limit.rlim_cur > 2 * kDescriptorsForOurselves
                               ? limit.rlim_cur - kDescriptorsForOurselves
                               : kDescriptorsForOurselves;
  if (settings.connections_max <= room) return settings;
  observer.Event(Observer::Level::kWarning, {},
                 "--max-connections " + std::to_string(settings.connections_max) +
                     " is lowered to " + std::to_string(room) + ": this process may open " +
                     std::to_string(limit.rlim_cur) + " files (ulimit -n)");
  settings.connections_max = room;
  return settings;
}

HttpReply Unavailable(const Error& error) { return {503, Describe(error) + "\n"}; }

std::map<std::string, HttpPage> HttpPages(const Engine& engine, const Metrics& metrics) {
  return {{"/healthz",
           [] {
             return HttpReply{200, "alive\n"};
           }},
          {"/readyz",
           [&engine] {
             const Status ready = CheckReady(engine, kShardPatience);
             return ready ? HttpReply{200, "ready\n"} : Unavailable(ready.error());
           }},
          {"/metrics", [&metrics] {
             Result<std::string> text = metrics.Text();
             return text ? HttpReply{200, *std::move(text), Metrics::kContentType}
                         : Unavailable(text.error());
           }}};
}

// Nothing, if nobody asked for it.
Result<std::unique_ptr<HttpListener>> StartHttp(const Options& options, const Engine& engine,
                                                const Metrics& metrics, Observer& observer) {
  const auto address = WhereToServeHttp(options, observer);
  if (!address) return Fail(address.error());
  if (!*address) return nullptr;
  auto http = HttpListener::Start(**address, HttpPages(engine, metrics), observer);
  if (http) {
    observer.Event(Observer::Level::kInfo, {},
                   "metrics and health on http://" + (*http)->address());
  }
  return http;
}

int ExitCodeOfListening(const Error& error) {
  return error.code == ErrorCode::kInvalid ? kExitUsage : kExitCannotListen;
}

// Ends the wait when nothing is undecided, when the time is over, or at a second signal.
void Drain(Engine& engine, Wakeups& wakeups, Heartbeat& heartbeat,
           std::chrono::milliseconds at_most, Observer& observer) {
  observer.Event(Observer::Level::kInfo, {},
                 std::string(wakeups.signal_name()) +
                     ": no new transactions; waiting for those that are not decided");
  engine.Drain([&wakeups] { wakeups.Notify(); });
  switch (heartbeat.Await(wakeups, at_most)) {
    case Wakeups::Cause::kNotice: return;
    case Wakeups::Cause::kTimeout:
      return observer.Event(Observer::Level::kWarning, {},
                            "--drain-timeout is over; what was not decided is aborted by "
                            "presumption, or, a three-phase "
                            "commit, decided by its sites");
    case Wakeups::Cause::kSignal:
      return observer.Event(
          Observer::Level::kWarning, {},
          "a second signal; what was not decided is aborted by presumption, or, a "
          "three-phase commit, decided by its sites");
  }
}

void SayReady(const Options& options, const std::string& listening, const LogIdentity& log,
              std::size_t recovered) {
  std::printf("settled %s: ready on %s, log %s epoch %llu at %s, %zu transactions recovered\n",
              Release(), listening.c_str(), log.log_id.c_str(),
              static_cast<unsigned long long>(log.epoch), Escaped(options.log_path).c_str(),
              recovered);
  std::fflush(stdout);
}

// Not being told would end with the manager's time-out for a start, long after this line.
void TellReady(const ServiceManager& manager, const std::string& listening, const LogIdentity& log,
               Observer& observer) {
  const Status told = manager.Tell("READY=1\nSTATUS=serving on " + listening + ", log " +
                                   log.log_id + " epoch " + std::to_string(log.epoch));
  if (!told) observer.Event(Observer::Level::kWarning, {}, Describe(told.error()));
}

// The manager waits as long as this stop may take, whatever its unit says.
void TellStopping(const ServiceManager& manager, std::chrono::milliseconds at_most) {
  const std::chrono::microseconds extension = at_most + kCallsPatience + kClosingPatience;
  (void)manager.Tell(
      "STOPPING=1\nSTATUS=waiting for transactions that are not decided\n"
      "EXTEND_TIMEOUT_USEC=" +
      std::to_string(extension.count()));
}

// SIGHUP: what can be read again without a restart.
void ReadFilesAgain(channel::LiveTls* tls, AccessRules& rules, access::Gate& gate,
                    Observer& observer) {
  observer.Event(Observer::Level::kInfo, {},
                 tls == nullptr && !rules.has_file()
                     ? "SIGHUP: there are no certificates or rules that could be read again"
                     : "SIGHUP: certificates and rules are read again");
  if (tls != nullptr) tls->LookAgain();
  rules.ReadAgain(AccessRules::When::kNow, gate, observer);
}

// Certificates come to their end, and rules change, also while nobody connects.
void AwaitStop(Wakeups& wakeups, Heartbeat& heartbeat, channel::LiveTls* tls, AccessRules& rules,
               access::Gate& gate, Observer& observer) {
  const bool has_files = tls != nullptr || rules.has_file();
  const auto pause = has_files ? std::optional(kFilesLooked) : std::nullopt;
  while (heartbeat.Await(wakeups, pause) == Wakeups::Cause::kTimeout) {
    if (tls != nullptr) (void)tls->Current();
    rules.ReadAgain(AccessRules::When::kIfChanged, gate, observer);
  }
}

std::optional<CertificateFact> OwnCertificate(channel::LiveTls* tls) {
  if (tls == nullptr) return std::nullopt;
  const auto material = tls->Current();
  constexpr WallTime kSecond = 1'000'000;
  return CertificateFact{material->text(), material->validity().until * kSecond};
}

// Closes the log before the engine goes: what is still being written completes into the engine's
// mailboxes.
struct LogCloser {
  std::unique_ptr<DecisionLog>& log;
  ~LogCloser() { log.reset(); }
};

// Ends the tasks before what they work with goes.
struct PoolStopper {
  server::Pool& pool;
  ~PoolStopper() { pool.Stop(); }
};

void SayIfDamaged(const AuditTotals& audit, Observer& observer) {
  if (audit.damage.empty()) return;
  observer.Event(Observer::Level::kError, {},
                 "the audit trail is not as it was written: " + audit.damage +
                     "; somebody changed the log's file by hand, or it is damaged. Transactions "
                     "are not concerned");
}

int Serve(const Options& options, Wakeups& wakeups, LogObserver& observer) {
  const auto addresses = WhereToListen(options, observer);
  if (!addresses) return Refuse(addresses.error(), ExitCodeOfListening(addresses.error()));
  const auto tls = OpenTls(options, observer);
  if (!tls) return Refuse(tls.error(), kExitUsage);
  AccessRules rules(options.access_file);
  Result<access::Policy> policy = rules.Read();
  if (!policy) return Refuse(policy.error(), kExitUsage);
  access::Gate gate(*std::move(policy), WarnAbout(observer));
  ReadyFile ready_file(options.ready_file);

  auto opened = OpenSqliteDecisionLog({.path = options.log_path,
                                       .prune = {.keep_ended = options.keep_ended},
                                       .keep_audit = options.keep_audit});
  if (!opened) return Refuse(opened.error(), ExitCodeOfLog(opened.error()));
  std::unique_ptr<DecisionLog> log = *std::move(opened);
  Result<RestoredState> restored = ReplayLog(*log);
  if (!restored) return Refuse(restored.error(), ExitCodeOfLog(restored.error()));
  const std::size_t recovered = restored->open.size() + restored->sagas.size();

  SystemClock clock;
  RandomIds ids;
  Settings settings = options.engine;
  settings.saga_starts_kept = options.keep_ended;
  Engine engine(settings, *log, clock, ids, observer);
  const LogCloser log_closer{log};
  SETTLE_FAILPOINT("settled.replayed");
  engine.Restore(*std::move(restored));
  server::Pool inquiries(1);
  Inquiry inquiry(engine, *log, clock, observer,
                  [&](std::function<void()> task) { inquiries.Post(std::move(task)); });
  const PoolStopper inquiries_stopper{inquiries};
  const Views views(engine, *log, inquiry, clock);
  Doctor doctor(
      {.release = Release(),
       .address = ListeningText(TextsOf(*addresses), *tls != nullptr),
       .unprotected = *tls == nullptr && !OnThisMachine(*addresses),
       .connections = options.server.connections_max,
       .own_descriptors = kDescriptorsForOurselves},
      [&] { return OwnCertificate(tls->get()); }, engine, *log, inquiry, clock);

  Audit audit(*log, clock, observer);
  SayIfDamaged(audit.totals(), observer);

  server::Loops loops(options.engine.shards);
  std::vector<std::unique_ptr<Calls>> calls;
  for (std::size_t i = 0; i < loops.size(); ++i) calls.push_back(std::make_unique<Calls>(loops[i]));
  // What waits for the log, and not for a person's tools.
  server::Pool reads(kReadThreads);
  const ServiceParts services{gate,
                              observer,
                              [&](std::function<void()> task) { reads.Post(std::move(task)); },
                              calls,
                              {{Release(), options.engine.commit_wait}, engine, inquiry, audit},
                              {Release(), engine, *log, views, doctor, audit, observer}};
  const DrivenShards driven_shards(engine, loops);
  const PoolStopper reads_stopper{reads};
  const Metrics metrics({Release(), options.log_path, [&] { return inquiry.Strays().size(); }},
                        engine, *log, clock, gate);
  const auto http = StartHttp(options, engine, metrics, observer);
  if (!http) return Refuse(http.error(), ExitCodeOfListening(http.error()));
  server::Pool admin_calls(kAdminThreads);
  server::Server server(WithinDescriptors(options.server, observer), loops, admin_calls,
                        ServicesOf(services),
                        {.parked =
                             [&] {
                               for (const auto& of_loop : calls) of_loop->StopParked();
                               engine.StopAsking();
                             },
                         .all =
                             [&] {
                               for (const auto& of_loop : calls) of_loop->StopAll();
                             }},
                        Warn(observer));
  if (Status started = server.Start(*addresses, tls->get()); !started)
    return Refuse(started.error(), kExitCannotListen);
  if (Status written = ready_file.Write(server.addresses()); !written) {
    return Refuse(written.error(), kExitNoReadyFile);
  }
  const std::string listening = ListeningText(server.addresses(), *tls != nullptr);
  doctor.ListensOn(listening);
  SayReady(options, listening, log->identity(), recovered);
  const ServiceManager manager(Variable("NOTIFY_SOCKET"));
  TellReady(manager, listening, log->identity(), observer);

  Heartbeat heartbeat(engine, manager,
                      WatchdogPause(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID")));
  wakeups.OnHangup([&] { ReadFilesAgain(tls->get(), rules, gate, observer); });
  AwaitStop(wakeups, heartbeat, tls->get(), rules, gate, observer);
  TellStopping(manager, options.drain_timeout);
  Drain(engine, wakeups, heartbeat, options.drain_timeout, observer);
  server.Stop(kCallsPatience);
  observer.Event(Observer::Level::kInfo, {}, "stopped");
  return kExitClean;
}

int Main(int argc, const char* const* argv) {
  const Result<Invocation> invocation = ParseInvocation(argc, argv);
  if (!invocation) return Refuse(invocation.error(), kExitUsage);
  if (!invocation->options) {
    std::fputs(invocation->text.c_str(), stdout);
    return kExitClean;
  }
  PrepareProcess();
  Wakeups wakeups;
  LogObserver observer(invocation->options->log);
  const ThriftOutput thrift_output(observer);
  return Serve(*invocation->options, wakeups, observer);
}

}  // namespace
}  // namespace settle::coordinator

int main(int argc, char** argv) {
  try {
    return settle::coordinator::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "settled: ended by a defect or by an unusable environment: %s\n",
                 error.what());
    return settle::coordinator::kExitInternal;
  }
}
