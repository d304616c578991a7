#include "end_to_end/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "support/wait_until.h"

namespace settle::testing {
namespace {

winsize Kernels(const Terminal::Size& size) {
  winsize kernels{};
  kernels.ws_row = static_cast<unsigned short>(size.rows);
  kernels.ws_col = static_cast<unsigned short>(size.columns);
  return kernels;
}

// "12;40" -> {12, 40}
std::vector<std::size_t> Numbers(const std::string& text) {
  std::vector<std::size_t> numbers;
  std::istringstream split(text);
  for (std::string one; std::getline(split, one, ';');)
    numbers.push_back(one.empty() ? 0 : std::strtoul(one.c_str(), nullptr, 10));
  return numbers;
}

}  // namespace

Terminal::Terminal(const std::vector<std::string>& words, Size size)
    : size_(size), screen_(size.rows, std::string(size.columns, ' ')), bottom_(size.rows - 1) {
  const winsize kernels = Kernels(size);
  if (::openpty(&master_, &slave_, nullptr, nullptr, &kernels) != 0)
    throw std::runtime_error("no pty");
  ::fcntl(master_, F_SETFD, FD_CLOEXEC);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<std::string> variables{"TERM=vt100", "LC_ALL=C.UTF-8"};
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  id_ = ::fork();
  if (id_ == 0) {
    ::login_tty(slave_);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvpe(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  reader_ = std::thread([this] { Read(); });
}

Terminal::~Terminal() {
  if (!ended_) {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  stopping_ = true;
  reader_.join();
  ::close(slave_);
  ::close(master_);
}

void Terminal::Type(const std::string& keys) const {
  if (::write(master_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
    throw std::runtime_error("the pty takes no keys");
}

void Terminal::Resize(Size size) {
  {
    const std::scoped_lock lock(mutex_);
    size_ = size;
    screen_.assign(size.rows, std::string(size.columns, ' '));
    row_ = column_ = top_ = 0;
    bottom_ = size.rows - 1;
  }
  const winsize kernels = Kernels(size);
  ::ioctl(master_, TIOCSWINSZ, &kernels);
}

std::vector<std::string> Terminal::Lines() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> lines = screen_;
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  return lines;
}

std::string Terminal::Text() const {
  std::string text;
  for (const std::string& line : Lines()) text += line + "\n";
  return text;
}

std::string Terminal::Sent() const {
  const std::scoped_lock lock(mutex_);
  return sent_;
}

bool Terminal::IsCooked() const {
  termios settings{};
  ::tcgetattr(slave_, &settings);
  return (settings.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO);
}

int Terminal::AwaitEnd() {
  int status = -1;
  ended_ = WaitUntil([&] { return ::waitpid(id_, &status, WNOHANG) == id_; });
  return ended_ ? status : -1;
}

void Terminal::Read() {
  while (!stopping_) {
    pollfd looked_at{master_, POLLIN, 0};
    if (::poll(&looked_at, 1, 50) <= 0) continue;
    char bytes[4096];
    const ssize_t got = ::read(master_, bytes, sizeof bytes);
    if (got <= 0) return;
    const std::scoped_lock lock(mutex_);
    sent_.append(bytes, static_cast<std::size_t>(got));
    for (ssize_t i = 0; i < got; ++i) Take(bytes[i]);
  }
}

void Terminal::Take(char c) {
  if (!sequence_.empty()) {
    sequence_ += c;
    const bool control = sequence_.size() > 1 && sequence_[1] == '[';
    const bool charset = sequence_.size() > 1 && (sequence_[1] == '(' || sequence_[1] == ')');
    const bool whole = control   ? sequence_.size() > 2 && c >= '@' && c <= '~'
                       : charset ? sequence_.size() == 3
                                 : sequence_.size() == 2;
    if (!whole) return;
    if (control) Control(c);
    if (sequence_ == "\x1bM") LineUp();
    sequence_.clear();
    return;
  }
  switch (c) {
    case '\x1b': sequence_ = c; return;
    case '\r': column_ = 0; return;
    case '\n': return LineDown();
    case '\t': column_ = std::min((column_ / 8 + 1) * 8, size_.columns - 1); return;
    case '\b': column_ -= column_ > 0 ? 1 : 0; return;
    default:
      if (static_cast<unsigned char>(c) >= ' ') Put(c);
  }
}

// As vt100(5) has it: the parts that curses uses for that type.
void Terminal::Control(char last) {
  const std::string between = sequence_.substr(2, sequence_.size() - 3);
  const std::vector<std::size_t> numbers = Numbers(between);
  const auto number = [&](std::size_t at, std::size_t otherwise) {
    return at < numbers.size() && numbers[at] != 0 ? numbers[at] : otherwise;
  };
  switch (last) {
    case 'H':
    case 'f':
      row_ = std::min(number(0, 1), size_.rows) - 1;
      column_ = std::min(number(1, 1), size_.columns) - 1;
      return;
    case 'A': row_ -= std::min(row_, number(0, 1)); return;
    case 'B': row_ = std::min(row_ + number(0, 1), size_.rows - 1); return;
    case 'C': column_ = std::min(column_ + number(0, 1), size_.columns - 1); return;
    case 'D': column_ -= std::min(column_, number(0, 1)); return;
    case 'r':  // csr: rows from one to another scroll
      bottom_ = std::min(number(1, size_.rows), size_.rows) - 1;
      top_ = std::min(number(0, 1) - 1, bottom_);
      row_ = column_ = 0;
      return;
    case 'K':
      if (number(0, 0) == 0) return Clear(row_, column_, size_.columns);
      return Clear(row_, 0, number(0, 0) == 1 ? column_ + 1 : size_.columns);
    case 'J':
      if (number(0, 0) == 0) Clear(row_, column_, size_.columns);
      for (std::size_t row = number(0, 0) == 0 ? row_ + 1 : 0; row < size_.rows; ++row)
        Clear(row, 0, size_.columns);
      return;
    default: return;  // looks, modes
  }
}

void Terminal::LineDown() {
  if (row_ != bottom_) {
    row_ = std::min(row_ + 1, size_.rows - 1);
    return;
  }
  screen_.erase(screen_.begin() + static_cast<std::ptrdiff_t>(top_));
  screen_.insert(screen_.begin() + static_cast<std::ptrdiff_t>(bottom_),
                 std::string(size_.columns, ' '));
}

void Terminal::LineUp() {
  if (row_ != top_) {
    row_ -= row_ > 0 ? 1 : 0;
    return;
  }
  screen_.erase(screen_.begin() + static_cast<std::ptrdiff_t>(bottom_));
  screen_.insert(screen_.begin() + static_cast<std::ptrdiff_t>(top_),
                 std::string(size_.columns, ' '));
}

void Terminal::Clear(std::size_t row, std::size_t from, std::size_t to) {
  for (std::size_t column = from; column < std::min(to, size_.columns); ++column)
    screen_[row][column] = ' ';
}

void Terminal::Put(char c) {
  if (column_ >= size_.columns) return;
  screen_[row_][column_++] = c;
}

}  // namespace settle::testing
