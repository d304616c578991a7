// A terminal of the test's own (a pty of the type vt100), with a program in it: what the screen
// shows, keys that are typed, other sizes.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace settle::testing {

class Terminal {
 public:
  struct Size {
    std::size_t rows = 24;
    std::size_t columns = 100;
  };

  // Starts the program (first of `words`, found by PATH) in it. Throws std::runtime_error.
  Terminal(const std::vector<std::string>& words, Size size);
  ~Terminal();  // kills it

  pid_t id() const { return id_; }
  void Type(const std::string& keys) const;
  void Resize(Size size);  // the program is told by SIGWINCH

  // The lines that the screen shows now, without blanks at their ends.
  std::vector<std::string> Lines() const;
  std::string Text() const;
  bool Shows(const std::string& words) const { return Text().find(words) != std::string::npos; }
  // The line discipline as it is now: whether keys are echoed and read line by line.
  bool IsCooked() const;
  // All that was sent to it.
  std::string Sent() const;

  // The status as waitpid gives it; -1: it still runs after the tests' patience.
  int AwaitEnd();

 private:
  void Read();
  void Take(char c);
  void Control(char last);
  void Put(char c);
  void LineDown();  // scrolls at the end of what does
  void LineUp();
  void Clear(std::size_t row, std::size_t from, std::size_t to);

  int master_ = -1;
  int slave_ = -1;  // kept open, to look at its settings after the program has ended
  pid_t id_ = -1;
  bool ended_ = false;  // and was reaped
  mutable std::mutex mutex_;
  Size size_;                        // guarded by mutex_, as is all below
  std::vector<std::string> screen_;  // padded to the columns
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  std::size_t top_ = 0;     // of what scrolls
  std::size_t bottom_ = 0;  // its last row
  std::string sequence_;    // of an escape that has begun
  std::string sent_;
  std::atomic<bool> stopping_{false};
  std::thread reader_;  // last: runs with everything above in place
};

}  // namespace settle::testing
