// The words that people and JSON see.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "settle/vocabulary/action.h"
#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/status.h"
#include "settle/vocabulary/three_phase.h"

namespace settle {
namespace {

TEST(Escaped, PrintableTextStaysAsItIs) {
  EXPECT_EQ(Escaped("order 17, <b>!~"), "order 17, <b>!~");
  EXPECT_EQ(Escaped(""), "");
}

TEST(Escaped, A03_ControlCharactersQuotesAndBytesAbove126CannotReachATerminal) {
  EXPECT_EQ(Escaped("a\nb\t\x1b[2J"), "a\\x0ab\\x09\\x1b[2J");
  EXPECT_EQ(Escaped("\"\\"), "\\x22\\x5c");
  EXPECT_EQ(Escaped("\x7f\x80\xff"), "\\x7f\\x80\\xff");
  EXPECT_EQ(Escaped(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(Escaped, LongTextIsCutAndSaysSo) {
  EXPECT_EQ(Escaped(std::string(200, 'x')), std::string(200, 'x'));
  EXPECT_EQ(Escaped(std::string(201, 'x')), std::string(200, 'x') + "...");
}

// Every value of an enum, as long as it has a word of its own.
template <typename Enum>
std::set<std::string> WordsOf(int first, int last) {
  std::set<std::string> words;
  for (int value = first; value <= last; ++value) {
    const std::string word = ToString(static_cast<Enum>(value));
    EXPECT_NE(word, "unrecognised") << value;
    EXPECT_EQ(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string::npos) << word;
    words.insert(word);
  }
  EXPECT_EQ(words.size(), static_cast<std::size_t>(last - first + 1)) << "two values share a word";
  EXPECT_STREQ(ToString(static_cast<Enum>(last + 1)), "unrecognised")
      << "a value is missing from this test";
  return words;
}

TEST(Words, EveryValueHasAWordOfItsOwn) {
  WordsOf<Outcome>(1, static_cast<int>(Outcome::kHeuristicCommit));
  WordsOf<AbortCause>(0, static_cast<int>(AbortCause::kQuorum));
  WordsOf<Decision>(1, static_cast<int>(Decision::kAbort));
  WordsOf<Vote>(1, static_cast<int>(Vote::kNo));
  WordsOf<BranchEnd>(1, static_cast<int>(BranchEnd::kRetry));
  WordsOf<ActionOp>(1, static_cast<int>(ActionOp::kCancel));
  WordsOf<AnswerKind>(1, static_cast<int>(AnswerKind::kSuppressed));
  WordsOf<SiteState>(1, static_cast<int>(SiteState::kAborted));
  WordsOf<PeerVerb>(1, static_cast<int>(PeerVerb::kAbort));
  WordsOf<ErrorCode>(0, static_cast<int>(ErrorCode::kInternal));
}

TEST(Words, N05_NoDefaultMeansCommit) {
  EXPECT_FALSE(Ending{}.committed());
  EXPECT_EQ(Ending{}.outcome, Outcome::kUnknown);
  EXPECT_EQ(VoteResult{}.vote, Vote::kNo);
  EXPECT_EQ(FinishResult{}.end, BranchEnd::kRetry);
  EXPECT_EQ(Answer{}.kind, AnswerKind::kUnknown);
  EXPECT_STREQ(ToString(static_cast<Decision>(0)), "unrecognised");
  EXPECT_STREQ(ToString(static_cast<Vote>(0)), "unrecognised");
}

TEST(Words, AnErrorReadsAsOneLine) {
  EXPECT_EQ(Describe(Error{ErrorCode::kRefused, "it has ended", "begin a new one"}),
            "it has ended; begin a new one");
  EXPECT_EQ(Describe(Error{ErrorCode::kRefused, "it has ended", ""}), "it has ended");
}

TEST(PeerAddress, IsAHostAndAPort) {
  for (const std::string good : {"127.0.0.1:1", "[fd00::7]:65535", "db-1.example:7421"}) {
    EXPECT_TRUE(CheckPeerAddress(good)) << good;
  }
  const std::string long_host(300, 'h');
  for (const std::string& bad :
       {std::string(), std::string(":7421"), std::string("host"), std::string("host:"),
        std::string("host:0"), std::string("host:65536"), std::string("host:-1"),
        std::string("host:7421 "), std::string("fd00::7:7421"), std::string("[]:7421"),
        std::string("ho st:7421"), std::string("host:74\n21"), std::string("h\xC3\xB6st:1"),
        std::string("a,b:7421"), long_host + ":1"}) {
    const Status checked = CheckPeerAddress(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalid) << bad;
  }
}

}  // namespace
}  // namespace settle
