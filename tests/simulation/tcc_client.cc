#include "simulation/tcc_client.h"

namespace settle::simulation {
namespace {

constexpr std::chrono::milliseconds kTryWait{40};
constexpr microseconds kPatience{80'000};
constexpr microseconds kCommitPatience{260'000};

// As the handlers of coordinator/rpc: what does not run here is asked of the log.
Completion<Ending> OrFromTheLog(Inquiry& inquiry, const Gtid& gtid, Completion<Ending> done) {
  return [&inquiry, gtid, done = std::move(done)](Result<Ending> ending) {
    const bool gone = !ending && ending.error().code == ErrorCode::kNotFound;
    if (gone) return inquiry.AskOutcome(gtid, done);
    done(std::move(ending));
  };
}

}  // namespace

void TccClient::Place(const TccOrder& order) {
  auto flow = std::make_shared<Flow>();
  flow->order = order;
  Ask<Begun>(
      {"begin", {}, 1, kPatience},
      [this](Engine& engine, Inquiry&, Completion<Begun> done) {
        engine.Begin({std::chrono::milliseconds(0), "", name()},
                     [this, done = std::move(done)](Result<Begun> begun) {
                       begun ? witness_.Hears(*begun) : witness_.Hears(begun.error());
                       done(std::move(begun));
                     });
      },
      [this, flow](const Result<Begun>& begun) {
        if (!begun) return;
        flow->gtid = begun->gtid;
        for (std::size_t i = 0; i < flow->order.participants.size(); ++i) Try(flow, i);
        if (flow->order.at_once)
          Later(world_.UpTo(microseconds(30'000)), [this, flow] { End(flow); });
      });
}

void TccClient::Try(const std::shared_ptr<Flow>& flow, std::size_t which) {
  const TryCall call{flow->gtid, flow->order.participants[which], "reserve",
                     "{}",       "t" + std::to_string(which),     kTryWait};
  Ask<TryAnswer>(
      {"try", flow->gtid, 2, kPatience},
      [this, call](Engine& engine, Inquiry&, Completion<TryAnswer> done) {
        engine.Try(call, [this, done = std::move(done)](Result<TryAnswer> answer) {
          if (!answer) witness_.Hears(answer.error());
          done(std::move(answer));
        });
      },
      [this, flow, which](const Result<TryAnswer>& answer) {
        const bool again = answer ? answer->kind == AnswerKind::kOngoing
                                  : answer.error().code == ErrorCode::kRetry;
        if (again && !flow->ended) {
          return Later(microseconds(2'000), [this, flow, which] { Try(flow, which); });
        }
        flow->all_reserved = flow->all_reserved && answer && answer->kind == AnswerKind::kDone;
        if (++flow->answered == flow->order.participants.size()) End(flow);
      });
}

void TccClient::End(const std::shared_ptr<Flow>& flow) {
  if (std::exchange(flow->ended, true)) return;
  switch (flow->order.ends) {
    case TccOrder::Ends::kAsItShould: return flow->all_reserved ? Commit(flow) : Abort(flow);
    case TccOrder::Ends::kCommits: return Commit(flow);
    case TccOrder::Ends::kAborts: return Abort(flow);
    case TccOrder::Ends::kNever: return AskOutcome(flow->gtid);
  }
}

void TccClient::Commit(const std::shared_ptr<Flow>& flow) {
  Ask<CommitAnswer>(
      {"commit", flow->gtid, 2, kCommitPatience},
      [flow](Engine& engine, Inquiry& inquiry, Completion<CommitAnswer> done) {
        const Gtid gtid = flow->gtid;
        engine.Commit({gtid, {}, flow->order.wait, std::chrono::milliseconds(0)},
                      [&inquiry, gtid, done](Result<CommitAnswer> answer) {
                        const bool gone = !answer && answer.error().code == ErrorCode::kNotFound;
                        if (!gone) return done(std::move(answer));
                        inquiry.AskOutcome(gtid, [done](Result<Ending> ending) {
                          if (!ending) return done(Fail(ending.error()));
                          done(CommitAnswer{*ending, false, {}});
                        });
                      });
      },
      [this, flow](const Result<CommitAnswer>& answer) {
        if (answer) witness_.Told(flow->gtid, answer->ending);
        if (answer && answer->ending.outcome != Outcome::kUndecided) return;
        world_.Count(Fault::kClientGaveUp);
        AskOutcome(flow->gtid);
      });
}

void TccClient::Abort(const std::shared_ptr<Flow>& flow) {
  Ask<Ending>(
      {"abort", flow->gtid, 2, kCommitPatience},
      [flow](Engine& engine, Inquiry& inquiry, Completion<Ending> done) {
        engine.Abort({flow->gtid, AbortCause::kRequested, "the client thought better of it", {}},
                     OrFromTheLog(inquiry, flow->gtid, std::move(done)));
      },
      [this, flow](const Result<Ending>& ending) {
        if (!ending) return AskOutcome(flow->gtid);
        witness_.Told(flow->gtid, *ending);
        if (ending->cause == AbortCause::kRequested) world_.Count(Fault::kClientCancels);
      });
}

void TccClient::AskOutcome(const Gtid& gtid) {
  Ask<Ending>(
      {"outcome", gtid, 1, kPatience},
      [gtid](Engine& engine, Inquiry& inquiry, Completion<Ending> done) {
        engine.AskOutcome(gtid, OrFromTheLog(inquiry, gtid, std::move(done)));
      },
      [this, gtid](const Result<Ending>& ending) {
        if (ending) witness_.Told(gtid, *ending);
        const bool over = ending ? ending->outcome != Outcome::kUndecided
                                 : ending.error().code == ErrorCode::kExpired;
        if (!over) Later(microseconds(5'000), [this, gtid] { AskOutcome(gtid); });
      });
}

}  // namespace settle::simulation
