// The daemon's command line, a word a line, up to a null byte; behind it its file of options.
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>

#include "settled/options.h"
#include "target.h"

namespace settle::fuzz {
namespace {

using namespace coordinator;

// A file in memory, with a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : file_(memfd_create("options", 0)) {
    if (file_ < 0 ||
        write(file_, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
      throw std::runtime_error("no memory for a file");
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  const int file_;
};

void Parse(const std::vector<std::string>& words) {
  std::vector<const char*> argv{"settled"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  argv.push_back(nullptr);
  const Result<Invocation> invocation =
      ParseInvocation(static_cast<int>(argv.size()) - 1, argv.data());
  if (!invocation) return RequirePrintable(invocation.error());
  Require(!invocation->options || !invocation->options->listen.empty(),
          "a daemon that serves has an address");
}

void Run(std::string_view bytes) {
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());
  std::vector<std::string> words = Split(bytes.substr(0, end), '\n');
  // No file but the one that is made here is to be read.
  std::erase_if(words, [](const std::string& word) { return word.starts_with("--co"); });
  const MemoryFile file(bytes.substr(std::min(end + 1, bytes.size())));
  words.push_back("--config=" + file.path());
  Parse(words);
}

}  // namespace

const Target kDaemonOptions{"daemon-options", "A03", 1000, &Run};

}  // namespace settle::fuzz
