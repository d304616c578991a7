#include "support/faulty_vfs.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <utility>

namespace settle::testing {
namespace {

constexpr std::size_t kSector = 512;

struct File {
  sqlite3_file base;
  std::string* path;
  sqlite3_file* real;  // lies behind this struct
};

File* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
FaultyVfs& Shim() { return FaultyVfs::Installed(); }

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int Close(sqlite3_file* file) {
  const int result = Of(file)->real->pMethods->xClose(Of(file)->real);
  delete Of(file)->path;
  return result;
}
int Read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  const int code = Shim().Meet(FaultyVfs::kRead);
  const int result = Of(file)->real->pMethods->xRead(Of(file)->real, to, size, offset);
  return code == SQLITE_OK || Shim().FlipsIn(to, size) ? result : code;
}
int Write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  if (const int code = Shim().Meet(FaultyVfs::kWrite)) {
    // As disks do: a part of it is there. (Where the rest was the same before, that is all of it.)
    const int written = Shim().HowMuchIsWritten(size);
    Of(file)->real->pMethods->xWrite(Of(file)->real, from, written, offset);
    return code;
  }
  Shim().NoteWrite(*Of(file)->path, offset, from, size);
  return Of(file)->real->pMethods->xWrite(Of(file)->real, from, size, offset);
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (const int code = Shim().Meet(FaultyVfs::kTruncate)) return code;
  Shim().NoteTruncate(*Of(file)->path, size);
  return Of(file)->real->pMethods->xTruncate(Of(file)->real, size);
}
int Sync(sqlite3_file* file, int flags) {
  if (const int code = Shim().Meet(FaultyVfs::kSync)) return code;
  const int result = Of(file)->real->pMethods->xSync(Of(file)->real, flags);
  if (result == SQLITE_OK) Shim().NoteSync(*Of(file)->path);
  return result;
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  if (const int code = Shim().Meet(FaultyVfs::kSize)) return code;
  return Of(file)->real->pMethods->xFileSize(Of(file)->real, size);
}
int Lock(sqlite3_file* file, int level) {
  if (const int code = Shim().Meet(FaultyVfs::kLock)) return code;
  return Of(file)->real->pMethods->xLock(Of(file)->real, level);
}
int Unlock(sqlite3_file* file, int level) {
  return Of(file)->real->pMethods->xUnlock(Of(file)->real, level);
}
int CheckReservedLock(sqlite3_file* file, int* result) {
  return Of(file)->real->pMethods->xCheckReservedLock(Of(file)->real, result);
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return Of(file)->real->pMethods->xFileControl(Of(file)->real, operation, argument);
}
int SectorSize(sqlite3_file* file) { return Of(file)->real->pMethods->xSectorSize(Of(file)->real); }
int DeviceCharacteristics(sqlite3_file* file) {
  return Of(file)->real->pMethods->xDeviceCharacteristics(Of(file)->real);
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** to) {
  if (const int code = Shim().Meet(FaultyVfs::kShm)) return code;
  return Of(file)->real->pMethods->xShmMap(Of(file)->real, page, size, extend, to);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  const bool locks = (flags & SQLITE_SHM_LOCK) != 0;
  if (const int code = locks ? Shim().Meet(FaultyVfs::kShm) : SQLITE_OK) return code;
  return Of(file)->real->pMethods->xShmLock(Of(file)->real, offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Of(file)->real->pMethods->xShmBarrier(Of(file)->real); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Of(file)->real->pMethods->xShmUnmap(Of(file)->real, remove);
}

const sqlite3_io_methods kMethods = {2,
                                     Close,
                                     Read,
                                     Write,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     DeviceCharacteristics,
                                     ShmMap,
                                     ShmLock,
                                     ShmBarrier,
                                     ShmUnmap,
                                     nullptr,
                                     nullptr};

sqlite3_vfs* Real(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  File* const opened = Of(file);
  opened->base.pMethods = nullptr;
  if (const int code = Shim().Meet(FaultyVfs::kOpen)) return code;
  opened->real = reinterpret_cast<sqlite3_file*>(opened + 1);
  const int result = Real(vfs)->xOpen(Real(vfs), name, opened->real, flags, out_flags);
  if (result != SQLITE_OK) return result;
  opened->path = new std::string(name == nullptr ? "" : name);
  opened->base.pMethods = &kMethods;
  Shim().NoteOpen(*opened->path);
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  if (const int code = Shim().Meet(FaultyVfs::kDelete)) return code;
  Shim().NoteDelete(name);
  return Real(vfs)->xDelete(Real(vfs), name, sync_directory);
}

int Access(sqlite3_vfs* vfs, const char* name, int flags, int* result) {
  if (const int code = Shim().Meet(FaultyVfs::kAccess)) return code;
  return Real(vfs)->xAccess(Real(vfs), name, flags, result);
}

}  // namespace

FaultyVfs& FaultyVfs::Installed() {
  static FaultyVfs* const installed = [] {
    sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
    static sqlite3_vfs shim = *real;
    shim.zName = "settle-faulty";
    shim.pAppData = real;
    shim.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
    shim.xOpen = Open;
    shim.xDelete = Delete;
    shim.xAccess = Access;
    sqlite3_vfs_register(&shim, 1);
    return new FaultyVfs;
  }();
  return *installed;
}

void FaultyVfs::Arm(const Plan& plan) {
  const std::lock_guard lock(mutex_);
  plan_ = plan;
  armed_ = true;
  fired_ = false;
  seen_ = 0;
}

bool FaultyVfs::Disarm() {
  const std::lock_guard lock(mutex_);
  armed_ = false;
  return fired_;
}

int FaultyVfs::seen() {
  const std::lock_guard lock(mutex_);
  return seen_;
}

int FaultyVfs::Meet(Operation operation) {
  if ((operation & (kWrite | kSync | kTruncate)) != 0) AwaitMoment();
  const std::lock_guard lock(mutex_);
  if (!armed_ || (plan_.operations & operation) == 0) return SQLITE_OK;
  ++seen_;
  if (seen_ < plan_.at || (seen_ > plan_.at && !plan_.for_ever)) return SQLITE_OK;
  fired_ = true;
  return plan_.code;
}

int FaultyVfs::HowMuchIsWritten(int size) {
  const std::lock_guard lock(mutex_);
  const Written written = seen_ == plan_.at ? plan_.written : Written::kHalf;
  return written == Written::kAll ? size : written == Written::kHalf ? size / 2 : 0;
}

bool FaultyVfs::FlipsIn(void* bytes, int size) {
  const std::lock_guard lock(mutex_);
  if (!plan_.flips) return false;
  std::minstd_rand random(*plan_.flips * 1'000u + static_cast<unsigned>(seen_));
  random.discard(1);
  const unsigned bit = random() % (static_cast<unsigned>(size) * 8u);
  static_cast<unsigned char*>(bytes)[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
  return true;
}

void FaultyVfs::Record(int at, std::function<void()> moment) {
  const std::lock_guard lock(mutex_);
  recording_ = true;
  known_.clear();
  moment_in_ = at;
  moment_ = std::move(moment);
}

void FaultyVfs::StopRecording() {
  const std::lock_guard lock(mutex_);
  recording_ = false;
  moment_ = nullptr;
}

void FaultyVfs::AwaitMoment() {
  std::function<void()> moment;
  {
    const std::lock_guard lock(mutex_);
    if (!recording_ || --moment_in_ != 0) return;
    moment = std::exchange(moment_, nullptr);
  }
  if (moment) moment();
}

void FaultyVfs::NoteOpen(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (recording_ && known_.count(path) == 0) known_[path] = {BytesOf(path), {}};
}

void FaultyVfs::NoteWrite(const std::string& path, std::int64_t offset, const void* bytes,
                          int size) {
  const std::lock_guard lock(mutex_);
  if (!recording_) return;
  std::string written(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
  known_[path].changes.push_back({offset, false, std::move(written)});
}

void FaultyVfs::NoteTruncate(const std::string& path, std::int64_t size) {
  const std::lock_guard lock(mutex_);
  if (recording_) known_[path].changes.push_back({size, true, ""});
}

void FaultyVfs::NoteSync(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!recording_) return;
  Known& known = known_[path];
  for (const Change& change : known.changes) Apply(change, known.synced);
  known.changes.clear();
}

void FaultyVfs::NoteDelete(const std::string& path) {
  const std::lock_guard lock(mutex_);
  known_.erase(path);
}

void FaultyVfs::Apply(const Change& change, std::string& bytes) {
  const auto offset = static_cast<std::size_t>(change.offset);
  if (change.truncates) return bytes.resize(std::min(bytes.size(), offset));
  bytes.resize(std::max(bytes.size(), offset + change.bytes.size()));
  bytes.replace(offset, change.bytes.size(), change.bytes);
}

FaultyVfs::Files FaultyVfs::AfterPowerFailure(Unsynced unsynced, unsigned seed) {
  const std::lock_guard lock(mutex_);
  std::mt19937 random(seed);
  Files files;
  for (const auto& [path, known] : known_) {
    if (!std::filesystem::exists(path)) continue;  // renamed meanwhile
    std::string& bytes = files[path] = known.synced;
    if (unsynced == Unsynced::kGone) continue;
    for (const Change& change : known.changes) {
      if (unsynced == Unsynced::kThere || change.truncates) {
        Apply(change, bytes);
        continue;
      }
      for (std::size_t at = 0; at < change.bytes.size(); at += kSector) {
        if (random() % 2 == 0) continue;
        const std::int64_t offset = change.offset + static_cast<std::int64_t>(at);
        Apply({offset, false, change.bytes.substr(at, kSector)}, bytes);
      }
    }
  }
  return files;
}

std::vector<FaultyVfs::Files> FaultyVfs::EveryPowerFailure(unsigned seed) {
  std::vector<Files> all{AfterPowerFailure(Unsynced::kGone, 0),
                         AfterPowerFailure(Unsynced::kThere, 0),
                         AfterPowerFailure(Unsynced::kPicked, 2 * seed),
                         AfterPowerFailure(Unsynced::kPicked, 2 * seed + 1)};
  Files with_index = all.front();
  for (const auto& [path, bytes] : all.front()) {
    if (std::filesystem::exists(path + "-shm")) with_index[path + "-shm"] = BytesOf(path + "-shm");
  }
  if (with_index.size() > all.front().size()) all.push_back(std::move(with_index));
  return all;
}

void PutInto(const std::string& directory, const FaultyVfs::Files& files) {
  for (const auto& [path, bytes] : files) {
    const auto to = std::filesystem::path(directory) / std::filesystem::path(path).filename();
    if (!(std::ofstream(to, std::ios::binary) << bytes << std::flush)) {
      throw std::runtime_error("cannot write " + to.string());
    }
  }
}

}  // namespace settle::testing
