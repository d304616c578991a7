#include "server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thrift/TApplicationException.h>

#include <future>
#include <thread>

#include "served.h"
#include "support/raw_peer.h"

namespace settle::testing {
namespace {

using namespace server;
using apache::thrift::TApplicationException;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

TEST(Server, AnswersCallsOfTheServiceThatTheCallNames) {
  Served served;
  Client client(served.address());
  EXPECT_EQ(client.Hello("till 7"), "till 7");
  EXPECT_EQ(client.Hello("till 8"), "till 8");
}

TEST(Server, ServesManyConnectionsAtOnce) {
  Served served;
  std::vector<std::thread> tills;
  for (int till = 0; till < 16; ++till) {
    tills.emplace_back([&served, till] {
      Client client(served.address());
      for (int i = 0; i < 200; ++i)
        ASSERT_EQ(client.Hello(std::to_string(till)), std::to_string(till));
    });
  }
  for (std::thread& till : tills) till.join();
  EXPECT_EQ(served.handler->calls, 16 * 200);
}

TEST(Server, AnswersCallsThatCameTogetherInOneSegmentEachInTurn) {
  Served served;
  RawPeer client(served.address());
  const std::string call =
      Frame(CallHeader("coordinator:hello") + Field(kStruct, 1) + Field(kI32, 1) + BigEndian(1) +
            Field(kI32, 2) + BigEndian(1) + Field(kString, 3) + Text("a") + kStop + kStop);
  ASSERT_TRUE(client.Send(call + call + call.substr(0, 9)));
  ASSERT_TRUE(client.Readable(10s));
  ASSERT_TRUE(client.Send(call.substr(9)));
  ::shutdown(client.socket(), SHUT_WR);
  EXPECT_THAT(client.ReadToEnd(), Optional(HasSubstr("hello")));
  EXPECT_EQ(served.handler->calls, 3);
}

TEST(Server, ListensOnlyWhereItIsToldTo) {
  Served served;
  EXPECT_THAT(served.address(), HasSubstr("127.0.0.1:"));
}

TEST(Server, SaysWhatKeepsItFromListening) {
  Served served;
  Listening second;
  const auto port = static_cast<std::uint16_t>(std::stoi(served.address().substr(10)));
  const Status started = second.server.Start({*Resolve({.host = "127.0.0.1", .port = port})});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(started.error().message, HasSubstr(served.address()));
}

TEST(Server, N05_AnUnknownMethodIsRefusedByNameAndTheConnectionGoesOn) {
  Served served;
  RawPeer client(served.address());
  ASSERT_TRUE(client.Send(Frame(CallHeader("coordinator:explode") + kStop)));
  ASSERT_TRUE(client.Readable(10s));
  ::shutdown(client.socket(), SHUT_WR);
  EXPECT_THAT(client.ReadToEnd(), Optional(HasSubstr("Invalid method name: 'explode'")));
  EXPECT_EQ(Client(served.address()).Hello("after"), "after");
}

TEST(Server, N05_AnUnknownServiceIsRefusedByNameAndClosed) {
  Served served;
  Client client(served.address(), "treasury");
  try {
    client.Hello("lost");
    FAIL() << "was answered";
  } catch (const TApplicationException& refused) {
    EXPECT_EQ(refused.getType(), TApplicationException::PROTOCOL_ERROR);
    EXPECT_THAT(refused.what(), HasSubstr("Unknown service: treasury"));
  }
}

TEST(Server, N05_ACallThatNamesNoServiceIsToldHowToNameOne) {
  Served served;
  RawPeer client(served.address());
  ASSERT_TRUE(client.Send(Frame(CallHeader("hello") + kStop)));
  EXPECT_THAT(client.ReadToEnd(), Optional(HasSubstr("it is SERVICE:METHOD")));
}

TEST(Server, N05_WhatABlockingServiceCannotReadIsRefusedByNameAndClosed) {
  Served served;
  RawPeer client(served.address());
  ASSERT_TRUE(client.Send(Frame(CallHeader("blocking:hello") + Field(kStruct, 1) + Field(kI32, 1) +
                                BigEndian(1) + kStop + kStop)));
  EXPECT_THAT(client.ReadToEnd(), Optional(HasSubstr("hello")));
  EXPECT_EQ(served.handler->calls, 0);
  EXPECT_EQ(Client(served.address(), "blocking").Hello("others"), "others");
}

TEST(Server, N05_ACallWithoutARequiredFieldIsRefusedAndNeverReachesTheHandler) {
  Served served;
  RawPeer client(served.address());
  // version_low alone, of three required fields.
  ASSERT_TRUE(client.Send(Frame(CallHeader("coordinator:hello") + Field(kStruct, 1) +
                                Field(kI32, 1) + BigEndian(1) + kStop + kStop)));
  EXPECT_THAT(client.ReadToEnd(),
              Optional(HasSubstr("hello")));  // an exception under the call's name, then the end
  EXPECT_EQ(served.handler->calls, 0);
}

TEST(Server, ACallInProgressIsAnsweredBeforeAPatientStop) {
  Served served;
  std::promise<void> arrived;
  std::promise<void> go_on;
  served.handler->on_outcome = [&](wire::Ending& ending, const std::string&) {
    arrived.set_value();
    go_on.get_future().wait();
    ending.reason = "done in time";
  };
  auto answer = std::async(std::launch::async, [&] {
    Client client(served.address());
    wire::Ending ending;
    client->outcome(ending, "x");
    return ending.reason;
  });
  arrived.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { served.server->Stop(30s); });
  EXPECT_EQ(stopped.wait_for(100ms), std::future_status::timeout);
  go_on.set_value();
  EXPECT_EQ(answer.get(), "done in time");
  stopped.get();
}

TEST(Server, StopEndsIdleConnectionsAndAcceptsNoMore) {
  Served served;
  RawPeer idle(served.address());
  Client client(served.address());
  client.Hello("first");
  served.server->Stop(30s);
  EXPECT_THAT(idle.ReadToEnd(), Optional(IsEmpty()));
  EXPECT_THROW(Client(served.address()), apache::thrift::transport::TTransportException);
}

TEST(Server, StopEndsParkedCallsAtOnceAndTellsOthersToAskWhenPatienceIsOver) {
  Served served;
  std::atomic<int> arrived{0};
  served.handler->on_outcome = [&](wire::Ending& ending, const std::string& kind) {
    ++arrived;
    std::promise<void> stopped;
    const std::stop_callback on_stop((kind == "parked" ? served.parked : served.calls).get_token(),
                                     [&] { stopped.set_value(); });
    stopped.get_future().wait();
    ending.reason = kind + " was stopped";
  };
  const auto ask = [&](const char* kind) {
    return std::async(std::launch::async, [&served, kind] {
      Client client(served.address());
      wire::Ending ending;
      client->outcome(ending, kind);
      return ending.reason;
    });
  };
  auto parked = ask("parked");
  auto working = ask("working");
  while (arrived < 2) std::this_thread::yield();
  auto stopped = std::async(std::launch::async, [&] { served.server->Stop(3s); });
  EXPECT_EQ(parked.get(), "parked was stopped");
  EXPECT_EQ(working.wait_for(0s), std::future_status::timeout);
  EXPECT_EQ(working.get(), "working was stopped");
  stopped.get();
}

TEST(Server, StopCutsOffAPeerThatDoesNotTakeItsAnswer) {
  Served served;
  served.handler->on_outcome = [](wire::Ending& ending, const std::string&) {
    ending.reason = std::string(8'000'000, 'x');
  };
  RawPeer deaf(served.address());
  ASSERT_TRUE(
      deaf.Send(Frame(CallHeader("coordinator:outcome") + Field(kString, 1) + Text("g") + kStop)));
  while (served.handler->calls == 0) std::this_thread::yield();
  const auto begun = std::chrono::steady_clock::now();
  served.server->Stop(10ms);  // not the io time-out, which is 30 s
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
}

}  // namespace
}  // namespace settle::testing
