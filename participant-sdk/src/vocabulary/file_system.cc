#include "vocabulary/file_system.h"

#include <sys/statfs.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "settle/vocabulary/gtid.h"

namespace settle {
namespace {

using Kind = FileSystem::Kind;

struct Known {
  std::int64_t magic;
  const char* type;
  Kind kind;
};

// linux/magic.h and the sources of what is not in there. FUSE may be either: it is called network,
// since most of what is mounted by it is.
constexpr std::array kKnown{
    Known{0xef53, "ext4", Kind::kLocal},       Known{0x58465342, "xfs", Kind::kLocal},
    Known{0x9123683e, "btrfs", Kind::kLocal},  Known{0x2fc12fc1, "zfs", Kind::kLocal},
    Known{0xf2f52010, "f2fs", Kind::kLocal},   Known{0x794c7630, "overlayfs", Kind::kLocal},
    Known{0x6969, "nfs", Kind::kNetwork},      Known{0xff534d42, "cifs", Kind::kNetwork},
    Known{0xfe534d42, "smb2", Kind::kNetwork}, Known{0x517b, "smb", Kind::kNetwork},
    Known{0x00c36400, "ceph", Kind::kNetwork}, Known{0x01021997, "9p", Kind::kNetwork},
    Known{0x5346414f, "afs", Kind::kNetwork},  Known{0x0bd00bd0, "lustre", Kind::kNetwork},
    Known{0x01161970, "gfs2", Kind::kNetwork}, Known{0x7461636f, "ocfs2", Kind::kNetwork},
    Known{0x65735546, "fuse", Kind::kNetwork}, Known{0x01021994, "tmpfs", Kind::kMemory},
    Known{0x858458f6, "ramfs", Kind::kMemory},
};

constexpr std::uint64_t kMebibyte = 1ULL << 20;
// Below the first nothing may fit any more at any moment: SQLite alone wants some pages for each
// commit and as much as the -wal file for a checkpoint. The second gives time to act.
constexpr std::uint64_t kSpaceGone = 16 * kMebibyte;
constexpr std::uint64_t kSpaceLow = 256 * kMebibyte;

Finding CheckKind(const FileSystem& found, const std::string& code, const std::string& path) {
  switch (found.kind) {
    case Kind::kLocal: return {code, Severity::kOk, path + " is on " + found.type, ""};
    case Kind::kNetwork:
      return {code, Severity::kWarning,
              path + " is on " + found.type +
                  ", a network file system: locks and flushes there may not hold what they promise",
              "move it to a local disk"};
    case Kind::kMemory:
      return {code, Severity::kWarning,
              path + " is on " + found.type + ": it is gone when the machine restarts",
              "move it to a local disk"};
  }
  return {code, Severity::kNote, path + " is on an unknown kind of file system", ""};
}

Finding CheckSpace(const FileSystem& found, const std::string& code, const std::string& path) {
  const std::string what =
      Bytes(found.free_bytes) + " of " + Bytes(found.bytes) + " are free for " + path;
  if (found.free_bytes < kSpaceGone) {
    return {code, Severity::kProblem, what, "make room now: what cannot be written aborts"};
  }
  if (found.free_bytes < kSpaceLow) {
    return {code, Severity::kWarning, what, "make room, or enlarge the file system"};
  }
  return {code, Severity::kOk, what, ""};
}

}  // namespace

std::string Bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

Kind KindOf(std::int64_t magic, std::string& type) {
  for (const Known& known : kKnown) {
    if (known.magic != magic) continue;
    type = known.type;
    return known.kind;
  }
  char number[32];
  std::snprintf(number, sizeof number, "type 0x%llx", static_cast<unsigned long long>(magic));
  type = number;
  return Kind::kLocal;
}

Result<FileSystem> LookAtFileSystem(const std::string& path) {
  struct statfs found {};
  if (::statfs(path.c_str(), &found) != 0) {
    return Fail(ErrorCode::kUnavailable, "the file system of " + Escaped(path) +
                                             " does not answer: " + std::strerror(errno));
  }
  FileSystem system;
  // Numbers above 2^31 are negative where the field is a signed 32 bits.
  system.kind = KindOf(static_cast<std::uint32_t>(found.f_type), system.type);
  const auto block = static_cast<std::uint64_t>(found.f_frsize);
  system.bytes = block * found.f_blocks;
  system.free_bytes = block * found.f_bavail;
  return system;
}

std::vector<Finding> CheckFileSystem(const FileSystem& found, const std::string& prefix,
                                     const std::string& path) {
  const std::string shown = Escaped(path);
  return {CheckKind(found, prefix + "-file-system", shown),
          CheckSpace(found, prefix + "-space", shown)};
}

}  // namespace settle
