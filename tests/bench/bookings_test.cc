// What the saga suite takes for proof that every saga took effect once.
#include "bench/bookings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class BookingsOfThree : public ::testing::Test {
 protected:
  BookingsOfThree() {
    by_hand_.Book("a");
    by_hand_.Book("b");
    // As a compensated saga leaves it.
    first_.Run("INSERT INTO booking (name, undone) VALUES ('c', 1)", "INSERT 0 1");
    second_.Run("INSERT INTO booking (name, undone) VALUES ('c', 1)", "INSERT 0 1");
  }

  void ExpectRefused(const char* words) {
    EXPECT_THAT([&] { bookings_.Check(2, 1); },
                ThrowsMessage<std::runtime_error>(HasSubstr(words)));
  }

  Bookings bookings_{testing::TemporaryDirectory::DefaultParent(), "", 2};
  BooksByHand by_hand_{bookings_};
  PostgresSession first_{bookings_.dsns()[0]};
  PostgresSession second_{bookings_.dsns()[1]};
  PostgresSession third_{bookings_.dsns()[2]};
};

TEST_F(BookingsOfThree, AreRightWhenEachIsThereOnce) {
  EXPECT_NO_THROW(bookings_.Check(2, 1));
  by_hand_.Book("d");
  EXPECT_NO_THROW(bookings_.Check(1, 0)) << "of what came since";
}

TEST_F(BookingsOfThree, AreWrongWhenOneIsMissing) {
  third_.Run("DELETE FROM booking WHERE name = 'b'", "DELETE 1");
  ExpectRefused("service 3 has these bookings: \"1 0 1 1\", and should have \"2 0 2 2\"");
}

TEST_F(BookingsOfThree, AreWrongWhenOneIsThereTwiceAndAnotherIsMissing) {
  second_.Run("UPDATE booking SET name = 'a' WHERE name = 'b'", "UPDATE 1");
  ExpectRefused("service 2 has these bookings: \"2 1 2 3\"");
}

TEST_F(BookingsOfThree, AreWrongWhenOneWasUndoneTwiceOrNotAtAll) {
  first_.Run("UPDATE booking SET undone = 2 WHERE name = 'c'", "UPDATE 1");
  ExpectRefused("service 1 has these bookings: \"2 0 3 3\"");
}

TEST_F(BookingsOfThree, AreWrongWhenTheRefusedStepTookEffect) {
  third_.Run("INSERT INTO booking (name) VALUES ('c')", "INSERT 0 1");
  ExpectRefused("service 3");
}

}  // namespace
}  // namespace settle::bench
