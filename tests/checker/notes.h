// What an application wrote down, durably, of what it asked and was told. With the databases
// themselves this is all that the checker believes; the coordinator's word is checked against it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace settle::testing {

// What is about to be asked for. A plain transfer between all banks that there are needs neither.
struct NotedWork {
  std::string protocol{};            // "2pc", "3pc", "saga", "tcc"; empty: not said
  std::vector<std::string> banks{};  // where rows of it must be, once it is committed; none: in all
};

// One line a fact, appended and fsynced before the program goes on:
//   asked <gtid> [<protocol> <bank>...]  commit is about to be asked for
//   told <gtid> <outcome>                and this was the answer, e.g. "committed"
//   forced <gtid>                        a person is about to decide instead of the protocol
//   refused <gtid>                       and was not let
//   accepted <gtid> commit|abort         and was told that this is in force
//   shown <gtid> <outcome>               what the coordinator shows of it when it has ended
class NotesWriter {
 public:
  // Throws std::runtime_error, here and when a line cannot be made durable.
  explicit NotesWriter(const std::string& path);
  ~NotesWriter();
  NotesWriter(const NotesWriter&) = delete;
  NotesWriter& operator=(const NotesWriter&) = delete;

  // Thread-safe: a line is one write.
  void Asked(const std::string& gtid, const NotedWork& work = {});
  void Told(const std::string& gtid, const std::string& outcome);
  void Forced(const std::string& gtid);
  void Refused(const std::string& gtid);
  void Accepted(const std::string& gtid, const std::string& to);
  void Shown(const std::string& gtid, const std::string& outcome);

 private:
  void Append(const std::string& line);

  int file_;
};

// Of one or more applications.
struct Notes {
  // Each gtid for which commit was asked or an answer is known, with every answer in order.
  std::map<std::string, std::vector<std::string>> answers;
  std::map<std::string, NotedWork> asked;
  std::set<std::string> forced;                 // or it is not known whether they were
  std::map<std::string, std::string> accepted;  // to what
  std::map<std::string, std::string> shown;     // the last outcome
};

// A last line that was cut off by a kill is no fact. A file that is not there holds none.
Notes ReadNotes(const std::vector<std::string>& paths);

}  // namespace settle::testing
