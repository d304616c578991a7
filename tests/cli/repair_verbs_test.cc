// The verbs with which people help what is in doubt to its end.
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(Verbs, RetrySaysWhereItWasSentWhoIsThereAndWhatWasAnsweredLast) {
  wire::SessionView session;
  session.process = "shop/1@a";
  session.idle_ms = 40;
  wire::SentAgain served;
  served.resource = "bank-a";
  served.command = "commit";
  served.branches = 1;
  served.sessions = {session};
  served.last_error = "connection refused";
  wire::SentAgain alone;
  alone.resource = "bank-b";
  alone.command = "commit";
  alone.branches = 2;
  admin_.send_again_reply.transactions = 1;
  admin_.send_again_reply.sent = {served, alone};
  const Printed printed = Run({"retry", kGtid});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(
      printed.out,
      AllOf(HasSubstr("bank-a: the commit of 1 branch is on its way; attached: shop/1@a (asked "
                      "for work 40 ms ago)\n"),
            HasSubstr("the last answer, before this: connection refused\n"),
            HasSubstr("bank-b: nobody is attached, so the commit of 2 branches was not")));
  const Document json = RunJson({"retry", "--resource", "bank-a"});
  EXPECT_EQ(json["transactions"], 1);
  EXPECT_EQ(json["sent"][0]["sessions"][0]["process"], "shop/1@a");
  EXPECT_THAT(Run({"retry", "--all"}).out, StartsWith("1 transaction waited for an answer\n"));
  ASSERT_EQ(admin_.retries.size(), 3u);
  EXPECT_EQ(admin_.retries[0].gtid, kGtid);
  EXPECT_EQ(admin_.retries[1].resource, "bank-a");
  EXPECT_EQ(admin_.retries[2].gtid + admin_.retries[2].resource, "");
  admin_.send_again_reply = {};
  EXPECT_EQ(Run({"retry", kGtid}).out, "it waits for no answer: nothing was sent\n");
}

TEST_F(Verbs, ForgetSendsWhoAndWhyAndShowsWhatIsSoNow) {
  admin_.transaction = Committing();
  admin_.transaction.ending.outcome = wire::Outcome::MIXED;
  const Printed printed =
      Run({"forget", kGtid, "--reason", "credited by hand", "--operator", "ann"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out, AllOf(StartsWith("forgotten, and recorded as done by ann:\n"),
                                 HasSubstr("outcome    mixed\n")));
  ASSERT_EQ(admin_.forgets.size(), 1u);
  EXPECT_EQ(admin_.forgets[0].gtid, kGtid);
  EXPECT_EQ(admin_.forgets[0].operator_name, "ann");
  EXPECT_EQ(admin_.forgets[0].reason, "credited by hand");
  EXPECT_EQ(RunJson({"forget", kGtid, "--reason", "x"})["ending"]["outcome"], "mixed");
}

}  // namespace
}  // namespace settle::cli
