// Starting a saga again: with its request key, by its name, at once and after a crash.
#include "engine/saga_starts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recovery/replay.h"
#include "saga_definition/document.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using testing::HasSubstr;

constexpr const char kTrip[] = R"({"saga": "trip", "steps": [
  {"name": "flight", "participant": "airline", "action": "reserve-seat"}]})";
constexpr const char kTripWithHotel[] = R"({"saga": "trip", "version": 2, "steps": [
  {"name": "flight", "participant": "airline", "action": "reserve-seat"},
  {"name": "hotel", "participant": "hotels", "action": "reserve-room"}]})";

StartSagaCall TripWith(const std::string& key, const std::string& input = "{}") {
  StartSagaCall call;
  call.definition = *saga::ReadDocument(kTrip);
  call.input = input;
  call.request_key = key;
  call.owner = "shop";
  return call;
}
StartSagaCall ByName(const std::string& name, std::int32_t version = 0,
                     const std::string& key = "") {
  StartSagaCall call;
  call.name = name;
  call.version = version;
  call.request_key = key;
  call.owner = "shop";
  return call;
}

class SagaStartsTest : public testing::Test {
 protected:
  Answer<Begun> Post(const StartSagaCall& call) {
    Answer<Begun> begun;
    engine_->engine().StartSaga(call, begun.done());
    return begun;
  }
  Gtid Start(const StartSagaCall& call) {
    const Answer<Begun> begun = Post(call);
    engine_->Run();
    EXPECT_TRUE(begun.ok()) << begun.error().message;
    return begun.ok() ? begun->gtid : Gtid();
  }
  Error Refused(const StartSagaCall& call) {
    const Answer<Begun> begun = Post(call);
    engine_->Run();
    return begun.error();
  }
  Result<Defined> Define(const std::string& document, const std::string& owner = "alice") {
    Answer<Defined> defined;
    engine_->engine().DefineSaga({*saga::ReadDocument(document), owner}, defined.done());
    engine_->Run();
    if (!defined.ok()) return Fail(defined.error());
    return *defined;
  }
  // What was not durable is lost; a new life reads the log.
  void Crash() {
    auto next = std::make_unique<EngineUnderTest>(
        settings_, LogIdentity{"k3m9qxw4c7ab", engine_->log().identity().epoch + 1});
    for (const Record& record : engine_->log().durable()) next->log().Keep(record);
    engine_ = std::move(next);
    engine_->engine().Restore(*ReplayLog(engine_->log()));
    engine_->Run();
  }
  // Cancels it before anybody serves its steps: nothing was done and it ends.
  void End(const Gtid& gtid) {
    Answer<Attached> attached;
    engine_->engine().Attach({"service", {}, "", 0, {"airline", "hotels"}}, attached.done());
    engine_->Run();
    Answer<CommandBatch> batch;
    engine_->engine().Fetch({attached->session, 0, 100, 0ms}, batch.done());
    engine_->Run();
    ASSERT_TRUE(batch.ok());
    for (const SagaCall& call : batch->calls) {
      if (call.key.gtid != gtid) continue;
      SagaAnswer done{call.key, call.op, call.attempt, {AnswerKind::kDone, R"({"seat": 7})", 0}};
      engine_->engine().Report({attached->session, {}, {}, {done}}, [](Result<std::monostate>) {});
    }
    engine_->Run();
    engine_->engine().Detach(attached->session, [](Result<std::monostate>) {});
    engine_->Run();
    ASSERT_EQ(engine_->Show(gtid).state, "") << "it has not ended";
  }

  Settings settings_{};
  std::unique_ptr<EngineUnderTest> engine_ = std::make_unique<EngineUnderTest>(settings_);
};

TEST_F(SagaStartsTest, ARepeatedStartGetsTheSagaThatTheFirstOneBegan) {
  const Gtid first = Start(TripWith("order-17"));
  EXPECT_EQ(Start(TripWith("order-17")), first);
  EXPECT_NE(Start(TripWith("order-18")), first);
  EXPECT_NE(Start(TripWith("")), Start(TripWith(""))) << "without a key each is a saga of its own";
  EXPECT_EQ(engine_->ListOpen().size(), 4U);
}

TEST_F(SagaStartsTest, TheKeyDoesNotDependOnWhoUsesIt) {
  const Gtid first = Start(TripWith("order-17"));
  StartSagaCall restarted = TripWith("order-17");
  restarted.owner = "shop with another process id";
  EXPECT_EQ(Start(restarted), first);
}

TEST_F(SagaStartsTest, TwoAtOnceBeginOneSagaAndBothHearItOnceItIsDurable) {
  engine_->log().held = true;
  const Answer<Begun> first = Post(TripWith("order-17"));
  const Answer<Begun> second = Post(TripWith("order-17"));
  engine_->Run();
  EXPECT_FALSE(first.came());
  EXPECT_FALSE(second.came()) << "the second was told what is not durable";
  engine_->log().held = false;
  engine_->Run();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->gtid, second->gtid);
  EXPECT_EQ(engine_->log().Durable<SagaBeginRecord>().size(), 1U);
}

TEST_F(SagaStartsTest, WhenTheLogRefusesTheFirstBothAreToldAndTheKeyIsFree) {
  engine_->log().judge = [](const Record&) {
    return FakeLog::Verdict{AppendResult::kRefused, "disk full"};
  };
  const Answer<Begun> first = Post(TripWith("order-17"));
  const Answer<Begun> second = Post(TripWith("order-17"));
  engine_->Run();
  EXPECT_EQ(first.error().code, ErrorCode::kRetry);
  EXPECT_EQ(second.error().code, ErrorCode::kRetry);
  engine_->log().judge = {};
  Start(TripWith("order-17", R"({"another": "input"})"));
}

TEST_F(SagaStartsTest, AnotherDefinitionOrInputUnderTheKeyIsRefusedAndNamesTheSaga) {
  const Gtid first = Start(TripWith("order-17", R"({"a": 1, "b": 2})"));
  EXPECT_EQ(Start(TripWith("order-17", R"({ "b":2,"a":1 })")), first) << "the same input";
  const Error input = Refused(TripWith("order-17", R"({"a": 2})"));
  EXPECT_EQ(input.code, ErrorCode::kRefused);
  EXPECT_THAT(input.message, HasSubstr(first.text()));
  EXPECT_THAT(input.message, HasSubstr("with another input; nothing was started"));
  StartSagaCall hotel = TripWith("order-17", R"({"a": 1, "b": 2})");
  hotel.definition = *saga::ReadDocument(kTripWithHotel);
  EXPECT_THAT(Refused(hotel).message, HasSubstr("with another definition"));
  EXPECT_EQ(engine_->ListOpen().size(), 1U);
}

TEST_F(SagaStartsTest, TheKeyOutlivesACrashWhileTheSagaRunsAndAfterItEnded) {
  const Gtid running = Start(TripWith("running"));
  const Gtid ended = Start(TripWith("ended"));
  End(ended);
  EXPECT_EQ(Start(TripWith("ended")), ended);
  for (int crash = 0; crash < 2; ++crash) {
    Crash();
    EXPECT_EQ(Start(TripWith("running")), running);
    EXPECT_EQ(Start(TripWith("ended")), ended);
    EXPECT_EQ(Refused(TripWith("ended", "[1]")).code, ErrorCode::kRefused);
  }
}

TEST_F(SagaStartsTest, AStartThatTheCrashTookIsDoneAnewAndOneThatItLeftIsNot) {
  engine_->log().held = true;
  Post(TripWith("lost"));
  engine_->Run();
  Crash();
  const Gtid kept = Start(TripWith("lost"));
  EXPECT_EQ(kept.epoch(), 3U);
  Crash();
  EXPECT_EQ(Start(TripWith("lost")), kept);
}

TEST_F(SagaStartsTest, KeysOfEndedSagasAreForgottenOldestFirst) {
  SagaStarts starts(2);
  const auto gtid = [](std::uint64_t n) { return Gtid::Make("k3m9qxw4c7ab", 2, n, 7); };
  for (std::uint64_t n = 1; n <= 4; ++n) {
    {
      const auto lock = starts.Lock();
      starts.Add({gtid(n), "cn:shop", "key " + std::to_string(n), "trip", 1, {}});
    }
    if (n != 1) starts.Ended("cn:shop", "key " + std::to_string(n), gtid(n), true);
  }
  EXPECT_TRUE(starts.Has("cn:shop", "key 1", gtid(1))) << "it runs";
  EXPECT_FALSE(starts.Has("cn:shop", "key 2", gtid(2)));
  EXPECT_TRUE(starts.Has("cn:shop", "key 3", gtid(3)));
  EXPECT_TRUE(starts.Has("cn:shop", "key 4", gtid(4)));
}

TEST_F(SagaStartsTest, X03_OneOwnerHasItsQuotaOfSagasAndOthersAreServed) {
  settings_.sagas_per_owner_max = 2;
  engine_ = std::make_unique<EngineUnderTest>(settings_);
  const Gtid first = Start(TripWith("a"));
  Start(TripWith("b"));
  EXPECT_THAT(Refused(TripWith("c")).advice, HasSubstr("--max-sagas-per-owner"));
  EXPECT_EQ(Start(TripWith("a")), first) << "a repeated start takes nothing";
  StartSagaCall other = TripWith("d");
  other.owner = "other";
  Start(other);
  Crash();
  EXPECT_EQ(Refused(TripWith("c")).code, ErrorCode::kRetry) << "those of an earlier life count";
  End(first);
  Start(TripWith("c"));
}

TEST_F(SagaStartsTest, AStoredDefinitionIsStartedByNameInItsHighestOrAGivenVersion) {
  EXPECT_EQ(Refused(ByName("trip")).code, ErrorCode::kNotFound);
  ASSERT_TRUE(Define(kTrip));
  ASSERT_TRUE(Define(kTripWithHotel));
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(engine_->Show(Start(ByName("trip"))).branches.size(), 2U);
    EXPECT_EQ(engine_->Show(Start(ByName("trip", 1))).branches.size(), 1U);
    const Error error = Refused(ByName("trip", 3));
    EXPECT_EQ(error.code, ErrorCode::kNotFound);
    EXPECT_THAT(error.message, HasSubstr("version 3 is not stored; the highest version is 2"));
    Crash();
  }
}

TEST_F(SagaStartsTest, AStoredVersionIsNeverChanged) {
  EXPECT_FALSE(Define(kTrip)->known);
  EXPECT_TRUE(Define(kTrip)->known);
  std::string changed = kTripWithHotel;
  changed.replace(changed.find("\"version\": 2"), 12, "\"version\": 1");
  for (int life = 0; life < 2; ++life) {
    const Result<Defined> refused = Define(changed, "bob");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    EXPECT_THAT(refused.error().message, HasSubstr("stored with another content, by \"alice\""));
    Crash();
  }
  EXPECT_EQ(engine_->log().Durable<DefinitionRecord>().size(), 1U);
}

TEST_F(SagaStartsTest, ADefinitionThatTheLogRefusedIsNotThere) {
  engine_->log().judge = [](const Record&) {
    return FakeLog::Verdict{AppendResult::kRefused, "disk full"};
  };
  EXPECT_EQ(Define(kTrip).error().code, ErrorCode::kRetry);
  EXPECT_EQ(Refused(ByName("trip")).code, ErrorCode::kNotFound);
  engine_->log().judge = {};
  EXPECT_FALSE(Define(kTrip)->known);
}

// Two store the same at once. What becomes of the one record says nothing of the other.
TEST_F(SagaStartsTest, ADefinitionStoredTwiceAtOnceIsThereIfTheLogRefusedOnlyOneOfThem) {
  int refusals = 0;
  engine_->log().held = true;
  engine_->log().judge = [&](const Record&) {
    return refusals++ == 0 ? FakeLog::Verdict{AppendResult::kRefused, "disk full"}
                           : FakeLog::Verdict{};
  };
  Answer<Defined> first;
  Answer<Defined> second;
  engine_->engine().DefineSaga({*saga::ReadDocument(kTrip), "alice"}, first.done());
  engine_->engine().DefineSaga({*saga::ReadDocument(kTrip), "bob"}, second.done());
  ASSERT_TRUE(engine_->log().CompleteOne());
  EXPECT_EQ(first.error().code, ErrorCode::kRetry);
  std::string changed = kTripWithHotel;
  changed.replace(changed.find("\"version\": 2"), 12, "\"version\": 1");
  EXPECT_EQ(Define(changed).error().code, ErrorCode::kRetry) << "the other is on its way";
  engine_->log().held = false;
  engine_->Run();
  EXPECT_TRUE(second.ok());
  Start(ByName("trip", 1));
  EXPECT_EQ(Define(changed).error().code, ErrorCode::kRefused);
  EXPECT_EQ(engine_->log().Durable<DefinitionRecord>().size(), 1U);
}

TEST_F(SagaStartsTest, AStartByNameIsAnotherIfWhatIsStoredUnderItsVersionIs) {
  const Gtid first = Start(TripWith("order-17"));
  std::string other = kTripWithHotel;
  other.replace(other.find("\"version\": 2"), 12, "\"version\": 1");
  ASSERT_TRUE(Define(other));
  EXPECT_THAT(Refused(ByName("trip", 1, "order-17")).message, HasSubstr("another definition"));
  EXPECT_THAT(Refused(ByName("trip", 0, "order-17")).message, HasSubstr("another definition"));
  EXPECT_EQ(Start(TripWith("order-17")), first);
}

TEST_F(SagaStartsTest, M08_ARunningSagaKeepsTheDefinitionItBeganWith) {
  ASSERT_TRUE(Define(kTrip));
  const Gtid gtid = Start(ByName("trip", 0, "order-17"));
  ASSERT_TRUE(Define(kTripWithHotel));
  EXPECT_EQ(Start(ByName("trip", 0, "order-17")), gtid) << "the same start, whatever is stored now";
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(engine_->Show(gtid).branches.size(), 1U);
    EXPECT_EQ(engine_->Show(gtid).saga->version, 1);
    EXPECT_EQ(Refused(ByName("trip", 2, "order-17")).code, ErrorCode::kRefused);
    Crash();
  }
}

TEST_F(SagaStartsTest, StoredDefinitionsAreListedByNameAndVersionPageByPage) {
  ASSERT_TRUE(Define(kTripWithHotel));
  ASSERT_TRUE(Define(kTrip));
  const DefinitionPage first = engine_->engine().ListDefinitions({"", 0, 1});
  ASSERT_EQ(first.definitions.size(), 1U);
  EXPECT_EQ(first.definitions[0].version, 1);
  EXPECT_EQ(first.definitions[0].stored_by, "alice");
  EXPECT_TRUE(first.more);
  const DefinitionPage second = engine_->engine().ListDefinitions({"trip", 1, 1});
  ASSERT_EQ(second.definitions.size(), 1U);
  EXPECT_EQ(second.definitions[0].steps, 2U);
  EXPECT_FALSE(second.more);
}

// The lost records may have begun it: a second saga would do everything twice.
TEST(SagaStartsAfterARestore, AKeyThatIsNotKnownStartsNothingUntilTheLossIsLookedAfter) {
  const LogIdentity restored{"k3m9qxw4c7ab", 2'000, {{5, 1'999, 1}}};
  EngineUnderTest under_test({}, restored);
  Answer<Begun> keyed;
  under_test.engine().StartSaga(TripWith("order-17"), keyed.done());
  under_test.Run();
  ASSERT_FALSE(keyed.ok());
  EXPECT_EQ(keyed.error().code, ErrorCode::kRefused);
  EXPECT_THAT(keyed.error().message, HasSubstr("may have begun a saga all the same"));
  EXPECT_THAT(keyed.error().advice, HasSubstr("--losses-settled 1999"));
  Answer<Begun> without_key;
  under_test.engine().StartSaga(TripWith(""), without_key.done());
  under_test.Run();
  EXPECT_TRUE(without_key.ok()) << "nobody repeats it";

  Settings settings;
  settings.losses_settled = 1'999;
  EngineUnderTest settled(settings, restored);
  Answer<Begun> again;
  settled.engine().StartSaga(TripWith("order-17"), again.done());
  settled.Run();
  EXPECT_TRUE(again.ok());
}

}  // namespace
}  // namespace settle::coordinator
