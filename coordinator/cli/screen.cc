#include "cli/screen.h"

#include <langinfo.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>

// Last: it defines macros with everybody's names.
#include <curses.h>

namespace settle::cli {

namespace {

constexpr short kAlarmPair = 1;

}  // namespace

struct Screen::Terminal {
  SCREEN* screen = nullptr;
  sigset_t before{};  // the mask
  int signals = -1;   // a signalfd
  bool input = false;
  bool colours = false;
};

std::unique_ptr<Screen> Screen::Take(bool colours) {
  const char* const term = std::getenv("TERM");
  if (term == nullptr || std::strcmp(term, "dumb") == 0 || *term == '\0') return nullptr;
  // Characters beyond ASCII are UTF-8 everywhere in this program.
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
  auto terminal = std::make_unique<Terminal>();
  sigset_t ending;
  ::sigemptyset(&ending);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ending, signal);
  ::pthread_sigmask(SIG_BLOCK, &ending, &terminal->before);
  terminal->signals = ::signalfd(-1, &ending, SFD_CLOEXEC);
  terminal->screen = terminal->signals < 0 ? nullptr : ::newterm(nullptr, stdout, stdin);
  if (terminal->screen == nullptr) {
    if (terminal->signals >= 0) ::close(terminal->signals);
    ::pthread_sigmask(SIG_SETMASK, &terminal->before, nullptr);
    return nullptr;
  }
  terminal->input = ::isatty(STDIN_FILENO) != 0;
  ::set_term(terminal->screen);
  ::cbreak();
  ::noecho();
  ::curs_set(0);
  ::keypad(stdscr, TRUE);
  ::nodelay(stdscr, TRUE);
  terminal->colours = colours && ::has_colors();
  if (terminal->colours) {
    ::start_color();
    ::use_default_colors();
    ::init_pair(kAlarmPair, COLOR_RED, -1);
  }
  return std::unique_ptr<Screen>(new Screen(std::move(terminal)));
}

Screen::Screen(std::unique_ptr<Terminal> terminal) : terminal_(std::move(terminal)) {}

Screen::~Screen() {
  ::endwin();
  ::delscreen(terminal_->screen);
  // A signal that ended the waiting has done what it was for.
  timespec none{};
  sigset_t ending;
  ::sigemptyset(&ending);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ending, signal);
  while (::sigtimedwait(&ending, nullptr, &none) > 0) continue;
  ::close(terminal_->signals);
  ::pthread_sigmask(SIG_SETMASK, &terminal_->before, nullptr);
}

std::size_t Screen::rows() const { return static_cast<std::size_t>(std::max(1, LINES)); }
std::size_t Screen::columns() const { return static_cast<std::size_t>(std::max(1, COLS)); }

void Screen::Show(const std::vector<ScreenLine>& lines) {
  ::erase();
  for (std::size_t row = 0; row < lines.size() && row < rows(); ++row) {
    const ScreenLine& line = lines[row];
    const attr_t alarm = terminal_->colours ? COLOR_PAIR(kAlarmPair) | A_BOLD : A_REVERSE;
    const attr_t look = line.look == ScreenLine::Look::kBold    ? A_BOLD
                        : line.look == ScreenLine::Look::kAlarm ? alarm
                                                                : A_NORMAL;
    ::attrset(static_cast<int>(look));
    // The last line at the bottom, whatever is above it.
    const std::size_t at = row + 1 == lines.size() ? rows() - 1 : row;
    mvaddstr(static_cast<int>(at), 0, line.text.c_str());
  }
  ::attrset(A_NORMAL);
  ::refresh();
}

Screen::Cause Screen::Await(std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    for (int key = ::getch(); key != ERR; key = ::getch()) {
      if (key == 'q' || key == 'Q') return Cause::kQuit;
      if (key == KEY_RESIZE) return Cause::kResized;
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Cause::kTimeout;
    pollfd looked_at[] = {{terminal_->signals, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    // Another size interrupts it: getch says which.
    if (::poll(looked_at, terminal_->input ? 2 : 1, static_cast<int>(left.count())) <= 0) continue;
    if (looked_at[0].revents != 0) return Cause::kQuit;
    // The terminal is gone: nobody looks any more.
    if (terminal_->input && (looked_at[1].revents & (POLLHUP | POLLERR)) != 0) return Cause::kQuit;
  }
}

}  // namespace settle::cli
