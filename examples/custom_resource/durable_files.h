// What a resource of files needs of POSIX. Errors are thrown: std::filesystem::filesystem_error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

// What was written to the file, or which names are in the directory, survives a power loss.
void Sync(const std::filesystem::path& path);

void WriteDurably(const std::filesystem::path& path, const std::string& content);

// Two files of one file system have different ones; a copy has another than its original.
std::uintmax_t InodeOf(const std::filesystem::path& path);

// While it lives no other thread and no other process has the lock. The file is made if its
// directory is there, and stays.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  const int file_;
};
