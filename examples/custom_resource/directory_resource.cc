// What the file system refuses is thrown; the SDK makes the cautious answer of it: a no-vote while
// preparing, "nothing is known, ask again" afterwards.
#include "directory_resource.h"

#include <fstream>
#include <iterator>
#include <random>

#include "durable_files.h"

namespace fs = std::filesystem;
using namespace settle;

namespace {

// Taken at once: what is being iterated must not be renamed meanwhile.
std::vector<fs::path> EntriesOf(const fs::path& directory) {
  return {fs::directory_iterator(directory), fs::directory_iterator()};
}

}  // namespace

DirectoryBranch::DirectoryBranch(std::shared_ptr<DirectoryResource> directory, BranchKey key)
    : directory_(std::move(directory)), key_(std::move(key)) {}

Status DirectoryBranch::Write(const std::string& name, std::string content) {
  const std::lock_guard lock(mutex_);
  if (over_) return Fail(ErrorCode::kRefused, "the branch is over: nothing was written");
  if (name.empty() || name[0] == '.' || name.find_first_of(std::string("/\0", 2)) != name.npos) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(name) + "\" is no plain file name");
  }
  files_[name] = std::move(content);
  return {};
}

// Branch begins
VoteResult DirectoryBranch::AwaitPrepare() {
  const std::lock_guard lock(mutex_);
  if (over_) return {Vote::kNo, {}, "the branch was rolled back"};
  over_ = true;
  vote_ = files_.empty() ? VoteResult{Vote::kReadOnly, {}, {}} : directory_->Prepare(key_, files_);
  return vote_;
}

FinishResult DirectoryBranch::AwaitFinish(Decision decision) {
  return directory_->Finish(key_, decision, vote_.evidence);
}

void DirectoryBranch::Fence() {
  const std::lock_guard lock(mutex_);
  over_ = true;
}
// Branch ends

DirectoryResource::DirectoryResource(std::string name, fs::path directory)
    : name_(std::move(name)), directory_(std::move(directory)), state_(directory_ / ".settle") {}

Result<std::shared_ptr<DirectoryBranch>> DirectoryResource::Open(const BranchKey& key) {
  return std::make_shared<DirectoryBranch>(shared_from_this(), key);
}

fs::path DirectoryResource::Entry(const BranchKey& key, const char* standing) const {
  return state_ / (key.DatabaseName() + standing);
}

std::string DirectoryResource::Identity() const {
  std::ifstream file(state_ / "id");
  std::string id{std::istreambuf_iterator<char>(file), {}};
  if (id.empty()) throw fs::filesystem_error("read", state_ / "id", {EIO, std::generic_category()});
  return "directory:" + id + ":" + std::to_string(InodeOf(state_ / "id"));
}

Result<std::string> DirectoryResource::Identify() {
  if (!fs::is_directory(directory_)) {
    return Fail(ErrorCode::kInvalid, "there is no directory " + directory_.string(), "make it");
  }
  fs::create_directory(state_);
  const FileLock lock(state_ / "lock");
  if (!fs::exists(state_ / "id")) {
    std::random_device random;
    WriteDurably(state_ / "id.new", std::to_string(random()) + "-" + std::to_string(random()));
    fs::rename(state_ / "id.new", state_ / "id");
    Sync(state_);
    Sync(directory_);
  }
  return Identity();
}

// Prepare begins
VoteResult DirectoryResource::Prepare(const BranchKey& key,
                                      const std::map<std::string, std::string>& files) {
  const FileLock lock(state_ / "lock");
  // Whatever could keep the files from their places later must be found now.
  for (const auto& [name, content] : files) {
    if (fs::is_directory(directory_ / name)) return {Vote::kNo, {}, name + " is a directory"};
    for (const fs::path& other : EntriesOf(state_)) {
      if (other.extension() != ".prepared" || !fs::exists(other / name)) continue;
      return {Vote::kNo, {}, other.stem().string() + " is about to write " + name, true};
    }
  }
  fs::create_directory(Entry(key, ".staging"));
  for (const auto& [name, content] : files) WriteDurably(Entry(key, ".staging") / name, content);
  Sync(Entry(key, ".staging"));
  // Crash before this: nothing was promised, and an abort clears it away. After: it is prepared.
  fs::rename(Entry(key, ".staging"), Entry(key, ".prepared"));
  Sync(state_);
  return {Vote::kCommit, Evidence{Identity(), 0, {}}, {}};
}
// Prepare ends

// Finish begins
FinishResult DirectoryResource::Finish(const BranchKey& key, Decision decision,
                                       const Evidence& evidence) {
  const FileLock lock(state_ / "lock");
  if (!evidence.database.empty() && evidence.database != Identity()) {
    return {BranchEnd::kRetry, "this is " + Identity() + ", it was in " + evidence.database};
  }
  const fs::path prepared = Entry(key, ".prepared");
  const fs::path committed = Entry(key, ".committed");
  if (decision == Decision::kAbort && !fs::exists(committed)) {
    // In two steps, so that what is called prepared is whole.
    if (fs::exists(prepared)) fs::rename(prepared, Entry(key, ".staging"));
    fs::remove_all(Entry(key, ".staging"));
    Sync(state_);
    return {BranchEnd::kAborted, {}};
  }
  if (fs::exists(prepared)) {
    // Crash in here: some files are in their places, the next attempt moves the others.
    for (const fs::path& file : EntriesOf(prepared)) fs::rename(file, directory_ / file.filename());
    Sync(directory_);
    fs::rename(prepared, committed);
  } else if (!fs::exists(committed)) {
    return {BranchEnd::kHazard, "it is neither prepared nor noted as committed: removed by hand?"};
  }
  Sync(state_);  // also what an attempt that crashed had moved
  return {BranchEnd::kCommitted, {}};
}
// Finish ends

// Scan begins
Result<std::vector<std::string>> DirectoryResource::ScanPrepared() {
  const FileLock lock(state_ / "lock");
  std::vector<std::string> names;
  for (const fs::path& entry : EntriesOf(state_)) {
    // What a crash left half staged is reported as well, to be aborted.
    if (entry.extension() == ".prepared" || entry.extension() == ".staging") {
      names.push_back(entry.stem());
    }
  }
  return names;
}
// Scan ends
