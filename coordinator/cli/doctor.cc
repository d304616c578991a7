#include <fmt/format.h>

#include <algorithm>

#include "cli/admin_client.h"
#include "cli/arguments.h"
#include "cli/findings.h"
#include "cli/reach.h"
#include "cli/verb.h"

namespace settle::cli {
namespace {

using std::chrono::milliseconds;

// By the codes of the coordinator's findings.
const std::vector<std::string>& OwnSections() {
  static const std::vector<std::string> kSections{"coordinator", "log", "clock", "participants",
                                                  "in-doubt"};
  return kSections;
}
constexpr const char* kResources = "resources";

milliseconds TimeoutOf(const Surroundings& around) {
  return around.timeout.value_or(kDefaultTimeout);
}

Section Of(const wire::ExaminedView& view) {
  Section section{"resource " + view.resource, {}};
  if (!view.__isset.examination) {
    section.findings.push_back(
        {"resource-answer", Severity::kWarning, "nothing is known: " + view.how.why_not,
         "'settle participants' shows who serves it; what is prepared there cannot be finished by "
         "anybody else"});
    return section;
  }
  section.findings = FromWire(view.examination.findings);
  if (section.findings.empty()) {
    section.findings.push_back({"resource-answer", Severity::kNote,
                                "its process (" + view.how.process + ") says nothing of it", ""});
  }
  return section;
}

// Every resource, by pages. Each gets what is left of the time-out, so that one that hangs is told
// as that.
Status ExamineResources(Surroundings& around, std::vector<Section>& sections) {
  wire::ExamineRequest request;
  request.wait_ms = std::clamp<std::int64_t>(TimeoutOf(around).count() * 3 / 4, 1, 60'000);
  request.most = 1000;
  do {
    const Result<wire::ExamineReply> reply = around.client.Examine(request);
    if (!reply) return Fail(reply.error());
    for (const wire::ExaminedView& view : reply->resources) sections.push_back(Of(view));
    request.cursor = reply->next_cursor;
  } while (!request.cursor.empty());
  return {};
}

Answer Unreached(const Error& error, const Surroundings& around) {
  const Result<Address> address = ParseAddress(around.address);
  Section reach{"reach", {}};
  if (address) reach.findings = ExamineReach(*address, error.message, TimeoutOf(around) / 2);
  Answer answer = Report({reach}, around.paint);
  answer.exit = ExitCode::kUnreachable;
  return answer;
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const std::string only = given.Option("only");
  const bool own = std::ranges::count(OwnSections(), only) != 0;
  if (!only.empty() && !own && only != kResources) {
    return Fail(ErrorCode::kInvalid, "there is no section \"" + Printable(only) + "\"",
                "give one of coordinator, log, clock, participants, in-doubt, resources");
  }
  std::vector<Section> sections;
  if (only != kResources) {
    const Result<wire::DiagnosisReply> reply = around.client.Diagnose();
    if (!reply && reply.error().code == ErrorCode::kUnavailable) {
      return Unreached(reply.error(), around);
    }
    if (!reply) return Fail(reply.error());
    sections = BySection(FromWire(reply->findings), OwnSections());
    if (own) std::erase_if(sections, [&](const Section& section) { return section.name != only; });
  }
  if (!own) {
    const Status examined = ExamineResources(around, sections);
    if (!examined && examined.error().code == ErrorCode::kUnavailable) {
      return Unreached(examined.error(), around);
    }
    if (!examined) return Fail(examined.error());
  }
  return Report(sections, around.paint);
}

}  // namespace

const Verb kDoctor{
    .name = "doctor",
    .operands = {},
    .options = {{"only", "SECTION",
                 "coordinator, log, clock, participants, in-doubt or resources alone"}},
    .summary = "examines the whole deployment and says what to do about what it finds",
    .details =
        "Asks the coordinator about itself, its log, its machine's disk and clock, and through the "
        "processes that\n"
        "serve them every database. Changes nothing. A sound deployment has notes at most, and the "
        "exit code is 0; it\n"
        "is 10 when there is a warning or a problem. What each code in brackets means is in "
        "docs/doctor.md.",
    .run = Run};

}  // namespace settle::cli
