#include "checker/notes.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace settle::testing {

NotesWriter::NotesWriter(const std::string& path)
    : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (file_ < 0) throw std::runtime_error("cannot write notes to " + path);
}

NotesWriter::~NotesWriter() { ::close(file_); }

void NotesWriter::Asked(const std::string& gtid, const NotedWork& work) {
  std::string line = "asked " + gtid;
  if (!work.protocol.empty()) line += " " + work.protocol;
  for (const std::string& bank : work.banks) line += " " + bank;
  Append(line + "\n");
}

void NotesWriter::Told(const std::string& gtid, const std::string& outcome) {
  Append("told " + gtid + " " + outcome + "\n");
}

void NotesWriter::Forced(const std::string& gtid) { Append("forced " + gtid + "\n"); }

void NotesWriter::Refused(const std::string& gtid) { Append("refused " + gtid + "\n"); }

void NotesWriter::Accepted(const std::string& gtid, const std::string& to) {
  Append("accepted " + gtid + " " + to + "\n");
}

void NotesWriter::Shown(const std::string& gtid, const std::string& outcome) {
  Append("shown " + gtid + " " + outcome + "\n");
}

void NotesWriter::Append(const std::string& line) {
  const ssize_t written = ::write(file_, line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size()) || ::fsync(file_) != 0) {
    throw std::runtime_error("a note could not be made durable");
  }
}

Notes ReadNotes(const std::vector<std::string>& paths) {
  Notes notes;
  for (const std::string& path : paths) {
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    text.erase(text.rfind('\n') + 1);  // npos + 1 is 0: nothing but half a line
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string verb;
      std::string gtid;
      std::string word;
      words >> verb >> gtid;
      if (verb == "forced") notes.forced.insert(gtid);
      if (verb == "refused") notes.forced.erase(gtid);
      if (verb == "accepted") words >> notes.accepted[gtid];
      if (verb == "shown") words >> notes.shown[gtid];
      if (verb != "asked" && verb != "told") continue;
      std::vector<std::string>& answers = notes.answers[gtid];
      if (verb == "told") {
        words >> answers.emplace_back();
      } else {
        NotedWork& work = notes.asked[gtid];
        words >> work.protocol;
        while (words >> word) work.banks.push_back(word);
      }
    }
  }
  return notes;
}

}  // namespace settle::testing
