#include "rpc/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "rpc/utf8.h"

namespace settle::coordinator {
namespace {

using ::testing::HasSubstr;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);

// A value as the generated code takes it from the wire, unchecked.
template <typename Enum>
void SetRaw(Enum& field, std::int32_t raw) {
  std::memcpy(&field, &raw, sizeof(raw));
}

wire::Evidence SomeEvidence() {
  wire::Evidence evidence;
  evidence.database = "postgresql:7301234567890123456:16384";
  evidence.timeline = 3;
  evidence.local_transaction = "7751";
  return evidence;
}

wire::BranchVote Yes(std::int32_t branch) {
  wire::BranchVote vote;
  vote.branch = branch;
  vote.vote = wire::Vote::COMMIT;
  vote.evidence = SomeEvidence();
  return vote;
}

wire::CommitRequest SomeCommit() {
  wire::CommitRequest request;
  request.gtid = kGtid.text();
  request.votes = {Yes(1), Yes(2)};
  request.wait = wire::Wait::APPLIED;
  request.wait_ms = 5'000;
  return request;
}

template <typename T>
void ExpectInvalid(const Result<T>& result, const std::string& words) {
  ASSERT_FALSE(result) << words;
  EXPECT_EQ(result.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(result.error().message, HasSubstr(words));
}

TEST(Wire, ACommitArrivesAsItWasSent) {
  const Result<CommitCall> call = FromWire(SomeCommit());
  ASSERT_TRUE(call) << Describe(call.error());
  EXPECT_EQ(call->gtid, kGtid);
  EXPECT_EQ(call->wait, Wait::kApplied);
  EXPECT_EQ(call->wait_at_most, std::chrono::milliseconds(5'000));
  const Evidence evidence{"postgresql:7301234567890123456:16384", 3, "7751"};
  EXPECT_EQ(call->votes, (std::vector<BranchVote>{{1, {Vote::kCommit, evidence, "", false}},
                                                  {2, {Vote::kCommit, evidence, "", false}}}));
}

TEST(Wire, N05_AVoteThatIsZeroOrUnknownIsRefusedAndNeverMeansCommit) {
  for (const std::int32_t raw : {0, 4, -1, 77, 2'000'000'000}) {
    wire::CommitRequest request = SomeCommit();
    SetRaw(request.votes[1].vote, raw);
    ExpectInvalid(FromWire(request), "vote has the value " + std::to_string(raw));
    wire::ReportRequest report;
    report.session = "s";
    report.votes.resize(1);
    report.votes[0].gtid = kGtid.text();
    report.votes[0].vote = Yes(1);
    SetRaw(report.votes[0].vote.vote, raw);
    ExpectInvalid(FromWire(report), "vote has the value");
  }
}

TEST(Wire, N05_ABranchEndThatIsZeroOrUnknownIsRefused) {
  for (const std::int32_t raw : {0, 5, -1}) {
    wire::ReportRequest report;
    report.session = "s";
    report.ends.resize(1);
    report.ends[0].gtid = kGtid.text();
    report.ends[0].branch = 1;
    SetRaw(report.ends[0].became, raw);
    ExpectInvalid(FromWire(report), "became has the value " + std::to_string(raw));
  }
}

TEST(Wire, N05_AWaitThatIsZeroOrUnknownIsRefused) {
  for (const std::int32_t raw : {0, 3, -7}) {
    wire::CommitRequest request = SomeCommit();
    SetRaw(request.wait, raw);
    ExpectInvalid(FromWire(request), "wait has the value " + std::to_string(raw));
  }
}

TEST(Wire, N05_ADefaultConstructedCallIsRefused) {
  EXPECT_FALSE(FromWire(wire::CommitRequest{}));
  EXPECT_FALSE(FromWire(wire::EnlistRequest{}));
  EXPECT_FALSE(FromWire(wire::OnePhaseRequest{}));
  EXPECT_FALSE(FromWire(wire::AbortRequest{}));
  EXPECT_FALSE(FromWire(wire::FetchRequest{}));
  EXPECT_FALSE(FromWire(wire::ReportRequest{}));
  EXPECT_FALSE(FromWire(wire::ListRequest{}));
  EXPECT_FALSE(FromWire(wire::ResolveRequest{}));
}

TEST(Wire, EveryKnownVoteAndEndHasItsMeaning) {
  const std::pair<wire::Vote::type, Vote> votes[] = {{wire::Vote::COMMIT, Vote::kCommit},
                                                     {wire::Vote::READ_ONLY, Vote::kReadOnly},
                                                     {wire::Vote::NO, Vote::kNo}};
  for (const auto& [sent, meant] : votes) {
    wire::CommitRequest request = SomeCommit();
    request.votes[0].vote = sent;
    EXPECT_EQ(FromWire(request)->votes[0].result.vote, meant);
  }
  const std::pair<wire::BranchEnd::type, BranchEnd> ends[] = {
      {wire::BranchEnd::COMMITTED, BranchEnd::kCommitted},
      {wire::BranchEnd::ABORTED, BranchEnd::kAborted},
      {wire::BranchEnd::HAZARD, BranchEnd::kHazard},
      {wire::BranchEnd::RETRY, BranchEnd::kRetry}};
  for (const auto& [sent, meant] : ends) {
    wire::ReportRequest report;
    report.session = "s";
    report.ends.resize(1);
    report.ends[0].gtid = kGtid.text();
    report.ends[0].branch = 4;
    report.ends[0].became = sent;
    const Result<FullReport> full = FromWire(report);
    ASSERT_TRUE(full);
    EXPECT_EQ(full->report.ends[0].key, (BranchKey{kGtid, 4}));
    EXPECT_EQ(full->report.ends[0].result.end, meant);
  }
}

TEST(Wire, EveryOutcomeCauseAndErrorKeepsItsName) {
  const auto upper = [](std::string word) {
    for (char& c : word) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
    return word;
  };
  for (int i = 1; i <= 9; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    EXPECT_EQ(wire::_Outcome_VALUES_TO_NAMES.at(ToWire(Ending{outcome, {}, {}, false}).outcome),
              upper(ToString(outcome)));
  }
  for (int i = 0; i <= 8; ++i) {
    const auto cause = static_cast<AbortCause>(i);
    EXPECT_EQ(wire::_AbortCause_VALUES_TO_NAMES.at(ToWire(Ending{{}, cause, {}, false}).cause),
              upper(ToString(cause)));
  }
  EXPECT_EQ(ToWire(Ending{{}, AbortCause::kRolledBack, {}, false}).cause,
            wire::AbortCause::ROLLED_BACK);
  EXPECT_EQ(ToWire(Ending{{}, AbortCause::kStepFailed, {}, false}).cause,
            wire::AbortCause::STEP_FAILED);
  EXPECT_EQ(ToWire(Ending{{}, AbortCause::kQuorum, {}, false}).cause, wire::AbortCause::QUORUM);
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_EQ(wire::_ErrorCode_VALUES_TO_NAMES.at(ToWire(Error{code, "m", ""}).code),
              upper(ToString(code)));
  }
}

TEST(Wire, ABranchCannotVoteTwiceInOneCall) {
  wire::CommitRequest request = SomeCommit();
  request.votes[1].branch = 1;
  ExpectInvalid(FromWire(request), "branch 1 twice");
}

TEST(Wire, BranchesAreNumberedFromOneToAThousand) {
  for (const std::int32_t number : {0, -1, 1'001, 2'147'483'647}) {
    wire::CommitRequest request = SomeCommit();
    request.votes[0].branch = number;
    ExpectInvalid(FromWire(request), "branches are numbered from 1 to 1000");
    wire::AbortRequest abort;
    abort.gtid = kGtid.text();
    abort.rolled_back = {number};
    ExpectInvalid(FromWire(abort), "branches are numbered from 1 to 1000");
  }
}

// What is said of a branch is kept, in the log and in memory, with every branch below it.
TEST(Wire, N04_ABranchNumberThatNoTransactionCanHaveIsRefused) {
  wire::EndReport end;
  end.gtid = kGtid.text();
  end.became = wire::BranchEnd::COMMITTED;
  for (const std::int32_t number : {1'001, 2'000'000'000}) {
    end.branch = number;
    wire::ReportRequest report;
    report.session = std::string(32, 'a');
    report.ends = {end};
    ExpectInvalid(FromWire(report), "branches are numbered from 1 to 1000");
  }
  end.branch = 1'000;
  wire::ReportRequest report;
  report.session = std::string(32, 'a');
  report.ends = {end};
  EXPECT_TRUE(FromWire(report));
}

TEST(Wire, DurationsAreWithinADay) {
  for (const std::int64_t wait :
       {std::int64_t{-1}, std::int64_t{86'400'001}, std::int64_t{1} << 62}) {
    wire::CommitRequest request = SomeCommit();
    request.wait_ms = wait;
    ExpectInvalid(FromWire(request), "wait_ms");
    wire::BeginRequest begin;
    begin.timeout_ms = wait;
    ExpectInvalid(FromWire(begin), "timeout_ms");
  }
}

TEST(Wire, A03_AGtidMustBeOneInFull) {
  for (const std::string& text :
       {std::string(), std::string("k3m9qxw4c7ab"), kGtid.text() + " ",
        std::string("'; DROP TABLE x"), std::string(kGtid.text().substr(0, 20)),
        std::string("\x1b[2J")}) {
    wire::CommitRequest request = SomeCommit();
    request.gtid = text;
    ExpectInvalid(FromWire(request), "is not a gtid");
  }
}

TEST(Wire, TextsOfTheCallerHaveTheLengthsOfTheContractAndAreUtf8) {
  wire::BeginRequest begin;
  begin.comment = std::string(1'000, 'c');
  begin.owner = std::string(200, 'o');
  EXPECT_TRUE(FromWire(begin));
  begin.comment += 'c';
  ExpectInvalid(FromWire(begin), "comment has 1001 bytes");
  begin.comment = "order \xff";
  ExpectInvalid(FromWire(begin), "comment is not UTF-8");
  begin.comment = "";
  begin.owner += 'o';
  ExpectInvalid(FromWire(begin), "owner has 201 bytes");
}

TEST(Wire, X01_ResourceNamesKeepToTheirGrammar) {
  wire::EnlistRequest request;
  request.gtid = kGtid.text();
  request.session = "s";
  request.request_key = "k";
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a'b"), std::string(65, 'a')}) {
    request.resource = name;
    ExpectInvalid(FromWire(request), "is not a resource name");
  }
  request.resource = "orders";
  EXPECT_TRUE(FromWire(request));
  request.request_key = std::string(65, 'k');
  ExpectInvalid(FromWire(request), "request_key");
}

TEST(Wire, AnAttachNamesEachResourceOnceWithAnIdentity) {
  wire::AttachRequest request;
  request.resources.resize(2);
  request.resources[0].name = "orders";
  request.resources[0].identity = "sqlite:1";
  request.resources[1] = request.resources[0];
  ExpectInvalid(FromWire(request), "orders twice");
  request.resources[1].name = "stock";
  request.resources[1].identity = "";
  ExpectInvalid(FromWire(request), "identity of resource stock is empty");
  request.resources[1].identity = "sqlite:2";
  EXPECT_TRUE(FromWire(request));
  request.log_id_seen = "not a log";
  ExpectInvalid(FromWire(request), "log_id_seen");
  request.log_id_seen = "k3m9qxw4c7ab";
  request.epoch_seen = -1;
  ExpectInvalid(FromWire(request), "epoch_seen");
}

TEST(Wire, AProcessServesNoMoreThanTheContractSays) {
  wire::AttachRequest request;
  std::vector<std::string> names;
  for (int i = 0; i < 1'000; ++i) names.push_back("p" + std::to_string(i));
  request.__set_participants(names);
  EXPECT_TRUE(FromWire(request));
  names.push_back("more");
  request.__set_participants(names);
  ExpectInvalid(FromWire(request), "participants are 1001; at most 1000");
  request.__set_participants({});
  request.resources.resize(1'001);
  ExpectInvalid(FromWire(request), "resources are 1001; at most 1000");
}

TEST(Wire, ADatabasesWordsNeverMakeAReportInvalidButBecomeOneLine) {
  wire::ReportRequest report;
  report.session = "s";
  report.ends.resize(1);
  report.ends[0].gtid = kGtid.text();
  report.ends[0].branch = 1;
  report.ends[0].became = wire::BranchEnd::RETRY;
  report.ends[0].detail =
      "ERREUR:\nschl\xfc"
      "ssel \x1b[31m" +
      std::string(2'000, 'x');
  const Result<FullReport> full = FromWire(report);
  ASSERT_TRUE(full);
  const std::string& detail = full->report.ends[0].result.detail;
  EXPECT_EQ(detail.substr(0, 22), "ERREUR: schl?ssel  [31");
  EXPECT_EQ(detail.size(), 1'000u);
}

TEST(Wire, P15_VersionsAreAgreedOnOrRefusedByName) {
  EXPECT_EQ(*AgreeOnVersion(1, 1), 1);
  EXPECT_EQ(*AgreeOnVersion(1, 9), 1);
  const auto newer = AgreeOnVersion(2, 9);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ErrorCode::kVersion);
  EXPECT_THAT(newer.error().message, HasSubstr("2 to 9"));
  ExpectInvalid(AgreeOnVersion(0, 1), "no range");
  ExpectInvalid(AgreeOnVersion(3, 2), "no range");
}

TEST(Wire, WhoeverForgetsDamageMustSayWhoAndWhy) {
  wire::ForgetRequest request;
  request.gtid = kGtid.text();
  request.operator_name = "ada";
  request.reason = "credited by hand";
  const auto call = FromWire(request);
  ASSERT_TRUE(call);
  EXPECT_EQ(call->call.gtid, kGtid);
  EXPECT_EQ(call->call.operator_name, "ada");
  EXPECT_EQ(call->call.reason, "credited by hand");
  EXPECT_FALSE(call->dry_run);
  request.reason = "";
  ExpectInvalid(FromWire(request), "say why");
  request.reason = "r";
  request.operator_name = "";
  ExpectInvalid(FromWire(request), "say who");
  request.operator_name = "ada";
  request.gtid = "k3m9";
  EXPECT_FALSE(FromWire(request));
}

TEST(Wire, AnOperatorMustSayWhoAndWhy) {
  wire::ResolveRequest request;
  request.gtid = kGtid.text();
  request.to = "abort";
  request.operator_name = "ada";
  request.reason = "customer called";
  EXPECT_EQ(FromWire(request)->to, Decision::kAbort);
  request.to = "";
  ExpectInvalid(FromWire(request), "commit or abort");
  request.to = "commit";
  EXPECT_EQ(FromWire(request)->to, Decision::kCommit);
  request.reason = "";
  ExpectInvalid(FromWire(request), "say why");
  request.reason = "r";
  request.operator_name = "";
  ExpectInvalid(FromWire(request), "say who");
}

TEST(Wire, A04_ListsAreAskedForInPages) {
  wire::ListRequest request;
  request.which = "all";
  for (const std::int32_t most : {0, -1, 1'001}) {
    request.most = most;
    ExpectInvalid(FromWire(request), "most");
  }
  request.most = 1'000;
  EXPECT_TRUE(FromWire(request));
  request.which = "everything";
  ExpectInvalid(FromWire(request), "open, ended or all");
}

TEST(Wire, AGrantedOnePhaseReplyCarriesNoEnding) {
  EXPECT_FALSE(ToWire(OnePhaseAnswer{true, {}}).__isset.ending);
  EXPECT_FALSE(ToWire(OnePhaseAnswer{false, {Outcome::kUndecided, {}, {}, false}}).__isset.ending);
  EXPECT_TRUE(ToWire(OnePhaseAnswer{false, {Outcome::kAborted, {}, {}, false}}).__isset.ending);
}

TEST(Wire, X02_AViewDoesNotGiveASessionsNameAway) {
  ParticipantRow row;
  row.view.sessions.push_back({"0123456789abcdef0123456789abcdef", "till", 0, {}});
  EXPECT_EQ(ToWire(row).sessions[0].session, "01234567");
}

TEST(Utf8, AcceptsWellFormedTextAndNothingElse) {
  for (const char* text :
       {"", "plain", "schl\xc3\xbcssel", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  for (const char* text : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                           "\xf4\x90\x80\x80", "\xf5", "\xe2\x82", "a\xffz"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

TEST(Utf8, OneLineIsCutBetweenCharacters) {
  EXPECT_EQ(OneLineOfUtf8("ab\xe2\x82\xac", 4), "ab");
  EXPECT_EQ(OneLineOfUtf8("ab\xe2\x82\xac", 5), "ab\xe2\x82\xac");
}

}  // namespace
}  // namespace settle::coordinator
