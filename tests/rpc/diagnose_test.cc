// What `settle doctor` hears of the coordinator, over the wire's types.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "handlers.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

class Diagnose : public Handlers {
 protected:
  wire::Finding About(const std::string& code) {
    wire::DiagnosisReply reply;
    admin_.diagnose(reply);
    EXPECT_GT(reply.at_us, 0);
    const auto found = std::ranges::find(reply.findings, code, &wire::Finding::code);
    if (found != reply.findings.end()) return *found;
    ADD_FAILURE() << "nothing about " << code;
    return {};
  }
  void AttachWithRelease(const std::string& resource, const std::string& release) {
    wire::AttachRequest request;
    request.version_low = request.version_high = 1;
    request.process = "shop/" + resource;
    request.resources.resize(1);
    request.resources[0].name = resource;
    request.resources[0].identity = "sqlite:" + resource;
    request.__set_release(release);
    wire::AttachReply reply;
    participant_.attach(reply, request);
  }
};

TEST_F(Diagnose, TellsTheReleaseAndThatALogWithoutAFileCannotBeLookedAt) {
  EXPECT_THAT(About("coordinator-release").what,
              HasSubstr("release 1.2.3, log k3m9qxw4c7ab, epoch 4"));
  EXPECT_EQ(About("coordinator-release").severity, wire::Severity::OK);
  EXPECT_EQ(About("log-settings").severity, wire::Severity::PROBLEM);
}

TEST_F(Diagnose, TellsWhereItServesAndNotWhereItWasToldTo) {
  EXPECT_EQ(About("coordinator-listen").what, "listens on 127.0.0.1:7420");
  doctor_.ListensOn("127.0.0.1:40312, unix:/run/settled.sock");
  EXPECT_EQ(About("coordinator-listen").what, "listens on 127.0.0.1:40312, unix:/run/settled.sock");
}

TEST_F(Diagnose, TellsTheReleaseOfAProcessThatDiffersMadeFitToBeShown) {
  AttachWithRelease("orders", "1.2.3");
  EXPECT_EQ(About("participants-release").severity, wire::Severity::OK);
  AttachWithRelease("stock", "7.0\x1b.1" + std::string(1'000, 'x'));
  const wire::Finding found = About("participants-release");
  EXPECT_EQ(found.severity, wire::Severity::WARNING);
  EXPECT_THAT(found.what, HasSubstr("shop/stock has release 7.0 .1xx"));
  EXPECT_LT(found.what.size(), 200u);
}

TEST_F(Diagnose, CountsWhatIsInDoubtAndWhomItWaitsFor) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  EXPECT_EQ(About("participants-served").severity, wire::Severity::OK);
  EXPECT_EQ(About("in-doubt-age").what, "nothing is in doubt");
}

}  // namespace
}  // namespace settle::testing
