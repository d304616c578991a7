#include "access/policy.h"

#include <gmock/gmock.h>

namespace settle::coordinator::access {
namespace {

using server::Caller;
using ::testing::HasSubstr;

Caller Certificate(std::vector<std::string> names) {
  return {
      .proof = Caller::Proof::kCertificate, .address = "10.0.0.7:40312", .names = std::move(names)};
}
Caller UnixPeer(uid_t uid, gid_t gid = 100) {
  return {
      .proof = Caller::Proof::kUnixPeer, .address = "/run/settled.sock", .uid = uid, .gid = gid};
}
Caller Plain(const std::string& address = "127.0.0.1:40312") { return {.address = address}; }

Rule For(Who who, Roles roles) { return {std::move(who), roles, {}, {}, {}}; }
Who Named(const std::string& name) { return {Who::Kind::kCertificate, name}; }
const Who kLocal{Who::Kind::kLocal, "local"};

constexpr const Method& kShow = Of("admin", "show");
constexpr const Method& kResolve = Of("admin", "resolve");
constexpr const Method& kAccept = Of("admin", "accept_identity");
constexpr const Method& kBegin = Of("coordinator", "begin_transaction");
constexpr const Method& kHello = Of("coordinator", "hello");
constexpr const Method& kAttach = Of("participant", "attach");
constexpr const Method& kTell = Of("peer", "tell");

TEST(Policy, WhatNoRuleGrantsIsDeniedInWords) {
  const Policy policy({For(Named("cn:shop"), {Role::kApplication})});
  for (const Caller& caller : {Certificate({"cn:other"}), UnixPeer(0), Plain()}) {
    const Rights rights = policy.Of(caller);
    EXPECT_TRUE(rights.roles.empty());
    for (const Method& method : kMethods) {
      const Status may = rights.MayCall(method);
      ASSERT_FALSE(may) << method.name;
      EXPECT_EQ(may.error().code, ErrorCode::kDenied);
      EXPECT_THAT(may.error().message, HasSubstr("nothing is granted to it"));
    }
  }
}

TEST(Policy, NoRulesAtAllDenyEverybody) {
  EXPECT_FALSE(Policy(std::vector<Rule>{}).Of(Plain()).MayCall(kHello));
  EXPECT_FALSE(Policy(std::vector<Rule>{}).Of(UnixPeer(0)).MayCall(kHello));
}

TEST(Policy, ARoleGrantsItsOwnCallsAndNoOthers) {
  const auto of = [](Roles roles) { return Policy({For(kLocal, roles)}).Of(Plain()); };
  const Rights application = of({Role::kApplication});
  EXPECT_TRUE(application.MayCall(kBegin));
  EXPECT_FALSE(application.MayCall(kAttach));
  EXPECT_FALSE(application.MayCall(kTell));
  EXPECT_FALSE(application.MayCall(kShow));
  EXPECT_THAT(application.MayCall(kShow).error().message,
              HasSubstr("it has the roles application, and that takes operator-read"));

  const Rights participant = of({Role::kParticipant});
  EXPECT_TRUE(participant.MayCall(kAttach));
  EXPECT_TRUE(participant.MayCall(kTell));
  EXPECT_FALSE(participant.MayCall(kBegin));
  EXPECT_FALSE(participant.MayCall(kShow));

  EXPECT_TRUE(of({Role::kOperatorRead}).MayCall(kShow));
  EXPECT_FALSE(of({Role::kOperatorRead}).MayCall(kResolve));
  EXPECT_FALSE(of({Role::kOperatorRead}).MayCall(kBegin));
}

TEST(Policy, ResolvingImpliesReadingAndAnAdministratorMayBoth) {
  const auto of = [](Role role) { return Policy({For(kLocal, {role})}).Of(Plain()); };
  EXPECT_TRUE(of(Role::kOperatorResolve).MayCall(kShow));
  EXPECT_TRUE(of(Role::kOperatorResolve).MayCall(kResolve));
  EXPECT_FALSE(of(Role::kOperatorResolve).MayCall(kAccept));
  EXPECT_TRUE(of(Role::kAdmin).MayCall(kShow));
  EXPECT_TRUE(of(Role::kAdmin).MayCall(kResolve));
  EXPECT_TRUE(of(Role::kAdmin).MayCall(kAccept));
  EXPECT_FALSE(of(Role::kAdmin).MayCall(kBegin)) << "an administrator is no application";
}

TEST(Policy, AnyRoleMaySayHello) {
  for (const auto& [role, name] : kRoleNames)
    EXPECT_TRUE(Policy({For(kLocal, {role})}).Of(Plain()).MayCall(kHello)) << name;
}

TEST(Policy, ACertificateIsKnownByAnyOfItsNamesAndByWholeNamesAlone) {
  const Policy policy({For(Named("dns:shop.example"), {Role::kApplication})});
  EXPECT_TRUE(policy.Of(Certificate({"cn:shop", "dns:shop.example"})).MayCall(kBegin));
  for (const char* other :
       {"dns:shop.example.org", "dns:shop", "cn:shop.example", "uri:shop.example"})
    EXPECT_FALSE(policy.Of(Certificate({other})).MayCall(kBegin)) << other;
  Caller plain = Plain();
  plain.names = {"dns:shop.example"};
  EXPECT_FALSE(policy.Of(plain).MayCall(kBegin)) << "only what is proved counts";
}

TEST(Policy, TheIdentityOfACertificateIsTheNameThatARuleNames) {
  const Policy policy({For(Named("dns:shop.example"), {Role::kApplication})});
  EXPECT_EQ(policy.Of(Certificate({"cn:x", "dns:shop.example"})).identity, "dns:shop.example");
  EXPECT_EQ(policy.Of(Certificate({"cn:x", "dns:other"})).identity, "cn:x");
  EXPECT_EQ(policy.Of(UnixPeer(1000)).identity, "uid:1000");
  EXPECT_EQ(policy.Of(Plain()).identity, "");
  EXPECT_EQ(NameOf(""), "local");
}

TEST(Policy, TheIdentityOfACertificateStaysWhenARuleAboutAnotherOfItsNamesIsAdded) {
  const Caller shop = Certificate({"cn:shop", "dns:shop.example", "uri:spiffe://eu/shop"});
  std::vector<Rule> rules{For(Named("dns:shop.example"), {Role::kApplication})};
  for (const char* later : {"cn:shop", "uri:spiffe://eu/shop", "dns:other"}) {
    rules.push_back(For(Named(later), {Role::kParticipant}));
    EXPECT_EQ(Policy(rules).Of(shop).identity, "dns:shop.example") << later;
  }
  EXPECT_TRUE(Policy(rules).Of(shop).MayCall(kAttach)) << "its rights add up all the same";
}

TEST(Policy, AUserIsKnownByTheUidAndAGroupByItsMembers) {
  const Policy policy({For({Who::Kind::kUser, "user:bank", 1000}, {Role::kApplication}),
                       For({Who::Kind::kGroup, "group:ops", 50, {1001}}, {Role::kOperatorRead})});
  EXPECT_TRUE(policy.Of(UnixPeer(1000)).MayCall(kBegin));
  EXPECT_FALSE(policy.Of(UnixPeer(1001)).MayCall(kBegin));
  EXPECT_TRUE(policy.Of(UnixPeer(1001)).MayCall(kShow)) << "a member";
  EXPECT_TRUE(policy.Of(UnixPeer(1002, 50)).MayCall(kShow)) << "by its primary group";
  EXPECT_FALSE(policy.Of(UnixPeer(1002, 51)).MayCall(kShow));
  EXPECT_FALSE(policy.Of(Plain()).MayCall(kShow)) << "its uid, 0 here, is not proved";
}

TEST(Policy, LocalIsAPlainConnectionOfThisMachine) {
  const Policy policy({For(kLocal, {Role::kApplication})});
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1"})
    EXPECT_TRUE(policy.Of(Plain(address)).MayCall(kBegin)) << address;
  for (const char* address : {"10.0.0.7:1", "[fe80::1]:1", "[::127.0.0.1]:1", ""})
    EXPECT_FALSE(policy.Of(Plain(address)).MayCall(kBegin)) << address;
  EXPECT_FALSE(policy.Of(UnixPeer(0)).MayCall(kBegin));
}

TEST(Policy, RulesAboutOneCallerAddUp) {
  Rule first = For(Named("cn:shop"), {Role::kParticipant});
  first.resources = {"bank-*"};
  first.quota = {.open_transactions = 10, .sessions = 3, .calls_per_second = {}, .connections = {}};
  Rule second = For(Named("dns:shop"), {Role::kApplication, Role::kParticipant});
  second.participants = {"hotels"};
  second.quota = {.open_transactions = 20, .sessions = 2, .calls_per_second = 7, .connections = {}};
  const Rights rights = Policy({first, second}).Of(Certificate({"cn:shop", "dns:shop"}));
  EXPECT_EQ(rights.identity, "cn:shop");
  EXPECT_EQ(rights.roles, (Roles{Role::kApplication, Role::kParticipant}));
  EXPECT_TRUE(rights.MayServeResource("bank-1"));
  EXPECT_TRUE(rights.MayServeParticipant("hotels"));
  EXPECT_EQ(rights.quota, (Quota{20, 3, 7, {}}));
}

TEST(Policy, X02_OnlyTheNamesOfTheRulesMayBeServed) {
  Rule rule = For(kLocal, {Role::kParticipant});
  rule.resources = {"bank-*", "*.eu", "a*b*c", "exact"};
  const Rights rights = Policy({rule}).Of(Plain());
  for (const char* name : {"bank-", "bank-1", "x.eu", ".eu", "abc", "aXbYc", "abbc", "exact"})
    EXPECT_TRUE(rights.MayServeResource(name)) << name;
  for (const char* name : {"bank", "xbank-1", "eu", "x.eux", "ab", "acb", "exactly", "Exact", ""}) {
    const Status may = rights.MayServeResource(name);
    ASSERT_FALSE(may) << name;
    EXPECT_EQ(may.error().code, ErrorCode::kDenied);
  }
  EXPECT_FALSE(rights.MayServeParticipant("bank-1")) << "a resource's name is no participant's";
}

// A pattern costs at most its length for each character of the name, whoever wrote it.
TEST(Policy, X02_APatternOfManyStarsIsNoWork) {
  Rule rule = For(kLocal, {Role::kParticipant});
  std::string stars;
  for (int i = 0; i < 30; ++i) stars += "a*";
  rule.resources = {stars + "b"};
  const Rights rights = Policy({rule}).Of(Plain());
  EXPECT_FALSE(rights.MayServeResource(std::string(64, 'a')));
  EXPECT_TRUE(rights.MayServeResource(std::string(63, 'a') + "b"));
}

TEST(Policy, WithoutRulesAPlainConnectionAndTheDaemonsOwnUserMayEverything) {
  const Policy policy = Policy::WithoutRules(1000);
  for (const Caller& caller : {Plain(), Plain("10.0.0.7:1"), UnixPeer(1000), UnixPeer(0)}) {
    const Rights rights = policy.Of(caller);
    for (const Method& method : kMethods) EXPECT_TRUE(rights.MayCall(method)) << method.name;
    EXPECT_TRUE(rights.MayServeResource("any"));
    EXPECT_TRUE(rights.MayServeParticipant("any"));
    EXPECT_EQ(rights.quota, Quota{});
  }
  for (const Caller& caller : {UnixPeer(1001), Certificate({"cn:root"})}) {
    for (const Method& method : kMethods)
      EXPECT_FALSE(policy.Of(caller).MayCall(method)) << method.name;
  }
}

}  // namespace
}  // namespace settle::coordinator::access
