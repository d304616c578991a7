// The same trip with its hotels served by Python, over nothing but the wire contract.
#include "trip_saga_world.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

class PythonHotels : public TripSaga {
 protected:
  Launch HotelsInPython(const std::vector<std::string>& words = {}) {
    const std::string name = directory_ / ("hotels-" + std::to_string(++runs_));
    Launch launch{.arguments = {PYTHON, SOURCE "/examples/python_client/hotels.py", "--coordinator",
                                daemon_.address()},
                  .output_path = name + ".out",
                  .error_path = name + ".err",
                  .environment = {"PYTHONPATH=" PYTHON_GENERATED, "PYTHONDONTWRITEBYTECODE=1"}};
    launch.arguments.insert(launch.arguments.end(), words.begin(), words.end());
    launch.arguments.push_back(directory_ / "trips/hotels.db");
    return launch;
  }
  static void AwaitServing(Process& hotels) {
    ASSERT_TRUE(WaitUntil([&] { return hotels.Output().starts_with("serving"); }))
        << hotels.Errors();
  }
  static void End(Process& hotels) {
    hotels.Signal(SIGTERM);
    EXPECT_EQ(hotels.Wait(), (Ended{0, {}})) << hotels.Errors();
    EXPECT_EQ(hotels.Errors(), "");
  }
  // Everything else is C++.
  std::vector<std::string> Others(std::vector<std::string> words) {
    words.insert(words.end(), {"--serve", "airline", "cars", "bank", "mail"});
    return words;
  }
};

TEST_F(PythonHotels, ServeTheirPartOfATripForwardAndBack) {
  Process hotels(HotelsInPython());
  AwaitServing(hotels);
  const Travelled booked = Travel(Others({}));
  EXPECT_EQ(booked.ended, (Ended{0, {}})) << booked.output << booked.errors << hotels.Errors();
  EXPECT_THAT(booked.output, HasSubstr("hotel    hotels       reserved for 200  -\n"));
  EXPECT_EQ(World(), "99 99 99 9400 1");

  const Travelled undone = Travel(Others({"--fail", "payment"}));
  EXPECT_EQ(undone.ended, (Ended{1, {}})) << undone.output << undone.errors << hotels.Errors();
  EXPECT_THAT(undone.output, HasSubstr("hotel    hotels       reserved for 200  cancelled\n"));
  EXPECT_EQ(World(), "99 99 99 9400 1");

  const Travelled failed = Travel(Others({"--fail", "hotel"}));
  EXPECT_EQ(failed.ended, (Ended{1, {}})) << failed.output << failed.errors << hotels.Errors();
  EXPECT_THAT(failed.output, HasSubstr("aborted: step hotel failed: nothing is free in this"));
  EXPECT_EQ(World(), "99 99 99 9400 1");
  End(hotels);
}

// Killed before and after the effect; the next process may be of either language, because both
// keep the same notes.
TEST_F(PythonHotels, M01_TheirStepTakesEffectOnceWhenTheyAreKilledInsideOfIt) {
  int trips = 0;
  for (const std::string when : {"before", "after"}) {
    for (const bool same_language : {true, false}) {
      Process dying(HotelsInPython({"--die", when}));
      AwaitServing(dying);
      Process traveller(TripProgram(Others({})));
      EXPECT_EQ(dying.Wait(), (Ended{{}, SIGKILL})) << "the fault did not fire";
      Process next(same_language ? HotelsInPython() : TripProgram({"--stay", "--serve", "hotels"}));
      AwaitServing(next);
      EXPECT_EQ(traveller.Wait(60s), (Ended{0, {}})) << traveller.Output() << traveller.Errors();
      const std::string left = std::to_string(100 - ++trips);
      EXPECT_EQ(World(), left + " " + left + " " + left + " " +
                             std::to_string(10'000 - 600 * trips) + " " + std::to_string(trips))
          << when << "\n"
          << traveller.Output();
      End(next);
    }
  }
}

TEST_F(PythonHotels, ServeOnAfterTheCoordinatorWasKilled) {
  Process hotels(HotelsInPython());
  AwaitServing(hotels);
  ASSERT_EQ(Travel(Others({})).ended, (Ended{0, {}}));
  daemon_.Kill();
  daemon_.Start();
  const Travelled again = Travel(Others({}));
  EXPECT_EQ(again.ended, (Ended{0, {}})) << again.output << again.errors << hotels.Errors();
  EXPECT_EQ(World(), "98 98 98 8800 2");
  hotels.Signal(SIGTERM);
  EXPECT_EQ(hotels.Wait(), (Ended{0, {}})) << hotels.Errors();
}

// What they noted of trips that have ended goes, and a call of one that comes again has no effect.
TEST_F(PythonHotels, ForgetWhatHasEnded) {
  Process hotels(HotelsInPython());
  AwaitServing(hotels);
  ASSERT_EQ(Travel(Others({})).ended, (Ended{0, {}}));
  EXPECT_TRUE(WaitUntil([this] {
    return Ask("hotels", "SELECT count(*) FROM settle_barrier") == "0";
  })) << hotels.Errors();
  EXPECT_EQ(Ask("hotels", "SELECT count(*) FROM settle_barrier_mark"), "1");
  End(hotels);
}

}  // namespace
}  // namespace settle::testing
