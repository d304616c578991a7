// The database "bank" and the service "inventory" of a shop, in this process and on nothing but the
// wire contract, so that they survive the daemon and remember what they did.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "end_to_end/wire_link.h"
#include "wire/ParticipantService.h"

namespace settle::testing {

inline constexpr int kPayment = 1;  // branch numbers
inline constexpr int kReservation = 2;

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
      link_.Try([&](auto& service) { service.detach(session_); });
    } catch (const wire::ServiceError&) {
      // The session was of a daemon that was killed.
    }
  }

  // Set before it serves.
  bool sold_out = false;
  int confirms_refused = 0;  // so many are answered with "failed" first
  int lost_answers = 0;      // so many answers get lost

  std::string AttachedSession() {
    if (session_.empty()) link_.Try([&](auto& service) { Attach(service); });
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
      const auto fetch = [&](auto& service) {
        wire::FetchRequest request;
        request.session = session_;
        request.received_through = received_;
        request.most = 100;
        request.wait_ms = 20;
        service.fetch(batch, request);
      };
      if (!link_.Try(fetch)) return false;
      if (batch.number != 0) received_ = batch.number;
      const wire::ReportRequest report = Perform(batch);
      return link_.Try([&](auto& service) { service.report(report); });
    } catch (const wire::ServiceError&) {
      session_.clear();  // it belongs to a daemon that was killed
      return true;
    }
  }

 private:
  using Key = std::pair<std::string, wire::ActionOp::type>;

  void Attach(wire::ParticipantServiceClient& service) {
    wire::AttachRequest request;
    request.version_low = request.version_high = 1;
    request.process = "shop";
    wire::ResourceOffer bank;
    bank.name = "bank";
    bank.identity = "memory:bank";
    request.resources = {bank};
    request.__set_participants({"inventory"});
    wire::AttachReply reply;
    service.attach(reply, request);
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

}  // namespace settle::testing
