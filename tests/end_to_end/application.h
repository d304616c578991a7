// An application program (transfer_main.cc) that a test tells what to do, one command at a time.
//
//   Application shop({...});
//   const std::string gtid = shop.Begin();
//   shop.Tell("move a -10");
//   EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
#pragma once

#include <map>
#include <string>
#include <vector>

#include "end_to_end/daemon.h"
#include "end_to_end/process.h"

namespace settle::testing {

struct ApplicationOptions {
  std::string coordinator;                       // address
  std::string name;                              // of its files, and its own
  std::string directory;                         // where those are
  std::map<std::string, std::string> banks;      // resource name -> DSN
  std::string failpoint;                         // where it comes to harm; empty: nowhere
  std::string passes{};                          // Failpoint::passes
  Fault fault = Fault::kDies;                    // there
  std::chrono::milliseconds call_timeout = 15s;  // then the outcome of a call is unknown
  unsigned seed = 1;
  bool last_resource = false;
  std::map<std::string, std::string> tills{};  // likewise, of the banks whose tills it serves
  std::string peers;  // not empty: three-phase commit, and where it listens for its peers
  std::string program = "e2e_transfer";  // or one that takes the same command line
  bool awaited = true;                   // else its first answer is fetched later, as any other
};

// Every function throws std::runtime_error, with what the program said, when an answer does not
// come in time.
class Application {
 public:
  // Waits until it is attached, or has died where it was started to die; see refusal() when it may
  // be refused.
  explicit Application(ApplicationOptions options);
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  // "refused <code> <message>"; empty when it is attached.
  std::string refusal() const;

  // One command and its answer.
  std::string Ask(const std::string& command, std::chrono::milliseconds bound = kPatience);
  // The answer must be "ok ..."; returns what follows.
  std::string Tell(const std::string& command);
  // Sends a command whose answer is fetched later, or never.
  void Send(const std::string& command);
  std::string Answer(std::chrono::milliseconds bound = kPatience);
  // Whether the answer that Answer would fetch is there.
  bool HasAnswered() const;

  std::string Begin(std::chrono::milliseconds timeout = 30s);

  // Transfers, one after another, until StopLoad; which gives "ok <committed> <aborted> <unknown>".
  void StartLoad() { Send("load"); }
  std::string StopLoad();

  void Kill() { process_.Kill(); }
  // Waits until it died at the place where it was started to die; false if it did not.
  [[nodiscard]] bool AwaitFailpoint(std::chrono::milliseconds bound = kPatience);
  bool HasFired() const { return failpoint_.HasFired(); }
  // The same for where it was to freeze.
  [[nodiscard]] bool AwaitFrozen(std::chrono::milliseconds bound = kPatience);
  // Closes its input; it detaches and ends by itself.
  std::optional<Ended> Quit();

  Process& process() { return process_; }
  std::string notes_path() const { return NotesPath(options_); }
  static std::string NotesPath(const ApplicationOptions& options);

 private:
  struct Pipe {
    int read_end = -1;
    int write_end = -1;
  };
  static Pipe MakePipe();
  Launch MakeLaunch() const;

  const ApplicationOptions options_;
  const Failpoint failpoint_;
  Pipe commands_;
  Process process_;
  std::size_t answered_ = 0;  // answers that were fetched, "ready" among them
};

}  // namespace settle::testing
