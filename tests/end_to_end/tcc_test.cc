// A payment in a database beside a reservation in a service, over a real daemon that is killed at
// every effect, in both directions. Database and service are this process, on nothing but the wire
// contract, so that they survive and remember what they did.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "end_to_end/daemon.h"
#include "end_to_end/wire_link.h"
#include "support/temporary_directory.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"

namespace settle::testing {
namespace {

constexpr int kPayment = 1;  // branch numbers
constexpr int kReservation = 2;

// What an auditor reads of the database "bank" and the service "inventory", by gtid.
struct Books {
  std::set<std::string> prepared;
  std::set<std::string> paid;
  std::map<std::string, int> reserved;  // how often that took effect
  std::map<std::string, int> confirmed;
  std::map<std::string, int> cancelled;
  std::map<wire::ActionOp::type, int> calls;  // of all transactions

  // Nothing is locked or set aside for it any more.
  bool IsQuiet(const std::string& gtid) const {
    const auto count = [&](const auto& map) { return map.contains(gtid) ? map.at(gtid) : 0; };
    return !prepared.contains(gtid) && count(reserved) == count(confirmed) + count(cancelled);
  }
};

class Shop {
 public:
  explicit Shop(const Daemon& daemon) : link_(daemon, "participant") {}
  ~Shop() {
    try {
      link_.Try([&](auto& stub) { stub.detach(session_); });
    } catch (const wire::ServiceError&) {
      // The session was of a daemon that was killed.
    }
  }

  // Set before it serves.
  bool sold_out = false;
  int confirms_refused = 0;  // so many are answered with "failed" first
  int lost_answers = 0;      // so many answers get lost

  std::string AttachedSession() {
    if (session_.empty()) link_.Try([&](auto& stub) { Attach(stub); });
    return session_;
  }
  void PreparePayment(const std::string& gtid) {
    const std::lock_guard lock(mutex_);
    books_.prepared.insert(gtid);
  }
  Books Read() const {
    const std::lock_guard lock(mutex_);
    return books_;
  }

  // Fetches what there is, does it and reports it, with what a scan of the database finds. False:
  // the daemon is not there.
  bool ServeOnce() {
    try {
      if (AttachedSession().empty()) return false;
      wire::CommandBatch batch;
      const auto fetch = [&](auto& stub) {
        wire::FetchRequest request;
        request.session = session_;
        request.received_through = received_;
        request.most = 100;
        request.wait_ms = 20;
        stub.fetch(batch, request);
      };
      if (!link_.Try(fetch)) return false;
      if (batch.number != 0) received_ = batch.number;
      const wire::ReportRequest report = Perform(batch);
      return link_.Try([&](auto& stub) { stub.report(report); });
    } catch (const wire::ServiceError&) {
      session_.clear();  // it belongs to a daemon that was killed
      return true;
    }
  }

 private:
  using Key = std::pair<std::string, wire::ActionOp::type>;

  void Attach(wire::ParticipantServiceClient& stub) {
    wire::AttachRequest request;
    request.version_low = request.version_high = 1;
    request.process = "shop";
    wire::ResourceOffer bank;
    bank.name = "bank";
    bank.identity = "memory:bank";
    request.resources = {bank};
    request.__set_participants({"inventory"});
    wire::AttachReply reply;
    stub.attach(reply, request);
    session_ = reply.session;
    received_ = 0;
  }

  wire::ReportRequest Perform(const wire::CommandBatch& batch) {
    const std::lock_guard lock(mutex_);
    wire::ReportRequest report;
    report.session = session_;
    for (const wire::Command& command : batch.commands) report.ends.push_back(Finish(command));
    std::vector<wire::ActionAnswer> answers;
    for (const wire::ActionCall& call : batch.calls) {
      answers.push_back(Answer(call));
      if (lost_answers > 0) --lost_answers, answers.pop_back();
    }
    report.__set_answers(answers);
    for (const std::string& gtid : books_.prepared) {
      wire::FoundBranch found;
      found.resource = "bank";
      found.database_name = "settle:" + gtid + ":" + std::to_string(kPayment);
      report.found.push_back(found);
    }
    return report;
  }

  wire::EndReport Finish(const wire::Command& command) {
    EXPECT_EQ(command.branch, kPayment);
    const bool commits = command.kind == wire::CommandKind::COMMIT;
    EXPECT_TRUE(commits || command.kind == wire::CommandKind::ABORT);
    if (books_.prepared.erase(command.gtid) != 0 && commits) books_.paid.insert(command.gtid);
    wire::EndReport end;
    end.gtid = command.gtid;
    end.branch = command.branch;
    end.became =
        books_.paid.contains(command.gtid) ? wire::BranchEnd::COMMITTED : wire::BranchEnd::ABORTED;
    return end;
  }

  wire::ActionAnswer Answer(const wire::ActionCall& call) {
    EXPECT_EQ(call.step, kReservation);
    EXPECT_EQ(call.action, "reserve");
    ++books_.calls[call.op];
    wire::ActionAnswer answer;
    answer.gtid = call.gtid;
    answer.step = call.step;
    answer.op = call.op;
    answer.attempt = call.attempt;
    answer.poll_after_ms = 0;
    answer.kind = TakeEffect(call);
    answer.text = answer.kind == wire::AnswerKind::DONE ? R"({"left": 3})" : "the shelf is empty";
    return answer;
  }

  // The barrier: each takes effect once, and a try never after its cancel.
  wire::AnswerKind::type TakeEffect(const wire::ActionCall& call) {
    const Key tried{call.gtid, wire::ActionOp::TRY};
    const auto row = rows_.find(tried);
    const bool ran = row != rows_.end() && row->second == wire::ActionOp::TRY;
    const auto own = rows_.find({call.gtid, call.op});
    if (own != rows_.end() && own->second == call.op) return wire::AnswerKind::DONE;
    switch (call.op) {
      case wire::ActionOp::TRY:
        if (row != rows_.end()) return wire::AnswerKind::SUPPRESSED;
        if (sold_out) return wire::AnswerKind::FAILED;
        ++books_.reserved[call.gtid];
        break;
      case wire::ActionOp::CONFIRM:
        EXPECT_TRUE(ran) << "a confirm without its try";
        if (confirms_refused > 0) return --confirms_refused, wire::AnswerKind::FAILED;
        ++books_.confirmed[call.gtid];
        break;
      case wire::ActionOp::CANCEL:
        if (ran) ++books_.cancelled[call.gtid];
        rows_.try_emplace(tried, call.op);
        break;
      case wire::ActionOp::ACTION:
      case wire::ActionOp::COMPENSATE:
      case wire::ActionOp::FENCE: return wire::AnswerKind::UNKNOWN;
    }
    rows_.emplace(Key{call.gtid, call.op}, call.op);
    return wire::AnswerKind::DONE;
  }

  WireLink<wire::ParticipantServiceClient> link_;
  std::string session_;
  std::int64_t received_ = 0;
  mutable std::mutex mutex_;
  Books books_;
  std::map<Key, wire::ActionOp::type> rows_;  // what put it there
};

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
    EXPECT_TRUE(client.Try([&](auto& stub) {
      wire::BeginRequest request;
      request.timeout_ms = 20'000;
      request.owner = "shop";
      stub.begin_transaction(begun, request);
    }));
    gtid_ = begun.gtid;
    EnlistPayment(client, shop);
    const std::jthread serving([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (!shop.ServeOnce()) std::this_thread::sleep_for(5ms);  // the daemon is not there
      }
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
      return client.Try([&](auto& stub) { stub.outcome(ending, gtid_); }) &&
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
    EXPECT_TRUE(client.Try([&](auto& stub) { stub.enlist(reply, request); }));
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
    const bool answered = client.Try([&](auto& stub) { stub.try_branch(tried_, request); });
    EXPECT_TRUE(!answered || tried_.branch == kReservation);
    return answered;
  }

  void Finish(Client& client, Wants wants) {
    client.Try([&](auto& stub) {
      if (wants == Wants::kAbort) {
        wire::AbortRequest request;
        request.gtid = gtid_;
        request.reason = "changed my mind";
        wire::Ending ending;
        return stub.abort(ending, request);
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
      stub.commit(reply, request);
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
