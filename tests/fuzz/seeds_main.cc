// Writes the seeds that are no text, from records and messages of our own:
//
//   settle-fuzz-seeds tests/fuzz/seeds
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "dialogues.h"
#include "log/record_codec.h"
#include "log/samples.h"
#include "port.h"
#include "recorder.h"
#include "thrift_reader.h"
#include "transport/wire.h"

namespace settle::fuzz {
namespace {

using namespace coordinator;

// The fields of a struct that has one field, and that a struct.
constexpr std::size_t kFieldHead = 3;
std::string OnlyField(const std::string& fields) {
  if (fields.size() < kFieldHead + 2 || fields[0] != '\x0c') return "";
  return fields.substr(kFieldHead, fields.size() - kFieldHead - 1);
}

class Seeds {
 public:
  explicit Seeds(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void Write(const std::string& target, const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories(folder_ / target);
    std::ofstream(folder_ / target / name, std::ios::binary) << bytes;
  }

  // Of each method the last one stays.
  void Write(const Recorded& call) {
    const std::string request = OnlyField(call.arguments);
    if (const auto which = RequestOf(call.method); which && !request.empty())
      Write("requests", call.method, *which + request);
    const bool error = call.result.size() > 2 && call.result[2] == '\x01';
    if (const auto which = ReplyOf(error ? "" : call.method))
      Write("replies", error ? "error" : call.method, *which + OnlyField(call.result));
    if (const auto which = ViewOf(call.method))
      Write("views", call.method + (error ? "-refused" : ""), *which + call.result);
  }

 private:
  const std::filesystem::path folder_;
};

void WriteDialogues(Seeds& seeds) {
  for (const Dialogue& dialogue : Dialogues()) {
    OnePort port;
    Recorder wire(port.address().substr(std::string("unix:").size()));
    try {
      dialogue.speak(wire);
    } catch (const wire::ServiceError& error) {
      std::cerr << dialogue.name << ": " << error.message << "\n";
    }
    seeds.Write("port", dialogue.name, wire.sent());
    for (const Recorded& call : wire.calls()) {
      seeds.Write(call);
      if (call.method == "tell") seeds.Write("peer-port", dialogue.name, wire.sent());
    }
  }
}

void WriteRecords(const Seeds& seeds) {
  int number = 0;
  for (const Record& record : SampleRecords())
    seeds.Write("record", std::to_string(++number), EncodeRecord(record).value());
}

void WriteEdits(const Seeds& seeds) {
  seeds.Write("log-file", "as-it-is", std::string(4, '\0') + '\x01' + 'S');
  seeds.Write("log-file", "cut-in-half", std::string("\0\1\0\0\0", 5));
  seeds.Write("log-file", "wal-cut", std::string("\1\0\x40\0\0", 5));
  seeds.Write("log-file", "no-wal", std::string("\1\0\0\0\0", 5));
  seeds.Write("log-file", "page-size", std::string("\0\0\0\x10\2\x02\0", 7));
  seeds.Write("log-file", "two-pages", std::string("\0\0\x20\0\4abcd\0\0\x30\4\4efgh", 18));
}

}  // namespace
}  // namespace settle::fuzz

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "settle-fuzz-seeds FOLDER\n";
    return 2;
  }
  settle::fuzz::Seeds seeds(argv[1]);
  settle::fuzz::WriteDialogues(seeds);
  settle::fuzz::WriteRecords(seeds);
  settle::fuzz::WriteEdits(seeds);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "settle-fuzz-seeds: " << error.what() << "\n";
  return 1;
}
