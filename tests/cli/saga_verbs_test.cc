// The verbs of sagas.
#include <fstream>

#include "support/temporary_directory.h"
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

wire::AwaitSagaReply Ended(wire::Outcome::type outcome, const std::string& reason = "") {
  wire::AwaitSagaReply reply;
  reply.ending.outcome = outcome;
  reply.ending.cause =
      outcome == wire::Outcome::ABORTED ? wire::AbortCause::STEP_FAILED : wire::AbortCause::NONE;
  reply.ending.reason = reason;
  return reply;
}

class SagaVerbs : public Verbs {
 protected:
  SagaVerbs() {
    starts_.begun.gtid = kGtid;
    starts_.begun.epoch = 2;
    std::ofstream(file_) << R"({"saga": "trip"})";
  }

  settle::testing::TemporaryDirectory directory_;
  const std::string file_ = directory_.path() + "/trip.json";
  FakeStarts& starts_ = coordinator_.starts();
};

TEST_F(SagaVerbs, SubmitSendsTheFileAndPrintsTheGtidAlone) {
  const Printed printed = Run({"saga", "submit", file_, "--input", R"({"to": "GVA"})", "--key",
                               "order-17", "--comment", "by hand", "--operator", "ann"});
  EXPECT_EQ(printed.exit, ExitCode::kOk) << printed.err;
  EXPECT_EQ(printed.out, std::string(kGtid) + "\n");
  ASSERT_EQ(starts_.starts.size(), 1u);
  const wire::StartSagaRequest& sent = starts_.starts[0];
  EXPECT_EQ(sent.definition, R"({"saga": "trip"})");
  EXPECT_EQ(sent.input, R"({"to": "GVA"})");
  EXPECT_EQ(sent.request_key, "order-17");
  EXPECT_EQ(sent.comment, "by hand");
  EXPECT_EQ(sent.owner, "ann");
  EXPECT_FALSE(sent.__isset.name);
  EXPECT_EQ(RunJson({"saga", "submit", file_})["gtid"], kGtid);
  EXPECT_FALSE(starts_.starts[1].__isset.request_key);
  EXPECT_EQ(starts_.starts[1].input, "{}");
}

TEST_F(SagaVerbs, StartNamesAStoredDefinition) {
  Run({"saga", "start", "trip"});
  Run({"saga", "start", "trip@2", "--input", "@" + file_});
  ASSERT_EQ(starts_.starts.size(), 2u);
  EXPECT_EQ(starts_.starts[0].name, "trip");
  EXPECT_FALSE(starts_.starts[0].__isset.version);
  EXPECT_EQ(starts_.starts[0].definition, "");
  EXPECT_EQ(starts_.starts[1].version, 2);
  EXPECT_EQ(starts_.starts[1].input, R"({"saga": "trip"})");
}

TEST_F(SagaVerbs, WaitSaysHowItEndedByTextAndExitCode) {
  starts_.ends = {Ended(wire::Outcome::UNDECIDED), Ended(wire::Outcome::COMMITTED)};
  starts_.ends[1].__set_results({{"flight", R"({"seat": 7})"}});
  const Printed committed = Run({"saga", "start", "trip", "--wait", "10s"});
  EXPECT_EQ(committed.exit, ExitCode::kOk);
  EXPECT_THAT(committed.out, AllOf(StartsWith(std::string(kGtid) + "\ncommitted\n"),
                                   HasSubstr(R"(flight  {"seat": 7})")));
  EXPECT_EQ(starts_.awaited, 2u) << "asked again while it goes on";

  starts_.ends = {Ended(wire::Outcome::ABORTED, "step payment failed: no money\x1b[2J")};
  const Printed undone = Run({"saga", "start", "trip", "--wait", "forever"});
  EXPECT_EQ(undone.exit, ExitCode::kEndedOtherwise);
  EXPECT_THAT(undone.out, HasSubstr("aborted (step-failed): step payment failed: no money\\x1b"));

  starts_.ends = {Ended(wire::Outcome::UNDECIDED)};
  const Printed goes_on = Run({"saga", "start", "trip", "--wait", "1ms"});
  EXPECT_EQ(goes_on.exit, ExitCode::kNotEnded);
  EXPECT_THAT(goes_on.out, HasSubstr("it has not ended yet and goes on"));
  const Document json = RunJson({"saga", "start", "trip", "--wait", "1ms"});
  EXPECT_EQ(json["ending"]["outcome"], "undecided");
}

TEST_F(SagaVerbs, WhatIsWrongWithADefinitionNamesTheFileAndThePlace) {
  wire::ServiceError error;
  error.code = wire::ErrorCode::INVALID;
  error.message = "/steps/2/action is missing";
  starts_.error = error;
  for (const char* verb : {"submit", "store"}) {
    const Printed printed = Run({"saga", verb, file_});
    EXPECT_EQ(printed.exit, ExitCode::kUsage);
    EXPECT_THAT(printed.err, AllOf(HasSubstr(file_ + ": /steps/2/action is missing"),
                                   HasSubstr("correct it there")));
  }
}

TEST_F(SagaVerbs, WhatCannotBeReadOrIsTooLongIsNotSent) {
  const auto usage = [&](std::vector<std::string> words) {
    const Printed printed = Run(words);
    EXPECT_EQ(printed.exit, ExitCode::kUsage) << words.back();
    EXPECT_THAT(printed.out, IsEmpty());
    return printed.err;
  };
  EXPECT_THAT(usage({"saga", "submit", directory_.path() + "/none"}), HasSubstr("cannot be read"));
  EXPECT_THAT(usage({"saga", "submit", directory_.path()}), HasSubstr("cannot be read"));
  std::ofstream(file_) << std::string((1 << 20) + 1, ' ');
  EXPECT_THAT(usage({"saga", "store", file_}), HasSubstr("has more than 1048576 bytes"));
  std::ofstream(file_, std::ios::trunc).close();
  EXPECT_THAT(usage({"saga", "submit", file_}), HasSubstr("no definition in it"));
  for (const char* name : {"", "a b", "trip@", "trip@0", "trip@-1", "trip@2x", "@2"})
    EXPECT_THAT(usage({"saga", "start", name}), HasSubstr("is not the name of a saga"));
  EXPECT_THAT(usage({"saga", "start", "trip", "--key", ""}), HasSubstr("--key is empty"));
  EXPECT_THAT(usage({"saga", "start", "trip", "--key", std::string(65, 'k')}),
              HasSubstr("--key has 65 bytes"));
  EXPECT_THAT(usage({"saga", "start", "trip", "--wait", "soon"}), HasSubstr("not a time to wait"));
  EXPECT_THAT(usage({"saga", "start", "trip", "--input", std::string(65'537, ' ')}),
              HasSubstr("--input has 65537 bytes"));
  EXPECT_THAT(usage({"skip", kGtid, "--reason", "x"}), HasSubstr("--step STEP is missing"));
  EXPECT_THAT(usage({"set-input", kGtid, "--step", "pay", "--reason", "x"}),
              HasSubstr("--input JSON is missing"));
  EXPECT_THAT(usage({"retry", "--all", "--step", "pay"}), HasSubstr("--step goes with the GTID"));
  EXPECT_THAT(starts_.starts, IsEmpty());
  EXPECT_THAT(starts_.definitions, IsEmpty());
  EXPECT_THAT(admin_.calls, IsEmpty());
}

TEST_F(SagaVerbs, StoreSaysWhetherItWasThere) {
  EXPECT_EQ(Run({"saga", "store", file_, "--operator", "ann"}).out, "trip@3 is stored\n");
  EXPECT_EQ(starts_.definitions.at(0).owner, "ann");
  starts_.known = true;
  EXPECT_EQ(Run({"saga", "store", file_}).out, "trip@3 was stored before, with the same content\n");
  EXPECT_EQ(RunJson({"saga", "store", file_})["known"], true);
}

TEST_F(SagaVerbs, DefinitionsAreListedOrPrintedAsTheyCanBeStoredAgain) {
  EXPECT_EQ(Run({"saga", "definitions"}).out, "no definition is stored\n");
  wire::DefinitionView one;
  one.name = "trip";
  one.version = 3;
  one.steps = 4;
  one.stored_by = "ann\n";
  one.stored_us = kBegan_us;
  admin_.definitions_reply.definitions = {one};
  admin_.definitions_reply.next_cursor = "trip@3";
  const Printed listed = Run({"saga", "definitions", "--limit", "1"});
  EXPECT_THAT(listed.out, AllOf(HasSubstr("trip@3  4"), HasSubstr("ann\\x0a"),
                                HasSubstr("there are more: settle saga definitions --limit 1 "
                                          "--cursor 'trip@3'")));
  one.__set_document("{\n  \"saga\": \"trip\x07\"\n}");
  admin_.definition_reply = one;
  EXPECT_EQ(Run({"saga", "definitions", "trip@3"}).out, "{\n  \"saga\": \"trip\\x07\"\n}\n");
  EXPECT_EQ(admin_.calls.back(), "definition trip 3");
}

TEST_F(SagaVerbs, CancelAsksForAnAbortOfASagaAlone) {
  admin_.transaction = Committing();
  const Printed refused = Run({"saga", "cancel", kGtid, "--reason", "x"});
  EXPECT_EQ(refused.exit, ExitCode::kRefused);
  EXPECT_THAT(refused.err, HasSubstr("is not a saga; nothing was changed"));
  EXPECT_EQ(Run({"saga", "show", kGtid}).exit, ExitCode::kRefused);
  EXPECT_THAT(admin_.resolves, IsEmpty());
  admin_.transaction.__set_saga({});
  const Printed printed = Run({"saga", "cancel", kGtid, "--reason", "no money", "--operator", "a"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out, StartsWith("cancelled by a; this is so now:\n"));
  EXPECT_EQ(admin_.resolves.at(0).to, "abort");
  EXPECT_EQ(admin_.resolves.at(0).reason, "no money");
}

TEST_F(SagaVerbs, ACancelThatTakesLongerThanItsReplySaysWhatIsSo) {
  admin_.transaction = Committing();
  admin_.transaction.__set_saga({});
  admin_.transaction.state = "compensating";
  admin_.before_answer = [this](std::size_t nth) {  // show, resolve, show
    if (nth == 2) FailWith(wire::ErrorCode::ASK_OUTCOME, "no reply");
    if (nth == 3) admin_.error.reset();
  };
  const Printed printed = Run({"saga", "cancel", kGtid, "--reason", "no money"});
  EXPECT_EQ(printed.exit, ExitCode::kUnknown);
  EXPECT_THAT(printed.out,
              StartsWith("it is turned back, and not undone yet; it goes on by itself. "
                         "This is so now:\n"));
  EXPECT_EQ(printed.err, "");
  EXPECT_EQ(admin_.calls.size(), 3u);
}

TEST_F(SagaVerbs, ACancelWhoseReplyWasLostOfASagaThatStillRunsSaysThatItMayBeDone) {
  admin_.transaction = Committing();
  admin_.transaction.__set_saga({});
  admin_.transaction.state = "running";
  admin_.before_answer = [this](std::size_t nth) {
    if (nth == 2) FailWith(wire::ErrorCode::ASK_OUTCOME, "no reply");
    if (nth == 3) admin_.error.reset();
  };
  const Printed printed = Run({"saga", "cancel", kGtid, "--reason", "no money"});
  EXPECT_EQ(printed.exit, ExitCode::kUnknown);
  EXPECT_THAT(printed.err, HasSubstr("no reply"));
}

TEST_F(SagaVerbs, SkipAndSetInputSendWhoWhatAndWhy) {
  admin_.transaction = Committing();
  EXPECT_THAT(
      Run({"skip", kGtid, "--step", "pay", "--reason", "paid by hand", "--operator", "ann"}).out,
      StartsWith("recorded as done by ann: skip of step pay; this is so now:\n"));
  EXPECT_EQ(
      RunJson({"set-input", kGtid, "--step", "2", "--input", "{}", "--reason", "new card"})["gtid"],
      kGtid);
  ASSERT_EQ(admin_.acts.size(), 2u);
  EXPECT_EQ(admin_.acts[0].act, "skip");
  EXPECT_EQ(admin_.acts[0].step, "pay");
  EXPECT_EQ(admin_.acts[0].reason, "paid by hand");
  EXPECT_EQ(admin_.acts[1].act, "set-input");
  EXPECT_EQ(admin_.acts[1].step, "2");
  EXPECT_EQ(admin_.acts[1].input, "{}");
}

TEST_F(SagaVerbs, RetryCanNameAStep) {
  wire::SentAgain sent;
  sent.resource = "airline";
  sent.command = "compensate";
  sent.branches = 1;
  admin_.send_again_reply.transactions = 1;
  admin_.send_again_reply.sent = {sent};
  EXPECT_THAT(Run({"retry", kGtid, "--step", "flight"}).out,
              HasSubstr("the compensate of 1 step was not sent"));
  EXPECT_EQ(admin_.retries.at(0).step, "flight");
  Run({"retry", kGtid});
  EXPECT_FALSE(admin_.retries.at(1).__isset.step);
}

}  // namespace
}  // namespace settle::cli
