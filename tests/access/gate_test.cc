#include "access/gate.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <list>
#include <vector>

namespace settle::coordinator::access {
namespace {

using namespace std::chrono_literals;
using server::Caller;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const Method& kBegin = Of("coordinator", "begin_transaction");
constexpr const Method& kShow = Of("admin", "show");

Policy Granting(Roles roles, Quota quota = {}) {
  return Policy({{{Who::Kind::kLocal, "local"}, roles, {}, {}, quota}});
}

class GateTest : public ::testing::Test {
 protected:
  GateTest() { Start(Granting({Role::kApplication})); }
  void Start(Policy policy) {
    gate_.emplace(
        std::move(policy),
        [this](const Gtid& about, const std::string& line) {
          said_.push_back(line);
          about_ = about;
        },
        [this] { return now_; });
  }
  std::uint64_t Denied() const {
    std::uint64_t all = 0;
    for (std::size_t service = 0; service < kServices.size(); ++service) {
      for (const auto& [reason, name] : kReasonNames) all += gate_->denied(service, reason);
    }
    return all;
  }

  const Caller caller_{.address = "127.0.0.1:40312"};
  CallRate::Instant now_{std::chrono::hours(1)};
  std::vector<std::string> said_;
  Gtid about_;
  std::optional<Gate> gate_;
};

TEST_F(GateTest, WhatIsDeniedIsCountedByServiceAndReasonAndTold) {
  Visitor visitor(*gate_, caller_);
  EXPECT_TRUE(visitor.Enter(kBegin));
  EXPECT_EQ(Denied(), 0U);
  const Status denied = visitor.Enter(kShow);
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::kDenied);
  EXPECT_EQ(gate_->denied(3, Reason::kRole), 1U);
  EXPECT_EQ(Denied(), 1U);
  visitor.Deny(kBegin, Reason::kTransaction, {ErrorCode::kDenied, "not yours", ""});
  EXPECT_EQ(gate_->denied(0, Reason::kTransaction), 1U);
  ASSERT_THAT(said_, SizeIs(1)) << "one line a second at the most";
  EXPECT_THAT(said_[0],
              AllOf(HasSubstr("denied admin.show to 127.0.0.1:40312"), HasSubstr("operator-read")));
}

TEST_F(GateTest, WhatIsDeniedOfATransactionIsToldAboutIt) {
  Visitor visitor(*gate_, caller_);
  const Gtid gtid = Gtid::Make("k3m9qxw4c7ab", 2, 17, 7);
  visitor.Deny(kBegin, Reason::kTransaction, {ErrorCode::kDenied, "not yours", ""}, gtid);
  ASSERT_THAT(said_, SizeIs(1));
  EXPECT_EQ(about_, gtid);
}

TEST_F(GateTest, NewRulesHoldFromTheNextCallOfConnectionsThatAreOpen) {
  Visitor visitor(*gate_, caller_);
  EXPECT_TRUE(visitor.Enter(kBegin));
  gate_->Replace(Granting({Role::kOperatorRead}));
  EXPECT_FALSE(visitor.Enter(kBegin));
  EXPECT_TRUE(visitor.Enter(kShow));
  gate_->Replace(Granting({Role::kApplication}));
  EXPECT_TRUE(visitor.Enter(kBegin));
}

TEST_F(GateTest, RulesThatMakeACallerAnotherAreToldOf) {
  const auto rules = [](std::vector<std::string> names) {
    std::vector<Rule> all;
    for (std::string& name : names)
      all.push_back({{Who::Kind::kCertificate, std::move(name)}, {Role::kApplication}, {}, {}, {}});
    return Policy(all);
  };
  Start(rules({"dns:shop"}));
  Visitor visitor(*gate_, {.proof = Caller::Proof::kCertificate,
                           .address = "10.0.0.7:40312",
                           .names = {"cn:shop", "dns:shop"}});
  gate_->Replace(rules({"dns:shop", "cn:shop"}));
  EXPECT_TRUE(visitor.Enter(kBegin));
  EXPECT_EQ(visitor.rights().identity, "dns:shop");
  EXPECT_THAT(said_, SizeIs(0));
  gate_->Replace(rules({"cn:shop", "dns:shop"}));
  EXPECT_TRUE(visitor.Enter(kBegin));
  EXPECT_EQ(visitor.rights().identity, "cn:shop");
  ASSERT_THAT(said_, SizeIs(1));
  EXPECT_THAT(said_[0], AllOf(HasSubstr("is cn:shop from now on"),
                              HasSubstr("the rule about dns:shop first")));
}

TEST_F(GateTest, X03_CallsBeyondTheQuotaAreToldToComeAgain) {
  Start(Granting({Role::kApplication}, {.calls_per_second = 2}));
  Visitor first(*gate_, caller_);
  EXPECT_TRUE(first.Enter(kBegin));
  EXPECT_TRUE(first.Enter(kBegin));
  {
    Visitor second(*gate_, caller_);
    const Status refused = second.Enter(kBegin);
    ASSERT_FALSE(refused) << "a new connection brings no new calls";
    EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
    EXPECT_THAT(refused.error().message, HasSubstr("local has its 2 calls of this second"));
  }
  EXPECT_EQ(gate_->calls_over_quota(), 1U);
  now_ += 500ms;
  EXPECT_TRUE(first.Enter(kBegin));
  EXPECT_FALSE(first.Enter(kBegin));
}

TEST_F(GateTest, X03_OneConnectionTooManyIsToldSoUntilAnotherGoes) {
  Start(Granting({Role::kApplication}, {.connections = 1}));
  std::optional<Visitor> first(std::in_place, *gate_, caller_);
  Visitor second(*gate_, caller_);
  EXPECT_TRUE(first->Enter(kBegin));
  const Status refused = second.Enter(kBegin);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  EXPECT_EQ(gate_->connections_over_quota(), 1U);
  first.reset();
  EXPECT_TRUE(second.Enter(kBegin));
}

TEST_F(GateTest, X03_RulesThatAreReadAgainLeaveTheirPlaceToConnectionsThatHaveOne) {
  const auto two_places = [] { return Granting({Role::kApplication}, {.connections = 2}); };
  Start(two_places());
  Visitor first(*gate_, caller_);
  Visitor second(*gate_, caller_);
  Visitor one_too_many(*gate_, caller_);
  EXPECT_FALSE(one_too_many.Enter(kBegin));
  gate_->Replace(two_places());
  EXPECT_TRUE(first.Enter(kBegin)) << "the third is refused, and takes no place";
  EXPECT_TRUE(second.Enter(kBegin));
  EXPECT_FALSE(one_too_many.Enter(kBegin));
}

TEST_F(GateTest, X03_OfTheConnectionsThatAreOpenALowerQuotaKeepsAsManyAsItHasRoomFor) {
  Start(Granting({Role::kApplication}, {.connections = 3}));
  std::list<Visitor> all;
  for (int i = 0; i < 3; ++i) all.emplace_back(*gate_, caller_);
  gate_->Replace(Granting({Role::kApplication}, {.connections = 2}));
  const auto served = std::count_if(all.begin(), all.end(),
                                    [](Visitor& one) { return one.Enter(kBegin).has_value(); });
  EXPECT_EQ(served, 2);
}

TEST_F(GateTest, WhoMayDoEverythingIsHeldToNobodysSessions) {
  EXPECT_EQ(Visitor(*gate_, caller_).only(), std::optional<std::string>(""));
  Start(Policy::WithoutRules(1000));
  EXPECT_EQ(Visitor(*gate_, caller_).only(), std::nullopt);
}

}  // namespace
}  // namespace settle::coordinator::access
