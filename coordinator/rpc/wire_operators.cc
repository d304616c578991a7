// What operators ask, from the wire.
#include <utility>

#include "rpc/wire.h"
#include "rpc/wire_checks.h"

namespace settle::coordinator {

// What a person does is recorded under their name and with their reason, so both must be there.
Status CheckWhoAndWhy(const std::string& operator_name, const std::string& reason) {
  if (operator_name.empty()) return Wrong("operator_name", "is empty: say who asks");
  if (reason.empty()) return Wrong("reason", "is empty: say why");
  if (Status text = CheckText("operator_name", operator_name, kNameBytesMax); !text) return text;
  return CheckText("reason", reason, kWordsBytesMax);
}

Result<SendAgainCall> FromWire(const wire::SendAgainRequest& request) {
  SendAgainCall call;
  if (!request.gtid.empty()) {
    Result<Gtid> gtid = GtidFromWire(request.gtid);
    if (!gtid) return Fail(gtid.error());
    if (!request.resource.empty()) return Wrong("resource", "is given beside a gtid");
    call.gtid = *std::move(gtid);
    if (Status step = CheckText("step", request.step, kKeyBytesMax); !step)
      return Fail(step.error());
    call.step = request.step;
  } else if (!request.step.empty()) {
    return Wrong("step", "is given without the gtid of its saga");
  } else if (!request.resource.empty()) {
    if (Status name = CheckResourceName(request.resource); !name) return Fail(name.error());
    call.resource = request.resource;
  }
  if (Status who = CheckText("operator_name", request.operator_name, kNameBytesMax); !who)
    return Fail(who.error());
  call.operator_name = request.operator_name;
  call.dry_run = request.dry_run;
  return call;
}

namespace {

Status CheckStray(const wire::ResolveRequest& request) {
  if (!request.gtid.empty()) return Wrong("gtid", "is given beside a prepared branch");
  if (request.branch != 0) return Wrong("branch", "is given beside a prepared branch");
  if (Status name = CheckResourceName(request.resource); !name) return name;
  return CheckText("prepared", request.prepared, kNameBytesMax);
}

}  // namespace

Result<ResolveCall> FromWire(const wire::ResolveRequest& request) {
  ResolveCall call;
  if (!request.prepared.empty()) {
    if (Status stray = CheckStray(request); !stray) return Fail(stray.error());
    call.resource = request.resource;
    call.prepared = request.prepared;
  } else {
    Result<Gtid> gtid = GtidFromWire(request.gtid);
    if (!gtid) return Fail(gtid.error());
    if (!request.resource.empty()) return Wrong("resource", "is given without a prepared branch");
    call.gtid = *std::move(gtid);
  }
  if (request.branch < 0 || request.branch > static_cast<std::int32_t>(kBranchNumberMax))
    return Wrong("branch", "is " + std::to_string(request.branch));
  call.branch = static_cast<BranchNumber>(request.branch);
  const bool verdict = call.branch != 0;
  const char* const commit = verdict ? "committed" : "commit";
  const char* const abort = verdict ? "aborted" : "abort";
  if (request.to != commit && request.to != abort) {
    return Wrong("to",
                 "is \"" + Escaped(request.to) + "\"; " + commit + " or " + abort + " are allowed");
  }
  call.to = request.to == commit ? Decision::kCommit : Decision::kAbort;
  if (Status who = CheckWhoAndWhy(request.operator_name, request.reason); !who)
    return Fail(who.error());
  call.heuristic = request.heuristic;
  call.dry_run = request.dry_run;
  const bool needs = verdict || !call.prepared.empty();
  if (needs && !call.heuristic) return Wrong("heuristic", "is needed: a person decides here");
  call.operator_name = request.operator_name;
  call.reason = request.reason;
  return call;
}

Result<StepActCall> FromWire(const wire::ActOnStepRequest& request) {
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  const bool skip = request.act == "skip";
  if (!skip && request.act != "set-input")
    return Wrong("act", "is \"" + Escaped(request.act) + "\"; skip or set-input are allowed");
  if (skip && !request.input.empty()) return Wrong("input", "is given to a skip");
  if (request.step.empty()) return Wrong("step", "is empty");
  for (const Status& checked : {CheckText("step", request.step, kKeyBytesMax),
                                CheckText("input", request.input, kJsonBytesMax),
                                CheckWhoAndWhy(request.operator_name, request.reason)}) {
    if (!checked) return Fail(checked.error());
  }
  return StepActCall{
      *std::move(gtid), request.step,          skip ? SagaAct::kSkip : SagaAct::kSetInput,
      request.input,    request.operator_name, request.reason};
}

Result<ForgetRequested> FromWire(const wire::ForgetRequest& request) {
  Result<Gtid> gtid = GtidFromWire(request.gtid);
  if (!gtid) return Fail(gtid.error());
  if (Status who = CheckWhoAndWhy(request.operator_name, request.reason); !who)
    return Fail(who.error());
  return ForgetRequested{{*std::move(gtid), request.operator_name, request.reason},
                         request.dry_run};
}

Result<ResourceRecord> IdentityFromWire(const std::string& resource, const std::string& identity,
                                        const std::string& operator_name,
                                        const std::string& reason) {
  if (Status name = CheckResourceName(resource); !name) return Fail(name.error());
  if (identity.empty()) return Wrong("identity", "is empty");
  if (Status text = CheckText("identity", identity, kNameBytesMax); !text)
    return Fail(text.error());
  if (Status who = CheckWhoAndWhy(operator_name, reason); !who) return Fail(who.error());
  return ResourceRecord{resource, identity, operator_name, reason, 0};
}

}  // namespace settle::coordinator
