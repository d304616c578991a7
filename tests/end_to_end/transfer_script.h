// What the application program of the end-to-end tests can be told to do: one command a line, one
// answer a line.
//
//   begin [<timeout ms> [<traceparent>]]
//                                ok <gtid>
//   trace                        ok <traceparent>
//   move <bank> <amount>         ok                  enlists it; one account, the transfer's row
//   queue <bank> <amount>        ok                  the same, queued: to travel with the prepare
//   execute <bank> <sql>         ok <rows>           enlists the bank if need be
//   try <bank> <amount>          ok                  a reservation in the bank's till
//   commit [decision|applied]    <outcome> <cause> <reason>
//   abort                        <outcome> <cause> <reason>
//   drop                         ok                  forgets the transaction without a word
//   context                      ok <context>
//   join <context>               ok <gtid>
//   leave                        ok
//   outcome <gtid>               <outcome> <cause> <reason>
//   saga <amount> [fails]        ok <gtid>           starts one, out of bank a's till into bank b's
//   await                        <outcome> <cause> <reason>      of the saga that was started last
//   load                         ok <committed> <aborted> <unknown>
//                                                    transfers, until the next command comes
//   stop                         ok
//
// What fails: "error <code> <message>".
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "checker/notes.h"
#include "end_to_end/unanswered.h"
#include "settle/coordinator.h"

namespace settle::testing {

// Runs one statement in a branch; how many rows it gave or changed.
using Values = std::vector<std::optional<std::string>>;
using Execute = std::function<Result<std::size_t>(const std::string& sql, const Values& values)>;

// A bank, whatever its database. Where `queued`, a statement is queued, if the database can do
// that, and no rows are told.
struct Bank {
  std::shared_ptr<Resource> resource;
  std::function<Result<Execute>(GlobalTransaction&, bool queued)> enlist;
};

// By name, from "postgresql:<connection string>" or "sqlite:<path>". Throws std::runtime_error.
// `protocol`: of the transactions that it is to be in.
Bank MakeBank(const std::string& name, const std::string& dsn, Protocol protocol);

class TransferScript {
 public:
  // `has_input`: the next command is there.
  TransferScript(Coordinator& coordinator, std::map<std::string, Bank> banks, NotesWriter& notes,
                 unsigned seed, std::function<bool()> has_input, Protocol protocol);

  // Blocking. The answer to one command.
  std::string Answer(const std::string& line);

 private:
  Result<Execute*> Enlisted(const std::string& bank, bool queued = false);
  Status Move(const std::string& bank, int amount, bool queued = false);
  Ending Commit(CommitOptions options, const NotedWork& work = {});
  std::string Begin(std::chrono::milliseconds timeout, const std::string& trace_parent = {});
  std::string Join(const std::string& context);
  std::string ExecuteIn(const std::string& bank, const std::string& sql);
  std::string Try(const std::string& bank, int amount);
  std::string StartSaga(int amount, bool fails);
  std::string AwaitSaga();
  std::string Load();
  Ending TransferOnce();
  void Forget();

  Coordinator& coordinator_;
  const std::map<std::string, Bank> banks_;
  NotesWriter& notes_;
  std::minstd_rand random_;
  const std::function<bool()> has_input_;
  const Protocol protocol_;
  std::optional<GlobalTransaction> transaction_;
  std::optional<Gtid> saga_;
  std::map<std::string, Execute> branches_;  // of the transaction, also when it has ended
  Unanswered unanswered_;
};

}  // namespace settle::testing
