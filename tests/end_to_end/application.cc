#include "end_to_end/application.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <utility>

namespace settle::testing {
namespace {

// The line of that number, from 0, if it is there in full.
std::optional<std::string> LineOf(const std::string& text, std::size_t number) {
  std::size_t start = 0;
  for (;; --number) {
    const std::size_t end = text.find('\n', start);
    if (end == std::string::npos) return std::nullopt;
    if (number == 0) return text.substr(start, end - start);
    start = end + 1;
  }
}

}  // namespace

Application::Pipe Application::MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for an application");
  return {ends[0], ends[1]};
}

std::string Application::NotesPath(const ApplicationOptions& options) {
  return options.directory + "/" + options.name + ".notes";
}

Launch Application::MakeLaunch() const {
  Launch launch{
      .arguments = {Program(options_.program), "--coordinator", options_.coordinator, "--name",
                    options_.name, "--notes", notes_path(), "--seed", std::to_string(options_.seed),
                    "--call-timeout-ms", std::to_string(options_.call_timeout.count())},
      .output_path = options_.directory + "/" + options_.name + ".out",
      .error_path = options_.directory + "/" + options_.name + ".err",
      .environment = failpoint_.Environment(),
      .user = std::nullopt,
      .input = commands_.read_end};
  for (const auto& [name, dsn] : options_.banks) {
    launch.arguments.insert(launch.arguments.end(), {"--bank", name + "=" + dsn});
  }
  if (options_.last_resource)
    launch.arguments.insert(launch.arguments.end(), {"--last-resource", "always"});
  for (const auto& [name, dsn] : options_.tills) {
    launch.arguments.insert(launch.arguments.end(), {"--till", name + "=" + dsn});
  }
  if (!options_.peers.empty()) {
    launch.arguments.insert(launch.arguments.end(), {"--peers", options_.peers});
  }
  return launch;
}

Application::Application(ApplicationOptions options)
    : options_(std::move(options)),
      failpoint_{options_.failpoint, options_.directory + "/" + options_.name + ".fired",
                 options_.fault, options_.passes},
      commands_(MakePipe()),
      process_(MakeLaunch()) {
  std::signal(SIGPIPE, SIG_IGN);  // a command to a program that was killed meanwhile
  ::close(std::exchange(commands_.read_end, -1));
  try {
    if (options_.awaited) Answer();
  } catch (const std::runtime_error&) {
    if (!failpoint_.HasFired()) throw;  // else it was to die before it is attached
  }
}

Application::~Application() {
  if (commands_.write_end >= 0) ::close(commands_.write_end);
}

std::string Application::refusal() const {
  const std::string first = LineOf(process_.Output(), 0).value_or("");
  return first.rfind("refused", 0) == 0 ? first : "";
}

void Application::Send(const std::string& command) {
  const std::string line = command + "\n";
  static_cast<void>(::write(commands_.write_end, line.data(), line.size()));
}

bool Application::HasAnswered() const { return LineOf(process_.Output(), answered_).has_value(); }

std::string Application::Answer(std::chrono::milliseconds bound) {
  std::optional<std::string> line;
  const auto answered_or_ended = [&] {
    const bool running = process_.running();  // before reading: its last words count
    line = LineOf(process_.Output(), answered_);
    return line.has_value() || !running;
  };
  static_cast<void>(WaitUntil(answered_or_ended, bound));
  if (!line) {
    throw std::runtime_error(options_.name + " does not answer:\n" + process_.Output() +
                             process_.Errors());
  }
  ++answered_;
  return *line;
}

std::string Application::Ask(const std::string& command, std::chrono::milliseconds bound) {
  Send(command);
  return Answer(bound);
}

std::string Application::Tell(const std::string& command) {
  const std::string answer = Ask(command);
  if (answer.rfind("ok", 0) != 0) {
    throw std::runtime_error(options_.name + " was told \"" + command + "\": " + answer);
  }
  return answer.size() > 3 ? answer.substr(3) : "";
}

std::string Application::Begin(std::chrono::milliseconds timeout) {
  return Tell("begin " + std::to_string(timeout.count()));
}

std::string Application::StopLoad() {
  Send("stop");
  std::string counts = Answer(3 * kPatience);  // the transfer under way may have to wait for much
  Answer();
  return counts;
}

bool Application::AwaitFailpoint(std::chrono::milliseconds bound) {
  return WaitUntil([this] { return !process_.running(); }, bound) && failpoint_.HasFired();
}

bool Application::AwaitFrozen(std::chrono::milliseconds bound) {
  return WaitUntil([this] { return failpoint_.HasFired() && process_.frozen(); }, bound);
}

std::optional<Ended> Application::Quit() {
  ::close(std::exchange(commands_.write_end, -1));
  return process_.Wait();
}

}  // namespace settle::testing
