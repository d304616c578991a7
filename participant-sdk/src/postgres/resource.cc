#include <libpq-fe.h>

#include <memory>
#include <string_view>
#include <utility>

#include "postgres/branch.h"
#include "postgres/database.h"
#include "postgres/ledger.h"
#include "settle/postgres_resource.h"

namespace settle {
namespace {

class ResourceOnDatabase : public PostgresResource {
 public:
  explicit ResourceOnDatabase(PostgresOptions options)
      : database_(std::make_shared<postgres::Database>(std::move(options))), ledger_(*database_) {}

  const std::string& name() const override { return database_->options().name; }
  Result<std::string> Identify() override { return database_->Identify(); }
  std::vector<std::string> warnings() const override { return database_->warnings(); }
  Result<std::vector<std::string>> ScanPrepared() override { return database_->ScanPrepared(); }
  Result<Examination> Examine(const std::string& log_id,
                              std::chrono::milliseconds timeout) override {
    return database_->Examine(log_id, timeout);
  }
  std::optional<Evidence> EvidenceOf(const std::string& name) override {
    return database_->EvidenceOf(name);
  }
  SiteLedger* site_ledger() override {
    return database_->options().three_phase ? &ledger_ : nullptr;
  }

  Result<std::shared_ptr<PostgresBranch>> Open(const BranchKey& key) override {
    Result<postgres::Lease> lease = database_->Take(postgres::Purpose::kWork);
    if (!lease) return Fail(std::move(lease).error());
    return std::make_shared<postgres::BranchOnConnection>(database_, key, *std::move(lease));
  }
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence) override {
    return database_->Finish(key, decision, evidence);
  }
  FinishResult Prove(const BranchKey& key, const Evidence& evidence) override {
    return database_->Prove(key, evidence);
  }
  Result<LiveBranch> Inspect(const BranchKey& key, const Evidence& evidence,
                             std::chrono::milliseconds timeout) override {
    return database_->Inspect(key, evidence, timeout);
  }

 private:
  const std::shared_ptr<postgres::Database> database_;
  postgres::Ledger ledger_;
};

}  // namespace

Result<bool> HoldsPassword(const std::string& dsn) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(dsn.c_str(), nullptr), &PQconninfoFree);
  if (options == nullptr) {  // libpq's own words would repeat a part of it
    return Fail(ErrorCode::kInvalid, "the dsn is not a connection string that libpq can read",
                "write it as 'host=db1 dbname=bank user=agent' or as postgresql://agent@db1/bank");
  }
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    const bool secret = keyword == "password" || keyword == "sslpassword";
    if (secret && option->val != nullptr && *option->val != '\0') return true;
  }
  return false;
}

std::shared_ptr<PostgresResource> PostgresResource::Make(PostgresOptions options) {
  return std::make_shared<ResourceOnDatabase>(std::move(options));
}

}  // namespace settle
