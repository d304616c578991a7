#include "simulation/saga_client.h"

namespace settle::simulation {
namespace {

constexpr std::chrono::milliseconds kWait{100};  // of one call, for the end
constexpr microseconds kPatience{160'000};

// As the handlers of coordinator/rpc: what does not run here is asked of the log.
Completion<Ending> OrFromTheLog(Inquiry& inquiry, const Gtid& gtid, Completion<Ending> done) {
  return [&inquiry, gtid, done = std::move(done)](Result<Ending> ending) {
    const bool gone = !ending && ending.error().code == ErrorCode::kNotFound;
    if (gone) return inquiry.AskOutcome(gtid, done);
    done(std::move(ending));
  };
}

}  // namespace

void SagaClient::Start(const coordinator::StartSagaCall& wanted,
                       std::optional<microseconds> cancels_after) {
  coordinator::StartSagaCall call = wanted;
  call.request_key = name() + "-" + std::to_string(++keys_);
  ++starting_;
  Ask<Begun>(
      {"start-saga", {}, 3, microseconds(80'000)},
      [this, call](Engine& engine, Inquiry&, Completion<Begun> done) {
        engine.StartSaga(call, [this, done = std::move(done)](Result<Begun> begun) {
          begun ? witness_.Hears(*begun) : witness_.Hears(begun.error());
          done(std::move(begun));
        });
      },
      [this, cancels_after](const Result<Begun>& begun) {
        --starting_;
        if (!begun) {
          if (begun.error().code == ErrorCode::kAskOutcome) world_.Count(Fault::kClientGaveUp);
          return;
        }
        Await(begun->gtid);
        if (cancels_after) Later(*cancels_after, [this, gtid = begun->gtid] { Cancel(gtid); });
      });
}

void SagaClient::Await(const Gtid& gtid) {
  Ask<Ending>(
      {"await-saga", gtid, 1, kPatience},
      [this, gtid](Engine& engine, Inquiry& inquiry, Completion<Ending> done) {
        Completion<Ending> ended =
            witness_.Heard(gtid, OrFromTheLog(inquiry, gtid, std::move(done)));
        engine.AwaitSaga(gtid, kWait, [ended = std::move(ended)](Result<coordinator::SagaEnd> end) {
          if (!end) return ended(Fail(std::move(end).error()));
          ended(end->ending);
        });
      },
      [this, gtid](const Result<Ending>& ending) {
        const bool over = ending ? ending->outcome != Outcome::kUndecided
                                 : ending.error().code == ErrorCode::kExpired;
        if (ending) witness_.Told(gtid, *ending);
        if (!over) Later(microseconds(1'000), [this, gtid] { Await(gtid); });
      });
}

void SagaClient::Cancel(const Gtid& gtid) {
  Ask<Ending>(
      {"cancel", gtid, 1, kPatience},
      [this, gtid](Engine& engine, Inquiry& inquiry, Completion<Ending> done) {
        engine.Abort({gtid, AbortCause::kRequested, "the client thought better of it", {}},
                     witness_.Heard(gtid, OrFromTheLog(inquiry, gtid, std::move(done))));
      },
      [this, gtid](const Result<Ending>& ending) {
        if (ending) {
          witness_.Told(gtid, *ending);
          if (ending->cause == AbortCause::kRequested) world_.Count(Fault::kClientCancels);
        } else if (ending.error().code == ErrorCode::kRefused) {
          world_.Count(Fault::kCancelTooLate);
          witness_.CancelRefused(gtid);
        }
      });
}

}  // namespace settle::simulation
