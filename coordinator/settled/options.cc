#include "settled/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <functional>
#include <sstream>
#include <utility>
#include <vector>

#include "protocol/records.h"
#include "settle/vocabulary/gtid.h"
#include "settled/config_file.h"
#include "settled/exit_codes.h"
#include "settled/option_values.h"

namespace settle::coordinator {
namespace {

namespace po = boost::program_options;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

using Several = std::vector<std::string>;

struct Row {
  std::string name;
  std::string argument;  // how --help calls its value
  std::string text;      // with unit, range and default
  std::function<Status(const std::string&, Options&)> apply;
  bool repeated = false;  // may be given several times
};

template <typename Field>
Row Duration(const char* name, const char* text, Range<milliseconds> range, Field field) {
  Options defaults;
  return {name, "DURATION",
          std::string(text) + " (" + ToText(range.least) + " to " + ToText(range.most) +
              "; default " + ToText(field(defaults)) + ")",
          [range, field](const std::string& given, Options& options) -> Status {
            const Result<milliseconds> value = ParseDuration(given, range);
            if (!value) return Fail(value.error());
            field(options) = *value;
            return {};
          }};
}

template <typename Field>
Row Count(const char* name, const char* text, Range<std::uint64_t> range, Field field) {
  Options defaults;
  return {name, "NUMBER",
          std::string(text) + " (" + std::to_string(range.least) + " to " +
              std::to_string(range.most) + "; default " + std::to_string(field(defaults)) + ")",
          [range, field](const std::string& given, Options& options) -> Status {
            const Result<std::uint64_t> value = ParseCount(given, range);
            if (!value) return Fail(value.error());
            field(options) = static_cast<std::decay_t<decltype(field(options))>>(*value);
            return {};
          }};
}

template <typename Field>
Row Path(const char* name, const char* text, Field field) {
  return {name, "PATH", text, [field](const std::string& given, Options& options) -> Status {
            if (given.empty()) return Fail(ErrorCode::kInvalid, "the path is empty");
            field(options) = given;
            return {};
          }};
}

channel::TlsFiles& TlsOf(Options& options) {
  return options.tls ? *options.tls : options.tls.emplace();
}

template <typename T, typename Field>
Row Word(const char* name, const char* argument, const char* text,
         std::optional<T> (*parse)(std::string_view), Field field) {
  return {name, argument, text, [=](const std::string& given, Options& options) -> Status {
            const std::optional<T> value = parse(given);
            if (!value) {
              return Fail(ErrorCode::kInvalid, "\"" + Escaped(given) + "\" is none of " + argument);
            }
            field(options) = *value;
            return {};
          }};
}

Row Listen() {
  return {"listen", "ADDRESS",
          "where to listen: HOST:PORT, port 0 takes any free one, or unix:/PATH; may be given "
          "several times (default 127.0.0.1:7420)",
          [](const std::string& given, Options& options) -> Status {
            const Result<server::ListenAddress> address = server::ParseListenAddress(given);
            if (!address) return Fail(address.error());
            options.listen.push_back(*address);
            return {};
          },
          /*repeated=*/true};
}

Row HttpListen() {
  return {
      "http-listen", "HOST:PORT",
      "where to serve metrics and health over HTTP; port 0 takes any free one (default: nowhere)",
      [](const std::string& given, Options& options) -> Status {
        const Result<server::ListenAddress> address = server::ParseTcpAddress(given);
        if (!address) return Fail(address.error());
        options.http_listen = *address;
        return {};
      }};
}

std::vector<Row> PlaceRows() {
  return {
      Path(
          "log",
          "the file of the decision log; made if it does not exist, its directory must (required)",
          [](Options & o) -> auto& { return o.log_path; }),
      Listen(),
      HttpListen(),
      Path(
          "access",
          "a file of rules, who may do what; read again when it changes (default: none, and "
          "whoever reaches an address of TCP may do everything)",
          [](Options & o) -> auto& { return o.access_file; }),
      Path(
          "ready-file", "written with the addresses once the daemon serves, removed when it stops",
          [](Options & o) -> auto& { return o.ready_file; }),
      Word(
          "log-level", "debug|info|warning|error",
          "the least level of lines on standard error (default info)", &ParseLogLevel,
          [](Options & o) -> auto& { return o.log.level; }),
      Word(
          "log-format", "text|json", "of the lines on standard error (default text)",
          &ParseLogFormat, [](Options & o) -> auto& { return o.log.format; }),
  };
}

std::vector<Row> TlsRows() {
  return {
      Path(
          "tls-certificate", "PEM: this daemon's certificate, then those up to its authority",
          [](Options & o) -> auto& { return TlsOf(o).certificate; }),
      Path(
          "tls-key", "PEM: its key, which nobody else may read, without a pass phrase",
          [](Options & o) -> auto& { return TlsOf(o).key; }),
      Path(
          "tls-ca", "PEM: the authorities that sign the certificates of whoever may connect",
          [](Options & o) -> auto& { return TlsOf(o).ca; }),
  };
}

std::vector<Row> TimeRows() {
  return {
      Duration(
          "transaction-timeout",
          "a transaction that named no time-out is aborted if commit was not asked", {100ms, 24h},
          [](Options & o) -> auto& { return o.engine.transaction_timeout; }),
      Duration(
          "max-transaction-timeout", "the longest time-out that a transaction can name", {1s, 24h},
          [](Options & o) -> auto& { return o.engine.transaction_timeout_max; }),
      Duration(
          "vote-timeout", "from asking for votes to the last one", {100ms, 1h},
          [](Options & o) -> auto& { return o.engine.vote_timeout; }),
      Duration(
          "commit-wait", "a commit that named no wait is answered, whatever is still open",
          {100ms, 1h}, [](Options & o) -> auto& { return o.engine.commit_wait; }),
      Duration(
          "session-timeout", "a participant that does not fetch for so long is taken for lost",
          {500ms, 1h}, [](Options & o) -> auto& { return o.engine.session_timeout; }),
      Duration(
          "retry-first", "before an unanswered command is sent again; then doubling", {10ms, 1min},
          [](Options & o) -> auto& { return o.engine.retry_first; }),
      Duration(
          "retry-max", "the longest pause before an unanswered command is sent again", {10ms, 1h},
          [](Options & o) -> auto& { return o.engine.retry_max; }),
      Duration(
          "call-timeout", "a try, confirm or cancel without an answer is called again after",
          {100ms, 24h}, [](Options & o) -> auto& { return o.engine.call_timeout; }),
      Duration(
          "drain-timeout", "how long a stop waits for transactions that are not decided", {0s, 1h},
          [](Options & o) -> auto& { return o.drain_timeout; }),
      Duration(
          "idle-timeout", "a connection without a call is closed", {1s, 24h},
          [](Options & o) -> auto& { return o.server.frame.idle_timeout; }),
      Duration(
          "io-timeout", "a message must be whole, and an answer taken, within", {100ms, 1h},
          [](Options & o) -> auto& { return o.server.frame.io_timeout; }),
  };
}

std::vector<Row> LimitRows() {
  return {
      Count(
          "shards", "threads that run transactions and serve connections", {1, 64},
          [](Options & o) -> auto& { return o.engine.shards; }),
      Count(
          "max-open-transactions", "open at a time; more are refused", {1, 10'000'000},
          [](Options & o) -> auto& { return o.engine.open_transactions_max; }),
      Count(
          "max-undecided-per-owner", "undecided at a time of one owner; more are refused",
          {1, 10'000'000}, [](Options & o) -> auto& { return o.engine.undecided_per_owner_max; }),
      Count(
          "max-sagas-per-owner", "sagas open at a time of one owner; more are refused",
          {1, 10'000'000}, [](Options & o) -> auto& { return o.engine.sagas_per_owner_max; }),
      Count(
          "max-branches", "of one transaction", {1, kBranchNumberMax},
          [](Options & o) -> auto& { return o.engine.branches_max; }),
      Count(
          "max-sessions", "participant sessions at a time; more are refused", {1, 100'000},
          [](Options & o) -> auto& { return o.engine.sessions_max; }),
      Count(
          "max-connections", "more are closed at once", {1, 100'000},
          [](Options & o) -> auto& { return o.server.connections_max; }),
      Count(
          "keep-ended",
          "ended transactions that the log remembers at least; older ones are answered \"expired\"",
          {1, 1'000'000'000}, [](Options & o) -> auto& { return o.keep_ended; }),
      Count(
          "keep-audit", "rows of the audit trail that are kept, two for each action of an operator",
          {1'000, 1'000'000'000}, [](Options & o) -> auto& { return o.keep_audit; }),
      Count(
          "losses-settled", "epoch up to which somebody has looked after what a restored log lost",
          {0, 9'000'000'000'000'000'000},
          [](Options & o) -> auto& { return o.engine.losses_settled; }),
      Count(
          "max-frame-bytes", "of one message", {64 * 1024, 64 * 1024 * 1024},
          [](Options & o) -> auto& { return o.server.frame.frame_bytes_max; }),
  };
}

std::vector<Row> AllRows() {
  std::vector<Row> rows = PlaceRows();
  for (Row& row : TlsRows()) rows.push_back(std::move(row));
  for (Row& row : TimeRows()) rows.push_back(std::move(row));
  for (Row& row : LimitRows()) rows.push_back(std::move(row));
  return rows;
}

po::options_description Describe(const char* title, const std::vector<Row>& rows) {
  po::options_description description(title, 110, 60);
  for (const Row& row : rows) {
    const po::value_semantic* const value =
        row.repeated
            ? static_cast<po::value_semantic*>(po::value<Several>()->value_name(row.argument))
            : po::value<std::string>()->value_name(row.argument);
    description.add_options()(row.name.c_str(), value, row.text.c_str());
  }
  return description;
}

po::options_description ServingOptions() {
  po::options_description all;
  po::options_description places = Describe("Places", PlaceRows());
  places.add_options()(
      "insecure", po::bool_switch(),
      "listen beyond this machine although calls are neither encrypted nor authenticated");
  all.add(places)
      .add(Describe("TLS, of every TCP address: all three, or none", TlsRows()))
      .add(Describe("Times (500ms, 10s, 5m, 1h)", TimeRows()))
      .add(Describe("Limits", LimitRows()));
  return all;
}

po::options_description CommandLineOptions() {
  po::options_description asking("Asking", 110, 60);
  asking.add_options()("config", po::value<std::string>()->value_name("PATH"),
                       "a file of these options, a line each: name = value; the command line wins");
  asking.add_options()("help", "print this and end")("version", "print the release and end");
  po::options_description all;
  all.add(ServingOptions()).add(asking);
  return all;
}

std::string HelpText() {
  std::ostringstream text;
  text << "settled " << Release() << ": the coordinator of distributed transactions\n\n"
       << "  settled --log PATH [options]\n"
       << CommandLineOptions() << "\n"
       << "SIGTERM and SIGINT stop it: it begins no more transactions, waits for those that are "
          "not decided,\n"
       << "and ends; a second signal ends the waiting. SIGHUP reads the files of --access and\n"
       << "--tls-... again.\n\n"
       << DescribeExitCodes();
  return text.str();
}

Status ReadConfig(const std::string& path, po::variables_map& given) {
  const std::vector<Row> rows = AllRows();
  const po::options_description known = ServingOptions();
  const auto check = [&rows](const std::string& name, const std::string& value) -> Status {
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const Row& one) { return one.name == name; });
    Options scratch;
    return row == rows.end() ? Status() : row->apply(value, scratch);
  };
  Result<po::parsed_options> parsed = ParseConfigFile(path, known, check);
  if (!parsed) return Fail(parsed.error());
  po::store(*parsed, given);
  return {};
}

Status CheckTogether(const Options& options) {
  if (options.log_path.empty()) {
    return Fail(
        ErrorCode::kInvalid, "--log is missing: where is the decision log?",
        "for example --log /var/lib/settle/settle.db; the file is made if it does not exist");
  }
  if (options.tls &&
      (options.tls->certificate.empty() || options.tls->key.empty() || options.tls->ca.empty())) {
    return Fail(ErrorCode::kInvalid,
                "of --tls-certificate, --tls-key and --tls-ca some are missing",
                "give all three, or none of them");
  }
  if (options.tls && options.access_file.empty()) {
    return Fail(ErrorCode::kInvalid,
                "--tls-certificate without --access: every certificate that the authority ever "
                "signed would be as good as any other, so none may do anything",
                "name a file of rules, who may do what: docs/security.md shows one");
  }
  if (options.engine.retry_first > options.engine.retry_max) {
    return Fail(ErrorCode::kInvalid, "--retry-first is longer than --retry-max");
  }
  if (options.engine.transaction_timeout > options.engine.transaction_timeout_max) {
    return Fail(ErrorCode::kInvalid,
                "--transaction-timeout is longer than --max-transaction-timeout");
  }
  return {};
}

Result<Options> Apply(const po::variables_map& given) {
  Options options;
  options.insecure = given["insecure"].as<bool>();
  for (const Row& row : AllRows()) {
    if (given.count(row.name) == 0) continue;
    const po::variable_value& value = given[row.name];
    for (const std::string& one :
         row.repeated ? value.as<Several>() : Several{value.as<std::string>()}) {
      if (Status applied = row.apply(one, options); !applied) {
        return Fail(applied.error().code, "--" + row.name + ": " + applied.error().message,
                    applied.error().advice);
      }
    }
  }
  if (options.listen.empty()) options.listen = {{"127.0.0.1", 7420}};
  if (Status together = CheckTogether(options); !together) return Fail(together.error());
  return options;
}

}  // namespace

Result<Invocation> ParseInvocation(int argc, const char* const* argv) {
  po::variables_map given;
  const po::positional_options_description none;  // without it boost ignores stray words
  const po::options_description known = CommandLineOptions();
  try {
    using Style = po::command_line_style::style_t;
    po::command_line_parser parser(argc, argv);
    parser.options(known).positional(none);
    // Whole names only: a guess at "--log" would change its meaning with every option that is
    // added.
    parser.style(Style::allow_long | Style::long_allow_next | Style::long_allow_adjacent);
    po::store(parser.run(), given);
  } catch (const po::error& error) {
    return Fail(ErrorCode::kInvalid, Escaped(error.what()), "--help lists the options");
  }
  if (given.count("help") != 0) return Invocation{std::nullopt, HelpText()};
  if (given.count("version") != 0)
    return Invocation{std::nullopt, std::string("settled ") + Release() + "\n"};
  if (given.count("config") != 0) {
    if (Status read = ReadConfig(given["config"].as<std::string>(), given); !read)
      return Fail(read.error());
  }
  Result<Options> options = Apply(given);
  if (!options) return Fail(options.error());
  return Invocation{*std::move(options), {}};
}

const char* Release() { return SETTLE_RELEASE; }

}  // namespace settle::coordinator
