#include "vocabulary/assertion.h"

#include <unistd.h>

#include <cstdlib>

namespace settle {

void AssertionFailed(const char* fact, const char* file, int line, const std::string& state) {
  const std::string last_words = std::string("settle: a defect: \"") + fact +
                                 "\" does not hold at " + file + ":" + std::to_string(line) + ": " +
                                 state + "; the process ends here, its next start recovers\n";
  [[maybe_unused]] const ssize_t said =
      ::write(STDERR_FILENO, last_words.data(), last_words.size());
  std::abort();
}

}  // namespace settle
