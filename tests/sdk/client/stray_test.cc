// A person's decision about a prepared branch that the coordinator does not answer for.
#include "client_test_base.h"

namespace settle::sdk {
namespace {

class Stray : public ClientTest {
 protected:
  const BranchKey stray_{Gtid::Make("zzzzzzzzzzzz", 3, 4, 7), 2};
  const BranchKey act_{Gtid::Make("abcdefghijkl", 1, 90, 7), 1};

  void Tell(wire::CommandKind::type kind) {
    fake_.on_command = [this](wire::Command& command) {
      command.evidence.database = bank_a_->identity;
      command.__set_prepared(stray_.DatabaseName());
    };
    fake_.Send(kind, act_, "bank-a");
  }
};

TEST_F(Stray, ExactlyThatPreparedBranchIsFinishedAndReportedAsTheAct) {
  bank_a_->SetPrepared(stray_);
  Connect();
  Tell(wire::CommandKind::COMMIT);
  ASSERT_TRUE(bank_a_->Await("commit 2 by key"));
  EXPECT_TRUE(fake_.Await("end 1=committed"));
  EXPECT_FALSE(bank_a_->IsPrepared(stray_));
}

TEST_F(Stray, ARepeatedCommandIsAnsweredAlikeAndDoneOnce) {
  bank_a_->SetPrepared(stray_);
  Connect();
  Tell(wire::CommandKind::ABORT);
  ASSERT_TRUE(fake_.Await("end 1=aborted"));
  Tell(wire::CommandKind::ABORT);
  EXPECT_TRUE(Eventually([&] { return fake_.Count("end 1=aborted") == 2; }));
  EXPECT_EQ(bank_a_->Count("abort 2 by key"), 1u);
}

TEST_F(Stray, WhatIsNotPreparedThereAnyMoreIsAHazardAndNotTouched) {
  Connect();
  Tell(wire::CommandKind::ABORT);
  EXPECT_TRUE(fake_.Await("end 1=hazard"));
  EXPECT_EQ(bank_a_->Count("abort 2 by key"), 0u);
}

TEST_F(Stray, ADatabaseThatCannotBeScannedIsNotTouched) {
  bank_a_->SetPrepared(stray_);
  bank_a_->on_scan = []() -> Result<std::vector<std::string>> {
    return Fail(ErrorCode::kUnavailable, "it is down");
  };
  Connect();
  Tell(wire::CommandKind::COMMIT);
  EXPECT_TRUE(fake_.Await("end 1=retry"));
  EXPECT_EQ(bank_a_->Count("commit 2 by key"), 0u);
}

}  // namespace
}  // namespace settle::sdk
