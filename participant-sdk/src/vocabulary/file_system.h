// The file system that a file of Settle's lives on, and whether it is fit for that. Shared by the
// decision log and SQLite resources, which need the same of it. Not public.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "settle/vocabulary/finding.h"
#include "settle/vocabulary/status.h"

namespace settle {

struct FileSystem {
  enum class Kind {
    kLocal,    // as far as is known
    kNetwork,  // SQLite's locks and fdatasync are not to be relied on there
    kMemory,   // gone with the machine
  };
  Kind kind = Kind::kLocal;
  std::string type;  // "ext4", "nfs"; the magic number if it is not known by name
  std::uint64_t bytes = 0;
  std::uint64_t free_bytes = 0;  // to this user
};

// Where `path`, a file or a directory that is there, lives. Blocks as long as the file system does.
[[nodiscard]] Result<FileSystem> LookAtFileSystem(const std::string& path);

// `statfs` type numbers by name and kind. Pure.
FileSystem::Kind KindOf(std::int64_t magic, std::string& type);

// Findings "<prefix>-file-system" and "<prefix>-space" of the file at `path`. Pure.
std::vector<Finding> CheckFileSystem(const FileSystem& found, const std::string& prefix,
                                     const std::string& path);

// "1.5 GiB".
std::string Bytes(std::uint64_t bytes);

}  // namespace settle
