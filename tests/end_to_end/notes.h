// What an application wrote down, durably, of what it asked and was told. With the databases
// themselves this is all that the end-to-end tests believe; the coordinator's word is checked
// against it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace settle::testing {

// One line a fact, appended and fsynced before the program goes on:
//   asked <gtid>             commit is about to be asked for
//   told <gtid> <outcome>    and this was the answer, e.g. "committed"
class NotesWriter {
 public:
  // Throws std::runtime_error, here and when a line cannot be made durable.
  explicit NotesWriter(const std::string& path);
  ~NotesWriter();
  NotesWriter(const NotesWriter&) = delete;
  NotesWriter& operator=(const NotesWriter&) = delete;

  void Asked(const std::string& gtid);
  void Told(const std::string& gtid, const std::string& outcome);

 private:
  void Append(const std::string& line);

  int file_;
};

// Of one or more applications.
struct Notes {
  // Each gtid for which commit was asked or an answer is known, with every answer in order.
  std::map<std::string, std::vector<std::string>> answers;
};

// A last line that was cut off by a kill is no fact. A file that is not there holds none.
Notes ReadNotes(const std::vector<std::string>& paths);

}  // namespace settle::testing
