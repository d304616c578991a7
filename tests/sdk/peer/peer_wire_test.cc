// What sites say to each other, over a wire that is cut after each byte, in both directions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <string>

#include "peer/peer_links.h"
#include "served_peer.h"
#include "support/faulty_wire.h"

namespace settle::sdk {
namespace {

using namespace std::chrono_literals;
using testing::FaultyWire;
using testing::Toward;

PeerCall Says(PeerVerb verb) {
  PeerCall call = Elect();
  call.message.verb = verb;
  return call;
}

class PeerWire : public ::testing::TestWithParam<PeerVerb> {
 protected:
  Result<SiteAnswer> Tell() { return links_.Tell(wire_.address(), Says(GetParam()), FromNow(10s)); }
  // Of one call and its answer, on a connection that is there.
  std::size_t LengthOf(Toward direction) {
    EXPECT_TRUE(Tell());
    const std::size_t before = wire_.Carried(direction);
    EXPECT_TRUE(Tell());
    return wire_.Carried(direction) - before;
  }

  std::atomic<int> heard_ = 0;
  ServedPeer peer_{[this](const PeerCall& call) {
    EXPECT_EQ(call.message.verb, GetParam());
    ++heard_;
    return Joined();
  }};
  FaultyWire wire_{static_cast<std::uint16_t>(
      std::stoul(peer_.address().substr(peer_.address().find(':') + 1)))};
  PeerLinks links_{nullptr};
};

// The site's own call may be lost; what its peer is told, it is told whole, and is never taken for
// the answer to something else.
TEST_P(PeerWire, N02_M10_CutAfterEachByte_IsAnAnswerOrNone_AndTheNextCallIsAnswered) {
  int cuts = 0;
  int answered = 0;
  for (const Toward direction : {Toward::kDaemon, Toward::kProgram}) {
    const std::size_t length = LengthOf(direction);
    ASSERT_GT(length, 40u) << "that is no exchange";
    for (std::size_t byte = 0; byte < length; ++byte, ++cuts) {
      const int heard_before = heard_;
      wire_.CutAfter(direction, byte);
      const Result<SiteAnswer> answer = Tell();
      EXPECT_FALSE(wire_.IsCutPending()) << "byte " << byte << " was never reached";
      EXPECT_TRUE(answer || answer.error().code == ErrorCode::kUnavailable)
          << Describe(answer.error());
      if (answer) {
        EXPECT_EQ(*answer, Joined());
        ++answered;
      }
      // A request of which a byte is missing was not heard; one whose answer was cut may be asked
      // again, and no more often.
      EXPECT_LE(heard_ - heard_before, 2) << "byte " << byte;
      const Result<SiteAnswer> next = Tell();
      ASSERT_TRUE(next) << "byte " << byte << ": " << Describe(next.error());
      EXPECT_EQ(*next, Joined());
    }
  }
  std::cout << "[   cuts   ] " << cuts << ", answered all the same " << answered << '\n';
}

std::string NameOfVerb(const ::testing::TestParamInfo<PeerVerb>& info) {
  static const char* const names[]{"",         "State",  "Elect", "PreCommit",
                                   "PreAbort", "Commit", "Abort"};
  return names[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(OfSites, PeerWire,
                         ::testing::Values(PeerVerb::kState, PeerVerb::kElect, PeerVerb::kPreCommit,
                                           PeerVerb::kPreAbort, PeerVerb::kCommit,
                                           PeerVerb::kAbort),
                         NameOfVerb);

}  // namespace
}  // namespace settle::sdk
