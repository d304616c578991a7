// What a request for leave to a last resource says, from the SDK to the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/wire.h"
#include "transport/wire.h"

namespace settle::coordinator {
namespace {

using testing::HasSubstr;

const Gtid kGtid = Gtid::MakeForLastResource("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);
const Evidence kLast{"postgresql:7301234567890123456:16384", 3, "7751"};
const Evidence kOther{"postgresql:7301234567890123457:16384", 1, "58"};

sdk::OnePhaseCall Leave() {
  sdk::OnePhaseCall call{kGtid, 1, kLast};
  call.votes = {{2, {Vote::kCommit, kOther, "", false}}, {3, {Vote::kReadOnly, {}, "", false}}};
  call.own = {{1, "bank-a"}, {2, "bank-b"}, {3, "bank-c"}};
  return call;
}

template <typename T>
void ExpectInvalid(const Result<T>& result, const std::string& words) {
  ASSERT_FALSE(result) << words;
  EXPECT_EQ(result.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(result.error().message, HasSubstr(words));
}

TEST(LastResourceWire, ARequestForLeaveArrivesAsItWasSent) {
  const Result<OnePhaseCall> call = FromWire(sdk::ToWire(Leave()));
  ASSERT_TRUE(call) << Describe(call.error());
  EXPECT_EQ(call->gtid, kGtid);
  EXPECT_EQ(call->evidence, kLast);
  ASSERT_TRUE(call->votes);
  EXPECT_EQ(*call->votes, (std::vector<BranchVote>{{2, {Vote::kCommit, kOther, "", false}},
                                                   {3, {Vote::kReadOnly, {}, "", false}}}));
  ASSERT_EQ(call->own.size(), 3U);
  EXPECT_EQ(call->own[2].number, 3U);
  EXPECT_EQ(call->own[2].resource, "bank-c");
}

TEST(LastResourceWire, ALoneBranchHasNoVotes) {
  sdk::OnePhaseCall lone{kGtid, 1, kLast};
  lone.own_resource = "bank-a";
  const Result<OnePhaseCall> call = FromWire(sdk::ToWire(lone));
  ASSERT_TRUE(call) << Describe(call.error());
  EXPECT_FALSE(call->votes);
  ASSERT_EQ(call->own.size(), 1U);
  EXPECT_EQ(call->own[0].resource, "bank-a");
}

TEST(LastResourceWire, N05_WhatMakesNoSenseIsRefused) {
  wire::OnePhaseRequest request = sdk::ToWire(Leave());
  request.__set_resource("bank-a");
  ExpectInvalid(FromWire(request), "resource is given with votes");
  request = sdk::ToWire(Leave());
  request.votes[1].branch = 2;
  ExpectInvalid(FromWire(request), "votes name branch 2 twice");
  request = sdk::ToWire(Leave());
  request.branches[0].number = 0;
  EXPECT_FALSE(FromWire(request));
  request = sdk::ToWire(Leave());
  request.branches[0].resource = "no name";
  EXPECT_FALSE(FromWire(request));
}

TEST(LastResourceWire, ThreePhaseCommitsHaveNone) {
  sdk::BeginCall call;
  call.last_resource = true;
  EXPECT_TRUE(FromWire(sdk::ToWire(call))->last_resource);
  call.protocol = Protocol::kThreePhase;
  ExpectInvalid(FromWire(sdk::ToWire(call)), "last_resource");
}

}  // namespace
}  // namespace settle::coordinator
