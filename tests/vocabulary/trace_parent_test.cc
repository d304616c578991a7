// The grammar of https://www.w3.org/TR/trace-context/, section 3.2, rule by rule.
#include "settle/vocabulary/trace_parent.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

const std::string kTraceId = "0af7651916cd43dd8448eb211c80319c";
const std::string kSpanId = "b7ad6b7169203331";

std::string Header(const std::string& version, const std::string& trace_id = kTraceId,
                   const std::string& span_id = kSpanId, const std::string& flags = "01") {
  return version + "-" + trace_id + "-" + span_id + "-" + flags;
}

TEST(TraceParent, OfVersion00IsPassedOnAsItIs) {
  for (const std::string flags : {"00", "01", "03", "ff"}) {
    const std::string header = Header("00", kTraceId, kSpanId, flags);
    EXPECT_EQ(TraceParentFrom(header), header);
  }
}

TEST(TraceParent, HasItsParts) {
  const std::string parent = TraceParentFrom(Header("00"));
  EXPECT_EQ(TraceIdOf(parent), kTraceId);
  EXPECT_EQ(SpanIdOf(parent), kSpanId);
  EXPECT_EQ(TraceFlagsOf(parent), "01");
  EXPECT_EQ(TraceIdOf(""), "");
  EXPECT_EQ(SpanIdOf(""), "");
  EXPECT_EQ(TraceFlagsOf(""), "");
}

TEST(TraceParent, OfVersion00HasNothingBehindIt) {
  for (const char* more : {"-", "-x", "0", " ", "-what-the-future-brings"})
    EXPECT_EQ(TraceParentFrom(Header("00") + more), "") << more;
}

TEST(TraceParent, OfALaterVersionIsReadAsFarAsThisOneGoesAndPassedOnAs00) {
  for (const char* version : {"01", "cc", "fe"}) {
    EXPECT_EQ(TraceParentFrom(Header(version)), Header("00"));
    EXPECT_EQ(TraceParentFrom(Header(version) + "-what-the-future-brings"), Header("00"));
    EXPECT_EQ(TraceParentFrom(Header(version) + "-"), Header("00"));
    EXPECT_EQ(TraceParentFrom(Header(version) + ".what"), "") << "no dash after the flags";
  }
}

TEST(TraceParent, OfALaterVersionKeepsOnlyWhetherItIsSampled) {
  const auto flags = [](const std::string& given) {
    return std::string(TraceFlagsOf(TraceParentFrom(Header("01", kTraceId, kSpanId, given))));
  };
  EXPECT_EQ(flags("ff"), "01");
  EXPECT_EQ(flags("03"), "01");
  EXPECT_EQ(flags("fe"), "00");
  EXPECT_EQ(flags("0a"), "00");
}

TEST(TraceParent, VersionFfIsForbidden) { EXPECT_EQ(TraceParentFrom(Header("ff")), ""); }

TEST(TraceParent, IdsOfZerosAreForbidden) {
  EXPECT_EQ(TraceParentFrom(Header("00", std::string(32, '0'))), "");
  EXPECT_EQ(TraceParentFrom(Header("00", kTraceId, std::string(16, '0'))), "");
  EXPECT_NE(TraceParentFrom(Header("00", std::string(31, '0') + "1")), "");
}

TEST(TraceParent, DigitsAreHexadecimalAndSmall) {
  const std::string good = Header("00");
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char wrong : {'A', 'F', 'g', ' ', '\0', '\n', '_'}) {
      std::string bad = good;
      bad[i] = wrong;
      EXPECT_EQ(TraceParentFrom(bad), "") << "position " << i;
    }
  }
}

TEST(TraceParent, IsNeverShorter) {
  const std::string later = Header("01");
  for (std::size_t size = 0; size < later.size(); ++size) {
    EXPECT_EQ(TraceParentFrom(Header("00").substr(0, size)), "") << size;
    EXPECT_EQ(TraceParentFrom(later.substr(0, size)), "") << size;
  }
}

TEST(TraceParent, ADashIsNoDigit) {
  EXPECT_EQ(TraceParentFrom("00" + std::string(53, '-')), "");
  EXPECT_EQ(TraceParentFrom(Header("00", "0af7651916cd43dd-448eb211c80319c")), "");
}

}  // namespace
}  // namespace settle
