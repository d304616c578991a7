#include <utility>

#include "postgres/branch.h"
#include "postgres/database.h"
#include "settle/postgres_resource.h"

namespace settle {
namespace {

class ResourceOnDatabase : public PostgresResource {
 public:
  explicit ResourceOnDatabase(PostgresOptions options)
      : database_(std::make_shared<postgres::Database>(std::move(options))) {}

  const std::string& name() const override { return database_->options().name; }
  Result<std::string> Identify() override { return database_->Identify(); }
  std::vector<std::string> warnings() const override { return database_->warnings(); }
  Result<std::vector<std::string>> ScanPrepared() override { return database_->ScanPrepared(); }

  Result<std::shared_ptr<PostgresBranch>> Open(const BranchKey& key) override {
    Result<postgres::Lease> lease = database_->Take(postgres::Purpose::kBranch);
    if (!lease) return Fail(std::move(lease).error());
    return std::make_shared<postgres::BranchOnConnection>(database_, key, *std::move(lease));
  }
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence) override {
    return database_->Finish(key, decision, evidence);
  }
  FinishResult Prove(const BranchKey& key, const Evidence& evidence) override {
    return database_->Prove(key, evidence);
  }

 private:
  const std::shared_ptr<postgres::Database> database_;
};

}  // namespace

std::shared_ptr<PostgresResource> PostgresResource::Make(PostgresOptions options) {
  return std::make_shared<ResourceOnDatabase>(std::move(options));
}

}  // namespace settle
