#include "end_to_end/wire_talks.h"

#include <stdexcept>
#include <utility>

#include "settle/sqlite_barrier.h"

namespace settle::testing {
namespace {

// A transaction that lost its client is over so soon that the next one does not wait for long.
constexpr std::chrono::milliseconds kDeadline = 4s;

template <typename T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(Describe(result.error()));
  return *std::move(result);
}

// Behind a barrier; so that each happens once.
auto Note(const char* word) {
  return [word](const ActionContext& call, SqliteWork& work) {
    const auto noted = work.Execute("INSERT INTO effect VALUES ($1, $2, $3)",
                                    {call.gtid.text(), std::to_string(call.step), word});
    return noted ? Done() : Unknown(Describe(noted.error()));
  };
}

}  // namespace

std::string ToString(const TalkAndWire& kind) {
  const char* const talks[] = {"TwoCalls", "Commands", "ThreePhase", "Saga", "Tcc"};
  return std::string(talks[static_cast<int>(kind.talk)]) +
         (kind.behind == Behind::kClient ? "OfAClient" : "OfAParticipant");
}

std::ostream& operator<<(std::ostream& out, const TalkAndWire& kind) {
  return out << ToString(kind);
}

std::vector<TalkAndWire> EveryTalk() {
  std::vector<TalkAndWire> all{{Talk::kTwoCalls, Behind::kClient}};
  for (const Talk talk : {Talk::kCommands, Talk::kThreePhase, Talk::kSaga, Talk::kTcc}) {
    for (const Behind behind : {Behind::kClient, Behind::kParticipant}) {
      all.push_back({talk, behind});
    }
  }
  return all;
}

TalkWorld::TalkWorld(TalkAndWire kind, std::chrono::milliseconds call_timeout)
    : kind_(kind), call_timeout_(call_timeout) {
  for (const std::string& file : files_) {
    PlainConnection made(file);
    made.Query("PRAGMA journal_mode = WAL");
    made.Run("CREATE TABLE transfer (gtid TEXT PRIMARY KEY)");
    made.Run("CREATE TABLE effect (gtid TEXT NOT NULL, step TEXT NOT NULL, word TEXT NOT NULL)");
    banks_.push_back(SqliteResource::Make(
        {.name = file == files_[0] ? "a" : "b", .path = file, .busy_timeout = 6s}));
  }
  Must(SqliteBarrier::Install(files_[1]));
  daemon_.Start();
  wire_ = std::make_unique<FaultyWire>(daemon_.port());
  const bool own = kind.talk == Talk::kTwoCalls;
  if (!own) service_ = Connect(kind.behind == Behind::kParticipant, /*serves=*/true);
  client_ = Connect(kind.behind == Behind::kClient, own);
  elsewhere_ = Connect(/*behind_the_wire=*/false, /*serves=*/false);
}

std::unique_ptr<Coordinator> TalkWorld::Connect(bool behind_the_wire, bool serves) {
  CoordinatorOptions options{.addresses = {behind_the_wire ? wire_->address() : daemon_.address()},
                             .application = "talk",
                             .call_timeout = call_timeout_,
                             .scan_interval = 500ms,
                             .warn = [](const std::string&) {}};
  if (serves && (kind_.talk == Talk::kSaga || kind_.talk == Talk::kTcc)) {
    options.participants = {MakeParticipant()};
  } else if (serves) {
    for (const auto& bank : banks_) options.resources.push_back(bank);
    if (kind_.talk == Talk::kThreePhase) options.peers.listen = "127.0.0.1:0";
  }
  return Must(Coordinator::Connect(std::move(options)));
}

std::shared_ptr<ActionParticipant> TalkWorld::MakeParticipant() {
  const auto barrier = SqliteBarrier::Make({.path = files_[1]});
  auto shop = ActionParticipant::Make({.name = "shop"});
  shop->Serve("do", barrier, Note("done"), Note("undone"));
  shop->ServeTry("reserve", barrier, Note("reserved"), Note("confirmed"), Note("cancelled"));
  return shop;
}

bool TalkWorld::OthersAreServed() {
  auto begun = elsewhere_->Begin();
  return begun && begun->Abort("only to see").aborted();
}

std::string TalkWorld::Once() {
  if (kind_.talk == Talk::kSaga) return OneSaga();
  const bool three = kind_.talk == Talk::kThreePhase;
  auto begun = client_->Begin(
      {.timeout = kDeadline, .protocol = three ? Protocol::kThreePhase : Protocol::kTwoPhase});
  if (!begun) return "refused";
  const bool worked = Work(*begun);
  return End(*std::move(begun), worked);
}

bool TalkWorld::Work(GlobalTransaction& transaction) {
  if (kind_.talk == Talk::kTcc) {
    for (int i = 0; i < 2; ++i) {
      const auto tried = transaction.Try("shop", "reserve");
      if (!tried || !tried->reserved()) return false;
    }
    return true;
  }
  if (kind_.talk == Talk::kTwoCalls) return WorkIn(transaction);
  auto joined = service_->Join(transaction.context());
  return joined && WorkIn(*joined) && joined->Leave();
}

bool TalkWorld::WorkIn(GlobalTransaction& transaction) {
  for (const auto& bank : banks_) {
    const auto branch = transaction.Enlist(*bank);
    if (!branch) return false;
    if (!(*branch)->Execute("INSERT INTO transfer VALUES ($1)", {transaction.gtid().text()})) {
      return false;
    }
  }
  return true;
}

std::string TalkWorld::End(GlobalTransaction transaction, bool worked) {
  const std::string gtid = transaction.gtid().text();
  const Ending ending = worked ? transaction.Commit() : transaction.Abort("the work failed");
  told_[gtid] = ToString(ending.outcome);
  return worked ? told_[gtid] : "refused";
}

std::string TalkWorld::OneSaga() {
  static const char kTrip[] = R"({"saga": "trip", "steps": [
    {"name": "first", "participant": "shop", "action": "do"},
    {"name": "second", "participant": "shop", "action": "do", "after": ["first"]}]})";
  const StartSagaOptions options{.request_key = "saga " + std::to_string(++sagas_)};
  const Result<Gtid> started = client_->StartSaga(kTrip, options);
  if (!started) {
    // Whether it began is asked by the same key, and a second one never begins.
    if (started.error().code != ErrorCode::kAskOutcome) return "refused";
    const Result<Gtid> same = elsewhere_->StartSaga(kTrip, options);
    if (same) told_[same->text()] = "unknown";
    return "unknown";
  }
  const auto ended = client_->AwaitSaga(*started, 2 * call_timeout_);
  return told_[started->text()] = ended ? ToString(ended->ending.outcome) : "unknown";
}

int TalkWorld::EffectsOf(const std::string& gtid) {
  const std::string where = " WHERE gtid = '" + gtid + "'";
  PlainConnection a(files_[0], 5'000);
  PlainConnection b(files_[1], 5'000);
  const auto count = [&](PlainConnection& file, const std::string& what) {
    return std::stoi(file.Query("SELECT count(*) FROM " + what));
  };
  switch (kind_.talk) {
    case Talk::kSaga:
      return count(b, "effect" + where + " AND word = 'done'") -
             count(b, "effect" + where + " AND word = 'undone'");
    case Talk::kTcc: {
      const int confirmed = count(b, "effect" + where + " AND word = 'confirmed'");
      // What was reserved is confirmed or cancelled.
      const int open = count(b, "effect" + where + " AND word = 'reserved'") - confirmed -
                       count(b, "effect" + where + " AND word = 'cancelled'");
      return open == 0 ? confirmed : -1;
    }
    case Talk::kTwoCalls:
    case Talk::kCommands:
    case Talk::kThreePhase: break;
  }
  return count(a, "transfer" + where) + count(b, "transfer" + where);
}

std::vector<std::string> TalkWorld::Wrong() {
  std::vector<std::string> wrong;
  for (const auto& [gtid, told] : told_) {
    std::string outcome;
    int effects = -1;
    const auto has_ended = [&, &gtid = gtid] {
      const Ending ending = elsewhere_->AskOutcome(*Gtid::Parse(gtid));
      outcome = ToString(ending.outcome);
      effects = EffectsOf(gtid);
      return effects == (ending.committed() ? 2 : 0) && (ending.committed() || ending.aborted());
    };
    const bool decided = told == "committed" || told == "aborted";
    if (WaitUntil(has_ended) && (!decided || told == outcome)) continue;
    wrong.push_back(gtid + ": told " + told + ", is " + outcome + " with " +
                    std::to_string(effects) + " of its 2 effects");
  }
  return wrong;
}

}  // namespace settle::testing
