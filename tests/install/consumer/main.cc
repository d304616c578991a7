// Uses something of every installed library, so that each must be found and linked.
#include <iostream>

#include "settle/coordinator.h"
#include "settle/postgres_resource.h"
#include "settle/sqlite_resource.h"

namespace {

void Say(const std::string& of, const settle::Error& error) {
  std::cout << of << ": " << ToString(error.code) << std::endl;
}

}  // namespace

// Everything it reaches for is missing, and each part says so.
int main() {
  const auto server = settle::PostgresResource::Make({.name = "server", .dsn = "host=/nowhere"});
  if (const auto identity = server->Identify(); !identity) Say("postgres", identity.error());
  const auto file = settle::SqliteResource::Make({.name = "file", .path = "/nowhere/file.db"});
  if (const auto identity = file->Identify(); !identity) Say("sqlite", identity.error());
  const auto coordinator = settle::Coordinator::Connect(
      {.addresses = {"127.0.0.1:1"}, .connect_timeout = std::chrono::milliseconds(200)});
  if (!coordinator) Say("sdk", coordinator.error());
}
