// What `settle agent` refuses before it speaks to a coordinator, and what it says of branches that
// it cannot finish.
#include <fstream>

#include "support/temporary_directory.h"
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::HasSubstr;

class SettleAgent : public Verbs {
 protected:
  std::string FileWith(const std::string& contents) {
    std::ofstream(directory_ / "file.db") << contents;
    return directory_ / "file.db";
  }
  Printed Serve(const std::string& file) {
    return Run({"agent", "--resource", "stock", "--sqlite", file, "--once"});
  }

  const settle::testing::TemporaryDirectory directory_;
};

TEST_F(SettleAgent, RefusesAnEmptyFileAndLeavesItEmpty) {
  const std::string file = FileWith("");
  const Printed printed = Serve(file);
  EXPECT_EQ(printed.exit, ExitCode::kUsage) << printed.out << printed.err;
  EXPECT_THAT(printed.err, HasSubstr("was never a resource"));
  EXPECT_EQ(std::ifstream(file).peek(), std::char_traits<char>::eof());
}

}  // namespace
}  // namespace settle::cli
