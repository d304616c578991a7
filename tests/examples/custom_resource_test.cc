// The resource of examples/custom_resource: by itself, as a crash at each place leaves it, and in
// one global transaction with a SQLite file.
#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "directory_resource.h"
#include "end_to_end/cli.h"
#include "end_to_end/daemon.h"
#include "settle/coordinator.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace fs = std::filesystem;

BranchKey Key(std::uint64_t sequence) {
  return {Gtid::Make("k3m9qxw4c7ab", 2, sequence, 0x9f3c2a51), 1};
}

class DirectoryContract : public ::testing::Test {
 protected:
  DirectoryContract() { identity_ = *resource_->Identify(); }

  // As another process has it.
  std::shared_ptr<DirectoryResource> Another() const {
    return std::make_shared<DirectoryResource>("invoices", directory_.path());
  }
  std::shared_ptr<DirectoryBranch> Written(std::uint64_t sequence, const std::string& name,
                                           const std::string& content) {
    auto branch = *resource_->Open(Key(sequence));
    EXPECT_TRUE(branch->Write(name, content));
    return branch;
  }
  // Prepared by a process that is gone.
  Evidence Prepared(std::uint64_t sequence, const std::map<std::string, std::string>& files) {
    auto branch = *resource_->Open(Key(sequence));
    for (const auto& [name, content] : files) EXPECT_TRUE(branch->Write(name, content));
    const VoteResult vote = branch->AwaitPrepare();
    EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
    return vote.evidence;
  }
  std::string FileText(const std::string& name) const { return ReadFile(directory_ / name); }
  bool Exists(const std::string& name) const { return fs::exists(directory_ / name); }

  const TemporaryDirectory directory_;
  const std::shared_ptr<DirectoryResource> resource_ = Another();
  std::string identity_;
};

TEST_F(DirectoryContract, NothingIsVisibleUntilTheCommit) {
  auto branch = Written(1, "17.txt", "chairs");
  EXPECT_FALSE(Exists("17.txt"));
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_FALSE(Exists("17.txt"));
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(FileText("17.txt"), "chairs");
  EXPECT_THAT(*resource_->ScanPrepared(), IsEmpty());
}

TEST_F(DirectoryContract, P07_APreparedBranchIsFoundAndCommittedByItsKeyAlone) {
  const Evidence evidence = Prepared(1, {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(evidence.database, identity_);
  EXPECT_THAT(*Another()->ScanPrepared(), ElementsAre(Key(1).DatabaseName()));
  EXPECT_EQ(Another()->Finish(Key(1), Decision::kCommit, evidence).end, BranchEnd::kCommitted);
  EXPECT_EQ(FileText("a") + FileText("b"), "12");
  EXPECT_THAT(*Another()->ScanPrepared(), IsEmpty());
}

TEST_F(DirectoryContract, P07_ACommitThatCrashedHalfWayIsCompleted) {
  const Evidence evidence = Prepared(1, {{"a", "1"}, {"b", "2"}});
  const std::string prepared = directory_ / (".settle/" + Key(1).DatabaseName() + ".prepared");
  fs::rename(prepared + "/a", directory_ / "a");
  EXPECT_THAT(*Another()->ScanPrepared(), ElementsAre(Key(1).DatabaseName()));
  EXPECT_EQ(Another()->Finish(Key(1), Decision::kCommit, evidence).end, BranchEnd::kCommitted);
  EXPECT_EQ(FileText("a") + FileText("b"), "12");
}

TEST_F(DirectoryContract, P03_ACommitThatComesAgainLateChangesNothing) {
  const Evidence first = Prepared(1, {{"a", "old"}});
  ASSERT_EQ(resource_->Finish(Key(1), Decision::kCommit, first).end, BranchEnd::kCommitted);
  const Evidence second = Prepared(2, {{"a", "new"}});
  ASSERT_EQ(resource_->Finish(Key(2), Decision::kCommit, second).end, BranchEnd::kCommitted);
  EXPECT_EQ(Another()->Finish(Key(1), Decision::kCommit, first).end, BranchEnd::kCommitted);
  EXPECT_EQ(FileText("a"), "new");
}

TEST_F(DirectoryContract, P07_WhatACrashLeftHalfStagedIsFoundAndAborted) {
  fs::create_directory(directory_ / (".settle/" + Key(1).DatabaseName() + ".staging"));
  EXPECT_THAT(*Another()->ScanPrepared(), ElementsAre(Key(1).DatabaseName()));
  EXPECT_EQ(Another()->Finish(Key(1), Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_THAT(*Another()->ScanPrepared(), IsEmpty());
}

TEST_F(DirectoryContract, AnAbortLeavesNothingAndCanBeRepeated) {
  const Evidence evidence = Prepared(1, {{"a", "1"}});
  EXPECT_EQ(Another()->Finish(Key(1), Decision::kAbort, evidence).end, BranchEnd::kAborted);
  EXPECT_EQ(Another()->Finish(Key(1), Decision::kAbort, evidence).end, BranchEnd::kAborted);
  EXPECT_FALSE(Exists("a"));
  EXPECT_THAT(*Another()->ScanPrepared(), IsEmpty());
}

TEST_F(DirectoryContract, P04_AnAbortOfABranchThatWasNeverHereIsDone) {
  EXPECT_EQ(resource_->Finish(Key(9), Decision::kAbort, {}).end, BranchEnd::kAborted);
}

TEST_F(DirectoryContract, P06_ACommitOfWhatSomebodyRemovedIsAHazardAndNeverASuccess) {
  const Evidence evidence = Prepared(1, {{"a", "1"}});
  fs::remove_all(directory_ / (".settle/" + Key(1).DatabaseName() + ".prepared"));
  EXPECT_EQ(resource_->Finish(Key(1), Decision::kCommit, evidence).end, BranchEnd::kHazard);
}

TEST_F(DirectoryContract, P06_AnAbortOfWhatWasCommittedSaysCommitted) {
  const Evidence evidence = Prepared(1, {{"a", "1"}});
  ASSERT_EQ(resource_->Finish(Key(1), Decision::kCommit, evidence).end, BranchEnd::kCommitted);
  EXPECT_EQ(resource_->Finish(Key(1), Decision::kAbort, evidence).end, BranchEnd::kCommitted);
  EXPECT_TRUE(Exists("a"));
}

TEST_F(DirectoryContract, P09_AnotherDirectoryInItsPlaceGivesNoVerdict) {
  Evidence evidence = Prepared(1, {{"a", "1"}});
  evidence.database = "directory:another";
  const FinishResult result = resource_->Finish(Key(1), Decision::kCommit, evidence);
  EXPECT_EQ(result.end, BranchEnd::kRetry);
  EXPECT_THAT(result.detail, HasSubstr("it was in directory:another"));
  // Nor does an empty one, as where a file system is not mounted.
  fs::remove_all(directory_ / ".settle");
  EXPECT_THROW(resource_->Finish(Key(1), Decision::kCommit, evidence), fs::filesystem_error);
}

TEST_F(DirectoryContract, ASecondBranchThatWritesTheSameFileVotesNoAndMayTryAgain) {
  const Evidence evidence = Prepared(1, {{"a", "1"}});
  EXPECT_EQ(Written(2, "b", "2")->AwaitPrepare().vote, Vote::kCommit);
  const VoteResult second = Written(3, "a", "2")->AwaitPrepare();
  EXPECT_EQ(second.vote, Vote::kNo);
  EXPECT_TRUE(second.retryable);
  EXPECT_THAT(second.reason, HasSubstr(Key(1).DatabaseName()));
  resource_->Finish(Key(1), Decision::kCommit, evidence);
  EXPECT_EQ(Written(4, "a", "2")->AwaitPrepare().vote, Vote::kCommit);
}

TEST_F(DirectoryContract, WhatCannotBeCommittedIsRefusedBeforeTheVote) {
  fs::create_directory(directory_ / "taken");
  EXPECT_EQ(Written(1, "taken", "x")->AwaitPrepare().vote, Vote::kNo);
  const auto branch = *resource_->Open(Key(2));
  for (const std::string name : {"", ".settle", "../up", "a/b"}) {
    EXPECT_EQ(branch->Write(name, "x").error().code, ErrorCode::kInvalid) << name;
  }
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kReadOnly);
}

TEST_F(DirectoryContract, P13_AFencedBranchWritesAndPreparesNothing) {
  auto branch = Written(1, "a", "1");
  branch->Fence();
  EXPECT_EQ(branch->Write("b", "2").error().code, ErrorCode::kRefused);
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
  EXPECT_THAT(*resource_->ScanPrepared(), IsEmpty());
}

TEST_F(DirectoryContract, EveryProcessSeesTheSameIdentityAndAnotherDirectoryHasAnother) {
  EXPECT_EQ(*Another()->Identify(), identity_);
  const TemporaryDirectory other;
  EXPECT_NE(*DirectoryResource("invoices", other.path()).Identify(), identity_);
  fs::copy(directory_.path(), other / "copy", fs::copy_options::recursive);
  EXPECT_NE(*DirectoryResource("invoices", other / "copy").Identify(), identity_);
  EXPECT_EQ(DirectoryResource("invoices", "/nowhere").Identify().error().code,
            ErrorCode::kInvalid);
}

// With a real daemon, and a program that is killed.
class CustomResource : public ::testing::Test {
 protected:
  CustomResource() : daemon_(directory_.path()) {
    fs::create_directory(Invoices());
    sqlite3* database = nullptr;
    sqlite3_open(Orders().c_str(), &database);
    sqlite3_exec(database, "CREATE TABLE purchase (id TEXT PRIMARY KEY NOT NULL, what TEXT)",
                 nullptr, nullptr, nullptr);
    sqlite3_close(database);
    daemon_.Start();
  }

  std::string Orders() const { return directory_ / "orders.db"; }
  std::string Invoices() const { return directory_ / "invoices"; }

  Launch Command(std::vector<std::string> order, const Failpoint& failpoint = {}) const {
    std::vector<std::string> words{Program("custom_resource"), daemon_.address(), Orders(),
                                   Invoices()};
    words.insert(words.end(), order.begin(), order.end());
    return {.arguments = words,
            .output_path = directory_ / "said",
            .environment = failpoint.Environment()};
  }
  // An order whose program dies at `where`, which it says itself.
  void OrderAndDieAt(const std::string& where) {
    const Failpoint failpoint{where, directory_ / "fired"};
    Process order(Command({"17", "ten chairs"}, failpoint));
    const std::optional<Ended> ended = order.Wait();
    ASSERT_TRUE(ended && ended->signal == SIGKILL) << order.Output();
    ASSERT_TRUE(failpoint.HasFired());
  }
  std::vector<std::string> PreparedInvoices() const {
    return DirectoryResource("invoices", Invoices()).ScanPrepared().value();
  }
  std::string Purchases() const {
    std::string found;
    sqlite3* database = nullptr;
    sqlite3_open_v2(Orders().c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_exec(
        database, "SELECT what FROM purchase",
        [](void* into, int, char** values, char**) {
          *static_cast<std::string*>(into) += std::string(values[0]) + ";";
          return 0;
        },
        &found, nullptr);
    sqlite3_close(database);
    return found;
  }
  CliAnswer Settle(const std::vector<std::string>& words) {
    return RunCli(daemon_.address(), words);
  }
  std::string OutcomeShown(const std::string& database_name) {
    const std::string gtid = BranchKey::ParseDatabaseName(database_name)->gtid.text();
    const CliAnswer shown = Settle({"show", gtid});
    return shown.json.value("/ending/outcome"_json_pointer, "not shown: " + shown.out);
  }

  const TemporaryDirectory directory_;
  Daemon daemon_;
};

TEST_F(CustomResource, AnOrderAndItsInvoiceCommitTogetherOrNotAtAll) {
  EXPECT_EQ(Process(Command({"17", "ten chairs"})).Wait(), (Ended{0, {}}));
  EXPECT_EQ(ReadFile(Invoices() + "/17.txt"), "ten chairs\n");
  EXPECT_EQ(Purchases(), "ten chairs;");
  // The directory cannot have it, so the order is not there either.
  fs::create_directory(Invoices() + "/18.txt");
  EXPECT_EQ(Process(Command({"18", "a table"})).Wait(), (Ended{1, {}}));
  EXPECT_THAT(ReadFile(directory_ / "said"), HasSubstr("18.txt is a directory"));
  EXPECT_EQ(Purchases(), "ten chairs;");
  // And the other way round: the order's number is taken.
  EXPECT_EQ(Process(Command({"17", "more chairs"})).Wait(), (Ended{1, {}}));
  EXPECT_EQ(ReadFile(Invoices() + "/17.txt"), "ten chairs\n");
  EXPECT_THAT(PreparedInvoices(), IsEmpty());
}

// It has no one-phase commit, which a lone branch would use.
TEST_F(CustomResource, ALoneBranchIsPreparedLikeAnyOther) {
  auto invoices = std::make_shared<DirectoryResource>("invoices", Invoices());
  auto coordinator =
      Coordinator::Connect({.addresses = {daemon_.address()}, .resources = {invoices}});
  ASSERT_TRUE(coordinator) << Describe(coordinator.error());
  auto transaction = (*coordinator)->Begin();
  ASSERT_TRUE(transaction) << Describe(transaction.error());
  auto branch = transaction->Enlist(*invoices);
  ASSERT_TRUE(branch) << Describe(branch.error());
  ASSERT_TRUE((*branch)->Write("17.txt", "ten chairs\n"));
  const Ending ending = transaction->Commit();
  EXPECT_TRUE(ending.committed()) << ending.reason;
  EXPECT_EQ(ReadFile(Invoices() + "/17.txt"), "ten chairs\n");
  EXPECT_EQ((*branch)->Write("18.txt", "late").error().code, ErrorCode::kRefused);
}

TEST_F(CustomResource, P07_KilledBetweenPrepareAndDecisionItIsAbortedByTheNextProcess) {
  OrderAndDieAt("client.prepared");
  const std::vector<std::string> prepared = PreparedInvoices();
  ASSERT_THAT(prepared, SizeIs(1)) << "it was not prepared when it was killed";
  Process next(Command({}));
  EXPECT_TRUE(WaitUntil([&] { return PreparedInvoices().empty(); }));
  EXPECT_TRUE(WaitUntil([&] { return Settle({"in-doubt", "--check"}).code == 0; }));
  EXPECT_EQ(OutcomeShown(prepared[0]), "aborted");
  EXPECT_FALSE(fs::exists(Invoices() + "/17.txt"));
  EXPECT_EQ(Purchases(), "");
  // No lock is left: the same order can be made.
  EXPECT_EQ(Process(Command({"17", "ten chairs"})).Wait(), (Ended{0, {}}));
}

TEST_F(CustomResource, P07_KilledBetweenDecisionAndCommitItIsCommittedByTheNextProcess) {
  OrderAndDieAt("client.decided");
  const std::vector<std::string> prepared = PreparedInvoices();
  ASSERT_THAT(prepared, SizeIs(1)) << "it was not prepared when it was killed";
  EXPECT_EQ(OutcomeShown(prepared[0]), "committed");
  EXPECT_FALSE(fs::exists(Invoices() + "/17.txt"));
  EXPECT_EQ(Settle({"in-doubt", "--check"}).code, 6);
  Process next(Command({}));
  EXPECT_TRUE(WaitUntil([&] { return Settle({"in-doubt", "--check"}).code == 0; }));
  EXPECT_EQ(ReadFile(Invoices() + "/17.txt"), "ten chairs\n");
  EXPECT_EQ(Purchases(), "ten chairs;");
  EXPECT_THAT(PreparedInvoices(), IsEmpty());
  next.Signal(SIGTERM);
  EXPECT_EQ(next.Wait(), (Ended{0, {}}));
}

// The coordinator dies as well, once its decision is durable and nobody has heard of it.
TEST_F(CustomResource, C06_BothAreKilledAndBothComeBack) {
  ASSERT_TRUE(daemon_.Terminate());
  daemon_.Start("engine.decided");
  Process order(Command({"17", "ten chairs"}));
  ASSERT_TRUE(daemon_.AwaitFailpoint());
  order.Kill();
  const std::vector<std::string> prepared = PreparedInvoices();
  ASSERT_THAT(prepared, SizeIs(1));
  daemon_.Start();
  Process next(Command({}));
  EXPECT_TRUE(WaitUntil([&] { return fs::exists(Invoices() + "/17.txt"); }));
  EXPECT_TRUE(WaitUntil([&] { return Settle({"in-doubt", "--check"}).code == 0; }));
  EXPECT_EQ(OutcomeShown(prepared[0]), "committed");
  EXPECT_EQ(Purchases(), "ten chairs;");
}

}  // namespace
}  // namespace settle::testing
