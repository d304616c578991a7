#include "cli/text.h"

#include <gtest/gtest.h>

#include <limits>

#include "cli/exit_code.h"
#include "cli/table.h"
#include "views.h"

namespace settle::cli {
namespace {

using namespace std::chrono_literals;

TEST(CliText, A03_ControlCharactersFromOutsideAreEscaped) {
  EXPECT_EQ(Printable("a\x1b[31mb\r\n\t\x7f"), "a\\x1b[31mb\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(Printable(std::string("\0", 1)), "\\x00");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");  // CSI as one character of UTF-8
}

TEST(CliText, A03_CharactersThatReorderOrHideTextAreEscaped) {
  EXPECT_EQ(Printable("\xe2\x80\xae"
                      "txt"),
            "\\xe2\\x80\\xaetxt");  // right-to-left override
  EXPECT_EQ(Printable("a\xe2\x80\x8b"
                      "b"),
            "a\\xe2\\x80\\x8bb");  // zero width space
}

TEST(CliText, Utf8StaysAndWhatIsNotUtf8IsEscapedByteByByte) {
  EXPECT_EQ(Printable("Zürich €5 \xf0\x9f\x8f\xa6"), "Zürich €5 \xf0\x9f\x8f\xa6");
  EXPECT_EQ(Printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
}

TEST(CliText, EscapingTwiceChangesNothing) {
  const std::string once = Printable("\x1b\\ü\xff");
  EXPECT_EQ(Printable(once), once);
  EXPECT_TRUE(IsPrintable(once));
}

TEST(CliText, TimesAreUtcWithMicroseconds) {
  EXPECT_EQ(Rfc3339(kBegan_us), "2026-01-02T03:04:05.000006Z");
  EXPECT_EQ(Rfc3339(1), "1970-01-01T00:00:00.000001Z");
  EXPECT_EQ(Rfc3339(0), "");  // not known
}

TEST(CliText, T01_AnyTimeAPeerSendsCanBeShown) {
  EXPECT_EQ(Rfc3339(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_FALSE(Rfc3339(std::numeric_limits<std::int64_t>::min()).empty());
  EXPECT_FALSE(Rfc3339(std::numeric_limits<std::int64_t>::max()).empty());
}

TEST(CliText, AgesAreShortAndNeverNegative) {
  EXPECT_EQ(Age(-5ms), "0 ms");
  EXPECT_EQ(Age(850ms), "850 ms");
  EXPECT_EQ(Age(12s), "12 s");
  EXPECT_EQ(Age(192s), "3 m 12 s");
  EXPECT_EQ(Age(5h + 2min), "5 h 2 m");
  EXPECT_EQ(Age(220h), "9 d 4 h");
  EXPECT_EQ(Since(kBegan_us, kBegan_us + 12 * kSecond_us), "12 s");
  EXPECT_EQ(Since(std::numeric_limits<std::int64_t>::min(), kBegan_us), "a long time");
}

TEST(CliText, N05_AnEnumValueFromALaterReleaseIsShownAsUnrecognised) {
  EXPECT_STREQ(Word(wire::Outcome::HAZARD), "hazard");
  EXPECT_STREQ(Word(wire::AbortCause::VOTED_NO), "voted-no");
  EXPECT_STREQ(Word(static_cast<wire::Outcome::type>(10)), "unrecognised");
  EXPECT_STREQ(Word(static_cast<wire::AbortCause::type>(0)), "unrecognised");
  EXPECT_EQ(CodeOf(wire::ErrorCode::WRONG_LOG), ErrorCode::kWrongLog);
  EXPECT_EQ(CodeOf(static_cast<wire::ErrorCode::type>(15)), ErrorCode::kInternal);
}

TEST(CliText, EveryErrorCodeHasTheExitCodeOfTheManual) {
  EXPECT_EQ(ExitCodeOf(ErrorCode::kRefused), ExitCode::kRefused);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kRetry), ExitCode::kRefused);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kDenied), ExitCode::kRefused);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kInvalid), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kNotFound), ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kExpired), ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kUnavailable), ExitCode::kUnreachable);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kWrongLog), ExitCode::kWrongLog);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kAskOutcome), ExitCode::kUnknown);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kCorrupt), ExitCode::kDamaged);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kVersion), ExitCode::kOtherRelease);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kInternal), ExitCode::kInternal);
}

TEST(CliTable, ColumnsAreAlignedByCharactersAndLinesHaveNoBlanksAtTheirEnd) {
  EXPECT_EQ(Table({"NAME", "N"}, {{"Zürich", "1"}, {"", "22"}}, Paint{}),
            "NAME    N\n"
            "Zürich  1\n"
            "-       22\n");
}

TEST(CliTable, ColoursAreOnlyWhereTheyWereAskedFor) {
  EXPECT_EQ(Table({"A"}, {{"1"}}, Paint{.on = false}), "A\n1\n");
  EXPECT_EQ(Table({"A"}, {{"1"}}, Paint{.on = true}), "\x1b[1mA\x1b[0m\n1\n");
}

TEST(CliTable, FieldsLeaveOutWhatIsEmpty) {
  EXPECT_EQ(Fields({{"a", "1"}, {"long", ""}, {"bc", "2"}}, Paint{}), "a     1\nbc    2\n");
}

}  // namespace
}  // namespace settle::cli
