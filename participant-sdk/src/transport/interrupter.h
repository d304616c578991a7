// Wakes whoever waits on the network or sleeps, once and for good: how threads are told to stop.
#pragma once

#include <chrono>

namespace settle::sdk {

// Thread-safe.
class Interrupter {
 public:
  Interrupter();
  ~Interrupter();
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;

  void Interrupt();
  bool interrupted() const;
  // Sleeps; true if interrupted, then at once.
  bool Sleep(std::chrono::milliseconds delay) const;
  // Readable once interrupted; -1 never.
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace settle::sdk
