// The file into which a backup is fetched: under its name only once it is whole, verified and
// durable.
//
//   Result<BackupFile> file = BackupFile::Make("/backup/settle.db");
//   file->Write(bytes); ...
//   Result<LogReport> report = file->Publish(progress);
#pragma once

#include <string>
#include <string_view>

#include "log/verify.h"

namespace settle::coordinator {

class BackupFile {
 public:
  // `<path>.new`, for its owner alone; what an interrupted attempt left is removed. kRefused: there
  // is a file of this name, which is never overwritten.
  [[nodiscard]] static Result<BackupFile> Make(const std::string& path);
  ~BackupFile();  // removes what was not published
  BackupFile(BackupFile&& other) noexcept;
  BackupFile& operator=(BackupFile&&) = delete;

  [[nodiscard]] Status Write(std::string_view bytes);
  // Blocking: syncs it, verifies it (verify.h), gives it its name. Never replaces a file. kCorrupt:
  // what came is no sound backup; nothing is left of it.
  [[nodiscard]] Result<LogReport> Publish(const VerifyProgress& progress);

 private:
  BackupFile(std::string path, int file) : path_(std::move(path)), file_(file) {}

  std::string path_;  // empty: published or moved
  int file_ = -1;
};

}  // namespace settle::coordinator
