#include "end_to_end/transfer_script.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "checker/database.h"
#include "end_to_end/transfer_service.h"
#include "settle/postgres_resource.h"
#include "settle/sqlite_resource.h"

namespace settle::testing {
namespace {

using std::chrono::milliseconds;

template <typename R>
Bank BankOf(std::shared_ptr<R> resource) {
  return {resource, [resource](GlobalTransaction& transaction, bool queued) -> Result<Execute> {
            auto branch = transaction.Enlist(*resource);
            if (!branch) return Fail(branch.error());
            return [branch = *branch, queued](const std::string& sql,
                                              const Values& values) -> Result<std::size_t> {
              if constexpr (requires { branch->Queue(sql, values, 1); }) {
                if (queued) return branch->Queue(sql, values, 1);
              }
              const auto rows = branch->Execute(sql, values);
              if (!rows) return Fail(rows.error());
              return std::max(rows->rows.size(), static_cast<std::size_t>(rows->affected));
            };
          }};
}

std::string Say(const Error& error) {
  return std::string("error ") + ToString(error.code) + " " + error.message;
}

std::string Say(const Status& status) { return status ? "ok" : Say(status.error()); }

std::string Say(const Ending& ending) {
  return std::string(ToString(ending.outcome)) + " " + ToString(ending.cause) + " " + ending.reason;
}

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

Bank MakeBank(const std::string& name, const std::string& dsn, Protocol protocol) {
  const std::string scheme = dsn.substr(0, dsn.find(':'));
  const std::string rest = dsn.substr(std::min(dsn.size(), scheme.size() + 1));
  if (scheme == "postgresql") {
    return BankOf(PostgresResource::Make({.name = name,
                                          .dsn = rest,
                                          .reply_timeout = milliseconds(3'000),
                                          .three_phase = protocol == Protocol::kThreePhase}));
  }
  if (scheme == "sqlite") return BankOf(SqliteResource::Make({.name = name, .path = rest}));
  throw std::runtime_error("no such kind of bank: " + dsn);
}

TransferScript::TransferScript(Coordinator& coordinator, std::map<std::string, Bank> banks,
                               NotesWriter& notes, unsigned seed, std::function<bool()> has_input,
                               Protocol protocol)
    : coordinator_(coordinator),
      banks_(std::move(banks)),
      notes_(notes),
      random_(seed),
      has_input_(std::move(has_input)),
      protocol_(protocol) {}

void TransferScript::Forget() {
  branches_.clear();
  transaction_.reset();
}

std::string TransferScript::Begin(milliseconds timeout, const std::string& trace_parent) {
  Forget();
  auto begun = coordinator_.Begin({.timeout = timeout,
                                   .comment = "a transfer",
                                   .protocol = protocol_,
                                   .trace_parent = trace_parent});
  if (!begun) return Say(begun.error());
  transaction_.emplace(std::move(*begun));
  return "ok " + transaction_->gtid().text();
}

std::string TransferScript::Join(const std::string& context) {
  Forget();
  auto joined = coordinator_.Join(context);
  if (!joined) return Say(joined.error());
  transaction_.emplace(std::move(*joined));
  return "ok " + transaction_->gtid().text();
}

Result<Execute*> TransferScript::Enlisted(const std::string& bank, bool queued) {
  const auto known = branches_.find(bank);
  if (known != branches_.end()) return &known->second;
  if (!transaction_ || !banks_.contains(bank)) {
    return Fail(ErrorCode::kInvalid, "no transaction, or no bank " + bank);
  }
  Result<Execute> branch = banks_.at(bank).enlist(*transaction_, queued);
  if (!branch) return Fail(branch.error());
  return &branches_.emplace(bank, std::move(*branch)).first->second;
}

Status TransferScript::Move(const std::string& bank, int amount, bool queued) {
  const Result<Execute*> branch = Enlisted(bank, queued);
  if (!branch) return Fail(branch.error());
  const std::string account = std::to_string(1 + random_() % kAccounts);
  auto moved = (**branch)("UPDATE account SET balance = balance + $1 WHERE id = $2",
                          {std::to_string(amount), account});
  if (!moved) return Fail(moved.error());
  auto noted = (**branch)("INSERT INTO transfer (gtid, amount) VALUES ($1, $2)",
                          {transaction_->gtid().text(), std::to_string(amount)});
  if (!noted) return Fail(noted.error());
  return {};
}

std::string TransferScript::ExecuteIn(const std::string& bank, const std::string& sql) {
  const Result<Execute*> branch = Enlisted(bank);
  if (!branch) return Say(branch.error());
  const auto rows = (**branch)(sql, {});
  if (!rows) return Say(rows.error());
  return "ok " + std::to_string(*rows);
}

Ending TransferScript::Commit(CommitOptions options, const NotedWork& work) {
  const std::string gtid = transaction_->gtid().text();
  notes_.Asked(gtid, work);
  Ending ending = transaction_->Commit(options);
  notes_.Told(gtid, ToString(ending.outcome));
  return ending;
}

// Among two of the banks or more: the first one gives what the others get.
Ending TransferScript::TransferOnce() {
  const int amount = static_cast<int>(1 + random_() % 50);
  if (Begin(milliseconds(4'000)).rfind("ok", 0) != 0) return {};
  NotedWork work{settle::ToString(protocol_), {}};
  for (const auto& [name, bank] : banks_) work.banks.push_back(name);
  std::shuffle(work.banks.begin(), work.banks.end(), random_);
  work.banks.resize(2 + random_() % (work.banks.size() - 1));
  // In one order always, so that no two wait for each other's locks in two databases.
  std::sort(work.banks.begin(), work.banks.end());
  const int others = static_cast<int>(work.banks.size()) - 1;
  for (const std::string& name : work.banks) {
    if (Move(name, name == work.banks.front() ? -others * amount : amount)) continue;
    return transaction_->Abort("the work could not be done");
  }
  const Ending ending = Commit({}, work);
  unanswered_.Note(transaction_->gtid(), ending);
  return ending;
}

std::string TransferScript::Try(const std::string& bank, int amount) {
  const int account = static_cast<int>(1 + random_() % kAccounts);
  const auto tried = transaction_->Try("till-" + bank, "hold", TillInput(amount, account));
  if (!tried) return Say(tried.error());
  return tried->reserved() ? "ok" : "error refused " + tried->text;
}

std::string TransferScript::StartSaga(int amount, bool fails) {
  const int account = static_cast<int>(1 + random_() % kAccounts);
  auto started = coordinator_.StartSaga(
      TransferSaga(fails), {.input = {{"a", -amount}, {"b", amount}, {"account", account}}});
  if (!started) return Say(started.error());
  saga_ = *std::move(started);
  notes_.Asked(saga_->text());
  return "ok " + saga_->text();
}

std::string TransferScript::AwaitSaga() {
  if (!saga_) return "error invalid no saga";
  const auto ended = coordinator_.AwaitSaga(*saga_, milliseconds(10'000));
  if (!ended) return Say(ended.error());
  notes_.Told(saga_->text(), ToString(ended->ending.outcome));
  return Say(ended->ending);
}

std::string TransferScript::Load() {
  int committed = 0;
  int aborted = 0;
  int unknown = 0;
  while (!has_input_()) {
    unanswered_.AskOne(coordinator_, notes_);
    const Ending ending = TransferOnce();
    ++(ending.committed() ? committed : ending.aborted() ? aborted : unknown);
    // As a program with a user before it: not again at once what has just failed.
    if (!ending.committed()) std::this_thread::sleep_for(milliseconds(20));
  }
  Forget();
  return "ok " + std::to_string(committed) + " " + std::to_string(aborted) + " " +
         std::to_string(unknown);
}

std::string TransferScript::Answer(const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  const auto word = [&words] {
    std::string one;
    words >> one;
    return one;
  };
  const auto number = [&word] { return std::atoi(word().c_str()); };
  const auto rest = [&words] {
    std::string text;
    std::getline(words >> std::ws, text);
    return text;
  };
  if (verb == "begin") {
    const milliseconds timeout(number());
    return Begin(timeout, word());
  }
  if (verb == "join") return Join(word());
  if (verb == "load") return Load();
  if (verb == "stop") return "ok";
  if (verb == "outcome") {
    const Result<Gtid> gtid = Gtid::Parse(word());
    return gtid ? OneLine(Say(coordinator_.AskOutcome(*gtid))) : Say(gtid.error());
  }
  if (verb == "saga") {
    const int amount = number();
    return OneLine(StartSaga(amount, word() == "fails"));
  }
  if (verb == "await") return OneLine(AwaitSaga());
  if (!transaction_) return "error invalid no transaction";
  if (verb == "try") {
    const std::string bank = word();
    return OneLine(Try(bank, number()));
  }
  if (verb == "move" || verb == "queue") {
    const std::string bank = word();
    return OneLine(Say(Move(bank, number(), verb == "queue")));
  }
  if (verb == "execute") {
    const std::string bank = word();
    return OneLine(ExecuteIn(bank, rest()));
  }
  if (verb == "context") return "ok " + transaction_->context();
  if (verb == "trace") return "ok " + transaction_->trace_parent();
  if (verb == "leave") return OneLine(Say(transaction_->Leave()));
  if (verb == "abort") return OneLine(Say(transaction_->Abort()));
  if (verb == "commit") {
    const Wait wait = word() == "decision" ? Wait::kDecision : Wait::kApplied;
    return OneLine(Say(Commit({.wait = wait})));
  }
  if (verb == "drop") {
    Forget();
    return "ok";
  }
  return "error invalid no such command: " + verb;
}

}  // namespace settle::testing
