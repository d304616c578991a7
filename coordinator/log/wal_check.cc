#include "log/wal_check.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

namespace settle::coordinator {
namespace {

constexpr std::size_t kWalHeaderSize = 32;
constexpr std::size_t kFrameHeaderSize = 24;
constexpr std::uint32_t kMagic = 0x377f0682;  // with the lowest bit set: big-endian checksums
constexpr std::uint32_t kFormat = 3007000;

std::uint32_t LoadBig(std::string_view bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  }
  return value;
}

std::uint32_t LoadNative(std::string_view bytes, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

struct Sum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  friend bool operator==(const Sum&, const Sum&) = default;
};

// SQLite's WAL checksum, continued from `sum`; whole pairs of words only.
Sum Continue(Sum sum, std::string_view bytes, bool big_endian) {
  const bool swap = big_endian != (std::endian::native == std::endian::big);
  const auto word = [&](std::size_t at) {
    const std::uint32_t value = LoadNative(bytes, at);
    return swap ? __builtin_bswap32(value) : value;
  };
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    sum.first += word(at) + sum.second;
    sum.second += word(at + 4) + sum.first;
  }
  return sum;
}

struct WalHeader {
  std::size_t page_size = 0;
  bool big_endian = false;
  std::string salts;
  Sum sum;
};

// Nothing for a header that SQLite would not accept either.
std::optional<WalHeader> ReadHeader(std::istream& wal) {
  std::string bytes(kWalHeaderSize, '\0');
  if (!wal.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) return std::nullopt;
  WalHeader header;
  const std::uint32_t magic = LoadBig(bytes, 0);
  header.big_endian = (magic & 1) != 0;
  header.page_size = LoadBig(bytes, 8);
  header.salts = bytes.substr(16, 8);
  header.sum = {LoadBig(bytes, 24), LoadBig(bytes, 28)};
  const bool fits =
      (magic & ~1U) == kMagic && LoadBig(bytes, 4) == kFormat &&
      std::has_single_bit(header.page_size) && header.page_size >= 512 &&
      header.page_size <= 65536 &&
      header.sum == Continue({}, std::string_view(bytes).substr(0, 24), header.big_endian);
  if (!fits) return std::nullopt;
  return header;
}

struct Walk {
  std::uint32_t frames = 0;        // whole frames in the file, of whatever age
  std::uint32_t good_commit = 0;   // the last frame that SQLite will read; 0 for none
  std::uint32_t bad_frame = 0;     // the first one that does not fit; 0 for none
  std::uint32_t commits_lost = 0;  // from bad_frame on, those that were written by the same run
};

Walk WalkFrames(std::istream& wal, const WalHeader& header) {
  Walk walk;
  std::string frame(kFrameHeaderSize + header.page_size, '\0');
  Sum stored = header.sum;  // of the frame before, as it stands in the file
  while (wal.read(frame.data(), static_cast<std::streamsize>(frame.size()))) {
    const std::string_view bytes = frame;
    ++walk.frames;
    const bool commits = LoadBig(bytes, 4) != 0;
    const bool ours = bytes.substr(8, 8) == header.salts;
    const Sum sum = Continue(Continue(stored, bytes.substr(0, 8), header.big_endian),
                             bytes.substr(kFrameHeaderSize), header.big_endian);
    stored = {LoadBig(bytes, 16), LoadBig(bytes, 20)};
    const bool fits = ours && LoadBig(bytes, 0) != 0 && sum == stored;
    if (walk.bad_frame == 0 && fits) {
      if (commits) walk.good_commit = walk.frames;
      continue;
    }
    const bool first_bad = walk.bad_frame == 0;
    if (first_bad) walk.bad_frame = walk.frames;
    if (ours && commits && (fits || first_bad)) ++walk.commits_lost;
  }
  return walk;
}

// What the -shm file says of the -wal file; nothing if it is not there or not whole.
struct Index {
  std::uint32_t flushed_frames = 0;
  std::string salts;
};

constexpr std::size_t kIndexCopy = 48;  // bytes; the file begins with two of them

// `bytes` are the first 2 * kIndexCopy of the file.
std::optional<Index> ParseIndex(std::string_view bytes) {
  const std::string_view copy = bytes.substr(0, kIndexCopy);
  const Sum sum{LoadNative(copy, 40), LoadNative(copy, 44)};
  constexpr bool kNative = std::endian::native == std::endian::big;
  const bool whole = copy == bytes.substr(kIndexCopy) && copy[12] != 0 &&
                     LoadNative(copy, 0) == kFormat &&
                     Continue({}, copy.substr(0, 40), kNative) == sum;
  if (!whole) return std::nullopt;
  return Index{LoadNative(copy, 16), std::string(copy.substr(32, 8))};
}

std::optional<Index> ReadIndex(const std::string& log_path) {
  std::string bytes(2 * kIndexCopy, '\0');
  std::ifstream shm(log_path + "-shm", std::ios::binary);
  if (!shm.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) return std::nullopt;
  return ParseIndex(bytes);
}

// As SQLite has mapped it. To open and close the file would drop the locks that this process holds
// on it, SQLite's own among them (fcntl(2), "Advisory record locking").
std::optional<Index> MappedIndex(sqlite::Connection& connection) {
  constexpr int kRegion = 32 * 1024;  // bytes; SQLite's only size for it
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(connection.raw(), "main", SQLITE_FCNTL_FILE_POINTER,
                           static_cast<void*>(&file)) != SQLITE_OK) {
    return std::nullopt;
  }
  void volatile* mapped = nullptr;
  if (file->pMethods->xShmMap(file, 0, kRegion, 0, &mapped) != SQLITE_OK || mapped == nullptr) {
    return std::nullopt;
  }
  const auto* bytes = static_cast<const char*>(const_cast<const void*>(mapped));
  return ParseIndex(std::string(bytes, 2 * kIndexCopy));
}

// A new run begins in the -shm file, with the next first salt and a random second one, then
// overwrites the header of the run before, all of which is in the log by then. If that write failed
// half way, nothing is lost. (An index that SQLite rebuilt from a damaged header does not have such
// salts.)
bool BeginsNewRun(std::istream& wal, const Index& index) {
  std::string frame(kFrameHeaderSize, '\0');
  wal.clear();
  wal.seekg(kWalHeaderSize);
  if (!wal.read(frame.data(), static_cast<std::streamsize>(frame.size()))) return false;
  return index.flushed_frames == 0 && LoadBig(index.salts, 0) == LoadBig(frame, 8) + 1 &&
         LoadBig(index.salts, 4) != LoadBig(frame, 12);
}

tl::unexpected<Error> Damaged(const std::string& path, std::string what) {
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{}-wal is damaged: {}; decisions that were told may be in it, and "
                          "nothing was changed",
                          path, what),
              "keep all files of the log and restore them from where they are whole; nothing may "
              "be presumed from this log");
}

tl::unexpected<Error> Unreadable(const std::string& path) {
  return Fail(ErrorCode::kUnavailable, path + " cannot be read",
              "look for disk errors in the system's log");
}

}  // namespace

Result<bool> CheckWal(const std::string& log_path) {
  std::ifstream wal(log_path + "-wal", std::ios::binary);
  if (!wal) return false;
  const std::optional<WalHeader> header = ReadHeader(wal);
  const std::optional<Index> index = ReadIndex(log_path);
  if (!header) return index && BeginsNewRun(wal, *index);
  const Walk walk = WalkFrames(wal, *header);
  if (wal.bad()) return Unreadable(log_path + "-wal");
  if (index && index->salts == header->salts && index->flushed_frames > walk.good_commit) {
    return Damaged(log_path, fmt::format("{} frames were flushed, but it is readable only up to "
                                         "frame {}",
                                         index->flushed_frames, walk.good_commit));
  }
  if (walk.commits_lost >= 2) {
    return Damaged(log_path, fmt::format("frame {} does not fit, and {} commits from there on "
                                         "would be lost",
                                         walk.bad_frame, walk.commits_lost));
  }
  return walk.frames > 0;
}

Result<bool> HoldsUncountedCommit(sqlite::Connection& connection) {
  const std::string path = sqlite3_db_filename(connection.raw(), "main");
  std::ifstream wal(path + "-wal", std::ios::binary);
  if (!wal) return Unreadable(path + "-wal");
  const std::optional<Index> index = MappedIndex(connection);
  if (!index) return Unreadable(path + "-shm");
  const std::optional<WalHeader> header = ReadHeader(wal);
  // Of a run that is over everything is in the log; a run begins with its header.
  if (!header || header->salts != index->salts) return false;
  const Walk walk = WalkFrames(wal, *header);
  if (wal.bad()) return Unreadable(path + "-wal");
  return walk.good_commit > index->flushed_frames;
}

}  // namespace settle::coordinator
