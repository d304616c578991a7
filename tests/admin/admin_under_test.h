// An engine under test with what operators see of it.
#pragma once

#include "admin/forget.h"
#include "admin/resolve.h"
#include "admin/retry.h"
#include "admin/steps.h"
#include "admin/views.h"
#include "recovery/replay.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {

struct AdminUnderTest {
  EngineUnderTest engine;
  Inquiry inquiry{engine.engine(), engine.log(), engine.clock(), engine.observer(),
                  [](const std::function<void()>& task) { task(); }};
  Views views{engine.engine(), engine.log(), inquiry, engine.clock()};

  Result<TransactionView> Show(const Gtid& gtid) {
    return engine.Blocking([&] { return views.Show(gtid); });
  }
  Result<TransactionPage> List(Which which, std::size_t most, const std::string& cursor = "") {
    return engine.Blocking([&] { return views.List(which, most, cursor); });
  }
  Result<InDoubtView> InDoubt(std::size_t most = 100, const std::string& cursor = "") {
    return engine.Blocking([&] { return views.InDoubt(most, cursor); });
  }
  Result<ParticipantPage> Participants(std::size_t most = 100, const std::string& cursor = "") {
    return engine.Blocking([&] { return views.Participants(most, cursor); });
  }
  Result<RetriedView> Retry(const Gtid& gtid) {
    return engine.Blocking(
        [&] { return settle::coordinator::Retry(engine.engine(), views, gtid); });
  }
  Result<RetriedView> RetryAll(const std::string& resource = "") {
    return engine.Blocking(
        [&] { return settle::coordinator::RetryAll(engine.engine(), resource); });
  }
  Result<RetriedView> WouldRetry(const Gtid& gtid) {
    return engine.Blocking(
        [&] { return settle::coordinator::WouldRetry(engine.engine(), views, gtid); });
  }
  Result<RetriedView> WouldRetryAll(const std::string& resource = "") {
    return engine.Blocking(
        [&] { return settle::coordinator::WouldRetryAll(engine.engine(), resource); });
  }
  Result<RetriedView> RetryStep(const Gtid& gtid, const std::string& step) {
    return engine.Blocking(
        [&] { return settle::coordinator::RetryStep(engine.engine(), views, gtid, step); });
  }
  Result<TransactionView> Act(const StepActCall& call) {
    return engine.Blocking(
        [&] { return ActOnStep(engine.engine(), views, engine.observer(), call); });
  }
  Result<StatusView> Status() {
    return engine.Blocking([&] { return views.Status(); });
  }
  Result<TransactionView> Resolve(const Gtid& gtid, Decision to) {
    return engine.Blocking([&] {
      return settle::coordinator::Resolve(engine.engine(), views, engine.observer(),
                                          {gtid, to, "eve", "stuck"});
    });
  }

  Result<TransactionView> Forget(const Gtid& gtid, const std::string& operator_name = "ann",
                                 const std::string& reason = "credited by hand") {
    return engine.Blocking([&] {
      return settle::coordinator::Forget(engine.engine(), views, engine.observer(),
                                         {gtid, operator_name, reason});
    });
  }
  // A start over what another life left in its log.
  void RestoreFrom(const std::vector<Record>& records) {
    for (const Record& record : records) engine.log().Keep(record);
    engine.engine().Restore(*ReplayLog(engine.log()));
    engine.Run();
  }

  // One branch in bank-a that `bank` prepared; commit is asked for and decided, the branch has not
  // ended.
  Gtid Committing(Participant& bank) {
    const Gtid gtid = engine.Begin();
    bank.Enlist(gtid, "bank-a");
    CommitWithVote(gtid);
    return gtid;
  }
  // The same, but nobody can prove what became of its branch.
  Gtid Damaged(Participant& bank) {
    const Gtid gtid = Committing(bank);
    bank.Finish(gtid, 1, BranchEnd::kHazard);
    return gtid;
  }
  void CommitWithVote(const Gtid& gtid) {
    Answer<CommitAnswer> committed;
    engine.engine().Commit({gtid, {{1, {Vote::kCommit, {}, "", false}}}, Wait::kDecision, 0ms},
                           committed.done());
    engine.Run();
  }
};

}  // namespace settle::coordinator
