#include "temporary_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "samples.h"

namespace settle::coordinator {

std::unique_ptr<DecisionLog> OpenOrThrow(const std::string& path) {
  auto log = OpenSqliteDecisionLog({.path = path});
  if (!log) throw std::runtime_error(Describe(log.error()));
  return *std::move(log);
}

std::vector<Record> ReplayOrThrow(DecisionLog& log) {
  std::vector<Record> records;
  std::uint64_t last = 0;
  const Status replayed = log.Replay([&](std::uint64_t position, Record record) {
    if (position <= last) throw std::runtime_error("positions do not grow");
    last = position;
    records.push_back(std::move(record));
  });
  if (!replayed) throw std::runtime_error(Describe(replayed.error()));
  return records;
}

Appended AppendAndWait(DecisionLog& log, Record record, Durability durability) {
  std::promise<Appended> answer;
  log.Append(std::move(record), durability, [&](AppendResult result, const std::string& reason) {
    answer.set_value({result, reason});
  });
  return answer.get_future().get();
}

std::vector<Appended> AppendAsOneGroup(DecisionLog& log, const std::vector<Record>& records) {
  std::promise<void> reached;
  std::promise<void> queued;
  const std::shared_future<void> all_queued = queued.get_future().share();
  log.Append(SampleResource(), Durability::kForce,
             [&reached, all_queued](AppendResult, const std::string&) {
               reached.set_value();
               all_queued.wait();
             });
  reached.get_future().wait();
  std::vector<std::promise<Appended>> answers(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    log.Append(records[i], Durability::kForce,
               [&answer = answers[i]](AppendResult result, const std::string& reason) {
                 answer.set_value({result, reason});
               });
  }
  queued.set_value();
  std::vector<Appended> told;
  for (auto& answer : answers) told.push_back(answer.get_future().get());
  return told;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, const std::string& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const bool written =
      file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  if (file >= 0) ::close(file);
  if (!written) throw std::runtime_error("cannot write " + path);
}

}  // namespace settle::coordinator
