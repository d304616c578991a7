// docs/decision_log.md is for whoever reads a log without this program.
#include <gmock/gmock.h>

#include <cstdlib>
#include <sstream>

#include "log/record_codec.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using ::testing::HasSubstr;

std::string FromSource(const std::string& path) {
  const char* top = std::getenv("SETTLE_SOURCE");
  return ReadFile((top == nullptr ? std::string(".") : std::string(top)) + "/" + path);
}

// The fenced block after `marker`.
std::string BlockOfThePage(const std::string& marker) {
  const std::string page = FromSource("docs/decision_log.md");
  const std::string fence = "```\n";
  const std::size_t begin = page.find(fence, page.find(marker));
  const std::size_t end = page.find(fence, begin + 1);
  if (page.find(marker) == std::string::npos || end == std::string::npos) return "";
  return page.substr(begin + fence.size(), end - begin - fence.size());
}

TEST(RecordCodecPage, SaysOfTheBytesWhatTheHeaderSays) {
  std::istringstream header(FromSource("coordinator/log/record_codec.h"));
  std::string grammar;
  bool within = false;
  for (std::string line; std::getline(header, line) && line != "#pragma once";) {
    within = within || line.starts_with("// Frame, in every version");
    if (within) grammar += line.substr(std::min<std::size_t>(line.size(), 3)) + "\n";
  }
  ASSERT_NE(grammar, "");
  EXPECT_EQ(BlockOfThePage("the same words as in coordinator/log/record_codec.h"), grammar);
}

TEST(RecordCodecPage, NamesEveryValueOfAnEnum) {
  const std::string page = FromSource("docs/decision_log.md");
  for (int value = 0; value <= 11; ++value) {
    const auto cell = [&](auto of, int least, int most) {
      if (value < least || value > most) return std::string(" ");
      return " " + std::string(ToString(static_cast<decltype(of)>(value))) + " ";
    };
    const std::string row = "| " + std::to_string(value) + " |" + cell(Outcome{}, 1, 9) + "|" +
                            cell(AbortCause{}, 0, 11) + "|" + cell(Vote{}, 1, 3) + "|" +
                            cell(BranchEnd{}, 1, 4) + "|";
    EXPECT_THAT(page, HasSubstr(row));
  }
}

TEST(RecordCodecPage, ShowsAnExampleAsItIsWritten) {
  std::istringstream lines(BlockOfThePage("compared with what the codec writes"));
  std::string bytes;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream pairs(line.substr(0, line.find('|')));
    for (int byte = 0; pairs >> std::hex >> byte;) bytes.push_back(static_cast<char>(byte));
  }
  const ResourceRecord record{"stock", "sqlite:6f1c", "first attach", "", 1'700'000'000'000'000};
  EXPECT_EQ(bytes, EncodeRecord(record).value());
}

}  // namespace
}  // namespace settle::coordinator
