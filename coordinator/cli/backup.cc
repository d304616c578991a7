#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/log_report.h"
#include "cli/verb.h"
#include "log/backup_file.h"

namespace settle::cli {
namespace {

std::string Percent(std::int64_t done, std::int64_t all) {
  return fmt::format("{} of {} MB", done >> 20, all >> 20);
}

Result<wire::BackupView> AwaitCopy(Surroundings& around) {
  Result<wire::BackupView> view = around.client.BeginBackup();
  while (view && !view->complete) {
    around.progress("the coordinator copies its log: " + Percent(view->copied, view->size));
    view = around.client.AwaitBackup();
  }
  return view;
}

Status Fetch(std::int64_t size, coordinator::BackupFile& file, Surroundings& around) {
  std::int64_t fetched = 0;
  for (;;) {
    around.progress("fetching: " + Percent(fetched, size));
    const Result<std::string> bytes = around.client.ReadBackup(fetched);
    if (!bytes) return Fail(bytes.error());
    if (bytes->empty()) return {};
    fetched += static_cast<std::int64_t>(bytes->size());
    if (fetched > size) {  // it would fill the disk for as long as it likes
      return Fail(ErrorCode::kInternal,
                  fmt::format("it sends more than the {} bytes that its copy has", size),
                  "is it a settled that listens there? Nothing was kept of what it sent");
    }
    if (Status written = file.Write(*bytes); !written) return written;
  }
}

Result<coordinator::LogReport> MakeBackup(const std::string& path, Surroundings& around) {
  Result<coordinator::BackupFile> file = coordinator::BackupFile::Make(path);
  if (!file) return Fail(file.error());
  const Result<wire::BackupView> copy = AwaitCopy(around);
  if (!copy) return Fail(copy.error());
  if (Status fetched = Fetch(copy->size, *file, around); !fetched) return Fail(fetched.error());
  // Only frees the coordinator's copy sooner: it goes with the connection in any case.
  static_cast<void>(around.client.EndBackup());
  return file->Publish(Verifying(around));
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const auto report = MakeBackup(given.operands.at(0), around);
  around.progress("");
  if (!report) return Fail(report.error());
  return Answer{.text = ReportText(*report, around) + "it is written, synced and sound\n",
                .json = ToJson(*report)};
}

}  // namespace

const Verb kBackup{
    .name = "backup",
    .operands = {"FILE"},
    .options = {},
    .summary = "copy the running coordinator's decision log into FILE, and verify the copy",
    .details =
        "The copy is of one moment, and the coordinator serves meanwhile. FILE is made on this "
        "machine, for\n"
        "its owner alone, and has its name only once it is whole, synced and verified; until then "
        "it "
        "is\n"
        "FILE.new. A file is never overwritten. The coordinator needs room for one copy beside its "
        "log for as\n"
        "long as this takes. No coordinator serves from a backup: 'settle restore' makes a log of "
        "it.",
    .run = Run};

}  // namespace settle::cli
