// A SQLite VFS in front of the real one: fails where it is told to, and knows what a power failure
// at any moment would leave of the files that went through it.
//
//   FaultyVfs& vfs = FaultyVfs::Installed();
//   vfs.Arm({.operations = FaultyVfs::kSync, .at = 3, .code = SQLITE_IOERR_FSYNC});
//   ...
//   EXPECT_TRUE(vfs.Disarm());   // it fired
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace settle::testing {

class FaultyVfs {
 public:
  enum Operation : unsigned {
    kRead = 1,
    kWrite = 2,
    kSync = 4,
    kTruncate = 8,
    kLock = 16,
    kOpen = 32,
    kShm = 64,
    kDelete = 128,
    kSize = 256,
    kAccess = 512,
  };
  // What the first write that fails leaves in the file; later ones leave a half.
  enum class Written { kNothing, kHalf, kAll };
  struct Plan {
    unsigned operations = 0;  // which count and may fail
    int at = 1;               // the first that fails, counted from now
    bool for_ever = false;    // all after it fail as well
    int code = SQLITE_IOERR;
    Written written = Written::kHalf;
    // A read does not fail, but gives one other bit than the file has; which, this and the count
    // say.
    std::optional<unsigned> flips{};
  };
  using Files = std::map<std::string, std::string>;  // by path

  // The default of this process from now on; never goes.
  static FaultyVfs& Installed();

  void Arm(const Plan& plan);
  bool Disarm();  // whether it fired since it was armed
  int seen();     // operations of the plan since it was armed

  // From now on remembers what was synced, and calls `moment` before the `at`-th write, sync or
  // truncation from now on, on the thread that does it.
  void Record(int at, std::function<void()> moment);
  void StopRecording();
  // What a power failure now would leave: what was synced, and of the rest none, all, or sectors
  // picked by `seed`.
  enum class Unsynced { kGone, kThere, kPicked };
  Files AfterPowerFailure(Unsynced unsynced, unsigned seed);
  // All of these: none, all, and two that `seed` picks; and none, but with the index that lives in
  // shared memory, which may have reached the disk as well.
  std::vector<Files> EveryPowerFailure(unsigned seed);

  // For the callbacks of SQLite: SQLITE_OK, or the code to fail with.
  int Meet(Operation operation);
  int HowMuchIsWritten(int size);       // by a write that failed
  bool FlipsIn(void* bytes, int size);  // by a read that failed; false: it is to fail
  void NoteOpen(const std::string& path);
  void NoteWrite(const std::string& path, std::int64_t offset, const void* bytes, int size);
  void NoteTruncate(const std::string& path, std::int64_t size);
  void NoteSync(const std::string& path);
  void NoteDelete(const std::string& path);

 private:
  struct Change {
    std::int64_t offset = 0;  // or the new size
    bool truncates = false;
    std::string bytes;
  };
  struct Known {
    std::string synced;
    std::vector<Change> changes;  // since then
  };
  static void Apply(const Change& change, std::string& bytes);
  void AwaitMoment();

  std::mutex mutex_;
  Plan plan_;
  bool armed_ = false;
  bool fired_ = false;
  int seen_ = 0;
  bool recording_ = false;
  int moment_in_ = 0;
  std::function<void()> moment_;
  std::map<std::string, Known> known_;
};

// Writes them under their own names into another directory.
void PutInto(const std::string& directory, const FaultyVfs::Files& files);

}  // namespace settle::testing
