// The whole terminal, for as long as this object lives.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "cli/watched.h"

namespace settle::cli {

// One at a time, for one thread. While it lives SIGINT, SIGTERM and SIGHUP end the waiting instead
// of the program, so that the terminal is put back whatever happens; threads that are started
// meanwhile block them as well.
class Screen {
 public:
  // Null where the terminal is not one that can be addressed (TERM is unknown or "dumb").
  static std::unique_ptr<Screen> Take(bool colours);
  ~Screen();  // the terminal as it was
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  std::size_t rows() const;
  std::size_t columns() const;
  void Show(const std::vector<ScreenLine>& lines);

  enum class Cause { kTimeout, kResized, kQuit };
  // Until a q, a signal that ends the program, another size, or the time is over.
  Cause Await(std::chrono::milliseconds at_most);

 private:
  struct Terminal;
  explicit Screen(std::unique_ptr<Terminal> terminal);

  std::unique_ptr<Terminal> terminal_;
};

}  // namespace settle::cli
