// A payment in a database beside a reservation in a service, over a real daemon that is killed at
// every effect, in both directions.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "end_to_end/daemon.h"
#include "end_to_end/tcc_shop.h"
#include "support/temporary_directory.h"
#include "wire/CoordinatorService.h"

namespace settle::testing {
namespace {

enum class Wants { kCommit, kAbort };

class TccOverADaemon : public ::testing::Test {
 protected:
  using Client = WireLink<wire::CoordinatorServiceClient>;

  // One order: a payment and a reservation, ended as is wanted as far as the daemon lives. It dies
  // at the first of `deaths`, and in its next life at the next. The ending as a client hears it
  // once nothing is locked or set aside any more.
  wire::Ending Order(Shop& shop, Wants wants, const std::vector<std::string>& deaths = {}) {
    daemon_.options = {"--call-timeout", "500ms"};
    daemon_.Start(deaths.empty() ? "" : deaths[0]);
    Client client(daemon_, "coordinator");
    wire::BeginReply begun;
    EXPECT_TRUE(client.Try([&](auto& service) {
      wire::BeginRequest request;
      request.timeout_ms = 20'000;
      request.owner = "shop";
      service.begin_transaction(begun, request);
    }));
    gtid_ = begun.gtid;
    EnlistPayment(client, shop);
    const std::jthread serving([&](const std::stop_token& stop) {
      // While the daemon is not there it is asked again and again.
      while (!stop.stop_requested())
        (void)WaitUntil([&] { return stop.stop_requested() || shop.ServeOnce(); });
    });
    if (Reserve(client)) Finish(client, wants);
    for (std::size_t life = 0; life < deaths.size(); ++life) {
      EXPECT_TRUE(daemon_.AwaitFailpoint()) << deaths[life] << " was not reached\n"
                                            << daemon_.Said();
      if (life + 1 == deaths.size()) {
        daemon_.Start();
      } else {
        daemon_.StartUnawaited(deaths[life + 1]);  // it may die before it serves
      }
    }
    wire::Ending ending;
    EXPECT_TRUE(WaitUntil([&] {
      return client.Try([&](auto& service) { service.outcome(ending, gtid_); }) &&
             ending.outcome != wire::Outcome::UNDECIDED && shop.Read().IsQuiet(gtid_);
    })) << daemon_.Said();
    return ending;
  }

  void EnlistPayment(Client& client, Shop& shop) {
    wire::EnlistRequest request;
    request.gtid = gtid_;
    request.resource = "bank";
    request.session = shop.AttachedSession();
    request.request_key = "payment";
    wire::EnlistReply reply;
    EXPECT_TRUE(client.Try([&](auto& service) { service.enlist(reply, request); }));
    EXPECT_EQ(reply.branch, kPayment);
    shop.PreparePayment(gtid_);
  }

  // False: the daemon died.
  bool Reserve(Client& client) {
    wire::TryRequest request;
    request.gtid = gtid_;
    request.participant = "inventory";
    request.action = "reserve";
    request.input = R"({"count": 2})";
    request.request_key = "goods";
    request.wait_ms = 10'000;
    const bool answered = client.Try([&](auto& service) { service.try_branch(tried_, request); });
    EXPECT_TRUE(!answered || tried_.branch == kReservation);
    return answered;
  }

  void Finish(Client& client, Wants wants) {
    client.Try([&](auto& service) {
      if (wants == Wants::kAbort) {
        wire::AbortRequest request;
        request.gtid = gtid_;
        request.reason = "changed my mind";
        wire::Ending ending;
        return service.abort(ending, request);
      }
      wire::BranchVote vote;
      vote.branch = kPayment;
      vote.vote = wire::Vote::COMMIT;
      vote.evidence.database = "memory:bank";
      wire::CommitRequest request;
      request.gtid = gtid_;
      request.votes = {vote};
      request.wait = wire::Wait::APPLIED;
      wire::CommitReply reply;
      service.commit(reply, request);
      EXPECT_FALSE(reply.finish_here);
    });
  }

  void ExpectAllOrNothing(const Shop& shop, const wire::Ending& ending) const {
    const Books books = shop.Read();
    const bool committed = ending.outcome == wire::Outcome::COMMITTED;
    EXPECT_TRUE(committed || ending.outcome == wire::Outcome::ABORTED) << ending.reason;
    EXPECT_EQ(books.paid.contains(gtid_), committed);
    const auto count = [&](const auto& map) { return map.contains(gtid_) ? map.at(gtid_) : 0; };
    EXPECT_EQ(count(books.confirmed), committed ? 1 : 0);
    EXPECT_EQ(count(books.reserved), count(books.confirmed) + count(books.cancelled));
    EXPECT_LE(count(books.reserved), 1);
  }

  TemporaryDirectory directory_;
  Daemon daemon_{directory_.path()};
  std::string gtid_;
  wire::TryReply tried_;
};

TEST_F(TccOverADaemon, AnOrderIsPaidAndItsReservationConfirmedOnce) {
  Shop shop(daemon_);
  const wire::Ending ending = Order(shop, Wants::kCommit);
  EXPECT_EQ(ending.outcome, wire::Outcome::COMMITTED) << ending.reason;
  EXPECT_EQ(tried_.became, wire::TryOutcome::RESERVED);
  EXPECT_EQ(tried_.text, R"({"left": 3})");
  ExpectAllOrNothing(shop, ending);
}

TEST_F(TccOverADaemon, WhatIsSoldOutIsNotPaid) {
  Shop shop(daemon_);
  shop.sold_out = true;
  const wire::Ending ending = Order(shop, Wants::kCommit);
  EXPECT_EQ(tried_.became, wire::TryOutcome::FAILED);
  EXPECT_EQ(ending.cause, wire::AbortCause::VOTED_NO);
  ExpectAllOrNothing(shop, ending);
}

TEST_F(TccOverADaemon, M09_LostAnswersOfTryAndConfirmAreAskedForAgainAndTakeEffectOnce) {
  Shop shop(daemon_);
  shop.lost_answers = 2;
  wire::Ending ending = Order(shop, Wants::kCommit);
  EXPECT_EQ(ending.outcome, wire::Outcome::COMMITTED);
  EXPECT_EQ(shop.lost_answers, 0) << "the fault did not fire";
  EXPECT_EQ(shop.Read().calls[wire::ActionOp::TRY], 3);
  ExpectAllOrNothing(shop, ending);
}

TEST_F(TccOverADaemon, M09_AConfirmThatTheBusinessRefusesIsRepeatedWithAnAlarm) {
  Shop shop(daemon_);
  shop.confirms_refused = 3;
  const wire::Ending ending = Order(shop, Wants::kCommit);
  EXPECT_EQ(ending.outcome, wire::Outcome::COMMITTED);
  EXPECT_EQ(shop.Read().calls[wire::ActionOp::CONFIRM], 4);
  EXPECT_EQ(shop.Read().calls[wire::ActionOp::CANCEL], 0);
  EXPECT_NE(daemon_.Said().find("confirm of branch 2 in inventory does not get on: the shelf is"),
            std::string::npos);
  ExpectAllOrNothing(shop, ending);
}

// Where the daemon dies, and what is so after that.
struct Death {
  const char* at;
  wire::Outcome::type outcome;
};
void PrintTo(const Death& death, std::ostream* out) { *out << death.at; }

constexpr wire::Outcome::type kCommitted = wire::Outcome::COMMITTED;
constexpr wire::Outcome::type kAborted = wire::Outcome::ABORTED;

class KilledWhileCommitting : public TccOverADaemon, public ::testing::WithParamInterface<Death> {};

TEST_P(KilledWhileCommitting, M09_EitherAllOfItTookEffectOnceOrNothing) {
  Shop shop(daemon_);
  const wire::Ending ending = Order(shop, Wants::kCommit, {GetParam().at});
  EXPECT_EQ(ending.outcome, GetParam().outcome) << ending.reason;
  ExpectAllOrNothing(shop, ending);
}

const auto kNamed = [](const auto& test) {
  std::string name = test.param.at;
  return name.substr(name.find('.') + 1);
};

INSTANTIATE_TEST_SUITE_P(
    Tcc, KilledWhileCommitting,
    ::testing::Values(
        Death{"engine.before_registered", kAborted}, Death{"engine.registered", kAborted},
        Death{"engine.try_sent", kAborted}, Death{"engine.try_answered", kAborted},
        Death{"engine.before_decision", kAborted}, Death{"engine.decided", kCommitted},
        Death{"engine.commit_sent", kCommitted}, Death{"engine.confirm_sent", kCommitted},
        Death{"engine.confirm_answered", kCommitted}, Death{"engine.acknowledged", kCommitted},
        Death{"engine.before_end", kCommitted}, Death{"engine.ended", kCommitted}),
    kNamed);

class KilledWhileAborting : public TccOverADaemon, public ::testing::WithParamInterface<Death> {};

TEST_P(KilledWhileAborting, M09_NothingOfItIsLeft) {
  Shop shop(daemon_);
  const wire::Ending ending = Order(shop, Wants::kAbort, {GetParam().at});
  EXPECT_EQ(ending.outcome, GetParam().outcome) << ending.reason;
  ExpectAllOrNothing(shop, ending);
}

INSTANTIATE_TEST_SUITE_P(Tcc, KilledWhileAborting,
                         ::testing::Values(Death{"engine.cancel_sent", kAborted},
                                           Death{"engine.cancel_answered", kAborted},
                                           Death{"engine.before_end", kAborted},
                                           Death{"engine.ended", kAborted}),
                         kNamed);

TEST_F(TccOverADaemon, C10_M09_KilledAgainAndAgainWhileItRecovers) {
  Shop shop(daemon_);
  const wire::Ending ending =
      Order(shop, Wants::kCommit,
            {"engine.try_answered", "engine.cancel_sent", "engine.cancel_answered",
             "engine.cancel_answered", "engine.before_end"});
  EXPECT_EQ(ending.outcome, kAborted);
  ExpectAllOrNothing(shop, ending);
}

}  // namespace
}  // namespace settle::testing
