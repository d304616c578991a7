// A participant of sagas and of reservations: actions under a name, served by any number of
// processes.
//
//   auto barrier = settle::SqliteBarrier::Make({.path = "airline.db"});
//   auto airline = settle::ActionParticipant::Make({.name = "airline", .concurrency = 8});
//   airline->Serve("reserve-seat", barrier, Reserve, Release);   // Answer(call, work)
//   auto coordinator = settle::Coordinator::Connect({.participants = {airline}});
//
// Calls come by the session that the coordinator's object keeps, for as long as it lives. A call
// may go to any process of the participant's name; that it takes effect once is the barrier's work.
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "settle/action.h"
#include "settle/barrier.h"
#include "settle/vocabulary/status.h"

namespace settle {

struct ActionParticipantOptions {
  // 1 to 64 of [A-Za-z0-9._-]; as the steps of sagas name it.
  std::string name{};
  // So many handlers are at work at the same time in this process, on threads of their own; 1 to
  // 1000.
  int concurrency = 8;
  // So many calls wait for a thread; 1 to 100,000. One more is answered "unknown: busy": a call
  // without a result, which the coordinator repeats, at this process or another one.
  int queue_most = 1'000;
  // How long leaving the coordinator waits for handlers that are at work.
  std::chrono::milliseconds stop_patience{10'000};
};

// Thread-safe. Serve what there is to serve before Coordinator::Connect: that tells what is wrong
// with a name or an option (kInvalid), checks the barriers, and has them pruned from then on.
class ActionParticipant {
 public:
  [[nodiscard]] static std::shared_ptr<ActionParticipant> Make(ActionParticipantOptions options);
  explicit ActionParticipant(ActionParticipantOptions options);
  // Blocking: waits for the handlers that are at work.
  ~ActionParticipant();
  ActionParticipant(const ActionParticipant&) = delete;
  ActionParticipant& operator=(const ActionParticipant&) = delete;

  const std::string& name() const;

  // Serves an action over a database: a call takes effect once, whatever is lost, repeated or late.
  // `compensate` may be left out for a step that needs no undoing. The action can be a pivot.
  // What a handler says is done with, but is no JSON or too long, is rolled back and unknown.
  template <std::derived_from<Barrier> B>
  void Serve(const std::string& action, std::shared_ptr<B> barrier,
             std::function<Answer(const ActionContext&, typename B::Work&)> run,
             std::function<Answer(const ActionContext&, typename B::Work&)> compensate = {}) {
    // The barrier answers a fence by itself.
    ActionHandler fence = Behind(barrier, std::function(run));
    Add(action, ActionOp::kAction, Behind(barrier, std::move(run)));
    Add(action, ActionOp::kCompensate, Behind(barrier, std::move(compensate)));
    Add(action, ActionOp::kFence, std::move(fence));
    Guard(std::move(barrier));
  }

  // Serves an action without a barrier: the handlers themselves see to it that a call that comes
  // twice, or after its compensation, does no harm. Without `fence` it cannot be a pivot.
  void Serve(const std::string& action, ActionHandler run, ActionHandler compensate = {},
             ActionHandler fence = {});

  // Serves a reservation over a database, for transactions that Try it
  // (settle/global_transaction.h). What was tried is committed locally and held until confirm or
  // cancel: neither may fail for a reason of the business, and either may come days later. The
  // barrier gives them the input and the result of the try; a cancel without a try never gets here.
  template <std::derived_from<Barrier> B>
  void ServeTry(const std::string& action, std::shared_ptr<B> barrier,
                std::function<Answer(const ActionContext&, typename B::Work&)> reserve,
                std::function<Answer(const ActionContext&, typename B::Work&)> confirm,
                std::function<Answer(const ActionContext&, typename B::Work&)> cancel) {
    ServeTry(action, Behind(barrier, std::move(reserve)), Behind(barrier, std::move(confirm)),
             Behind(barrier, std::move(cancel)));
    Guard(std::move(barrier));
  }

  // The same without a barrier: a call may come twice, a cancel without or before its try, which
  // must then never reserve any more. That is the handlers' to see to.
  void ServeTry(const std::string& action, ActionHandler reserve, ActionHandler confirm,
                ActionHandler cancel);

  class Desk;  // the SDK's own
  Desk& desk() { return *desk_; }

 private:
  template <typename B>
  static ActionHandler Behind(
      std::shared_ptr<B> barrier,
      std::function<Answer(const ActionContext&, typename B::Work&)> business) {
    if (!business) return {};
    return
        [barrier = std::move(barrier), business = std::move(business)](const ActionContext& call) {
          // Checked in here: what the coordinator would not take must not be committed.
          return barrier->Run(call,
                              [&business](const ActionContext& filled_in, typename B::Work& work) {
                                return Checked(business(filled_in, work));
                              });
        };
  }
  // The answer, or, if the coordinator would not take it, kUnknown with the reason.
  static Answer Checked(Answer answer);
  void Add(const std::string& action, ActionOp op, ActionHandler handler);
  void Guard(std::shared_ptr<Barrier> barrier);

  const std::unique_ptr<Desk> desk_;
};

}  // namespace settle
