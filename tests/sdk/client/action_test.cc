// Calls of actions: what handlers are told, what is answered, and how many run at a time.
#include "action_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class Action : public ActionTest {
 protected:
  Gate gate_;  // in which a handler may still be when its test is over
};

TEST_F(Action, TheHandlerIsToldTheCallAndItsAnswerIsReported) {
  std::promise<ActionContext> told;
  Serve([&](const ActionContext& call) {
    told.set_value(call);
    return Done(R"({"seat":"12A"})");
  });
  ConnectToServe();
  EXPECT_EQ(fake_.Count("attach acts:airline seen=/0"), 1u);
  wire::ActionCall call = Call(3, 2);
  call.__set_input(R"({"customer":"c"})");
  fake_.Call(call);
  EXPECT_TRUE(fake_.Await(R"(answer 3.2=done {"seat":"12A"})"));
  const ActionContext context = told.get_future().get();
  EXPECT_EQ(context.gtid.text(), call.gtid);
  EXPECT_EQ(context.step, 3u);
  EXPECT_EQ(context.op, ActionOp::kAction);
  EXPECT_EQ(context.participant, "airline");
  EXPECT_EQ(context.action, "fly");
  EXPECT_EQ(context.attempt, 2);
  EXPECT_EQ(context.input, R"({"customer":"c"})");
  EXPECT_EQ(context.result, std::nullopt);
  EXPECT_EQ(context.idempotency_key(), "settle:" + call.gtid + ":3:action");
  const auto left = context.deadline - Clock::now();
  EXPECT_TRUE(left > seconds(20) && left <= seconds(30));
}

TEST_F(Action, ACompensationIsToldWhatTheActionWasCalledWithAndAnswered) {
  std::promise<ActionContext> told;
  Serve([](const ActionContext&) { return Done(); },
        [&](const ActionContext& call) {
          told.set_value(call);
          return Done();
        });
  ConnectToServe();
  wire::ActionCall call = Call(1);
  call.op = wire::ActionOp::COMPENSATE;
  call.__set_input("[1]");
  call.__set_result("[2]");
  fake_.Call(call);
  EXPECT_TRUE(fake_.Await("answer 1.1=done {}"));
  const ActionContext context = told.get_future().get();
  EXPECT_EQ(context.input, "[1]");
  EXPECT_EQ(context.result, "[2]");
  EXPECT_EQ(context.idempotency_key(), "settle:" + call.gtid + ":1:compensate");
}

TEST_F(Action, TryConfirmAndCancelReachTheirOwnHandlersWithInputAndResult) {
  std::mutex mutex;
  std::map<std::string, ActionContext> told;
  const auto tells = [&](const std::string& handler) {
    return [&, handler](const ActionContext& call) {
      std::lock_guard lock(mutex);
      told[handler] = call;
      return Done();
    };
  };
  airline_->ServeTry("fly", tells("try"), tells("confirm"), tells("cancel"));
  ConnectToServe();
  int step = 0;
  for (const auto op : {wire::ActionOp::TRY, wire::ActionOp::CONFIRM, wire::ActionOp::CANCEL}) {
    wire::ActionCall call = Call(++step);
    call.op = op;
    call.__set_input("[1]");
    if (op != wire::ActionOp::TRY) call.__set_result("[2]");
    fake_.Call(call);
    EXPECT_TRUE(fake_.Await("answer " + std::to_string(step) + ".1=done {}"));
  }
  std::lock_guard lock(mutex);
  EXPECT_EQ(told["try"].op, ActionOp::kTry);
  EXPECT_EQ(told["try"].result, std::nullopt);
  EXPECT_EQ(told["confirm"].op, ActionOp::kConfirm);
  EXPECT_EQ(told["cancel"].op, ActionOp::kCancel);
  for (const char* handler : {"confirm", "cancel"}) {
    EXPECT_EQ(told[handler].input, "[1]") << handler;
    EXPECT_EQ(told[handler].result, "[2]") << handler;
    EXPECT_TRUE(told[handler].idempotency_key().ends_with(std::string(":") + handler));
  }
}

TEST_F(Action, WhatIsServedAsATryIsNoActionOfSagas) {
  const auto must_not_run = [](const ActionContext&) {
    ADD_FAILURE() << "a handler of a reservation ran";
    return Done();
  };
  airline_->ServeTry("fly", must_not_run, must_not_run, must_not_run);
  ConnectToServe();
  int step = 0;
  for (const auto op :
       {wire::ActionOp::ACTION, wire::ActionOp::COMPENSATE, wire::ActionOp::FENCE}) {
    wire::ActionCall call = Call(++step);
    call.op = op;
    fake_.Call(call);
    EXPECT_THAT(Heard("answer " + std::to_string(step) + ".1="), HasSubstr("=unknown"));
  }
}

TEST_F(Action, EachKindOfAnswerIsReportedAsItIs) {
  Serve([](const ActionContext& call) -> Answer {
    switch (call.step) {
      case 1: return Failed("no seat\nleft");
      case 2: return Ongoing(milliseconds(250));
      case 3: return Ongoing(std::chrono::hours(48));
      case 4: return Unknown("the provider hung up");
      case 5: return Done("");
      default: return {AnswerKind::kSuppressed, "it came too late", 0};
    }
  });
  ConnectToServe();
  for (int step = 1; step <= 6; ++step) {
    fake_.Call(Call(step));
    Heard("answer " + std::to_string(step) + ".");  // one after the other: three may wait
  }
  EXPECT_TRUE(fake_.Await("answer 1.1=failed no seat left"));
  EXPECT_TRUE(fake_.Await("answer 2.1=ongoing after 250"));
  EXPECT_TRUE(fake_.Await("answer 3.1=ongoing after 86400000"));
  EXPECT_TRUE(fake_.Await("answer 4.1=unknown the provider hung up"));
  EXPECT_TRUE(fake_.Await("answer 5.1=done"));
  EXPECT_TRUE(fake_.Await("answer 6.1=suppressed it came too late"));
}

TEST_F(Action, WhatAHandlerThrowsIsAnUnknownOutcome) {
  Serve([](const ActionContext& call) -> Answer {
    if (call.step == 1) throw std::runtime_error("the disk is full");
    throw 7;
  });
  ConnectToServe();
  fake_.Call(Call(1));
  fake_.Call(Call(2));
  EXPECT_TRUE(fake_.Await("answer 1.1=unknown the handler threw: the disk is full"));
  EXPECT_TRUE(fake_.Await("answer 2.1=unknown the handler threw: an exception of an unknown type"));
}

TEST_F(Action, AResultThatTheCoordinatorWouldNotTakeIsUnknown) {
  const std::string deep(30'000, '[');
  Serve([&](const ActionContext& call) -> Answer {
    if (call.step == 1) return Done("seat 12A");
    if (call.step == 2) return Done(deep);
    if (call.step == 3) return Done("\"" + std::string(64 * 1024 - 2, 'x') + "\"");
    return Done("\"" + std::string(64 * 1024 - 1, 'x') + "\"");
  });
  ConnectToServe();
  for (int step = 1; step <= 4; ++step) {
    fake_.Call(Call(step));
    Heard("answer " + std::to_string(step) + ".");
  }
  EXPECT_TRUE(fake_.Await("answer 1.1=unknown its result is not JSON"));
  EXPECT_THAT(Heard("answer 2."), HasSubstr("=unknown its result is not JSON"));
  EXPECT_THAT(Heard("answer 3."), HasSubstr("=done"));
  EXPECT_TRUE(
      fake_.Await("answer 4.1=unknown its result has 65537 bytes, at most 65536 are allowed"));
}

TEST_F(Action, WhatIsNotServedIsUnknownAndTheAnswerNamesWhatIs) {
  Serve([](const ActionContext&) { return Done(); });
  airline_->Serve("land", [](const ActionContext&) { return Done(); });
  ConnectToServe();
  fake_.Call(Call(1, 1, "crash"));
  EXPECT_THAT(Heard("answer 1."),
              HasSubstr("unknown participant airline serves no action \"crash\" in the process "
                        "that was called; it serves fly, land"));
  wire::ActionCall undo = Call(2);
  undo.op = wire::ActionOp::COMPENSATE;
  fake_.Call(undo);
  EXPECT_THAT(Heard("answer 2."), HasSubstr("airline serves fly without compensate"));
  wire::ActionCall fence = Call(3);
  fence.op = wire::ActionOp::FENCE;
  fake_.Call(fence);
  EXPECT_THAT(Heard("answer 3."), HasSubstr("without fence: serve it over a barrier"));
}

TEST_F(Action, AFenceGoesToItsHandlerWhereOneIsGiven) {
  Serve([](const ActionContext&) { return Done(); }, {},
        [](const ActionContext&) {
          return Answer{AnswerKind::kSuppressed, "fenced", 0};
        });
  ConnectToServe();
  wire::ActionCall fence = Call(1);
  fence.op = wire::ActionOp::FENCE;
  fake_.Call(fence);
  EXPECT_TRUE(fake_.Await("answer 1.1=suppressed fenced"));
}

TEST_F(Action, AtMostSoManyHandlersRunAtATimeAndWhatFindsNoRoomIsAnsweredBusy) {
  Serve([&](const ActionContext&) {
    gate_.Pass();
    return Done();
  });
  ConnectToServe();
  for (int step = 1; step <= 2; ++step) fake_.Call(Call(step));
  ASSERT_TRUE(gate_.AwaitEntered(2));
  for (int step = 3; step <= 6; ++step) fake_.Call(Call(step));  // three wait, the fourth does not
  EXPECT_TRUE(fake_.Await("answer 6.1=unknown busy: 3 calls wait for one of 2 threads"));
  EXPECT_EQ(gate_.entered(), 2);
  gate_.Open();
  for (int step = 1; step <= 5; ++step) {
    EXPECT_TRUE(fake_.Await("answer " + std::to_string(step) + ".1=done {}"));
  }
  EXPECT_EQ(gate_.most(), 2) << "the bound was not reached, or exceeded";
}

TEST_F(Action, M01_ACopyOfACallThatRunsIsNotRunBesideItAndTheAnswerIsTheCopys) {
  Serve([&](const ActionContext&) {
    gate_.Pass();
    return Failed("no seat");
  });
  ConnectToServe();
  fake_.Call(Call(1, 1));
  ASSERT_TRUE(gate_.AwaitEntered(1));
  fake_.Call(Call(1, 2));
  fake_.Call(Call(1, 3));
  fake_.Call(Call(2, 1));  // once this one runs, the copies have been seen
  ASSERT_TRUE(gate_.AwaitEntered(2));
  EXPECT_EQ(gate_.entered(), 2);
  gate_.Open();
  EXPECT_TRUE(fake_.Await("answer 1.3=failed no seat"));
  EXPECT_EQ(fake_.Count("answer 1.1=failed no seat") + fake_.Count("answer 1.2=failed no seat"),
            0u);
  EXPECT_EQ(gate_.most(), 2);
}

TEST_F(Action, ACompensationIsNotACopyOfItsAction) {
  Serve(
      [&](const ActionContext&) {
        gate_.Pass();
        return Done();
      },
      [](const ActionContext&) { return Done(); });
  ConnectToServe();
  fake_.Call(Call(1));
  ASSERT_TRUE(gate_.AwaitEntered(1));
  wire::ActionCall undo = Call(1, 5);
  undo.op = wire::ActionOp::COMPENSATE;
  fake_.Call(undo);
  EXPECT_TRUE(fake_.Await("answer 1.5=done {}"));
  gate_.Open();
  EXPECT_TRUE(fake_.Await("answer 1.1=done {}"));
}

TEST_F(Action, ACallWhoseTimeIsOverBeforeAThreadIsFreeIsNotBegun) {
  std::atomic<int> late{0};
  Serve([&](const ActionContext& call) {
    if (call.step == 3) ++late;
    gate_.Pass();
    return Done();
  });
  ConnectToServe();
  fake_.Call(Call(1));
  fake_.Call(Call(2));
  ASSERT_TRUE(gate_.AwaitEntered(2));
  wire::ActionCall brief = Call(3);
  brief.timeout_ms = 1;
  fake_.Call(brief);
  for (int step = 4; step <= 6; ++step) fake_.Call(Call(step));
  Heard("answer 6.1=unknown busy");  // so the brief one waits
  const Clock::time_point its_deadline = Clock::now() + milliseconds(brief.timeout_ms);
  ASSERT_TRUE(Eventually([&] { return Clock::now() > its_deadline; }));
  gate_.Open();
  EXPECT_THAT(Heard("answer 3."), HasSubstr("=unknown it was not begun: its time was over"));
  EXPECT_EQ(late, 0);
  EXPECT_TRUE(fake_.Await("answer 5.1=done {}"));
}

TEST_F(Action, ALaterCopyGivesACallThatStillWaitsItsOwnTime) {
  Serve([&](const ActionContext&) {
    gate_.Pass();
    return Done();
  });
  ConnectToServe();
  fake_.Call(Call(1));
  fake_.Call(Call(2));
  ASSERT_TRUE(gate_.AwaitEntered(2));
  wire::ActionCall brief = Call(3);
  brief.timeout_ms = 1;
  fake_.Call(brief);
  fake_.Call(Call(3, 2));
  for (int step = 4; step <= 6; ++step) fake_.Call(Call(step));
  Heard("answer 6.1=unknown busy");
  gate_.Open();
  for (const char* answer : {"answer 3.2=done {}", "answer 4.1=done {}", "answer 5.1=done {}"}) {
    EXPECT_TRUE(fake_.Await(answer));
  }
  EXPECT_EQ(gate_.entered(), 5);  // 3 once, and 6 never
}

TEST_F(Action, ACallOfAnEarlierLifeOrOfAnotherLogIsRefused) {
  Serve([](const ActionContext&) { return Done(); });
  ConnectToServe();
  fake_.Restart(2);
  fake_.Call(Call(1));  // of epoch 1
  wire::ActionCall foreign = Call(2);
  foreign.gtid = Gtid::Make("zzzzzzzzzzzz", 1, 7, 9).text();
  foreign.epoch = 2;
  fake_.Call(foreign);
  wire::ActionCall good = Call(3);  // its saga began in an earlier life
  good.epoch = 2;
  fake_.Call(good);
  EXPECT_TRUE(fake_.Await("answer 3.1=done {}"));
  EXPECT_THAT(warnings(), HasSubstr("is at epoch 1, but this process has seen epoch 2"));
  EXPECT_THAT(warnings(), HasSubstr("refused to action a step of zzzzzzzzzzzz"));
  for (const std::string& line : fake_.heard()) {
    EXPECT_FALSE(line.starts_with("answer 1.") || line.starts_with("answer 2.")) << line;
  }
}

TEST_F(Action, AParticipantThatThisProcessDoesNotServeIsNamed) {
  Serve([](const ActionContext&) { return Done(); });
  auto hotels = ActionParticipant::Make({.name = "hotels"});
  hotels->Serve("sleep", [](const ActionContext&) { return Done(); });
  CoordinatorOptions options = Options();
  options.participants.push_back(hotels);
  fake_.on_attach = [](const wire::AttachRequest& request) {
    EXPECT_EQ(request.participants, (std::vector<std::string>{"airline", "hotels"}));
    // As a coordinator would that mixes up its participants.
    const_cast<wire::AttachRequest&>(request).participants.push_back("trains");
  };
  Connect(std::move(options));
  wire::ActionCall call = Call(1);
  call.participant = "trains";
  fake_.Call(call);
  EXPECT_TRUE(
      fake_.Await("answer 1.1=unknown this process serves no participant named \"trains\""));
  call = Call(2, 1, "sleep");
  call.participant = "hotels";
  fake_.Call(call);
  EXPECT_TRUE(fake_.Await("answer 2.1=done {}"));
}

TEST_F(Action, WhatIsWrongWithAParticipantIsToldByConnect) {
  const auto why = [this](std::vector<std::shared_ptr<ActionParticipant>> participants) {
    CoordinatorOptions options = fake_.Options();
    options.participants = std::move(participants);
    const auto coordinator = Coordinator::Connect(std::move(options));
    return coordinator ? "connected" : Describe(coordinator.error());
  };
  const auto make = [](ActionParticipantOptions options, const std::string& action = "fly") {
    auto made = ActionParticipant::Make(std::move(options));
    made->Serve(action, [](const ActionContext&) { return Done(); });
    return made;
  };
  EXPECT_THAT(why({nullptr}), HasSubstr("a participant is null"));
  EXPECT_THAT(why({ActionParticipant::Make({.name = "airline"})}), HasSubstr("serves no action"));
  EXPECT_THAT(why({make({.name = "air line"})}), HasSubstr("name is \"air line\""));
  EXPECT_THAT(why({make({.name = "airline", .concurrency = 0})}), HasSubstr("concurrency"));
  EXPECT_THAT(why({make({.name = "airline", .queue_most = 0})}), HasSubstr("queue_most"));
  EXPECT_THAT(why({make({.name = "airline"}, "")}), HasSubstr("an action of participant"));
  EXPECT_THAT(why({make({.name = "a"}), make({.name = "a"})}), HasSubstr("two participants"));
  auto twice = make({.name = "airline"});
  twice->Serve("fly", [](const ActionContext&) { return Done(); });
  EXPECT_THAT(why({twice}), MatchesRegex(".*\"airline\" serves the action \"fly\" twice.*"));
  auto empty = ActionParticipant::Make({.name = "airline"});
  empty->Serve("fly", ActionHandler());
  EXPECT_THAT(why({empty}), HasSubstr("serves the action \"fly\" without action"));
  EXPECT_EQ(fake_.heard().size(), 0u) << "nobody was told of what does not work";
}

}  // namespace
}  // namespace settle::sdk
