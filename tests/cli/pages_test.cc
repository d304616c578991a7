// Lists that are too long for one answer: page after page, in the memory of one.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cli/run.h"
#include "fake_coordinator.h"
#include "views.h"

namespace settle::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Document = nlohmann::json;

class Pages : public ::testing::Test {
 protected:
  // Page n of three names its number as the owner, and goes on at "c<n + 1>".
  Pages() {
    admin_.before_answer = [this](std::size_t nth) {
      wire::TransactionView view = Committing();
      view.owner = "page " + std::to_string(nth);
      admin_.list_reply.transactions = {view, view};
      admin_.list_reply.next_cursor = nth < 3 ? "c" + std::to_string(nth + 1) : "";
      admin_.in_doubt_reply.transactions = {view};
      admin_.in_doubt_reply.next_cursor = admin_.list_reply.next_cursor;
      admin_.in_doubt_reply.count = 3;
      wire::ParticipantView participant;
      participant.resource = "bank-" + std::to_string(nth);
      admin_.participants_reply.participants = {participant};
      admin_.participants_reply.next_cursor = admin_.list_reply.next_cursor;
      if (nth == fails_at) {
        wire::ServiceError error;
        error.code = wire::ErrorCode::UNAVAILABLE;
        error.message = "the log cannot be read";
        admin_.error = error;
      }
    };
  }
  Printed Run(const std::vector<std::string>& words) {
    return cli::Run(words, {.default_address = coordinator_.address(),
                            .now_us = kBegan_us,
                            .print = [this](const std::string& text) {
                              pieces_.push_back(text);
                              return pieces_.size() <= writable_;
                            }});
  }
  std::string Whole(const Printed& printed) const {
    std::string whole;
    for (const std::string& piece : pieces_) whole += piece;
    return whole + printed.out;
  }

  FakeCoordinator coordinator_;
  FakeAdmin& admin_ = coordinator_.admin();
  std::vector<std::string> pieces_;
  std::size_t writable_ = 1000;
  std::size_t fails_at = 0;
};

TEST_F(Pages, A04_AllPrintsEachPageWhenItComesAndOneDocument) {
  const Printed printed = Run({"list", "--all", "--limit", "2", "--json"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_THAT(printed.out, IsEmpty());
  EXPECT_GE(pieces_.size(), 4U) << "it is kept until the end";
  const Document document = Document::parse(Whole(printed));
  ASSERT_EQ(document["transactions"].size(), 6U);
  EXPECT_EQ(document["transactions"][0]["owner"], "page 1");
  EXPECT_EQ(document["transactions"][5]["owner"], "page 3");
  EXPECT_EQ(document["next_cursor"], "");
  ASSERT_EQ(admin_.lists.size(), 3U);
  EXPECT_EQ(admin_.lists[0].cursor, "");
  EXPECT_EQ(admin_.lists[0].most, 2);
  EXPECT_EQ(admin_.lists[1].cursor, "c2");
  EXPECT_EQ(admin_.lists[2].cursor, "c3");
}

TEST_F(Pages, A04_AllForPeopleIsATableForEachPage) {
  const Printed printed = Run({"list", "--open", "--all"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  ASSERT_EQ(pieces_.size(), 3U);
  EXPECT_THAT(pieces_[2], StartsWith("GTID "));
  EXPECT_THAT(pieces_[2], HasSubstr("page 3"));
  EXPECT_EQ(admin_.lists[0].which, "open");
  EXPECT_EQ(admin_.lists[0].most, 1000);
}

TEST_F(Pages, A04_ADocumentWhosePageCannotBeHadIsStillValidAndSaysWhereItStopped) {
  fails_at = 3;
  const Printed printed = Run({"list", "--all", "--json"});
  EXPECT_EQ(printed.exit, ExitCode::kUnreachable);
  const Document document = Document::parse(Whole(printed));
  EXPECT_EQ(document["transactions"].size(), 4U);
  EXPECT_EQ(document["next_cursor"], "c3");
  EXPECT_EQ(document["error"]["message"], "the log cannot be read");
}

TEST_F(Pages, A04_AFirstPageThatCannotBeHadIsAnErrorAlone) {
  fails_at = 1;
  const Printed printed = Run({"list", "--all", "--json"});
  EXPECT_EQ(printed.exit, ExitCode::kUnreachable);
  EXPECT_EQ(Document::parse(Whole(printed))["error"]["code"], "unavailable");
}

TEST_F(Pages, A04_NothingMoreIsAskedWhenNobodyReads) {
  writable_ = 1;
  const Printed printed = Run({"list", "--all"});
  EXPECT_EQ(printed.exit, ExitCode::kInternal);
  EXPECT_EQ(admin_.lists.size(), 2U);
}

TEST_F(Pages, A04_InDoubtIsPagedWithTheCountOfAllAndStraysOnce) {
  wire::StrayView stray;
  stray.resource = "bank-a";
  admin_.in_doubt_reply.strays = {stray};
  const Printed one = Run({"in-doubt", "--limit", "1"});
  EXPECT_THAT(one.out, StartsWith("3 transactions are in doubt\n"));
  EXPECT_THAT(one.out, HasSubstr("settle in-doubt --limit 1 --cursor 'c2'"));
  ASSERT_EQ(admin_.pages.size(), 1U);
  EXPECT_EQ(admin_.pages[0].most, 1);

  const Printed elsewhere =
      Run({"--address", coordinator_.address(), "in-doubt", "--check", "--limit", "1"});
  EXPECT_THAT(elsewhere.out, HasSubstr("settle --address " + coordinator_.address() +
                                       " in-doubt --check --limit 1 --cursor"));

  admin_.pages.clear();
  admin_.calls.clear();
  const Printed all = Run({"in-doubt", "--all", "--check", "--json"});
  EXPECT_EQ(all.exit, ExitCode::kInDoubt);
  const Document document = Document::parse(Whole(all));
  EXPECT_EQ(document["transactions"].size(), 3U);
  EXPECT_EQ(document["count"], 3);
  EXPECT_EQ(document["strays"].size(), 1U);
}

TEST_F(Pages, A04_ParticipantsArePaged) {
  const Printed printed = Run({"participants", "--all", "--json"});
  const Document document = Document::parse(Whole(printed));
  ASSERT_EQ(document["participants"].size(), 3U);
  EXPECT_EQ(document["participants"][2]["resource"], "bank-3");
  EXPECT_EQ(admin_.pages[1].cursor, "c2");
}

}  // namespace
}  // namespace settle::cli
