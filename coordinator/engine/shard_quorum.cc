// Three-phase commit: what its sites say, and what people are told of it.
#include <algorithm>
#include <utility>

#include "engine/shard.h"
#include "engine/witness.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {
namespace {

// Questions to the witness of one transaction that wait for the log at once: each of its sites may
// lead a round, and lead it again. The log answers always, or the process ends.
constexpr std::size_t kPeersMax = 1'000;

const SiteSummary* FindSite(const std::optional<QuorumSummary>& quorum, BranchNumber number) {
  if (!quorum) return nullptr;
  const auto found =
      std::find_if(quorum->sites.begin(), quorum->sites.end(),
                   [number](const SiteSummary& one) { return one.site.number == number; });
  return found == quorum->sites.end() ? nullptr : &*found;
}

// "site 1 (orders) is pre-committed, elected 1.0, accepted 1.0".
std::string Said(const SiteSummary& site) {
  std::string said = NameOf(site.site) + " is " + settle::ToString(site.last->state) +
                     ", elected " + settle::ToString(site.last->elected);
  if (site.last->accepted.round != 0) said += ", accepted " + settle::ToString(site.last->accepted);
  return said;
}

std::string DecidedText(const QuorumSummary& quorum, Decision decision) {
  const std::string how = std::string(settle::ToString(decision)) + " under ballot " +
                          settle::ToString(quorum.by.ballot);
  const std::string sites = settle::ToString(quorum.by.quorum);
  if (quorum.by.ballot.leader == 0) return "sites " + sites + " are the quorum for " + how;
  return "sites decided without the coordinator: " + how + ", led by " + LeaderOf(quorum) +
         ", quorum " + sites;
}

}  // namespace

void Shard::SiteAnswered(const Reporter& reporter, const SiteReport& report) {
  Transaction* transaction = Find(report.key.gtid);
  if (transaction == nullptr || !MaySpeakFor(reporter, *transaction, report.key.number, false))
    return;
  SETTLE_FAILPOINT("engine.site_answered");
  Handle(*transaction, event::SiteAnswered{report.key.number, report.answer});
}

void Shard::Peer(const PeerCall& call, const Completion<SiteAnswer>& done) {
  Transaction* transaction = Find(call.gtid);
  if (transaction == nullptr) {
    if (const TransactionSummary* summary = FindNotRunning(call.gtid))
      return done(FinalAnswer(*summary));
    const bool saga = sagas_.Has(call.gtid);
    return done(Fail(saga ? ErrorCode::kRefused : ErrorCode::kNotFound,
                     "transaction " + call.gtid.text() +
                         (saga ? " is a saga: it has no sites" : " is not running here")));
  }
  if (transaction->other_waiters.OrEmpty().peers.size() >= kPeersMax) {
    return done(Fail(ErrorCode::kRetry,
                     std::to_string(kPeersMax) + " questions to the witness of transaction " +
                         call.gtid.text() + " wait for the decision log already",
                     "ask again later"));
  }
  if (call.message.verb != PeerVerb::kState) {
    transaction->Note(clock_.WallNow(), "the witness was told by site " +
                                            std::to_string(call.message.ballot.leader) + ": " +
                                            settle::ToString(call.message.verb) + ", ballot " +
                                            settle::ToString(call.message.ballot));
  }
  SETTLE_FAILPOINT("witness.asked");
  const std::uint64_t number = next_waiter_++;
  transaction->other_waiters.Change().peers.emplace(number, done);
  Handle(*transaction, event::PeerCalled{number, call.message}, {},
         [&](Error error) { AnswerPeer(*transaction, number, Fail(std::move(error))); });
}

void Shard::AnswerPeer(Transaction& transaction, std::uint64_t call,
                       const Result<SiteAnswer>& answer) {
  const auto asked = transaction.other_waiters.Change().peers.extract(call);
  if (asked.empty()) return;
  SETTLE_FAILPOINT("witness.before_answer");
  asked.mapped()(answer);
}

// What an event changed of what the sites said, of the ballot, and of who decided.
void Shard::NoteQuorum(Transaction& transaction, const std::optional<QuorumSummary>& before) {
  const std::optional<QuorumSummary> after = transaction.machine.quorum();
  if (!after || after == before) return;
  const WallTime now = clock_.WallNow();
  const Ballot tried = before ? before->by.ballot : Ballot{};
  const bool was_decided = before && !before->by.quorum.empty();
  for (const SiteSummary& site : after->sites) {
    const SiteSummary* earlier = FindSite(before, site.site.number);
    if (!site.last || (earlier != nullptr && earlier->last == site.last)) continue;
    const bool final = IsFinal(site.last->state);
    if (final && site.site.number == 0) continue;  // it says what is noted below
    const bool outbids = tried.round != 0 && !was_decided && !final && site.last->elected > tried;
    transaction.Note(
        now, Said(site) + (outbids ? ", which outbids ballot " + settle::ToString(tried) : ""));
  }
  if (was_decided) return;
  if (!after->by.quorum.empty()) {
    // What a person forced may be the opposite, and is decided already.
    const bool commits =
        transaction.machine.state() == TwoPhase::State::kDeciding ||
        std::any_of(after->sites.begin(), after->sites.end(), [](const SiteSummary& site) {
          return site.last && site.last->state == SiteState::kCommitted;
        });
    return transaction.Note(now,
                            DecidedText(*after, commits ? Decision::kCommit : Decision::kAbort));
  }
  if (tried.round != 0 && after->by.ballot > tried) {
    transaction.Note(now, "ballot " + settle::ToString(tried) +
                              " came to no decision; the coordinator leads ballot " +
                              settle::ToString(after->by.ballot));
  }
}

}  // namespace settle::coordinator
