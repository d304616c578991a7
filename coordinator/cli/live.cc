#include "cli/live.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/show.h"

namespace settle::cli {
namespace {

using std::chrono::milliseconds;

const wire::LiveView* Find(const std::vector<wire::LiveView>& live, std::int32_t branch) {
  const auto found = std::find_if(live.begin(), live.end(),
                                  [&](const auto& each) { return each.branch == branch; });
  return found == live.end() ? nullptr : &*found;
}

// Not as the enum: a newer coordinator may send what this program does not know.
const char* Word(const wire::LiveBranch& live) {
  if (live.prepared) return "prepared";
  switch (live.proof) {
    case wire::Proof::COMMITTED: return "committed";
    case wire::Proof::ABORTED: return "rolled back";
    case wire::Proof::IN_PROGRESS: return "in progress";
    case wire::Proof::NONE: break;
  }
  return "not prepared";
}

const char* ProofWord(wire::Proof::type proof) {
  switch (proof) {
    case wire::Proof::COMMITTED: return "committed";
    case wire::Proof::ABORTED: return "aborted";
    case wire::Proof::IN_PROGRESS: return "in progress";
    case wire::Proof::NONE: return "none";
  }
  return "unrecognised";
}

std::string Joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + Printable(word);
  return all;
}

// "prepared since T by role teller; 5 locks, on account".
std::string Holdings(const wire::LiveBranch& live) {
  std::string text;
  if (live.prepared_us != 0) text += ", since " + Rfc3339(live.prepared_us);
  if (!live.owner.empty()) text += ", by role " + Printable(live.owner);
  if (live.locks != 0) {
    text += fmt::format("; holds {} lock{}{}{}", live.locks, live.locks == 1 ? "" : "s",
                        live.relations.empty() ? "" : " on ", Joined(live.relations));
  }
  return text;
}

std::string BranchText(const wire::LiveView& view, const std::string& resource, Paint paint) {
  std::string text = fmt::format("  branch {} in {}: ", view.branch, Printable(resource));
  if (!view.__isset.live) {
    return text + "no answer: " + Printable(view.how.why_not) + "\n";
  }
  std::string state = Printable(view.comparison);
  if (view.contradicts) state = paint.Alarm("CONTRADICTS THE DECISION: " + state);
  text +=
      state + Holdings(view.live) +
      fmt::format(" (answered in {} ms by {})\n", view.how.took_ms, Printable(view.how.process));
  if (!view.waiting.empty()) text += "    " + paint.Alarm(Printable(view.waiting)) + "\n";
  if (!view.live.unseen.empty()) text += "    not seen: " + Printable(view.live.unseen) + "\n";
  return text;
}

Json StateJson(const wire::LiveBranch& live) {
  Json json{{"prepared", live.prepared}};
  json["prepared_at"] = live.prepared_us == 0 ? Json(nullptr) : Json(Rfc3339(live.prepared_us));
  json["prepared_at_us"] = live.prepared_us == 0 ? Json(nullptr) : Json(live.prepared_us);
  json["role"] = live.owner;
  json["proof"] = ProofWord(live.proof);
  json["proof_detail"] = live.proof_detail;
  json["locks"] = live.locks;
  json["relations"] = live.relations;
  json["waiting"] = live.waiting;
  json["waiters"] = Json::array();
  for (const wire::WaitingSession& waiter : live.waiters) {
    json["waiters"].push_back({{"process_id", waiter.process_id},
                               {"user", waiter.user},
                               {"application", waiter.application},
                               {"waits_ms", waiter.waits_ms},
                               {"relation", waiter.relation}});
  }
  json["unseen"] = live.unseen;
  return json;
}

}  // namespace

VerbOption NoLiveOption() { return {"no-live", "", "do not ask the databases"}; }

Result<wire::LookReply> Look(const Given& given, Surroundings& around) {
  const Result<Gtid> gtid = WholeGtid(given.operands.at(0));
  if (!gtid) return Fail(gtid.error());
  wire::LookRequest request;
  request.gtid = gtid->text();
  request.wait_ms = 0;
  constexpr milliseconds kWaitMost{60'000};
  if (around.timeout)
    request.wait_ms = std::clamp(*around.timeout * 3 / 4, milliseconds(1), kWaitMost).count();
  if (given.Has("no-live")) request.__set_without_live(true);
  return around.client.Look(request);
}

std::string LiveWord(const std::vector<wire::LiveView>& live, std::int32_t branch) {
  const wire::LiveView* view = Find(live, branch);
  if (view == nullptr) return {};
  if (!view->__isset.live) return "no answer";
  const std::string word = Word(view->live);
  return view->contradicts ? word + "!" : word;
}

std::string LiveText(const wire::TransactionView& transaction,
                     const std::vector<wire::LiveView>& live, Paint paint) {
  if (live.empty()) return {};
  std::string text =
      fmt::format("{} {}\n", paint.Bold("LIVE, asked at"), Rfc3339(live.front().how.asked_us));
  for (const wire::BranchView& branch : transaction.branches) {
    if (const wire::LiveView* view = Find(live, branch.branch))
      text += BranchText(*view, branch.resource, paint);
  }
  return text;
}

Json ToJson(const wire::LiveView& live) {
  Json json{{"branch", live.branch}};
  json["asked"] = Rfc3339(live.how.asked_us);
  json["asked_us"] = live.how.asked_us;
  json["took_ms"] = live.how.took_ms;
  json["process"] = live.how.process;
  json["why_not"] = live.how.why_not;
  json["comparison"] = live.comparison;
  json["contradicts"] = live.contradicts;
  json["who_waits"] = live.waiting;
  const bool since = live.__isset.unserved_since_us && live.unserved_since_us != 0;
  json["unserved"] = live.__isset.unserved_since_us;
  json["unserved_since"] = since ? Json(Rfc3339(live.unserved_since_us)) : Json(nullptr);
  json["unserved_since_us"] = since ? Json(live.unserved_since_us) : Json(nullptr);
  json["state"] = live.__isset.live ? StateJson(live.live) : Json(nullptr);
  return json;
}

}  // namespace settle::cli
