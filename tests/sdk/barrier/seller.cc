// settle_escrow_seller <target> pessimistic|optimistic <first> <count>: tries to take one of item
// 17 in each of so many transactions, then confirms two of three and cancels the others. Says a
// line of each: confirmed, cancelled, refused, unknown.
#include <cstdio>
#include <string>

#include "sdk/barrier/barrier_world.h"
#include "settle/escrow_counter.h"
#include "settle/postgres_barrier.h"
#include "settle/sqlite_barrier.h"

namespace settle::testing {
namespace {

using Run = std::function<Answer(const ActionContext&, const Business&)>;

Run Behind(const std::string& target) {
  const std::string name = target.substr(target.find(':') + 1);
  if (target.starts_with("sqlite:")) {
    const auto barrier =
        SqliteBarrier::Make({.path = name, .busy_timeout = std::chrono::minutes(1)});
    return [barrier](auto& call, auto& business) { return barrier->Run(call, business); };
  }
  const auto barrier = PostgresBarrier::Make({.dsn = name});
  return [barrier](auto& call, auto& business) { return barrier->Run(call, business); };
}

Answer Told(const Status& status) {
  if (status) return Done();
  if (status.error().code == ErrorCode::kRefused) return Failed(status.error().message);
  return Unknown(Describe(status.error()));
}

const char* Sell(const Run& run, const EscrowCounter& stock, std::uint64_t sequence) {
  const BranchKey key{Call(ActionOp::kTry, sequence).gtid, 1};
  const Answer tried = run(Call(ActionOp::kTry, sequence),
                           [&](auto&, Work& work) { return Told(stock.Reserve(work, key, -1)); });
  if (tried.kind == AnswerKind::kFailed) return "refused";
  if (tried.kind != AnswerKind::kDone) return "unknown";
  const bool confirm = sequence % 3 != 0;
  const ActionOp op = confirm ? ActionOp::kConfirm : ActionOp::kCancel;
  const Answer ended = run(Call(op, sequence), [&](auto&, Work& work) {
    return Told(confirm ? stock.Confirm(work, key) : stock.Cancel(work, key));
  });
  if (ended.kind != AnswerKind::kDone) return "unknown";
  return confirm ? "confirmed" : "cancelled";
}

}  // namespace
}  // namespace settle::testing

int main(int argc, char** argv) {
  using namespace settle;
  if (argc != 5) return 2;
  const EscrowCounter stock("item 17", std::string(argv[2]) == "optimistic"
                                           ? Contention::kOptimistic
                                           : Contention::kPessimistic);
  const auto run = testing::Behind(argv[1]);
  const std::uint64_t first = std::stoull(argv[3]);
  for (std::uint64_t i = 0; i < std::stoull(argv[4]); ++i) {
    std::puts(testing::Sell(run, stock, first + i));
    std::fflush(stdout);
  }
}
