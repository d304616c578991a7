// The real clock and the kernel's randomness.
#pragma once

#include <string>

#include "engine/ports.h"

namespace settle::coordinator {

class SystemClock : public Clock {
 public:
  Instant Now() const override;
  WallTime WallNow() const override;
};

class RandomIds : public Ids {
 public:
  std::uint32_t Tail() override;
  std::string SessionName() override;
  double Jitter() override;
};

}  // namespace settle::coordinator
