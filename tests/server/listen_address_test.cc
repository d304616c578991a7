#include "server/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace settle::server {
namespace {

TEST(ListenAddress, IsAHostAndAPort) {
  EXPECT_EQ(*ParseListenAddress("127.0.0.1:7420"), (ListenAddress{"127.0.0.1", 7420}));
  EXPECT_EQ(*ParseListenAddress("[::1]:0"), (ListenAddress{"::1", 0}));
  EXPECT_EQ(*ParseListenAddress("localhost:65535"), (ListenAddress{"localhost", 65535}));
}

TEST(ListenAddress, AnythingElseIsRefused) {
  for (const char* text :
       {"", ":", "7420", "127.0.0.1", "127.0.0.1:", ":7420", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:74x", "::1:7420", "127.0.0.1: 7420", "127.0.0.1:+1"}) {
    const auto parsed = ParseListenAddress(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid) << text;
  }
}

TEST(ListenAddress, OrTheFileOfAUnixSocket) {
  const auto parsed = ParseListenAddress("unix:/run/settle/settled.sock");
  ASSERT_TRUE(parsed) << Describe(parsed.error());
  EXPECT_EQ(parsed->path, "/run/settle/settled.sock");
  EXPECT_TRUE(Resolve(*parsed)->loopback());
  EXPECT_TRUE(Resolve(*parsed)->is_unix());
  EXPECT_FALSE(Resolve(*parsed)->any());
  EXPECT_EQ(Resolve(*parsed)->text(), "unix:/run/settle/settled.sock");
  for (const std::string& text :
       {std::string("unix:"), std::string("unix:relative.sock"), std::string("unix:/run/settle/"),
        std::string("unix:/a b"), "unix:/" + std::string(107, 'x')}) {
    EXPECT_FALSE(ParseListenAddress(text)) << text;
  }
  EXPECT_TRUE(ParseListenAddress("unix:/" + std::string(106, 'x')));
  EXPECT_FALSE(ParseTcpAddress("unix:/run/settle/settled.sock"));
}

TEST(ListenAddress, KnowsWhichAddressesOnlyThisMachineReaches) {
  EXPECT_TRUE(Resolve({"127.0.0.1", 1})->loopback());
  EXPECT_TRUE(Resolve({"127.8.9.10", 1})->loopback());
  EXPECT_TRUE(Resolve({"::1", 1})->loopback());
  EXPECT_FALSE(Resolve({"0.0.0.0", 1})->loopback());
  EXPECT_FALSE(Resolve({"::", 1})->loopback());
  EXPECT_FALSE(Resolve({"192.0.2.1", 1})->loopback());
}

TEST(ListenAddress, KnowsWhichAddressesStandForTheWholeMachine) {
  EXPECT_TRUE(Resolve({"0.0.0.0", 1})->any());
  EXPECT_TRUE(Resolve({"::", 1})->any());
  EXPECT_FALSE(Resolve({"127.0.0.1", 1})->any());
  EXPECT_FALSE(Resolve({"::1", 1})->any());
  EXPECT_FALSE(Resolve({"192.0.2.1", 1})->any());
}

TEST(ListenAddress, IsPrintedAsItIsWritten) {
  EXPECT_EQ(Resolve({"127.0.0.1", 7420})->text(), "127.0.0.1:7420");
  EXPECT_EQ(Resolve({"::1", 7420})->text(), "[::1]:7420");
}

}  // namespace
}  // namespace settle::server
