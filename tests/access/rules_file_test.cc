#include "access/rules_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "support/temporary_directory.h"

namespace settle::coordinator::access {
namespace {

using settle::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TwoAccounts : public Accounts {
 public:
  std::optional<uid_t> UserNamed(const std::string& name) const override {
    return name == "bank" ? std::optional<uid_t>(1000) : std::nullopt;
  }
  std::optional<Group> GroupNamed(const std::string& name) const override {
    return name == "operators" ? std::optional(Group{50, {1000, 1001}}) : std::nullopt;
  }
};

// The page's example is about no machine.
class AnyAccounts : public Accounts {
 public:
  std::optional<uid_t> UserNamed(const std::string&) const override { return 1000; }
  std::optional<Group> GroupNamed(const std::string&) const override { return Group{50, {}}; }
};

Result<std::vector<Rule>> Parse(const std::string& text) { return ParseRules(text, TwoAccounts()); }

Rule ParseOne(const std::string& rule) {
  const auto rules = Parse(R"({"rules": [)" + rule + "]}");
  if (!rules) ADD_FAILURE() << Describe(rules.error());
  return rules ? rules->at(0) : Rule{};
}

TEST(RulesFile, ARuleHasAllThatItSays) {
  const Rule rule = ParseOne(R"({
    "who": "cn:shop", "roles": ["application", "participant"],
    "resources": ["bank-*", "stock"], "participants": ["hotels"],
    "quota": {"open_transactions": 1000, "sessions": 10, "calls_per_second": 5000,
              "connections": 20}})");
  EXPECT_EQ(rule.who.kind, Who::Kind::kCertificate);
  EXPECT_EQ(rule.who.text, "cn:shop");
  EXPECT_EQ(rule.roles, (Roles{Role::kApplication, Role::kParticipant}));
  EXPECT_THAT(rule.resources, ElementsAre("bank-*", "stock"));
  EXPECT_THAT(rule.participants, ElementsAre("hotels"));
  EXPECT_EQ(rule.quota, (Quota{1000, 10, 5000, 20}));
}

TEST(RulesFile, EveryFormOfWho) {
  const auto who = [](const std::string& text) {
    return ParseOne(R"({"who": ")" + text + R"(", "roles": ["operator-read"]})").who;
  };
  EXPECT_EQ(who("dns:shop.example").text, "dns:shop.example");
  EXPECT_EQ(who("uri:spiffe://prod/shop").text, "uri:spiffe://prod/shop");
  EXPECT_EQ(who("uid:1002").id, 1002U);
  EXPECT_EQ(who("uid:1002").kind, Who::Kind::kUser);
  EXPECT_EQ(who("user:bank").id, 1000U);
  EXPECT_EQ(who("group:operators").kind, Who::Kind::kGroup);
  EXPECT_EQ(who("group:operators").members, (std::set<uid_t>{1000, 1001}));
  EXPECT_EQ(who("local").kind, Who::Kind::kLocal);
}

TEST(RulesFile, WhatIsWrongIsNamedWithItsPlaceAndWhatItTakes) {
  const std::string head = R"({"rules": [{"who": "local", "roles": ["application"]}, )";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "this is not JSON"},
      {"[]", "the document must be an object"},
      {"{}", "/rules is missing"},
      {R"({"rules": {}})", "/rules must be a list of rules"},
      {R"({"rules": [], "roles": []})", "/roles is not known here"},
      {R"({"rules": [], "rules": []})", "\"rules\" stands twice"},
      {head + "7]}", "/rules/1 must be an object"},
      {head + R"({"roles": ["admin"]}]})", "/rules/1/who is missing"},
      {head + R"({"who": 7, "roles": ["admin"]}]})", "/rules/1/who must be a text"},
      {head + R"({"who": "shop", "roles": ["admin"]}]})", "/rules/1/who must be \"cn:NAME\""},
      {head + R"({"who": "cn:", "roles": ["admin"]}]})", "/rules/1/who must be \"cn:NAME\""},
      {head + R"({"who": "ip:1", "roles": ["admin"]}]})", "/rules/1/who must be \"cn:NAME\""},
      {head + R"({"who": "uid:-1", "roles": ["admin"]}]})", "/rules/1/who must be"},
      {head + R"({"who": "uid:4294967296", "roles": ["admin"]}]})", "/rules/1/who must be"},
      {head + R"({"who": "user:who", "roles": ["admin"]}]})", "names the user \"who\", whom"},
      {head + R"({"who": "group:who", "roles": ["admin"]}]})", "names the group \"who\", which"},
      {head + R"({"who": "local"}]})", "/rules/1/roles is missing"},
      {head + R"({"who": "local", "roles": []}]})", "/rules/1/roles must be a list of some of"},
      {head + R"({"who": "local", "roles": ["root"]}]})",
       "/rules/1/roles/0 must be one of application, participant, operator-read"},
      {head + R"({"who": "local", "roles": ["participant"]}]})",
       "/rules/1 has the role \"participant\" and serves nothing"},
      {head + R"({"who": "local", "roles": ["admin"], "resources": ["a"]}]})",
       "/rules/1 names what it may serve and lacks the role \"participant\""},
      {head + R"({"who": "local", "roles": ["participant"], "resources": ["a b"]}]})",
       "/rules/1/resources/0 must be a name"},
      {head + R"({"who": "local", "roles": ["participant"], "resources": "a"}]})",
       "/rules/1/resources must be a list of names"},
      {head + R"({"who": "local", "roles": ["admin"], "quota": 7}]})",
       "/rules/1/quota must be an object"},
      {head + R"({"who": "local", "roles": ["admin"], "quota": {"sessions": 0}}]})",
       "/rules/1/quota/sessions must be a whole number from 1 to 1000000000"},
      {head + R"({"who": "local", "roles": ["admin"], "quota": {"sesions": 1}}]})",
       "/rules/1/quota/sesions is not known here"},
      {head + R"({"who": "local", "roles": ["admin"], "rolls": 1}]})",
       "/rules/1/rolls is not known here"},
  };
  for (const auto& [document, words] : cases) {
    const auto rules = Parse(document);
    ASSERT_FALSE(rules) << document;
    EXPECT_EQ(rules.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(rules.error().message, HasSubstr(words)) << document;
  }
}

// The file as it is handed over, in a directory of the test's own.
class AccessFile : public ::testing::Test {
 protected:
  std::string Write(mode_t mode, const std::string& text = R"({"rules": []})") {
    std::ofstream(path_) << text;
    EXPECT_EQ(::chmod(path_.c_str(), mode), 0);
    return path_;
  }
  Result<std::vector<Rule>> Read() { return ReadRules(path_, ::geteuid(), TwoAccounts()); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "access.json";
};

TEST_F(AccessFile, IsReadIfNobodyElseMayWriteToIt) {
  for (const mode_t mode : {0600, 0644, 0640, 0400}) {
    Write(mode);
    const auto rules = Read();
    EXPECT_TRUE(rules) << std::oct << mode << ": " << Describe(rules.error());
    ::unlink(path_.c_str());
  }
}

TEST_F(AccessFile, IsRefusedIfOthersMayWriteToIt) {
  for (const mode_t mode : {0620, 0602, 0666}) {
    Write(mode);
    const auto rules = Read();
    ASSERT_FALSE(rules) << std::oct << mode;
    EXPECT_THAT(rules.error().message, HasSubstr("others than its owner may write to it"));
    EXPECT_THAT(rules.error().message, HasSubstr(path_));
  }
}

TEST_F(AccessFile, IsRefusedIfItBelongsToAnybodyElse) {
  Write(0600);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path_.c_str(), 4711, 4711), 0);
    EXPECT_THAT(Read().error().message, HasSubstr("it belongs to uid 4711"));
  } else {
    const auto rules = ReadRules(path_, ::geteuid() + 1, TwoAccounts());
    ASSERT_FALSE(rules);
    EXPECT_THAT(rules.error().message, HasSubstr("it belongs to uid"));
  }
}

TEST_F(AccessFile, IsRefusedIfItIsNoneOrTooLong) {
  EXPECT_THAT(Read().error().message, HasSubstr("it cannot be opened: No such file"));
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
  EXPECT_THAT(Read().error().message, HasSubstr("it is not a file"));
  ASSERT_EQ(::rmdir(path_.c_str()), 0);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(Read().error().message, HasSubstr("it is not a file")) << "and it does not hang";
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  Write(0600, std::string(1024 * 1024 + 1, ' '));
  EXPECT_THAT(Read().error().message, HasSubstr("it is longer than 1048576 bytes"));
}

TEST_F(AccessFile, ItsStampChangesWithIt) {
  EXPECT_EQ(StampOf(path_), "");
  const std::string first = StampOf(Write(0600));
  EXPECT_EQ(StampOf(path_), first);
  EXPECT_NE(StampOf(Write(0600, R"({"rules":  []})")), first);
}

TEST(SystemAccountsTest, KnowRootAndNobodyElseByAWrongName) {
  const SystemAccounts accounts;
  EXPECT_EQ(accounts.UserNamed("root"), std::optional<uid_t>(0));
  EXPECT_EQ(accounts.UserNamed("no such user"), std::nullopt);
  EXPECT_EQ(accounts.GroupNamed("root")->id, 0U);
  EXPECT_FALSE(accounts.GroupNamed("no such group"));
}

// What the page shows must be what is read.
TEST(RulesFile, TheExampleOfThePageIsAFileOfRules) {
  const char* source = std::getenv("SETTLE_SOURCE");
  std::ifstream file(std::string(source != nullptr ? source : ".") + "/docs/security.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::string fence = "```json\n";
  const std::size_t begin = page.find(fence);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t from = begin + fence.size();
  const auto rules = ParseRules(page.substr(from, page.find("```\n", from) - from), AnyAccounts());
  ASSERT_TRUE(rules) << Describe(rules.error());
  EXPECT_GE(rules->size(), 4U);
}

}  // namespace
}  // namespace settle::coordinator::access
