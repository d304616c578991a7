// Nothing that an operator does goes unrecorded: every method of the AdminService either changes
// nothing or leaves its rows in the trail, before and after.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>

#include "handlers.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::set<std::string> MethodsOfTheService() {
  const char* const top = std::getenv("SETTLE_SOURCE");
  std::ifstream file(std::string(top != nullptr ? top : ".") + "/thrift/admin.thrift");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t service = text.find("service AdminService {");
  const std::regex method(R"(\n  \w+ (\w+)\([^)]*\)\s+throws)");
  std::set<std::string> names;
  if (service == std::string::npos) return names;
  const std::string body = text.substr(service);
  for (std::sregex_iterator at(body.begin(), body.end(), method), end; at != end; ++at)
    names.insert((*at)[1]);
  return names;
}

class AuditedHandlers : public Handlers {
 protected:
  // Each with a call that is refused: that it was asked for is recorded all the same.
  std::map<std::string, std::function<void()>> Acts() {
    return {
        {"resolve",
         [this] {
           wire::ResolveRequest request;
           request.gtid = kGone;
           request.to = "commit";
           request.operator_name = "alice";
           request.reason = "stuck";
           wire::TransactionView reply;
           admin_.resolve(reply, request);
         }},
        {"send_again",
         [this] {
           wire::SendAgainRequest request;
           request.gtid = kGone;
           request.__set_operator_name("alice");
           wire::SendAgainReply reply;
           admin_.send_again(reply, request);
         }},
        {"act_on_step",
         [this] {
           wire::ActOnStepRequest request;
           request.gtid = kGone;
           request.step = "pay";
           request.act = "skip";
           request.operator_name = "alice";
           request.reason = "stuck";
           wire::TransactionView reply;
           admin_.act_on_step(reply, request);
         }},
        {"forget",
         [this] {
           wire::ForgetRequest request;
           request.gtid = kGone;
           request.operator_name = "alice";
           request.reason = "repaired";
           wire::TransactionView reply;
           admin_.forget(reply, request);
         }},
        {"pause",
         [this] {
           wire::PauseView reply;
           admin_.pause(reply, Everything());
         }},
        {"resume",
         [this] {
           wire::PauseView reply;
           admin_.resume(reply, Everything());
         }},
        {"drain",
         [this] {
           wire::DrainRequest request;
           request.on = false;
           request.operator_name = "alice";
           wire::PauseView reply;
           admin_.drain(reply, request);
         }},
        {"backup_begin",
         [this] {
           wire::BackupView reply;
           admin_.backup_begin(reply);
         }},
        {"accept_identity",
         [this] { admin_.accept_identity("nobody", "test:new", "alice", "restored"); }},
    };
  }
  static wire::PauseRequest Everything() {
    wire::PauseRequest request;
    request.operator_name = "alice";
    request.reason = "an upgrade";
    return request;
  }
  const std::set<std::string> kReads{
      "status",      "list_transactions", "show",        "in_doubt",  "participants",
      "definitions", "definition",        "audit",       "look",      "examine",
      "diagnose",    "backup_progress",   "backup_read", "backup_end"};
  const std::string kGone = "k3m9qxw4c7ab.1.7.00000001";
};

TEST_F(AuditedHandlers, EveryMethodEitherReadsOrIsKnownHereToBeRecorded) {
  std::set<std::string> known = kReads;
  for (const auto& [name, call] : Acts()) known.insert(name);
  const std::set<std::string> methods = MethodsOfTheService();
  EXPECT_GT(methods.size(), 10u) << "is SETTLE_SOURCE set?";
  EXPECT_EQ(methods, known)
      << "a new method: does it change something? Then it calls Act, and has a line in Acts() here";
}

TEST_F(AuditedHandlers, WhatChangesSomethingIsWrittenDownBeforeAndAfter) {
  for (const auto& [name, call] : Acts()) {
    const std::size_t before = log_.audit().size();
    try {
      call();
    } catch (const wire::ServiceError&) {  // refused, most of them
    }
    const std::vector<AuditRow> rows = log_.audit();
    ASSERT_EQ(rows.size(), before + 2) << name;
    const AuditRow& asked = rows[before];
    EXPECT_EQ(asked.result, "asked") << name;
    // A backup's request names nobody: who it was is what the connection proves.
    EXPECT_EQ(asked.operator_name, name == "backup_begin" ? "" : "alice") << name;
    EXPECT_EQ(asked.caller, "127.0.0.1:40312") << name;
    EXPECT_FALSE(asked.action.empty()) << name;
    EXPECT_FALSE(asked.target.empty()) << name;
    const AuditRow& answer = rows[before + 1];
    EXPECT_EQ(answer.answers, before + 1) << name;
    EXPECT_NE(answer.result, "asked") << name;
    EXPECT_EQ(answer.action, asked.action) << name;
  }
}

TEST_F(AuditedHandlers, WhatCannotBeWrittenDownIsNotDone) {
  log_.audit_refused = true;
  for (const auto& [name, call] : Acts()) {
    const wire::ServiceError error = ErrorOf(call);
    EXPECT_EQ(error.code, wire::ErrorCode::RETRY) << name;
    EXPECT_THAT(error.message, HasSubstr("nothing was done")) << name;
    EXPECT_THAT(error.message, HasSubstr("no space")) << name;
  }
  EXPECT_THAT(log_.audit(), IsEmpty());
}

TEST_F(AuditedHandlers, TheResultSaysWhatWasDoneAndWhatWasRefused) {
  const std::string gtid = Begin();
  wire::ResolveRequest request;
  request.gtid = gtid;
  request.to = "abort";
  request.operator_name = "alice";
  request.reason = "stuck";
  wire::TransactionView reply;
  admin_.resolve(reply, request);
  request.to = "commit";
  ErrorOf([&] { admin_.resolve(reply, request); });
  const std::vector<AuditRow> rows = log_.audit();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].action, "resolve to abort");
  EXPECT_EQ(rows[0].target, gtid);
  EXPECT_EQ(rows[0].reason, "stuck");
  EXPECT_EQ(rows[1].result, "done");
  EXPECT_THAT(rows[3].result, StartsWith("refused: transaction " + gtid + " is decided"));
}

TEST_F(AuditedHandlers, RefusalsBeyondSoManyAnHourAreANumberAndPushNothingOut) {
  const std::string gtid = Begin();
  wire::ResolveRequest request;
  request.operator_name = "alice";
  request.reason = "stuck";
  wire::TransactionView reply;
  const auto refused = [&](int number) {  // each about another one
    request.gtid = "k3m9qxw4c7ab.1." + std::to_string(100 + number) + ".00000001";
    request.to = "commit";
    return ErrorOf([&] { admin_.resolve(reply, request); }).message;
  };
  const std::size_t most = Refusals::kRowsMost;
  for (int i = 0; i < 50; ++i) EXPECT_THAT(refused(i), HasSubstr(std::to_string(100 + i)));
  EXPECT_EQ(log_.audit().size(), 2 * most);
  EXPECT_TRUE(observer_.AwaitOneWith("20 calls (local, resolve) were refused within an hour"));
  request.gtid = gtid;
  request.to = "abort";
  admin_.resolve(reply, request);
  ASSERT_EQ(log_.audit().size(), 2 * most + 2) << "what is done is written down as ever";
  EXPECT_EQ(log_.audit()[2 * most].result, "asked");
  EXPECT_EQ(log_.audit().back().result, "done");
  ErrorOf(Acts().at("forget"));
  EXPECT_EQ(log_.audit().size(), 2 * most + 4) << "another call has its own";
}

TEST_F(AuditedHandlers, ADefinitionIsRecordedWhenItChangesWhatIsStored) {
  wire::DefineSagaRequest request;
  request.definition =
      R"({"saga": "trip", "steps": [{"name": "pay", "participant": "bank", "action": "pay"}]})";
  request.owner = "alice";
  wire::DefineSagaReply reply;
  const auto defined = [&] {
    try {
      coordinator_.define_saga(reply, request);
      return std::string("stored");
    } catch (const wire::ServiceError& error) {
      return error.message;
    }
  };
  ASSERT_EQ(defined(), "stored");
  ASSERT_EQ(defined(), "stored");
  EXPECT_TRUE(reply.known);
  const std::vector<AuditRow> rows = log_.audit();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].action, "store saga");
  EXPECT_EQ(rows[0].target, "trip@1");
  EXPECT_EQ(rows[1].result, "done");
  // An application must not be able to fill the trail, of which the oldest rows go.
  request.definition =
      R"({"saga": "trip", "steps": [{"name": "pay", "participant": "bank", "action": "give"}]})";
  EXPECT_THAT(defined(), HasSubstr("is stored with another content"));
  request.definition = R"({"saga": "bad", "steps": [{"name": "pay", "participant": "bank",
      "action": "pay", "after": ["pay"]}]})";
  EXPECT_NE(defined(), "stored");
  EXPECT_EQ(log_.audit().size(), 2U);
}

TEST_F(AuditedHandlers, WhatIsPausedIsShownByStatusAndParticipantsAndNothingUnknownIs) {
  Attach("orders");
  wire::PauseRequest request = Everything();
  request.name = "order";
  wire::PauseView paused;
  const wire::ServiceError unknown = ErrorOf([&] { admin_.pause(paused, request); });
  EXPECT_EQ(unknown.code, wire::ErrorCode::NOT_FOUND);
  EXPECT_THAT(unknown.message, HasSubstr("no resource or participant is called order"));
  request.name = "orders";
  admin_.pause(paused, request);
  EXPECT_EQ(paused.scope, "participant");
  EXPECT_EQ(paused.since_us, clock_.WallNow());
  wire::ParticipantsReply participants;
  admin_.participants(participants, FirstPage());
  EXPECT_EQ(participants.participants.at(0).pause.operator_name, "alice");
  wire::StatusReply status;
  admin_.status(status);
  EXPECT_EQ(status.pauses.at(0).name, "orders");
  EXPECT_EQ(status.undecided, 0);
  EXPECT_EQ(status.audit_rows, 4);
  for (const char* name : {"a b", "x/y"}) {
    request.name = name;
    EXPECT_EQ(ErrorOf([&] { admin_.pause(paused, request); }).code, wire::ErrorCode::INVALID);
  }
  request = Everything();
  request.reason.clear();
  EXPECT_EQ(ErrorOf([&] { admin_.pause(paused, request); }).code, wire::ErrorCode::INVALID);
  EXPECT_EQ(log_.audit().size(), 4u) << "what cannot be understood was not asked for";
}

TEST_F(AuditedHandlers, TheTrailIsReadInPagesNewestFirst) {
  for (const char* resource : {"a", "b", "c"}) {
    try {
      admin_.accept_identity(resource, "test:new", "alice", "restored");
    } catch (const wire::ServiceError&) {
    }
  }
  wire::AuditRequest request;
  request.most = 2;
  request.since_us = 0;
  wire::AuditReply page;
  admin_.audit(page, request);
  EXPECT_EQ(page.entries.size(), 2u);
  EXPECT_EQ(page.next_cursor, "5");
  EXPECT_EQ(page.rows, 6);
  EXPECT_EQ(page.pruned, 5);
  EXPECT_EQ(page.damage, "row 3 is missing");
  request.cursor = page.next_cursor;
  wire::AuditReply next;
  admin_.audit(next, request);
  EXPECT_EQ(next.entries.front().number, 4);
  for (const char* cursor : {"0", "x", "-1", "5x", "99999999999999999999"}) {
    request.cursor = cursor;
    EXPECT_EQ(ErrorOf([&] { admin_.audit(next, request); }).code, wire::ErrorCode::INVALID);
  }
}

}  // namespace
}  // namespace settle::testing
