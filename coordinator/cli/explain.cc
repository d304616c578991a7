#include <fmt/format.h>

#include <algorithm>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/live.h"
#include "cli/show.h"
#include "cli/table.h"

namespace settle::cli {
namespace {

constexpr std::size_t kWidth = 100;

// Broken between words, the lines after the first indented as the first one's text.
std::string Wrapped(const std::string& bullet, const std::string& text) {
  const std::string indent(bullet.size(), ' ');
  std::string out;
  std::string line = bullet;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    const bool first = line.size() == bullet.size();
    if (!first && line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line = indent + word;
    } else {
      line += (first ? "" : " ") + word;
    }
    at = end + 1;
  }
  return out + line + "\n";
}

std::string Paragraph(const std::string& head, const std::vector<std::string>& sentences,
                      Paint paint) {
  if (sentences.empty()) return {};
  std::string text = "\n" + paint.Bold(head) + "\n";
  for (const std::string& sentence : sentences) text += Wrapped("  - ", Printable(sentence));
  return text;
}

// Commands are never broken: they are there to be pasted.
std::vector<std::string> Commands(const wire::Explanation& words, const Surroundings& around) {
  std::vector<std::string> commands = words.commands;
  for (std::string& command : commands) command += around.reached_by;
  return commands;
}

std::string CommandsText(const std::vector<std::string>& commands, Paint paint) {
  if (commands.empty()) return {};
  std::string text = "\n" + paint.Bold("Commands") + "\n";
  for (const std::string& command : commands) text += "  " + Printable(command) + "\n";
  return text;
}

// Of what this coordinator cannot explain, at least that is said.
Error WithWhatWouldDoDamage(Error error) {
  if (error.code == ErrorCode::kExpired || error.code == ErrorCode::kWrongLog) {
    error.advice += (error.advice.empty() ? "" : "; ") +
                    std::string("doing its work again before that may do it twice");
  }
  return error;
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<wire::LookReply> reply = Look(given, around);
  if (!reply) return Fail(WithWhatWouldDoDamage(reply.error()));
  const wire::Explanation& words = reply->explanation;
  const Paint paint = around.paint;
  std::string text =
      fmt::format("{}  {}, {}\n", paint.Bold(Printable(reply->transaction.gtid)),
                  Printable(reply->transaction.state), EndingText(reply->transaction.ending));
  text += Paragraph("What happened", words.happened, paint);
  text += Paragraph("What it waits for", words.waits_for, paint);
  text += Paragraph("What is safe", words.safe, paint);
  text += Paragraph("What would do damage", words.harmful, paint);
  const std::vector<std::string> commands = Commands(words, around);
  text += CommandsText(commands, paint);
  Json json{{"gtid", reply->transaction.gtid},
            {"state", reply->transaction.state},
            {"ending", ToJson(reply->transaction.ending)},
            {"happened", words.happened},
            {"waits_for", words.waits_for},
            {"safe", words.safe},
            {"harmful", words.harmful},
            {"commands", commands},
            {"live", ToJson(reply->live)}};
  return Answer{
      .text = std::move(text), .json = std::move(json), .exit = ExitCodeOf(reply->transaction)};
}

}  // namespace

const Verb kExplain{
    .name = "explain",
    .operands = {"GTID"},
    .options = {NoLiveOption()},
    .summary = "one transaction in plain words: what happened, what is safe, what would do damage",
    .details =
        "Says what happened, what is waited for and why it does not come, what can be done without "
        "harm,\n"
        "what would do damage, and the commands to paste; every database that holds a branch is "
        "asked how\n"
        "it is now, unless --no-live is given. Waits for their answers at most two seconds, or "
        "three quarters\n"
        "of --timeout. Decides and changes nothing. Exit code 3 as 'settle show'.",
    .run = Run};

}  // namespace settle::cli
