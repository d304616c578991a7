// Processes that are sites of three-phase commits, by the rule that real ones have.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quorum/site.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {

class SiteProcess : public Participant {
 public:
  SiteProcess(EngineUnderTest& under_test, const std::vector<std::string>& resources,
              const std::string& peer_address)
      : Participant(under_test, resources, peer_address) {}

  // Does and answers all that it was told since the last time.
  void Work() {
    for (std::vector<Command> all = Take(); !all.empty(); all = Take()) {
      for (const Command& command : all) Obey(command);
    }
  }
  void Obey(const Command& command) {
    const auto& [gtid, branch] = command.key;
    SiteAnswer& kept = kept_[command.key];
    switch (command.kind) {
      case CommandKind::kPrepare: kept.state = SiteState::kWaiting; return Vote(gtid, branch);
      case CommandKind::kElect: return Hear(command, PeerVerb::kElect);
      case CommandKind::kPreCommit: return Hear(command, PeerVerb::kPreCommit);
      case CommandKind::kPreAbort: return Hear(command, PeerVerb::kPreAbort);
      case CommandKind::kCommit:
        Hear(command, PeerVerb::kCommit);
        return Finish(gtid, branch, BranchEnd::kCommitted);
      case CommandKind::kAbort:
        Hear(command, PeerVerb::kAbort);
        return Finish(gtid, branch, BranchEnd::kAborted);
      case CommandKind::kProve: return;
    }
  }
  SiteAnswer& kept(const BranchKey& key) { return kept_[key]; }

 private:
  void Hear(const Command& command, PeerVerb verb) {
    SiteAnswer& kept = kept_[command.key];
    kept = quorum::After(kept, {verb, command.ballot, command.quorum});
    Say(command.key.gtid, command.key.number, kept);
  }

  std::map<BranchKey, SiteAnswer> kept_;
};

// Two branches, so that the coordinator's witness is the third site.
struct ThreeSites {
  explicit ThreeSites(EngineUnderTest& engine) : engine(engine) {}

  // Both branches have voted yes and nobody was told of pre-commit, or of anything after it.
  Gtid Prepared() {
    const Gtid gtid = engine.Begin({{}, "", "shop", Protocol::kThreePhase});
    orders.Enlist(gtid, "orders");
    stock.Enlist(gtid, "stock");
    engine.engine().Commit({gtid, {}, Wait::kDecision, 0ms}, committed.done());
    engine.Run();
    for (SiteProcess* site : {&orders, &stock}) {
      for (const Command& command : site->Take()) {
        prepares.push_back(command);
        site->Obey(command);
      }
    }
    return gtid;
  }
  void Work() {
    for (int round = 0; round < 4; ++round) {
      orders.Work();
      stock.Work();
    }
  }
  // Told to the witness.
  Answer<SiteAnswer> Tell(const Gtid& gtid, const PeerMessage& message) {
    Answer<SiteAnswer> answer;
    engine.engine().Peer({gtid, message}, answer.done());
    engine.Run();
    return answer;
  }

  EngineUnderTest& engine;
  SiteProcess orders{engine, {"orders"}, "10.0.0.1:7421"};
  SiteProcess stock{engine, {"stock"}, "10.0.0.2:7421"};
  std::vector<Command> prepares;
  Answer<CommitAnswer> committed;
};

}  // namespace settle::coordinator
