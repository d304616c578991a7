#include <fmt/format.h>

#include <csignal>
#include <optional>

#include "cli/admin_client.h"
#include "cli/agent_errand.h"
#include "cli/agent_peers.h"
#include "cli/dsn.h"
#include "cli/json.h"
#include "cli/verb.h"
#include "cli/watched_resource.h"
#include "settle/coordinator.h"
#include "settle/postgres_resource.h"
#include "settle/sqlite_resource.h"
#include "settle/vocabulary/trace_parent.h"

namespace settle::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kErrandTime{60'000};  // of --once when no --timeout is given
constexpr milliseconds kPauseFirst{500};     // before another attempt to attach, doubling
constexpr milliseconds kPauseMost{30'000};
constexpr milliseconds kLookAgain{200};

// SIGTERM and SIGINT are taken here instead of ending the process. Made before any other thread.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&both_);
    sigaddset(&both_, SIGTERM);
    sigaddset(&both_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &both_, &before_);
  }
  ~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // True as soon as one came; false after `most`.
  bool Await(milliseconds most) {
    const timespec wait{most.count() / 1000, static_cast<long>(most.count() % 1000) * 1'000'000};
    return sigtimedwait(&both_, nullptr, &wait) > 0;
  }

 private:
  sigset_t both_;
  sigset_t before_;
};

// Lines for people; with --json an object for each.
class Reporter {
 public:
  explicit Reporter(const Surroundings& around) : around_(around) {}

  // What it is about, if it is about a transaction, is in fields of its own.
  void Say(const std::string& line, const Gtid& gtid = {}, const std::string& trace_parent = {}) {
    const std::lock_guard lock(mutex_);
    const std::string trace_id(TraceIdOf(trace_parent));
    Json json{{"line", line}};
    if (!gtid.empty()) json["gtid"] = gtid.text();
    if (!trace_id.empty()) json["trace_id"] = trace_id;
    Print(json, Printable(line) + (trace_id.empty() ? "" : " trace_id=" + trace_id));
  }
  void Left(const std::string& resource, const std::map<std::string, std::string>& left) {
    const std::lock_guard lock(mutex_);
    Json list = Json::array();
    std::string text =
        resource + (left.empty() ? ": nothing is left in doubt" : ": left in doubt:");
    for (const auto& [name, why] : left) {
      list.push_back({{"database_name", name}, {"why", why}});
      text += "\n  " + Printable(name) + (name.empty() ? "" : ": ") + Printable(why);
    }
    Print({{"resource", resource}, {"left", list}}, text);
  }
  // Whether every line so far could be written.
  bool all_written() const {
    const std::lock_guard lock(mutex_);
    return all_written_;
  }

 private:
  void Print(const Json& json, const std::string& text) {
    const bool written = around_.print(around_.json ? DumpLine(json) : text + "\n");
    all_written_ = all_written_ && written;
  }

  const Surroundings& around_;
  mutable std::mutex mutex_;
  bool all_written_ = true;
};

bool MayPass(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kRetry ||
         code == ErrorCode::kAskOutcome;
}

Result<std::shared_ptr<Resource>> MakeResource(const Given& given, bool is_site) {
  const std::string name = given.Option("resource");
  if (Status fits = CheckResourceName(name); !fits) return Fail(fits.error());
  if (given.Has("dsn") == given.Has("sqlite")) {
    return Fail(ErrorCode::kInvalid, "give one of --dsn DSN and --sqlite FILE",
                "see 'settle help agent'");
  }
  if (given.Has("sqlite")) {
    return SqliteResource::Make(
        {.name = name, .path = given.Option("sqlite"), .existing_only = true});
  }
  if (Status fits = CheckDsn(given.Option("dsn")); !fits) return Fail(std::move(fits).error());
  return PostgresResource::Make(
      {.name = name, .dsn = given.Option("dsn"), .connections_max = 4, .three_phase = is_site});
}

class Agent {
 public:
  Agent(bool once, PeerOptions peers, Surroundings& around, std::shared_ptr<Resource> resource)
      : once_(once),
        peers_(std::move(peers)),
        around_(around),
        say_(around),
        inner_(std::move(resource)),
        watched_(std::make_shared<WatchedResource>(
            inner_,
            [this](const std::string& line, const Gtid& gtid, const std::string& trace_parent) {
              say_.Say(line, gtid, trace_parent);
            })),
        until_(Clock::now() + around.timeout.value_or(kErrandTime)) {}

  Result<Answer> Run() {
    Status attached = Attach();
    if (!attached && !MayPass(attached.error().code)) return Fail(attached.error());
    if (!attached) return GiveUp(attached.error());
    if (coordinator_ == nullptr) return Stopped();
    if (!once_) return Serve();
    Errand errand(around_.client, *inner_);
    while (!errand.Look() && !TimeIsUp() && !stop_.Await(kLookAgain)) {
    }
    errand.Explain();
    Detach();
    return Ended(errand.left());
  }

 private:
  // A line that could not be written does not end it: branches are finished all the same.
  Answer Printed(ExitCode exit) const {
    if (!say_.all_written()) exit = ExitCode::kInternal;
    return {.text = {}, .json = {}, .exit = exit, .printed = true};
  }
  // Of --once; the last line.
  Answer Ended(const std::map<std::string, std::string>& left) {
    say_.Left(inner_->name(), left);
    return Printed(left.empty() ? ExitCode::kOk : ExitCode::kInDoubt);
  }
  Answer Stopped() {
    if (once_) return Ended({{"", "stopped before it was attached"}});
    say_.Say("stopped before it was attached");
    return Printed(ExitCode::kOk);
  }
  Answer GiveUp(const Error& why) {
    return Ended({{"", "not attached in time: " + Describe(why)}});
  }
  bool TimeIsUp() const { return once_ && Clock::now() >= until_; }

  // Tries until it is attached, or asked to stop (then there is no coordinator_), or time is up.
  Status Attach() {
    std::string complaint;
    for (milliseconds pause = kPauseFirst;; pause = std::min(pause * 2, kPauseMost)) {
      WarnOfName();
      auto connected =
          Coordinator::Connect({.addresses = {around_.address},
                                .tls = around_.tls,
                                .application = "settle agent",
                                .resources = {watched_},
                                .peers = peers_,
                                .attach_later = !peers_.listen.empty(),
                                .scan_interval = once_ ? milliseconds(1'000) : milliseconds(30'000),
                                .warn = [this](const std::string& line) { say_.Say(line); }});
      if (connected) {
        coordinator_ = *std::move(connected);
        SayWhatItDoes();
        WarnOfDatabase();
        return {};
      }
      if (!MayPass(connected.error().code) || TimeIsUp()) return Fail(connected.error());
      const std::string why = Describe(connected.error());
      if (std::exchange(complaint, why) != why) {
        say_.Say(inner_->name() + ": not attached: " + why + " (trying again)");
      }
      if (stop_.Await(once_ ? std::min(pause, kPauseFirst) : pause)) return {};
    }
  }

  void SayWhatItDoes() {
    const std::string log_id = coordinator_->log_id();
    say_.Say(log_id.empty()
                 ? fmt::format("{}: the coordinator at {} cannot be reached; until it can, what is "
                               "prepared is ended by a majority of its sites, or waits for one",
                               inner_->name(), around_.address)
                 : fmt::format("{}: attached to the coordinator at {}, log {}; finishes what is "
                               "prepared, does no work of its own",
                               inner_->name(), around_.address, log_id));
    if (!peers_.listen.empty()) {
      say_.Say(fmt::format("{}: a site of three-phase commits, reached by its peers at {}",
                           inner_->name(), coordinator_->peer_address()));
    }
  }

  // Before attaching, which binds a name to its database for good. Whether the coordinator can be
  // reached is told by Connect.
  void WarnOfName() {
    if (name_looked_up_) return;
    wire::PageRequest request;
    request.most = 1000;
    do {
      const Result<wire::ParticipantsReply> page = around_.client.Participants(request);
      if (!page) return;
      for (const wire::ParticipantView& known : page->participants) {
        name_looked_up_ = name_looked_up_ || known.resource == inner_->name();
      }
      request.cursor = page->next_cursor;
    } while (!request.cursor.empty() && !name_looked_up_);
    if (std::exchange(name_looked_up_, true)) return;
    say_.Say("warning: the coordinator knows no resource " + inner_->name() +
             " yet: attaching binds the name to this database");
  }

  void WarnOfDatabase() {
    const auto postgres = std::dynamic_pointer_cast<PostgresResource>(inner_);
    if (postgres == nullptr) return;
    for (const std::string& warning : postgres->warnings()) say_.Say("warning: " + warning);
  }

  Answer Serve() {
    while (!stop_.Await(1h)) {
    }
    Detach();
    return Printed(ExitCode::kOk);
  }

  void Detach() {
    const Status detached = coordinator_->Detach();
    coordinator_.reset();
    say_.Say(detached ? "detached"
                      : "stopped, but the coordinator could not be told, and counts it as attached "
                        "until the session times out: " +
                            Describe(detached.error()));
  }

  StopSignals stop_;
  const bool once_;
  const PeerOptions peers_;  // `listen` empty: no site of three-phase commits
  Surroundings& around_;
  Reporter say_;
  const std::shared_ptr<Resource> inner_;
  const std::shared_ptr<WatchedResource> watched_;
  const Clock::time_point until_;
  bool name_looked_up_ = false;
  std::unique_ptr<Coordinator> coordinator_;
};

Result<Answer> Run(const Given& given, Surroundings& around) {
  Result<PeerOptions> peers = PeersGiven(given);
  if (!peers) return Fail(std::move(peers).error());
  Result<std::shared_ptr<Resource>> resource = MakeResource(given, !peers->listen.empty());
  if (!resource) return Fail(resource.error());
  return Agent(given.Has("once"), *std::move(peers), around, *std::move(resource)).Run();
}

std::vector<VerbOption> Options() {
  std::vector<VerbOption> all{{"resource", "NAME", "the resource's name", /*required=*/true},
                              {"dsn", "DSN", "its PostgreSQL database, as libpq writes it"},
                              {"sqlite", "FILE", "its SQLite file"},
                              {"once", "", "finish what is in doubt now, then exit"}};
  for (VerbOption& option : PeerVerbOptions()) all.push_back(std::move(option));
  return all;
}

}  // namespace

const Verb kAgent{
    .name = "agent",
    .operands = {},
    .options = Options(),
    .summary = "finish a resource's prepared branches when no application is up",
    .details =
        "Attaches under the resource's name and carries out what is decided, as any process of "
        "that name\n"
        "would. It does no work of its own: a branch that is not prepared stays its application's, "
        "and what\n"
        "an attached application prepared stays with it. Runs until SIGTERM or SIGINT, then "
        "detaches, exit\n"
        "code 0; comes back by itself when the coordinator or the database was away. One resource "
        "each.\n"
        "--once waits until what was in doubt at its start is not, at most --timeout (1m if not "
        "given): exit\n"
        "code 0, or 6 with the branches that are left.\n"
        "With --peer-listen it is a site of three-phase commits in its resource's place: it starts "
        "also while\n"
        "the coordinator is gone, ends what is prepared as soon as a majority of a transaction's "
        "sites can be\n"
        "reached, and says which are missing until then. Transactions know the addresses at which "
        "their sites\n"
        "answered when they were prepared: listen where the application did, or name the agent in "
        "the others'\n"
        "--peers.\n"
        "FILE must have been served by an application before: any other is refused and left as it "
        "is.\n"
        "A password must not stand in DSN, where everybody sees it: libpq takes it from ~/.pgpass, "
        "the file\n"
        "that PGPASSFILE names, or a service file (service=NAME). The role must be the one that "
        "prepared.\n"
        "With --json each line is an object.",
    .run = Run};

}  // namespace settle::cli
