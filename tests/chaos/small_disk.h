// A file system of a few megabytes that can be filled up.
#pragma once

#include <string>

namespace settle::testing {

class SmallDisk {
 public:
  // In `directory`, which is made: a tmpfs that this process and what it starts see alone, and that
  // is gone with them. Where that is denied it is a plain directory, and denied() says why.
  SmallDisk(std::string directory, int megabytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  const std::string& path() const { return directory_; }
  const std::string& denied() const { return denied_; }

  // Until nothing more can be written. False if that did not come to be so.
  [[nodiscard]] bool Fill();
  void MakeRoom();

 private:
  std::string BallastPath() const { return directory_ + "/ballast"; }

  const std::string directory_;
  std::string denied_;
};

}  // namespace settle::testing
