// `settle doctor`: what is shown of findings, and what is found out when nobody answers. The page
// of the codes is compared with the sources.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "cli/findings.h"
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

wire::Finding Found(const std::string& code, wire::Severity::type severity, const std::string& what,
                    const std::string& advice = "") {
  wire::Finding finding;
  finding.code = code;
  finding.severity = severity;
  finding.what = what;
  finding.advice = advice;
  return finding;
}

wire::ExaminedView Examined(const std::string& resource, std::vector<wire::Finding> findings) {
  wire::ExaminedView view;
  view.resource = resource;
  view.how.process = "shop/4711@host";
  wire::Examination examination;
  examination.findings = std::move(findings);
  view.__set_examination(examination);
  return view;
}

class Doctor : public Verbs {
 protected:
  Doctor() {
    admin_.diagnosis_reply.findings = {
        Found("log-flush", wire::Severity::OK, "20 flushes"),
        Found("coordinator-release", wire::Severity::OK, "release 1.2.3"),
        Found("clock-sync", wire::Severity::NOTE, "not known"),
        Found("in-doubt-age", wire::Severity::OK, "nothing is in doubt")};
    admin_.examine_reply.resources = {
        Examined("bank-a", {Found("postgresql-fsync", wire::Severity::OK, "fsync is on")})};
  }
};

TEST_F(Doctor, ASoundDeploymentIsToldBySectionsAndExitsWithZero) {
  const Printed printed = Run({"doctor"});
  EXPECT_EQ(printed.exit, ExitCode::kOk);
  EXPECT_EQ(printed.out,
            "coordinator\n"
            "  ok       release 1.2.3\n"
            "log\n"
            "  ok       20 flushes\n"
            "clock\n"
            "  note     not known  [clock-sync]\n"
            "in-doubt\n"
            "  ok       nothing is in doubt\n"
            "resource bank-a\n"
            "  ok       fsync is on\n"
            "\n"
            "sound: 1 note, 4 ok\n");
  const Document json = RunJson({"doctor"});
  EXPECT_EQ(json["sound"], true);
  EXPECT_EQ(json["counts"], (Document{{"ok", 4}, {"note", 1}, {"warning", 0}, {"problem", 0}}));
  EXPECT_EQ(json["sections"][2]["section"], "clock");
  EXPECT_EQ(json["sections"][2]["findings"][0]["code"], "clock-sync");
  EXPECT_EQ(json["sections"][2]["findings"][0]["severity"], "note");
}

TEST_F(Doctor, WarningsAndProblemsComeWithTheirAdviceAndAnExitCodeOfTheirOwn) {
  admin_.diagnosis_reply.findings.push_back(
      Found("log-space", wire::Severity::WARNING, "little\x1b[2J is left", "make\x07 room"));
  Printed printed = Run({"doctor"});
  EXPECT_EQ(static_cast<int>(printed.exit), 10);
  EXPECT_THAT(printed.out, HasSubstr("  warning  little\\x1b[2J is left  [log-space]\n"
                                     "           do: make\\x07 room\n"));
  EXPECT_THAT(printed.out, HasSubstr("\nnot sound: 1 warning, 1 note, 4 ok\n"));
  admin_.examine_reply.resources[0].examination.findings.push_back(
      Found("postgresql-standby", wire::Severity::PROBLEM, "a standby", "point it elsewhere"));
  printed = Run({"doctor"});
  EXPECT_THAT(printed.out, HasSubstr("\nnot sound: 1 problem, 1 warning, 1 note, 4 ok\n"));
  EXPECT_EQ(RunJson({"doctor"})["sound"], false);
}

TEST_F(Doctor, ASeverityThatIsNotKnownCountsAsAProblem) {
  const std::vector<Finding> found =
      FromWire({Found("log-new", static_cast<wire::Severity::type>(77), "?")});
  EXPECT_EQ(found.at(0).severity, Severity::kProblem);
}

TEST_F(Doctor, ColoursAreForAlarmsOnly) {
  const std::vector<Section> sections{{"log",
                                       {{"log-size", Severity::kOk, "small", ""},
                                        {"log-space", Severity::kWarning, "little", ""}}}};
  const std::string text = Report(sections, Paint{true}).text;
  EXPECT_THAT(text, HasSubstr("\x1b[1;31mwarning\x1b[0m  little"));
  EXPECT_THAT(text, HasSubstr("  ok       small"));
  EXPECT_THAT(Report(sections, Paint{}).text, Not(HasSubstr("\x1b")));
}

TEST_F(Doctor, AResourceThatDoesNotAnswerIsAWarningWithTheReason) {
  wire::ExaminedView silent;
  silent.resource = "bank-b";
  silent.how.why_not = "unavailable: no answer in time";
  admin_.examine_reply.resources = {Examined("bank-a", {}), silent};
  const Printed printed = Run({"doctor", "--only", "resources"});
  EXPECT_EQ(printed.exit, ExitCode::kUnsound);
  EXPECT_THAT(printed.out,
              AllOf(StartsWith("resource bank-a\n  note     its process (shop/4711@host) says "
                               "nothing of it  [resource-answer]\n"),
                    HasSubstr("resource bank-b\n  warning  nothing is known: unavailable: no "
                              "answer in time  [resource-answer]\n")));
}

TEST_F(Doctor, OnlyOneSectionAsksOnlyForThat) {
  EXPECT_EQ(Run({"doctor", "--only", "clock"}).out,
            "clock\n  note     not known  [clock-sync]\n\nsound: 1 note\n");
  EXPECT_THAT(admin_.calls, ElementsAre("diagnose"));
  Run({"doctor", "--only", "resources"});
  EXPECT_THAT(admin_.calls, ElementsAre("diagnose", "examine"));
  EXPECT_EQ(Run({"doctor", "--only", "kitchen"}).exit, ExitCode::kUsage);
}

TEST_F(Doctor, TheCoordinatorsRefusalIsPassedOn) {
  FailWith(wire::ErrorCode::DENIED, "you may not");
  EXPECT_EQ(Run({"doctor"}).exit, ExitCode::kRefused);
}

// A listener that says a few words to whoever connects, whatever it was told.
class Speaking {
 public:
  explicit Speaking(std::string words) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ::ntohs(address.sin_port);
    thread_ = std::thread([this, words = std::move(words)] {
      for (;;) {
        const int peer = ::accept(socket_, nullptr, nullptr);
        if (peer < 0) return;
        char bytes[64];
        if (::recv(peer, bytes, sizeof bytes, 0) > 0)
          (void)!::write(peer, words.data(), words.size());
        ::close(peer);
      }
    });
  }
  ~Speaking() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  int port_ = 0;
  std::thread thread_;
};

Printed DoctorAt(const std::string& address) {
  return cli::Run({"doctor", "--address", address, "--timeout", "2s"}, Environment{});
}

TEST(DoctorOfNobody, SaysWhetherTheNameIsKnown) {
  const Printed printed = DoctorAt("no-such-host.invalid:7420");
  EXPECT_EQ(printed.exit, ExitCode::kUnreachable);
  EXPECT_THAT(printed.out, AllOf(StartsWith("reach\n  problem  no-such-host.invalid is not known"),
                                 HasSubstr("[reach-address]")));
}

TEST(DoctorOfNobody, SaysThatNothingListens) {
  std::string address;
  {
    const Speaking gone("");
    address = gone.address();
  }
  const Printed printed = DoctorAt(address);
  EXPECT_EQ(printed.exit, ExitCode::kUnreachable);
  EXPECT_THAT(printed.out, HasSubstr("nothing listens at " + address + "  [reach-port]"));
}

TEST(DoctorOfNobody, SaysThatNothingListensAtTheFileOfASocket) {
  const std::string address = "unix:/nowhere/settled.sock";
  EXPECT_THAT(DoctorAt(address).out, HasSubstr("nothing listens at " + address + "  [reach-port]"));
}

TEST(DoctorOfNobody, SaysWhatIsSpokenThere) {
  const Speaking http("HTTP/1.0 400 Bad Request\r\n\r\n");
  EXPECT_THAT(DoctorAt(http.address()).out, HasSubstr("answers HTTP  [reach-protocol]"));
  const Speaking tls(std::string("\x15\x03\x01\x00\x02\x02\x46", 7));
  EXPECT_THAT(DoctorAt(tls.address()).out, HasSubstr("answers TLS  [reach-protocol]"));
  const Speaking other("who are you?");
  const Printed printed = DoctorAt(other.address());
  EXPECT_EQ(printed.exit, ExitCode::kUnreachable);
  EXPECT_THAT(printed.out, HasSubstr("did not answer as a coordinator"));
}

std::string ReadSource(const std::string& path) {
  const char* root = std::getenv("SETTLE_SOURCE");
  std::ifstream file(std::filesystem::path(root != nullptr ? root : ".") / path);
  EXPECT_TRUE(file) << path << " cannot be read; set SETTLE_SOURCE";
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::set<std::string> Matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at)
    found.insert((*at)[1]);
  return found;
}

TEST(DoctorsPage, HasEveryCodeOfTheSourcesAndNoOther) {
  std::string sources;
  for (const char* path :
       {"participant-sdk/src/postgres/server_checks.cc", "participant-sdk/src/postgres/database.cc",
        "participant-sdk/src/sqlite/file_checks.cc", "participant-sdk/src/sqlite/examine.cc",
        "coordinator/admin/diagnosis.cc", "coordinator/cli/doctor.cc", "coordinator/cli/reach.cc"})
    sources += ReadSource(path);
  std::set<std::string> codes = Matches(
      sources,
      "\"((?:postgresql|sqlite|coordinator|log|clock|participants|in-doubt|resource|database|"
      "reach)-[a-z-]+)\"");
  const std::set<std::string> endings = Matches(
      ReadSource("participant-sdk/src/vocabulary/file_system.cc"), "prefix \\+ \"(-[a-z-]+)\"");
  EXPECT_EQ(endings.size(), 2u);
  for (const char* prefix : {"log", "sqlite"}) {
    for (const std::string& ending : endings) codes.insert(prefix + ending);
  }
  EXPECT_GE(codes.size(), 40u) << "they are looked for in the wrong way";
  EXPECT_EQ(codes, Matches(ReadSource("docs/doctor.md"), "\n\\| `([a-z-]+)` \\|"));
}

}  // namespace
}  // namespace settle::cli
