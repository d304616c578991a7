#include <unistd.h>

#include <exception>
#include <utility>

#include "barrier/notes.h"
#include "postgres/barrier_prune.h"
#include "postgres/barrier_work.h"
#include "postgres/pool.h"
#include "postgres/tables.h"
#include "settle/postgres_barrier.h"
#include "settle/vocabulary/failpoint.h"

namespace settle {
namespace {

using postgres::BarrierWork;
using postgres::Clock;
using postgres::Lease;
using postgres::Purpose;

class BarrierOnDatabase : public PostgresBarrier {
 public:
  explicit BarrierOnDatabase(PostgresBarrierOptions options)
      : options_(std::move(options)),
        process_(::getpid()),
        pool_({.who = "the barrier",
               .application = "settle barrier",
               .dsn = options_.dsn,
               .connections_max = options_.connections_max,
               .connect_timeout = options_.connect_timeout}) {}

  Answer Run(const ActionContext& call, const Business& business) override {
    if (std::string why = barrier::WhyNotNotable(call); !why.empty()) {
      return barrier::Unsure(std::move(why));
    }
    Result<Lease> lease = Take(Purpose::kWork);
    if (!lease) return barrier::Unsure(Describe(lease.error()));
    BarrierWork work(**lease, call);
    SETTLE_FAILPOINT("barrier.before_insert");
    const Result<barrier::Found> found = work.MakeNotes();
    if (!found) return barrier::Unsure(Describe(found.error()));
    SETTLE_FAILPOINT("barrier.after_insert");
    Answer answer = Follow(barrier::Judge(call, *found), business, work);
    work.Close();
    return answer;
  }

  Status Check() override {
    Result<Lease> lease = Take(Purpose::kSettle);
    if (!lease) return Fail(std::move(lease).error());
    return postgres::CheckTables(**lease, options_.dsn, postgres::kBarrierTables,
                                 Clock::now() + options_.reply_timeout);
  }

  Status Prune(const EndedThrough& mark) override {
    Result<Lease> lease = Take(Purpose::kSettle);
    if (!lease) return Fail(std::move(lease).error());
    return postgres::PruneBarrier(**lease, mark, options_);
  }

 private:
  Result<Lease> Take(Purpose purpose) {
    if (::getpid() == process_) return pool_.Take(purpose);
    return Fail(ErrorCode::kRefused, "the barrier was made before this process was forked",
                "make barriers after fork()");
  }

  Answer Follow(barrier::Verdict verdict, const Business& business, BarrierWork& work) const {
    switch (verdict.next) {
      case barrier::Next::kAnswer: return verdict.answer;
      case barrier::Next::kKeepNotes: break;
      case barrier::Next::kRunBusiness:
        verdict.answer = barrier::RunBusiness(business, verdict.call, work);
        SETTLE_FAILPOINT("barrier.after_business");
        if (verdict.answer.kind != AnswerKind::kDone) return verdict.answer;
    }
    const bool done = verdict.answer.kind == AnswerKind::kDone;
    const auto result = done ? std::optional(verdict.answer.text) : std::nullopt;
    return work.Keep(std::move(verdict.answer), result, options_.reply_timeout);
  }

  const PostgresBarrierOptions options_;
  const pid_t process_;
  postgres::Pool pool_;
};

}  // namespace

std::shared_ptr<PostgresBarrier> PostgresBarrier::Make(PostgresBarrierOptions options) {
  return std::make_shared<BarrierOnDatabase>(std::move(options));
}

}  // namespace settle
