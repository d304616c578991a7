// One global transaction of each protocol from its beginning to its end, again and again, with a
// wire that fails between the daemon and one of its programs. Both programs are this process, by
// the SDK; the databases are SQLite files.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "end_to_end/daemon.h"
#include "sdk/sqlite/bank_file.h"
#include "settle/coordinator.h"
#include "support/faulty_wire.h"
#include "support/temporary_directory.h"

namespace settle::testing {

enum class Talk {
  kTwoCalls,    // the client's own branches are prepared by itself, and their votes go with commit
  kCommands,    // branches of another program, which is told to prepare and to commit
  kThreePhase,  // the same by three-phase commit
  kSaga,        // two steps
  kTcc,         // two reservations
};
enum class Behind { kClient, kParticipant };  // who has the wire

struct TalkAndWire {
  Talk talk;
  Behind behind;
};
std::string ToString(const TalkAndWire& kind);  // "SagaOfAClient"
std::ostream& operator<<(std::ostream& out, const TalkAndWire& kind);
// Of every protocol both; but with two calls there is a client only.
std::vector<TalkAndWire> EveryTalk();

class TalkWorld {
 public:
  explicit TalkWorld(TalkAndWire kind, std::chrono::milliseconds call_timeout = 10s);

  // A transaction, whatever becomes of it; the outcome that the client was told, "unknown", or
  // "refused" when its work could not be done: then it aborted. Of a saga that goes on after twice
  // the call's time-out: "undecided".
  std::string Once();
  // Whether the daemon serves a program that has no such wire before it.
  bool OthersAreServed();

  // When each transaction has its outcome everywhere: one sentence for each that has another one
  // than was told, or only a part of its effects.
  std::vector<std::string> Wrong();

  FaultyWire& wire() { return *wire_; }
  Daemon& daemon() { return daemon_; }
  std::size_t transactions() const { return told_.size(); }

 private:
  std::unique_ptr<Coordinator> Connect(bool behind_the_wire, bool serves);
  std::shared_ptr<ActionParticipant> MakeParticipant();
  std::string OneSaga();
  std::string End(GlobalTransaction transaction, bool worked);
  // What takes part of the transaction; false when something failed.
  bool Work(GlobalTransaction& transaction);
  bool WorkIn(GlobalTransaction& transaction);
  // How much there is of it: 2 when all of it took effect, once.
  int EffectsOf(const std::string& gtid);

  const TalkAndWire kind_;
  const std::chrono::milliseconds call_timeout_;
  const TemporaryDirectory directory_;
  Daemon daemon_{directory_.path()};
  std::unique_ptr<FaultyWire> wire_;
  std::vector<std::string> files_{directory_ / "a.db", directory_ / "b.db"};
  std::vector<std::shared_ptr<SqliteResource>> banks_;
  std::unique_ptr<Coordinator> service_;
  std::unique_ptr<Coordinator> client_;
  std::unique_ptr<Coordinator> elsewhere_;   // a client without the wire
  std::map<std::string, std::string> told_;  // by gtid
  int sagas_ = 0;
};

}  // namespace settle::testing
