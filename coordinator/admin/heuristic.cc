#include "admin/heuristic.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "engine/await.h"

namespace settle::coordinator {
namespace {

struct Plan {
  HeuristicCall call;
  std::string would;
  TransactionView now;  // of a stray: of nothing yet
};

HeuristicCall CallOf(const ResolveCall& call, HeuristicAct act) {
  HeuristicIntent intent;
  intent.act = act;
  intent.to = call.to;
  intent.operator_name = call.operator_name;
  intent.reason = call.reason;
  intent.database_name = call.prepared;
  return {call.gtid, std::move(intent), call.identity};
}

// The same was asked before: it is answered by what is so now.
bool IsDone(const TransactionSummary& summary, const ResolveCall& call, HeuristicAct act) {
  return std::any_of(
      summary.heuristics.begin(), summary.heuristics.end(), [&](const HeuristicIntent& known) {
        const bool same_branch =
            act != HeuristicAct::kVerdict || known.branches.front().number == call.branch;
        return known.act == act && known.to == call.to && same_branch &&
               known.operator_name == call.operator_name && known.reason == call.reason;
      });
}

std::string Verb(Decision to) { return to == Decision::kCommit ? "committed" : "rolled back"; }

Result<Plan> PlanVerdict(const ResolveCall& call, TransactionView view) {
  const std::string name =
      "branch " + std::to_string(call.branch) + " of transaction " + view.summary.gtid.text();
  const auto& branches = view.summary.branches;
  const auto branch = std::find_if(branches.begin(), branches.end(), [&](const BranchSummary& one) {
    return one.number == call.branch;
  });
  if (branch == branches.end()) {
    return Fail(ErrorCode::kRefused, "there is no " + name,
                "'settle show " + view.summary.gtid.text() + "' lists its branches");
  }
  if (branch->state != "hazard") {
    return Fail(ErrorCode::kRefused,
                name + " is " + branch->state + ": it is known how it stands, or will be",
                "only of a hazard a person says what is so");
  }
  if (view.summary.state != "damaged") {
    return Fail(ErrorCode::kRefused,
                name + " is a hazard, and the transaction is still " + view.summary.state +
                    ": it waits for " + view.waiting_for,
                view.advice);
  }
  HeuristicCall act = CallOf(call, HeuristicAct::kVerdict);
  act.intent.branches = {{call.branch, branch->resource, Vote::kCommit, branch->evidence}};
  return Plan{std::move(act),
              "it would be recorded that branch " + std::to_string(call.branch) + " in " +
                  branch->resource + " was " + Verb(call.to) +
                  ", and whoever asks for the outcome is told what follows from that; no database "
                  "is changed or asked, so a wrong word stays wrong",
              std::move(view)};
}

std::string WouldForce(const ResolveCall& call, const TransactionSummary& summary) {
  const std::string to = settle::ToString(call.to);
  const std::string all = "each of its " + std::to_string(summary.branches.size()) +
                          " branches would be told to " + to +
                          ", now or as soon as somebody serves it; ";
  if (const BranchSummary* last = AwaitedLastResource(summary)) {
    return all + "its last resource, branch " + std::to_string(last->number) + " in " +
           last->resource +
           ", has committed or rolled back, or will, whatever is said here: where it does "
           "otherwise some commit and others do not, so look in that database first";
  }
  if (!AwaitsAMajority(summary)) {
    return all +
           "nobody knows what they were told before, so it does damage where one has ended "
           "otherwise already: look in their databases first";
  }
  return all +
         "its sites decide by themselves as soon as a majority of them meets, and nobody here "
         "can know whether that has happened: if they have decided otherwise, or do before "
         "they hear of this, some commit and others do not; so stop the processes that serve "
         "the missing sites first, or be sure that they never come back";
}

Result<Plan> PlanForce(const ResolveCall& call, TransactionView view) {
  const TransactionSummary& summary = view.summary;
  const std::string gtid = "transaction " + summary.gtid.text();
  const bool quarantined = summary.state == "quarantined";
  if (quarantined && summary.branches.empty()) {
    return Fail(ErrorCode::kRefused,
                gtid +
                    " is quarantined, and no record says which branches it "
                    "has: " +
                    summary.ending.reason,
                view.advice);
  }
  if (CanBeForced(summary)) {
    std::string would = WouldForce(call, summary);
    return Plan{CallOf(call, HeuristicAct::kForce), std::move(would), std::move(view)};
  }
  if (summary.ending.outcome == Outcome::kUnknown) return Fail(IsUnknown(view));
  const bool undecided = summary.ending.outcome == Outcome::kUndecided;
  if (undecided && call.to == Decision::kAbort) {
    return Fail(ErrorCode::kRefused,
                gtid + " is " + summary.state + " and undecided: that is no case for a heuristic",
                "'settle resolve " + summary.gtid.text() +
                    " abort --reason ...' aborts it if that "
                    "can be done");
  }
  if (undecided) {
    return Fail(ErrorCode::kRefused,
                gtid + " is " + summary.state +
                    " and undecided: only the votes of its branches can commit it, since without "
                    "them nobody promised that they can",
                view.advice);
  }
  return Fail(ErrorCode::kRefused,
              gtid + " is decided: " + settle::ToString(summary.ending.outcome) +
                  ", and that is durable; nothing was changed",
              view.advice.empty() ? "there is nothing to resolve" : view.advice);
}

// The act on the same prepared branch that is not forgotten yet.
Result<std::optional<TransactionSummary>> FindAct(Engine& engine, const ResolveCall& call) {
  OpenQuery query{OpenQuery::Kind::kInDoubt, {}, 1'000};
  for (;;) {
    const auto page = Await<OpenPage>([&](auto done) { engine.ListOpen(query, done); });
    if (!page) return Fail(page.error());
    for (const TransactionSummary& one : page->transactions) {
      const bool same = !one.heuristics.empty() && !one.branches.empty() &&
                        one.heuristics.front().database_name == call.prepared &&
                        one.branches.front().resource == call.resource;
      if (same) return std::optional(one);
    }
    if (!page->more) return std::optional<TransactionSummary>();
    query.below = page->transactions.back().gtid;
  }
}

// A branch of what runs here is not a stray, whatever a scan says.
Status CheckStray(Engine& engine, const ResolveCall& call) {
  const Result<BranchKey> key = BranchKey::ParseDatabaseName(call.prepared);
  if (!key) {
    return Fail(ErrorCode::kRefused, Escaped(call.prepared) + " is not a name that Settle gives",
                "whoever prepared it has to end it, or you in its database");
  }
  const auto runs = Await<TransactionSummary>([&](auto done) { engine.Show(key->gtid, done); });
  if (!runs && runs.error().code == ErrorCode::kNotFound) return {};
  if (!runs) return Fail(runs.error());
  return Fail(ErrorCode::kRefused,
              "it is branch " + std::to_string(key->number) + " of transaction " +
                  key->gtid.text() + ", which is " + runs->state + " here and decides it",
              "'settle show " + key->gtid.text() + "' says what it waits for");
}

Result<Plan> PlanStray(Engine& engine, const Views& views, const ResolveCall& call) {
  if (Status stray = CheckStray(engine, call); !stray) return Fail(stray.error());
  const Result<Stray> found = views.FindStray(call.resource, call.prepared);
  if (!found) return Fail(found.error());
  const auto served =
      Await<std::vector<ParticipantView>>([&](auto done) { engine.Participants(done); });
  if (!served) return Fail(served.error());
  const auto serving = std::find_if(served->begin(), served->end(),
                                    [&](const auto& one) { return one.resource == call.resource; });
  Plan plan{CallOf(call, HeuristicAct::kStray), "", {}};
  Evidence where;
  if (serving != served->end()) where.database = serving->identity;
  plan.call.intent.branches = {{1, call.resource, Vote::kCommit, where}};
  const bool attached = serving != served->end() && !serving->sessions.empty();
  plan.would =
      "the branch that is prepared as " + call.prepared + " in " + call.resource + " would be " +
      Verb(call.to) + ", by " +
      (attached ? serving->sessions.front().process : "whoever serves " + call.resource + " next") +
      ", if it is still prepared there; it was left alone because " + found->why +
      ". Its own coordinator may have decided otherwise, or may yet: ask it first "
      "('settle show' there), or its siblings end in another way";
  return plan;
}

}  // namespace

Result<TransactionView> ResolveHeuristically(Engine& engine, const Views& views,
                                             const ResolveCall& call) {
  Result<Plan> plan = Fail(ErrorCode::kInvalid, "");
  std::unique_lock<std::mutex> deciding;
  if (!call.prepared.empty()) {
    deciding = views.DecideOfStrays();
    const auto act = FindAct(engine, call);
    if (!act) return Fail(act.error());
    if (*act && (*act)->heuristics.front().to != call.to) {
      return Fail(ErrorCode::kRefused,
                  "a person decided of it already: " + Words((*act)->heuristics.front()),
                  "'settle show " + (*act)->gtid.text() + "' says what became of it");
    }
    if (*act) return views.Show((*act)->gtid);
    plan = PlanStray(engine, views, call);
  } else {
    Result<TransactionView> view = views.Show(call.gtid);
    if (!view) return view;
    const HeuristicAct act = call.branch != 0 ? HeuristicAct::kVerdict : HeuristicAct::kForce;
    if (IsDone(view->summary, call, act)) return view;
    plan =
        call.branch != 0 ? PlanVerdict(call, *std::move(view)) : PlanForce(call, *std::move(view));
  }
  if (!plan) return Fail(plan.error());
  if (call.dry_run) {
    plan->now.would = std::move(plan->would);
    return plan->now;
  }
  const Result<Gtid> done =
      Await<Gtid>([&](auto reply) { engine.Intervene(plan->call, std::move(reply)); });
  if (!done) return Fail(done.error());
  return views.Show(*done);
}

}  // namespace settle::coordinator
