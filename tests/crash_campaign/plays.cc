#include "crash_campaign/plays.h"

#include <atomic>

namespace settle::testing {
namespace {

constexpr const char* kAnyPort = "127.0.0.1:0";
constexpr auto kCallTimeout = 4s;

Role Of(const std::string& banks) { return {.banks = banks, .call_timeout = kCallTimeout}; }
Role SiteOf(const std::string& banks) {
  return {.banks = banks, .call_timeout = kCallTimeout, .peers = kAnyPort};
}
Role TillOf(const std::string& tills, const std::string& banks = "") {
  return {.banks = banks, .call_timeout = kCallTimeout, .tills = tills};
}

// Two-phase commit -------------------------------------------------------------------------------

void MoveAlone(Stage& stage, Application& shop) {
  stage.Begin(shop);
  stage.Tell(shop, "move a -10");
  stage.Tell(shop, "move b 10");
}

std::string MoveTogether(Stage& stage, Application& shop, Application& service) {
  std::string gtid = stage.Begin(shop);
  stage.Tell(shop, "move a -10");
  stage.Tell(service, "join " + stage.Tell(shop, "context"));
  stage.Tell(service, "move b 10");
  stage.Tell(service, "leave");
  return gtid;
}

void OneProgram(Stage& stage) {
  stage.StartDaemon();
  Application& shop = stage.Start(Actor::kShop, Of("ab"));
  MoveAlone(stage, shop);
  stage.Ask(shop, "commit");
}

std::function<void(Stage&)> TwoPrograms(const std::string& end, Role (*role)(const std::string&)) {
  return [=](Stage& stage) {
    stage.StartDaemon();
    Application& shop = stage.Start(Actor::kShop, role("a"));
    Application& service = stage.Start(Actor::kService, role("b"));
    MoveTogether(stage, shop, service);
    stage.Ask(shop, end);
  };
}

// It moves nothing, which is right in one bank alone.
void MoveNothing(Stage& stage, Application& shop) {
  stage.Begin(shop);
  stage.Tell(shop, "move a 0");
}

void OnePhase(Stage& stage) {
  stage.StartDaemon();
  Application& shop = stage.Start(Actor::kShop, Of("a"));
  MoveNothing(stage, shop);
  stage.Ask(shop, "commit");
}

void LastResource(Stage& stage) {
  stage.StartDaemon();
  Role role = Of("ab");
  role.last_resource = true;
  Application& shop = stage.Start(Actor::kShop, role);
  MoveAlone(stage, shop);
  stage.Ask(shop, "commit");
}

// The leave to commit is durable, its program is gone, and the next one proves what became of it.
void OnePhaseProved(Stage& stage) {
  stage.StartDaemon();
  Application& doomed = stage.StartToDieAt(Actor::kShop, Of("a"), "client.decided");
  MoveNothing(stage, doomed);
  stage.Send(doomed, "commit");
  stage.AwaitDeath(Actor::kShop);
  stage.Start(Actor::kShop, Of("a"));
}

// The daemon dies when its first record, or another, is durable; its next life is the armed one.
std::function<void(Stage&)> DaemonRecovers(const std::string& where,
                                           Role (*role)(const std::string&)) {
  return [=](Stage& stage) {
    stage.StartDaemonToDieAt(where);
    Application& shop = stage.Start(Actor::kShop, role("a"));
    Application& service = stage.Start(Actor::kService, role("b"));
    MoveTogether(stage, shop, service);
    stage.Send(shop, "commit");
    stage.AwaitDeath(Actor::kDaemon);
    stage.StartDaemon();
  };
}

// A service dies with its branch prepared; its next life finds it, and is told what was decided.
std::function<void(Stage&)> ServiceRecovers(const std::string& where) {
  return [=](Stage& stage) {
    stage.StartDaemon();
    Application& shop = stage.Start(Actor::kShop, Of("a"));
    Application& service = stage.StartToDieAt(Actor::kService, Of("b"), where);
    MoveTogether(stage, shop, service);
    stage.Send(shop, "commit");
    stage.AwaitDeath(Actor::kService);
    stage.Start(Actor::kService, Of("b"));
  };
}

std::function<void(Stage&)> OperatorAborts(Role (*role)(const std::string&)) {
  return [=](Stage& stage) {
    stage.StartDaemon();
    Application& shop = stage.Start(Actor::kShop, role("a"));
    Application& service = stage.Start(Actor::kService, role("b"));
    const std::string gtid = MoveTogether(stage, shop, service);
    stage.Cli({"resolve", gtid, "abort", "--reason", "in the way"});
    stage.Ask(shop, "commit");
  };
}

void Backup(Stage& stage) {
  stage.StartDaemon();
  Application& shop = stage.Start(Actor::kShop, Of("ab"));
  MoveAlone(stage, shop);
  static std::atomic<int> count{0};
  stage.Cli({"backup", stage.world() / ("backup-" + std::to_string(++count))});
  stage.Ask(shop, "commit");
}

// So many that the log of a daemon that keeps few of them is pruned.
void ManyAreForgotten(Stage& stage) {
  stage.StartDaemon();
  Application& shop = stage.Start(Actor::kShop, Of("ab"));
  const auto committed = [&] {
    const CliAnswer status = stage.Cli({"status"});
    return status.code == 0 ? status.json["committed"].get<int>() : 0;
  };
  const int before = committed();
  stage.Send(shop, "load");
  try {
    stage.Await([&] { return committed() > before + 700; });
  } catch (const Stage::PlayIsOver&) {
    shop.Send("stop");
    throw;
  }
  shop.Send("stop");
  stage.Await([&] { return shop.HasAnswered(); });
}

// Three-phase commit -----------------------------------------------------------------------------

// The coordinator is gone when both had pre-committed: the sites end it between them.
void SitesEndIt(Stage& stage) {
  stage.StartDaemonToDieAt("engine.before_decision:2");
  Application& shop = stage.Start(Actor::kShop, SiteOf("a"));
  Application& service = stage.Start(Actor::kService, SiteOf("b"));
  MoveTogether(stage, shop, service);
  stage.Send(shop, "commit");
  stage.AwaitDeath(Actor::kDaemon);
  stage.Await([&] {
    return stage.world().bank('a').Prepared().empty() && stage.world().bank('b').Prepared().empty();
  });
}

// One site is left, and needs the coordinator's witness for a majority. It reaches the witness, and
// not the coordinator, which would end it first.
void TheWitnessIsAsked(Stage& stage) {
  stage.StartDaemonToDieAt("engine.before_decision:2");
  Role cut_off = SiteOf("a");
  cut_off.coordinator = stage.Wire().address();
  Application& shop = stage.Start(Actor::kShop, cut_off);
  Application& service = stage.Start(Actor::kService, SiteOf("b"));
  MoveTogether(stage, shop, service);
  stage.Send(shop, "commit");
  stage.AwaitDeath(Actor::kDaemon);
  service.Kill();
  stage.Await([&] {
    return shop.process().Errors().find("waits until 2 of its 3 sites") != std::string::npos;
  });
  stage.Wire().Partition();
  stage.StartDaemon();
  stage.Await([&] { return stage.world().bank('a').Prepared().empty(); });
}

// Sagas ------------------------------------------------------------------------------------------

std::function<void(Stage&)> SagaRuns(const std::string& how) {
  return [=](Stage& stage) {
    stage.StartDaemon();
    Application& shop = stage.Start(Actor::kShop, TillOf("a"));
    stage.Start(Actor::kService, TillOf("b"));
    stage.Tell(shop, "saga 10" + how);
    stage.Ask(shop, "await");
  };
}

std::function<void(Stage&)> SagaRecovers(const std::string& how, const std::string& where) {
  return [=](Stage& stage) {
    stage.StartDaemonToDieAt(where);
    Application& shop = stage.Start(Actor::kShop, TillOf("a"));
    stage.Start(Actor::kService, TillOf("b"));
    stage.Send(shop, "saga 10" + how);
    stage.AwaitDeath(Actor::kDaemon);
    stage.StartDaemon();
  };
}

// It is cancelled while nobody serves its pivot, which may have been called: that is fenced first.
void SagaIsCancelled(Stage& stage) {
  stage.StartDaemon();
  Application& shop = stage.Start(Actor::kShop, TillOf("a"));
  stage.WillStart(Actor::kService, TillOf("b"));
  const std::string gtid = stage.Tell(shop, "saga 10");
  stage.Await([&] { return stage.world().bank('a').Transfers().contains(gtid); });
  stage.Await([&] {
    return stage.Cli({"show", gtid}).out.find("waits for somebody to serve till-b") !=
           std::string::npos;
  });
  stage.Cli({"saga", "cancel", gtid, "--reason", "changed my mind", "--timeout", "1s"});
  stage.Start(Actor::kService, TillOf("b"));
  stage.Ask(shop, "await");
}

// Reservations -----------------------------------------------------------------------------------

void Reserve(Stage& stage, Application& shop) {
  stage.Begin(shop);
  stage.Tell(shop, "move a -10");
  stage.Tell(shop, "try b 10");
}

std::function<void(Stage&)> BesideADatabase(const std::string& end) {
  return [=](Stage& stage) {
    stage.StartDaemon();
    Application& shop = stage.Start(Actor::kShop, TillOf("", "a"));
    stage.Start(Actor::kService, TillOf("b"));
    Reserve(stage, shop);
    stage.Ask(shop, end);
  };
}

std::function<void(Stage&)> ReservationsAlone(const std::string& end) {
  return [=](Stage& stage) {
    stage.StartDaemon();
    Application& shop = stage.Start(Actor::kShop, TillOf("a"));
    stage.Start(Actor::kService, TillOf("b"));
    stage.Begin(shop);
    stage.Tell(shop, "try a -10");
    stage.Tell(shop, "try b 10");
    stage.Ask(shop, end);
  };
}

std::function<void(Stage&)> ReservationsRecover(const std::string& where) {
  return [=](Stage& stage) {
    stage.StartDaemonToDieAt(where);
    Application& shop = stage.Start(Actor::kShop, TillOf("", "a"));
    stage.Start(Actor::kService, TillOf("b"));
    stage.Begin(shop);
    stage.Tell(shop, "move a -10");
    stage.Send(shop, "try b 10");
    stage.Send(shop, "commit");
    stage.AwaitDeath(Actor::kDaemon);
    stage.StartDaemon();
  };
}

void OperatorCancels(Stage& stage) {
  stage.StartDaemon();
  Application& shop = stage.Start(Actor::kShop, TillOf("", "a"));
  stage.Start(Actor::kService, TillOf("b"));
  const std::string gtid = stage.Begin(shop);
  stage.Tell(shop, "move a -10");
  stage.Tell(shop, "try b 10");
  stage.Cli({"resolve", gtid, "abort", "--reason", "in the way"});
  stage.Ask(shop, "commit");
}

std::vector<Play> MakePlays() {
  const std::vector<Actor> all{Actor::kDaemon, Actor::kShop, Actor::kService};
  const std::vector<Actor> daemon{Actor::kDaemon};
  const std::vector<Actor> shop{Actor::kShop};
  const std::vector<Actor> service{Actor::kService};
  const std::vector<Actor> programs{Actor::kShop, Actor::kService};
  const std::vector<Actor> with_shop{Actor::kDaemon, Actor::kShop};
  return {
      {"2pc-one-program", kTwoPhase, with_shop, OneProgram},
      {"2pc-two-programs", kTwoPhase, all, TwoPrograms("commit", Of)},
      {"2pc-aborted", kTwoPhase, all, TwoPrograms("abort", Of)},
      {"2pc-one-phase", kTwoPhase, with_shop, OnePhase},
      {"2pc-one-phase-proved", kTwoPhase, with_shop, OnePhaseProved},
      {"2pc-last-resource", kTwoPhase, with_shop, LastResource, kPostgresql},
      {"2pc-recovered", kTwoPhase, daemon, DaemonRecovers("engine.decided", Of)},
      {"2pc-found-undecided", kTwoPhase, service, ServiceRecovers("participant.before_vote")},
      {"2pc-found-decided", kTwoPhase, service, ServiceRecovers("participant.before_finish")},
      {"2pc-operator-aborts", kTwoPhase, daemon, OperatorAborts(Of)},
      {.name = "2pc-first-start",
       .protocol = kTwoPhase,
       .actors = daemon,
       .run = OneProgram,
       .in_a_new_world = true,
       .places = "^log\\.(create|migrate|open)"},
      {.name = "2pc-backup",
       .protocol = kTwoPhase,
       .actors = daemon,
       .run = Backup,
       .places = "^log\\.backup"},
      {.name = "2pc-many-forgotten",
       .protocol = kTwoPhase,
       .actors = daemon,
       .run = ManyAreForgotten,
       .daemon_options = {"--keep-ended", "10"},
       .places = "^log\\.prune"},
      {"3pc-two-programs", kThreePhase, all, TwoPrograms("commit", SiteOf)},
      {"3pc-aborted", kThreePhase, all, TwoPrograms("abort", SiteOf)},
      {"3pc-recovered", kThreePhase, daemon, DaemonRecovers("engine.decided", SiteOf)},
      {"3pc-recovered-decided", kThreePhase, daemon, DaemonRecovers("engine.decided:2", SiteOf)},
      {"3pc-sites-end-it", kThreePhase, programs, SitesEndIt},
      {.name = "3pc-witness",
       .protocol = kThreePhase,
       .actors = daemon,
       .run = TheWitnessIsAsked,
       .places = "^witness\\."},
      {"3pc-operator-aborts", kThreePhase, daemon, OperatorAborts(SiteOf)},
      {"saga-commits", kSaga, all, SagaRuns("")},
      {"saga-refused", kSaga, all, SagaRuns(" fails")},
      {"saga-cancelled", kSaga, all, SagaIsCancelled},
      {"saga-recovered", kSaga, daemon, SagaRecovers("", "engine.action_answered")},
      {"saga-refused-recovered", kSaga, daemon, SagaRecovers(" fails", "engine.compensation_sent")},
      {"tcc-beside-a-database", kTcc, all, BesideADatabase("commit")},
      {"tcc-cancelled", kTcc, all, BesideADatabase("abort")},
      {"tcc-alone", kTcc, all, ReservationsAlone("commit")},
      {"tcc-recovered", kTcc, daemon, ReservationsRecover("engine.decided")},
      {"tcc-operator-aborts", kTcc, daemon, OperatorCancels},
  };
}

}  // namespace

const std::vector<Play>& Plays() {
  static const std::vector<Play> plays = MakePlays();
  return plays;
}

}  // namespace settle::testing
