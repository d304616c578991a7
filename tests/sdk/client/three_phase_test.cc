// A program whose transactions are three-phase commits: what it asks of the coordinator, and what
// it is told when the coordinator does not come back.
#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

wire::Site WireSite(int number, const std::string& resource,
                    const std::vector<std::string>& addresses) {
  wire::Site site;
  site.number = number;
  site.resource = resource;
  site.addresses = addresses;
  return site;
}

class ThreePhase : public ClientTest {
 protected:
  ThreePhase() {
    bank_a_->ledger = std::make_shared<FakeLedger>();
    bank_b_->ledger = std::make_shared<FakeLedger>();
    sites_ = {WireSite(0, "", {}), WireSite(1, "bank-a", {}), WireSite(2, "bank-b", {})};
    fake_.on_attach = [this](const wire::AttachRequest& request) {
      const std::lock_guard lock(mutex_);
      for (const wire::ResourceOffer& offer : request.resources) {
        offered_[offer.name] = offer.peer_address;
      }
    };
    fake_.on_command = [this](wire::Command& command) {
      wire::Ballot first;
      first.round = 1;
      first.leader = 0;
      const std::lock_guard lock(mutex_);
      if (command.kind == wire::CommandKind::PREPARE) command.__set_sites(sites_);
      if (command.kind != wire::CommandKind::PREPARE) command.__set_ballot(first);
      if (command.kind == wire::CommandKind::COMMIT) command.__set_quorum({0, 1});
    };
  }

  CoordinatorOptions SiteOptions(std::vector<std::shared_ptr<Resource>> resources) {
    CoordinatorOptions options = fake_.Options(std::move(resources));
    options.peers.listen = "127.0.0.1:0";
    options.peers.patience = milliseconds(300);  // ten times that while attached
    options.connect_timeout = milliseconds(200);
    return options;
  }
  void ConnectAsSites() { Connect(SiteOptions({bank_a_, bank_b_})); }
  std::string OfferedAddress(const std::string& resource) {
    const std::lock_guard lock(mutex_);
    return offered_[resource];
  }

  GlobalTransaction BeginThreePhase() {
    return *coordinator_->Begin({.protocol = Protocol::kThreePhase});
  }
  void SendToBoth(wire::CommandKind::type kind, const Gtid& gtid) {
    fake_.Send(kind, {gtid, 1}, "bank-a");
    fake_.Send(kind, {gtid, 2}, "bank-b");
  }
  bool BothVoted(const Gtid& gtid) {
    SendToBoth(wire::CommandKind::PREPARE, gtid);
    return fake_.Await("vote 1=commit") && fake_.Await("vote 2=commit");
  }
  // In a thread of its own. Returns once the coordinator was asked: the branches are left by then.
  std::future<Ending> StartCommit(GlobalTransaction& transaction, const CommitOptions& how = {}) {
    const std::size_t asked = fake_.Count("commit");
    auto committing =
        std::async(std::launch::async, [&transaction, how] { return transaction.Commit(how); });
    EXPECT_TRUE(Eventually([&] { return fake_.Count("commit") > asked; }));
    return committing;
  }
  // Never answers the commit, and dies once the test stops it.
  void DieInTheCommit() {
    fake_.on_commit = [this](const wire::CommitRequest&, wire::CommitReply&) {
      fake_.TakeAsLongAs(20'000);
      FakeCoordinator::CutConnection();
      return false;
    };
  }

  std::mutex mutex_;
  std::vector<wire::Site> sites_;
  std::map<std::string, std::string> offered_;
};

TEST_F(ThreePhase, TheProgramPreparesNothingItselfAndSendsNoVotes) {
  ConnectAsSites();
  GlobalTransaction transaction = BeginThreePhase();
  Enlist(transaction, *bank_a_);
  Enlist(transaction, *bank_b_);
  const Gtid gtid = transaction.gtid();
  fake_.on_commit = [&](const wire::CommitRequest&, wire::CommitReply& reply) {
    EXPECT_TRUE(BothVoted(gtid));
    SendToBoth(wire::CommandKind::PRE_COMMIT, gtid);
    EXPECT_TRUE(fake_.Await("site 1=pre-committed"));
    EXPECT_TRUE(fake_.Await("site 2=pre-committed"));
    SendToBoth(wire::CommandKind::COMMIT, gtid);
    EXPECT_TRUE(fake_.Await("end 1=committed"));
    EXPECT_TRUE(fake_.Await("end 2=committed"));
    reply.ending = WireEnding(wire::Outcome::COMMITTED);
    return true;
  };
  const Ending ending = transaction.Commit();
  EXPECT_TRUE(ending.committed()) << ending.reason;
  EXPECT_EQ(ending.reason, "");
  EXPECT_EQ(fake_.Count("begin 3pc"), 1u);
  EXPECT_EQ(fake_.Count("commit"), 1u) << "without votes";
  EXPECT_EQ(fake_.Count("site 1=committed"), 1u) << "before its end";
  const auto record = bank_a_->ledger->Now({gtid, 1});
  ASSERT_TRUE(record);
  EXPECT_EQ(record->at.decided, (DecidedBy{{1, 0}, {0, 1}}));
}

TEST_F(ThreePhase, OneLoneBranchIsCommittedInOnePhase) {
  ConnectAsSites();
  GlobalTransaction transaction = BeginThreePhase();
  Enlist(transaction, *bank_a_);
  EXPECT_TRUE(transaction.Commit().committed());
  EXPECT_THAT(bank_a_->journal(), Contains("one-phase 1"));
  EXPECT_EQ(bank_a_->ledger->asked(), 0u);
}

TEST_F(ThreePhase, ABranchThatDiedMeanwhileAbortsInsteadOfBeingLeft) {
  ConnectAsSites();
  GlobalTransaction transaction = BeginThreePhase();
  Enlist(transaction, *bank_a_);
  Enlist(transaction, *bank_b_);
  fake_.Send(wire::CommandKind::ABORT, {transaction.gtid(), 2}, "bank-b");
  ASSERT_TRUE(fake_.Await("end 2=aborted"));
  const Ending ending = transaction.Commit();
  EXPECT_EQ(ending.outcome, Outcome::kAborted) << ending.reason;
  EXPECT_EQ(fake_.Count("commit"), 0u);
  EXPECT_EQ(fake_.Count("abort 1 2"), 1u) << "both are rolled back";
  EXPECT_THAT(bank_a_->journal(), Contains("fence 1"));
}

TEST_F(ThreePhase, M10_ACommitWhoseCoordinatorIsGoneIsToldWhatTheSitesDecided) {
  for (const bool pre_committed : {false, true}) {
    SCOPED_TRACE(pre_committed);
    if (pre_committed) {
      coordinator_.reset();
      fake_.Restart(2);
    }
    DieInTheCommit();
    ConnectAsSites();
    GlobalTransaction transaction = BeginThreePhase();
    Enlist(transaction, *bank_a_);
    Enlist(transaction, *bank_b_);
    const Gtid gtid = transaction.gtid();
    auto committing = StartCommit(transaction);
    SendToBoth(wire::CommandKind::PREPARE, gtid);
    ASSERT_TRUE(Eventually([&] {
      return bank_a_->IsPrepared({gtid, 1}) && bank_b_->IsPrepared({gtid, 2});
    }));
    if (pre_committed) {
      SendToBoth(wire::CommandKind::PRE_COMMIT, gtid);
      ASSERT_TRUE(fake_.Await("site 1=pre-committed"));
      ASSERT_TRUE(fake_.Await("site 2=pre-committed"));
    }
    fake_.Stop();
    const Ending ending = committing.get();
    EXPECT_EQ(ending.outcome, pre_committed ? Outcome::kCommitted : Outcome::kAborted)
        << ending.reason;
    EXPECT_EQ(ending.cause, pre_committed ? AbortCause::kNone : AbortCause::kQuorum);
    EXPECT_THAT(ending.reason, HasSubstr(pre_committed ? "committed by its sites: ballot "
                                                       : "aborted by its sites: ballot "));
    EXPECT_THAT(ending.reason, HasSubstr("the majority: 1, 2; the coordinator does not answer"));
    EXPECT_FALSE(bank_a_->IsPrepared({gtid, 1}));
    EXPECT_FALSE(bank_b_->IsPrepared({gtid, 2}));
  }
}

TEST_F(ThreePhase, M10_ABranchThatCouldNotBeFinishedIsTriedAgainWithoutTheCoordinator) {
  DieInTheCommit();
  bank_a_->on_finish = [](const BranchKey&, Decision) {
    return FinishResult{BranchEnd::kRetry, "the connection was lost"};
  };
  CoordinatorOptions options = SiteOptions({bank_a_, bank_b_});
  options.scan_interval = std::chrono::hours(1);
  Connect(options);
  GlobalTransaction transaction = BeginThreePhase();
  Enlist(transaction, *bank_a_);
  Enlist(transaction, *bank_b_);
  const Gtid gtid = transaction.gtid();
  auto committing = StartCommit(transaction);
  ASSERT_TRUE(BothVoted(gtid));
  fake_.Stop();
  EXPECT_TRUE(Eventually([&] { return !bank_a_->IsPrepared({gtid, 1}); }));
  EXPECT_EQ(bank_a_->Count("abort 1"), 1u) << "by its handle, in vain";
  EXPECT_EQ(committing.get().outcome, Outcome::kAborted);
}

TEST_F(ThreePhase, P06_ABranchRolledBackByHandIsNotTakenForTheDecision) {
  DieInTheCommit();
  bank_a_->on_finish = [&](const BranchKey&, Decision) {
    bank_a_->ledger->SetAway(true);  // what its site has kept cannot be read any more
    return FinishResult{BranchEnd::kAborted, "somebody rolled it back by hand"};
  };
  ConnectAsSites();
  GlobalTransaction transaction = BeginThreePhase();
  Enlist(transaction, *bank_a_);
  Enlist(transaction, *bank_b_);
  const Gtid gtid = transaction.gtid();
  auto committing = StartCommit(transaction);
  ASSERT_TRUE(BothVoted(gtid));
  SendToBoth(wire::CommandKind::PRE_COMMIT, gtid);
  ASSERT_TRUE(fake_.Await("site 1=pre-committed"));
  ASSERT_TRUE(fake_.Await("site 2=pre-committed"));
  fake_.Stop();
  const Ending ending = committing.get();
  EXPECT_EQ(bank_a_->Count("commit 1"), 1u) << "it was told to commit";
  EXPECT_EQ(ending.outcome, Outcome::kMixed) << ending.reason;
  EXPECT_THAT(ending.reason, HasSubstr("decided to commit, but branch 1"));
}

TEST_F(ThreePhase, M10_WithoutAMajorityTheEndingIsUnknown) {
  sites_[2].resource = "elsewhere";
  DieInTheCommit();
  ConnectAsSites();
  GlobalTransaction transaction = BeginThreePhase();
  (void)transaction.context();  // another process has the other branch
  Enlist(transaction, *bank_a_);
  const Gtid gtid = transaction.gtid();
  auto committing = StartCommit(transaction, {.wait_at_most = milliseconds(1'000)});
  fake_.Send(wire::CommandKind::PREPARE, {gtid, 1}, "bank-a");
  ASSERT_TRUE(fake_.Await("vote 1=commit"));
  fake_.Stop();
  const Ending ending = committing.get();
  EXPECT_EQ(ending.outcome, Outcome::kUnknown);
  EXPECT_THAT(ending.reason, HasSubstr("ask AskOutcome(gtid) later"));
  EXPECT_TRUE(bank_a_->IsPrepared({gtid, 1}));
}

TEST_F(ThreePhase, M10_BranchesThatWereOnlyLeftAreRolledBackWhenTheCoordinatorHasGivenThemUp) {
  fake_.session_timeout_ms = 300;
  DieInTheCommit();
  ConnectAsSites();
  GlobalTransaction transaction = BeginThreePhase();
  Enlist(transaction, *bank_a_);
  Enlist(transaction, *bank_b_);
  auto committing = StartCommit(transaction);
  fake_.Stop();
  const Ending ending = committing.get();
  EXPECT_EQ(ending.outcome, Outcome::kAborted) << ending.reason;
  EXPECT_THAT(ending.reason, HasSubstr("could not be reached for so long"));
  EXPECT_THAT(bank_a_->journal(), Contains("fence 1"));
}

TEST_F(ThreePhase, OnlyResourcesWithALedgerAreOfferedWithAnAddress) {
  bank_b_->ledger = nullptr;
  ConnectAsSites();
  EXPECT_THAT(OfferedAddress("bank-a"), testing::StartsWith("127.0.0.1:"));
  EXPECT_EQ(OfferedAddress("bank-b"), "");
  EXPECT_EQ(coordinator_->peer_address(), OfferedAddress("bank-a"));
  coordinator_.reset();
  Connect();
  EXPECT_EQ(OfferedAddress("bank-a"), "") << "nor without PeerOptions";
  EXPECT_EQ(coordinator_->peer_address(), "");
}

TEST_F(ThreePhase, M10_TwoProgramsEndOverTheirOwnPortsWhatTheCoordinatorLeft) {
  ConnectAsSites();
  const std::string at_a = OfferedAddress("bank-a");
  const auto other_b = std::make_shared<FakeResource>("bank-c");
  other_b->ledger = std::make_shared<FakeLedger>();
  auto other = Coordinator::Connect(SiteOptions({other_b}));
  ASSERT_TRUE(other) << Describe(other.error());
  const std::string at_c = OfferedAddress("bank-c");
  {
    const std::lock_guard lock(mutex_);
    sites_ = {WireSite(0, "", {}), WireSite(1, "bank-a", {at_a}), WireSite(2, "bank-c", {at_c})};
  }
  DieInTheCommit();
  GlobalTransaction transaction = BeginThreePhase();
  Enlist(transaction, *bank_a_);
  auto joined = (*other)->Join(transaction.context());
  ASSERT_TRUE(joined);
  ASSERT_TRUE(joined->Enlist(*other_b));
  ASSERT_TRUE(joined->Leave());
  const Gtid gtid = transaction.gtid();
  auto committing = StartCommit(transaction);
  fake_.Send(wire::CommandKind::PREPARE, {gtid, 1}, "bank-a");
  fake_.Send(wire::CommandKind::PREPARE, {gtid, 2}, "bank-c");
  ASSERT_TRUE(fake_.Await("vote 1=commit"));
  ASSERT_TRUE(fake_.Await("vote 2=commit"));
  fake_.Stop();
  EXPECT_EQ(committing.get().outcome, Outcome::kAborted);
  EXPECT_TRUE(Eventually([&] { return !other_b->IsPrepared({gtid, 2}); }));
  EXPECT_EQ(other_b->ledger->Now({gtid, 2})->at.state, SiteState::kAborted);
  EXPECT_EQ(bank_a_->ledger->Now({gtid, 1})->at.state, SiteState::kAborted);
}

TEST_F(ThreePhase, AProcessMayStartWithoutItsCoordinatorAndAttachWhenItComes) {
  fake_.Stop();
  CoordinatorOptions options = SiteOptions({bank_a_, bank_b_});
  EXPECT_FALSE(Coordinator::Connect(options));
  std::vector<std::string> warned;
  options.attach_later = true;
  options.warn = [&](const std::string& line) {
    const std::lock_guard lock(mutex_);
    warned.push_back(line);
  };
  Connect(options);
  const Result<GlobalTransaction> none = coordinator_->Begin();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnavailable);
  {
    const std::lock_guard lock(mutex_);
    EXPECT_THAT(warned, Contains(HasSubstr("not attached to the coordinator")));
  }
  EXPECT_TRUE(bank_a_->Await("scan")) << "sites are looked for without a coordinator";
  fake_.Restart(1);
  ASSERT_TRUE(Eventually([&] { return !OfferedAddress("bank-a").empty(); }));
  EXPECT_TRUE(Eventually([&] { return coordinator_->log_id() != ""; }));
  EXPECT_TRUE(Both().Commit().committed());
  coordinator_.reset();
}

TEST_F(ThreePhase, TheMarkOfWhatHasEndedPrunesTheLedgers) {
  fake_.session_timeout_ms = 200;  // so it is fetched often
  ConnectAsSites();
  fake_.SayEndedThrough(1, 7);
  EXPECT_TRUE(Eventually([&] { return bank_a_->ledger->mark().sequence == 7; }));
  EXPECT_TRUE(Eventually([&] { return bank_b_->ledger->mark().sequence == 7; }));
}

}  // namespace
}  // namespace settle::sdk
