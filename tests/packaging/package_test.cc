// The Debian packages: what is in them, and what they do on a machine.
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "help.h"
#include "support/temporary_directory.h"
#include "support/wait_until.h"

namespace settle::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

const std::vector<std::string> kNames{"settled", "settle", "libsettle-dev"};

// Of the ctest packages_are_built.
std::string Package(const std::string& name) {
  for (const auto& entry : fs::directory_iterator(PACKAGES)) {
    const std::string file = entry.path().filename();
    if (file.starts_with(name + "_") && file.ends_with(".deb")) return entry.path();
  }
  throw std::runtime_error("there is no package " + name + ": run ctest -R packages_are_built");
}

std::string Field(const std::string& package, const std::string& field) {
  const ProgramOutput shown = OutputOfWords({"dpkg-deb", "-f", Package(package), field});
  return shown.lines.empty() ? "" : shown.lines.front();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The packages' files under a root of their own, and their scripts.
class UnpackedPackages : public ::testing::Test {
 protected:
  UnpackedPackages() {
    for (const std::string& name : kNames) {
      Done({"dpkg-deb", "-x", Package(name), root_});
      Done({"dpkg-deb", "-e", Package(name), Control(name)});
    }
  }
  static void Done(const std::vector<std::string>& words) {
    const ProgramOutput output = OutputOfWords(words);
    EXPECT_EQ(output.exit_code, 0) << output.text;
  }
  std::string Control(const std::string& name) const { return directory_ / ("control-" + name); }

  const TemporaryDirectory directory_;
  const std::string root_ = directory_ / "root";
};

TEST_F(UnpackedPackages, TheDaemonServesWithThePackagedConfigurationAndTheCommandFindsIt) {
  const std::string ready = directory_ / "ready";
  Launch launch;
  // The configuration as it is, but for what belongs to the machine: its state and its port.
  launch.arguments = {root_ + "/usr/bin/settled",
                      "--config",
                      root_ + "/etc/settle/settled.conf",
                      "--log",
                      directory_ / "settle.db",
                      "--listen",
                      "127.0.0.1:0",
                      "--ready-file",
                      ready};
  launch.output_path = directory_ / "said";
  launch.ends_with_starter = true;
  const pid_t daemon = StartProcess(launch);
  EXPECT_TRUE(WaitUntil([&] { return ReadFile(ready).ends_with('\n') || HasEnded(daemon); }));
  std::string address = ReadFile(ready);
  ASSERT_FALSE(address.empty()) << ReadFile(directory_ / "said");
  address.pop_back();
  const ProgramOutput status =
      OutputOfWords({root_ + "/usr/bin/settle", "--address", address, "status"});
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_THAT(status.text, HasSubstr("epoch"));
  ::kill(daemon, SIGTERM);
  EXPECT_EQ(AwaitProcess(daemon), 0) << ReadFile(directory_ / "said");
}

TEST_F(UnpackedPackages, HaveEverythingThatIsInstalledWithoutThem) {
  const std::string prefix = directory_ / "prefix";
  Done({CMAKE, "--install", BUILD, "--prefix", prefix});
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(prefix)) {
    if (entry.is_directory()) continue;
    const std::string file = fs::relative(entry.path(), prefix);
    EXPECT_TRUE(fs::exists(root_ + "/usr/" + file)) << file << " is in no package";
    ++files;
  }
  EXPECT_GT(files, 100);
}

TEST_F(UnpackedPackages, EveryFileBelowEtcIsAConfigurationFileThatUpgradesKeep) {
  std::set<std::string> below_etc;
  for (const auto& entry : fs::recursive_directory_iterator(root_ + "/etc")) {
    if (!entry.is_directory()) below_etc.insert("/" + fs::relative(entry.path(), root_).string());
  }
  EXPECT_THAT(below_etc, ElementsAre("/etc/settle/settled.conf"));
  EXPECT_EQ(ReadFile(Control("settled") + "/conffiles"), "/etc/settle/settled.conf\n");
  EXPECT_EQ(ReadFile(root_ + "/etc/settle/settled.conf"),
            ReadFile(SOURCE "/packaging/settled.conf"));
}

TEST_F(UnpackedPackages, HaveWhatDebianExpectsOfEach) {
  for (const std::string& name : kNames) {
    const std::string documents = root_ + "/usr/share/doc/" + name;
    EXPECT_TRUE(fs::exists(documents + "/copyright")) << name;
    const ProgramOutput changes = OutputOfWords({"zcat", documents + "/changelog.Debian.gz"});
    EXPECT_THAT(changes.text, HasSubstr("settle (" + Field(name, "Version") + ") ")) << name;
    EXPECT_EQ(
        OutputOfWords({"sh", "-c", "dpkg-deb -c '" + Package(name) + "' | grep -v ' root/root '"})
            .text,
        "")
        << name;
  }
  EXPECT_EQ(OutputOf("settled", {"--version"}).text,
            "settled " +
                Field("settled", "Version").substr(0, Field("settled", "Version").find('-')) +
                "\n");
  for (const char* script : {"postinst", "prerm", "postrm"}) {
    Done({"sh", "-n", Control("settled") + "/" + script});
    EXPECT_EQ(fs::status(Control("settled") + "/" + script).permissions(), fs::perms(0755));
  }
  for (const char* program : {"settled", "settle"}) {
    EXPECT_EQ(OutputOfWords({"readelf", "-S", root_ + "/usr/bin/" + program}).text.find(".debug_"),
              std::string::npos)
        << program << " is not stripped";
  }
}

TEST_F(UnpackedPackages, DependOnWhatTheyAreLinkedWith) {
  for (const char* library : {"libc6 (>=", "libthrift-", "libsqlite3-0 (>=", "adduser"})
    EXPECT_THAT(Field("settled", "Depends"), HasSubstr(library));
  EXPECT_EQ(Field("settled", "Depends").find("libpq"), std::string::npos);
  for (const char* library : {"libc6 (>=", "libthrift-", "libsqlite3-0 (>=", "libpq5 (>=",
                              "libncursesw6 (>=", "libtinfo6 (>="})
    EXPECT_THAT(Field("settle", "Depends"), HasSubstr(library));
  EXPECT_EQ(Field("settled", "Recommends"), "settle (= " + Field("settle", "Version") + ")");
  // What settle-config.cmake asks for.
  for (const char* package : {"libthrift-dev", "libexpected-dev", "libpq-dev", "libsqlite3-dev"})
    EXPECT_THAT(Field("libsettle-dev", "Depends"), HasSubstr(package));
}

TEST_F(UnpackedPackages, TheServiceExposesLittle) {
  const ProgramOutput analyzed =
      OutputOfWords({"systemd-analyze", "security", "--no-pager", "--offline=true",
                     "--threshold=15", root_ + "/lib/systemd/system/settled.service"});
  EXPECT_EQ(analyzed.exit_code, 0)
      << analyzed.text << "\nsystemd-analyze comes by scripts/install-dependencies test";
  EXPECT_THAT(analyzed.text, HasSubstr("Overall exposure level for settled.service"));
}

// Rules that name a user whom nobody knows are exit code 64, after which it is not started again.
TEST_F(UnpackedPackages, TheServiceStartsOnceTheUsersThatItsRulesMayNameAreKnown) {
  EXPECT_THAT(ReadFile(root_ + "/lib/systemd/system/settled.service"),
              ContainsRegex("\nAfter=[^\n]*nss-user-lookup\\.target"));
}

TEST_F(UnpackedPackages, LintianFindsNoError) {
  if (OutputOfWords({"sh", "-c", "command -v lintian"}).exit_code != 0)
    GTEST_SKIP() << "lintian is not installed (scripts/install-dependencies package)";
  const ProgramOutput checked = OutputOfWords({"lintian", "--fail-on", "error", Package("settled"),
                                               Package("settle"), Package("libsettle-dev")});
  EXPECT_EQ(checked.exit_code, 0) << checked.text;
}

// Installed by dpkg and run by systemd, in its sandbox, with its watchdog, killed, misconfigured,
// upgraded, removed and purged: in a copy of this machine. The script says each thing that is so.
TEST(InstalledPackages, LiveOnAMachineUntilTheyArePurged) {
  const TemporaryDirectory said;
  const std::string scripts = std::string(SOURCE) + "/tests/packaging/";
  const TemporaryDirectory packages;
  for (const std::string& name : kNames) {
    fs::copy(Package(name), packages / (fs::path(Package(name)).filename()));
  }
  const ProgramOutput lived = OutputOfWords(
      {scripts + "in_a_copy", scripts + "life_of_the_package", packages.path(), said.path()});
  if (lived.exit_code == 77)
    GTEST_SKIP() << "this machine allows no copy of itself, so nothing was installed: "
                 << lived.text;
  EXPECT_EQ(lived.exit_code, 0) << lived.text;
  EXPECT_THAT(ReadFile(said / "said"), EndsWith("so: that is all\n"));
}

}  // namespace
}  // namespace settle::testing
