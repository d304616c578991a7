// What an undecided site does when its coordinator is silent, as
// participant-sdk/src/participant/recovery_rounds.cc.
#include <algorithm>
#include <utility>

#include "simulation/site_process.h"

namespace settle::simulation {
namespace {

using sdk::recovery::Act;
using sdk::recovery::Time;

constexpr microseconds kAnswerWithin{30'000};  // of one address

}  // namespace

Time SiteProcess::Now() const {
  return std::chrono::duration_cast<Time>(world_.now().time_since_epoch());
}

Ballot SiteProcess::LeadsFor(const BranchKey& key) const {
  const auto found = cases_.find(key);
  return found == cases_.end() ? Ballot() : found->second->leads;
}

void SiteProcess::Watch(const BranchKey& key, const std::string& resource, const Roster& sites) {
  if (cases_.contains(key)) return;
  const auto watched = std::make_shared<Case>(
      resource, sdk::Recovery(key.number, sites, settings_, Now(), world_.Chance()));
  watched->recovery.InTouch(in_touch_, Now());
  cases_.emplace(key, watched);
  WakeAt(key, watched, watched->recovery.Due());
}

void SiteProcess::Heard(const BranchKey& key) {
  const auto found = cases_.find(key);
  if (found != cases_.end()) found->second->recovery.Heard(Now(), world_.Chance());
}

void SiteProcess::Settled(const BranchKey& key) {
  const auto found = cases_.find(key);
  if (found == cases_.end()) return;
  found->second->recovery.Settled();
  if (!found->second->busy) cases_.erase(found);
}

void SiteProcess::WakeAt(const BranchKey& key, const CasePtr& watched, Time due) {
  const std::uint64_t alarm = ++watched->wake;
  Later(std::max(due - Now(), Time(0)) + Time(1), [this, key, watched, alarm] {
    if (watched->busy || watched->wake != alarm) return;
    const auto found = cases_.find(key);
    if (found == cases_.end() || found->second != watched) return;
    watched->busy = true;
    Drive(key, watched);
  });
}

void SiteProcess::Drive(const BranchKey& key, const CasePtr& watched) {
  const Act act = watched->recovery.Next(Now());
  if (const auto* wait = std::get_if<sdk::recovery::Wait>(&act)) {
    if (std::exchange(watched->leads, Ballot()).round != 0 && watched->recovery.shortage())
      world_.Count(Fault::kMajorityMissing);
    watched->busy = false;
    WakeAt(key, watched, wait->until);
  } else if (const auto* take = std::get_if<sdk::recovery::TakeBallot>(&act)) {
    TakeBallot(key, watched, *take);
  } else if (const auto* obey = std::get_if<sdk::recovery::Obey>(&act)) {
    Obey(key, watched, *obey);
  } else if (const auto* tell = std::get_if<sdk::recovery::Tell>(&act)) {
    Exchange(key, watched, *tell);
  } else {
    cases_.erase(key);
  }
}

void SiteProcess::TakeBallot(const BranchKey& key, const CasePtr& watched,
                             const sdk::recovery::TakeBallot& take) {
  Later(Effort(), [this, key, watched, above = take.above] {
    const auto taken = records_.Lead(key, watched->resource, above);
    if (taken) {
      world_.Effect(name(), "leads ", key.DatabaseName(), " under ", ToString(taken->ballot));
      const bool reached = coordinator_.up() && !coordinator_.frozen() && in_touch_ &&
                           !world_.Severed(name(), "coordinator");
      if (reached) world_.Count(Fault::kFalselySuspected);
      for (const auto& [peer, process] : peers_) {
        if (process == this) continue;
        if (process->LeadsFor(key).round != 0) world_.Count(Fault::kSameSiteLedTwice);
        for (BranchNumber other = 1; other <= 5; ++other) {
          if (other != key.number && process->LeadsFor({key.gtid, other}).round != 0)
            world_.Count(Fault::kRoundsAtOnce);
        }
      }
      watched->leads = taken->ballot;
      watched->recovery.Took(taken->ballot, taken->record.at);
    } else {
      watched->recovery.Failed(Now(), world_.Chance());
    }
    Drive(key, watched);
  });
}

void SiteProcess::Obey(const BranchKey& key, const CasePtr& watched,
                       const sdk::recovery::Obey& obey) {
  Later(Effort(), [this, key, watched, message = obey.message] {
    const Result<SiteAnswer> kept = Answer({key, watched->resource, message});
    if (kept && IsFinal(kept->state)) {
      watched->recovery.Obeyed(*kept);
    } else {
      watched->recovery.Failed(Now(), world_.Chance());
    }
    Drive(key, watched);
  });
}

void SiteProcess::Exchange(const BranchKey& key, const CasePtr& watched,
                           const sdk::recovery::Tell& tell) {
  const auto exchanged = std::make_shared<Exchanged>();
  exchanged->pending = tell.to.size();
  const auto look = [this, key, watched, exchanged] {
    if (exchanged->over) return;
    if (exchanged->pending != 0 && !watched->recovery.Satisfied()) return;
    exchanged->over = true;
    watched->recovery.Over(Now(), world_.Chance());
    Drive(key, watched);
  };
  for (const BranchNumber number : tell.to) {
    Ask({key.gtid, number}, watched->recovery.sites(), tell.message,
        [watched, exchanged, number, look](const Result<SiteAnswer>& answer) {
          if (answer) watched->recovery.Answered(number, *answer);
          --exchanged->pending;
          look();
        });
  }
  // Heard may have told it to leave it; or there is nobody to tell.
  Later(microseconds(100), look);
}

void SiteProcess::Ask(const BranchKey& site, const Roster& sites, const PeerMessage& message,
                      const Reply& reply) {
  if (site.number == 0) return AskWitness(site.gtid, message, reply);
  const auto found = std::find_if(sites.begin(), sites.end(),
                                  [&](const Site& one) { return one.number == site.number; });
  const sdk::PeerCall call{site, found->resource, message};
  if (Serves(found->resource)) return Later(Effort(), [this, call, reply] { reply(Answer(call)); });
  AskPeer(found->addresses, 0, call, reply);
}

void SiteProcess::AskWitness(const Gtid& gtid, const PeerMessage& message, const Reply& reply) {
  Process::Ask<SiteAnswer>(
      gtid, 1, kAnswerWithin,
      [this, gtid, message](Engine& engine, Inquiry& inquiry, Completion<SiteAnswer> done) {
        world_.Count(Fault::kWitnessAsked);
        // As rpc/peer_handler.cc.
        engine.Peer({gtid, message}, [&inquiry, gtid, done](Result<SiteAnswer> answer) {
          if (!answer && answer.error().code == ErrorCode::kNotFound)
            answer = inquiry.AskWitness(gtid);
          done(std::move(answer));
        });
      },
      reply);
}

Way& SiteProcess::WayTo(const std::string& peer) {
  return ways_.try_emplace(peer, Way{name(), Direction::kToCoordinator, {}, peer}).first->second;
}

// One address after the other, each for its share of the time.
void SiteProcess::AskPeer(const std::vector<std::string>& addresses, std::size_t index,
                          const sdk::PeerCall& call, const Reply& reply) {
  if (index == addresses.size())
    return reply(Fail(ErrorCode::kUnavailable, "no process of the site answers"));
  const auto answered = std::make_shared<bool>(false);
  const auto next = [this, addresses, index, call, reply, answered] {
    if (std::exchange(*answered, true)) return;
    AskPeer(addresses, index + 1, call, reply);
  };
  Later(kAnswerWithin / static_cast<int>(addresses.size()), next);
  SiteProcess& peer = *peers_.at(addresses[index]);
  const auto what = [&] {
    return std::string(ToString(call.message.verb)) + " " + ToString(call.message.ballot) + " of " +
           call.key.DatabaseName();
  };
  const auto heard = [this, reply, answered,
                      incarnation = incarnation_](const Result<SiteAnswer>& answer) {
    Run(incarnation, [reply, answered, answer] {
      if (!answer || std::exchange(*answered, true)) return;
      reply(answer);
    });
  };
  world_.Send(WayTo(addresses[index]), what, [this, &peer, call, heard] {
    if (!peer.up()) return;
    peer.Run(peer.incarnation_, [this, &peer, call, heard] {
      peer.Later(peer.Effort(), [this, &peer, call, heard] {
        const Result<SiteAnswer> answer = peer.Answer(call);
        const auto says = [&] {
          return answer
                     ? call.key.DatabaseName() + " is " + ToString(answer->state) + ", elected " +
                           ToString(answer->elected) + ", accepted " + ToString(answer->accepted)
                     : "refusal of peer: " + answer.error().message;
        };
        world_.Send(peer.WayTo(name()), says, [heard, answer] { heard(answer); });
      });
    });
  });
}

}  // namespace settle::simulation
