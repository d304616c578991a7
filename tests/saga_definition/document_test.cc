#include "saga_definition/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "saga_definition/check.h"
#include "saga_definition/json_text.h"

namespace settle::coordinator::saga {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

std::string Read(const std::string& name) {
  std::ifstream file(std::string(SETTLE_SAGA_DOCUMENTS) + "/" + name);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name << " cannot be read";
  return text.str();
}

// The trip with its member at `pointer` set to `value`; an empty one takes the member away.
std::string TripWith(const std::string& pointer, const std::string& value) {
  json trip = json::parse(Read("trip.json"));
  const json::json_pointer at(pointer);
  if (value.empty()) {
    trip[at.parent_pointer()].erase(at.back());
  } else {
    trip[at] = json::parse(value);
  }
  return trip.dump();
}

TEST(Document, WhatIsWrittenIsReadAsTheSameDefinition) {
  for (const char* name : {"trip.json", "smallest.json"}) {
    const Result<Definition> definition = ReadDocument(Read(name));
    ASSERT_TRUE(definition);
    const std::string written = WriteDocument(*definition);
    const Result<Definition> same = ReadDocument(written);
    ASSERT_TRUE(same) << same.error().message << written;
    EXPECT_EQ(*same, *definition) << written;
    EXPECT_EQ(WriteDocument(*same), written);
  }
}

// What the wire takes as one text must not be too long for it when it is asked for.
TEST(Document, ALongOneIsWrittenOutAboutAsLongAsItWas) {
  std::string numbers = "[7";
  for (int i = 0; i < 30'000; ++i) numbers += ",7";
  std::string document = R"({"saga":"s","steps":[)";
  for (int i = 0; i < 16; ++i) {
    document += (i == 0 ? "" : ",") + std::string(R"({"name":"s)") + std::to_string(i) +
                R"(","participant":"p","action":"a","input":)" + numbers + "]}";
  }
  document += "]}";
  const Result<Definition> definition = ReadDocument(document);
  ASSERT_TRUE(definition) << definition.error().message;
  const std::string written = WriteDocument(*definition);
  EXPECT_LT(written.size(), document.size() + 1'000);
  EXPECT_EQ(*ReadDocument(written), *definition);
}

TEST(Document, SaysEverythingOfADefinition) {
  const Result<Definition> trip = ReadDocument(Read("trip.json"));
  ASSERT_TRUE(trip) << trip.error().message;
  EXPECT_EQ(trip->name, "trip");
  EXPECT_EQ(trip->version, 3);
  EXPECT_EQ(trip->deadline_ms, 86'400'000);
  ASSERT_EQ(trip->steps.size(), 4U);
  const StepDefinition& hotel = trip->steps[1];
  EXPECT_EQ(hotel.participant, "hotels");
  EXPECT_EQ(hotel.action, "reserve-room");
  EXPECT_EQ(hotel.input, R"({"customer":{"$input":"/customer"},"nights":3})");
  EXPECT_EQ(hotel.kind, StepKind::kCompensatable);
  EXPECT_EQ(hotel.retry, (RetryPolicy{5, 500, 10'000, 150, 50}));
  const StepDefinition& payment = trip->steps[2];
  EXPECT_EQ(payment.kind, StepKind::kPivot);
  EXPECT_EQ(payment.timeout_ms, 60'000);
  EXPECT_THAT(payment.after, ElementsAre("flight", "hotel")) << "its input refers to them";
  EXPECT_EQ(trip->steps[3].kind, StepKind::kNoUndo);
  EXPECT_EQ(trip->steps[3].retry.attempts_max, 0);
}

TEST(Document, TheExampleOfThePageIsOne) {
  const char* top = std::getenv("SETTLE_SOURCE");
  std::ifstream file(std::string(top == nullptr ? "." : top) + "/docs/protocols.md");
  std::stringstream page;
  page << file.rdbuf();
  const std::string fence = "```json\n";
  const std::size_t begin = page.str().find(fence) + fence.size();
  ASSERT_GT(begin, fence.size()) << "the page cannot be read, or has no example";
  const auto trip = ReadDocument(page.str().substr(begin, page.str().find("```", begin) - begin));
  ASSERT_TRUE(trip) << trip.error().message;
  EXPECT_THAT(trip->steps[2].after, ElementsAre("hotel", "flight"));
}

TEST(Document, WhatIsLeftOutIsAsInTheValue) {
  const Result<Definition> one = ReadDocument(Read("smallest.json"));
  ASSERT_TRUE(one) << one.error().message;
  StepDefinition step;
  step.name = "a";
  step.participant = "p";
  step.action = "do";
  EXPECT_EQ(*one, (Definition{"one", 1, 0, {step}}));
}

TEST(Document, WhatIsWrongIsNamedWithItsPlace) {
  for (const auto& [pointer, value, what] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"", "[]", "the document must be an object"},
           {"/saga", "", "/saga is missing"},
           {"/saga", "7", "/saga must be a text"},
           {"/saga", R"("a b")", R"(the saga's name is "a b")"},
           {"/version", "0", "the saga's version must be 1 or more"},
           {"/version", "-1", "/version must be a whole number, 0 or more"},
           {"/version", "1.5", "/version must be a whole number, 0 or more"},
           {"/version", "2147483648", "/version is too large"},
           {"/deadline_ms", "99999999999999999999", "/deadline_ms must be a whole number"},
           {"/deadline_ms", "9223372036854775807", "deadline_ms is 9223372036854775807 and must"},
           {"/deadline", "5", "/deadline is not known here"},
           {"/steps", "", "/steps is missing"},
           {"/steps", "{}", "/steps must be a list"},
           {"/steps", "[]", "the saga has 0 steps and must have between 1 and 100"},
           {"/steps/1", "null", "/steps/1 must be an object"},
           {"/steps/1/name", "", "/steps/1/name is missing"},
           {"/steps/1/name", R"("")", R"(a step's name is "")"},
           {"/steps/1/name", R"("a/b")", R"(a step's name is "a/b")"},
           {"/steps/1/name", R"("flight")", R"(two steps are called "flight")"},
           {"/steps/1/participant", "[]", "/steps/1/participant must be a text"},
           {"/steps/1/participant", R"("\u0007")", R"(the participant of step "hotel" is "\x07")"},
           {"/steps/1/action", "", "/steps/1/action is missing"},
           {"/steps/1/compensation", "true", "/steps/1/compensation is not known here"},
           {"/steps/1/compensate", R"("always")", R"(/steps/1/compensate can only be "never")"},
           {"/steps/1/pivot", "1", "/steps/1/pivot must be true or false"},
           {"/steps/1/after", R"("flight")", "/steps/1/after must be a list of steps' names"},
           {"/steps/1/after", "[null]", "/steps/1/after/0 must be a step's name"},
           {"/steps/1/after", R"(["flights"])", R"("flights", which is no step of the saga)"},
           {"/steps/1/after", R"(["hotel"])", "wait for each other: hotel after hotel"},
           {"/steps/1/after", R"(["payment"])", "each other: hotel after payment after hotel"},
           {"/steps/1/retry", "5", "/steps/1/retry must be an object"},
           {"/steps/1/retry/attempts", "0", "/steps/1/retry/attempts must be 1 or more, or"},
           {"/steps/1/retry/attempts", R"("never")", "/steps/1/retry/attempts must be a whole"},
           {"/steps/1/retry/attempts", "1000001", R"(step "hotel": retry attempts is 1000001)"},
           {"/steps/1/retry/factor", "0.5", "/steps/1/retry/factor must be a number between 1"},
           {"/steps/1/retry/factor", R"("2")", "/steps/1/retry/factor must be a number between 1"},
           {"/steps/1/retry/first_ms", "0", R"(step "hotel": retry first_ms is 0 and must be)"},
           {"/steps/1/retry/maximum_ms", "499", "retry maximum_ms is 499 and must be between 500"},
           {"/steps/1/retry/jitter", "1.1", "/steps/1/retry/jitter must be a number between 0"},
           {"/steps/1/retry/jitter", "-0.1", "/steps/1/retry/jitter must be a number between 0"},
           {"/steps/1/retry/pauses", "1", "/steps/1/retry/pauses is not known here"},
           {"/steps/1/timeout_ms", "0", R"(step "hotel": timeout_ms is 0 and must be between 1)"},
           {"/steps/1/input", R"({"$result": "/mail"})", "wait for each other: hotel after mail"},
           {"/steps/1/input", R"({"$result": "/taxi"})", R"("taxi", which is no step of the saga)"},
           {"/steps/1/input", R"({"a": {"$ref": 1}})", R"(step "hotel": "/a" has a key that)"},
           {"/steps/1/input/x", '"' + std::string(70'000, 'x') + '"', "at most 65536 are allowed"},
           {"/steps/3/compensate", "", R"(step "mail" can be undone but does not come before the)"},
           {"/steps/3/pivot", "true", R"(step "mail" and step "payment" are both pivots)"},
           {"/steps/1/pivot", "true", R"(step "payment" and step "hotel" are both pivots)"},
       }) {
    const Result<Definition> bad = ReadDocument(pointer.empty() ? value : TripWith(pointer, value));
    ASSERT_FALSE(bad) << pointer << " " << value.substr(0, 50);
    EXPECT_EQ(bad.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(bad.error().message, HasSubstr(what)) << pointer << " " << value.substr(0, 50);
  }
}

TEST(Document, ACompensatableStepBesideThePivotIsRefusedToo) {
  const Result<Definition> beside = ReadDocument(
      TripWith("/steps/4", R"({"name": "car", "participant": "cars", "action": "reserve-car"})"));
  ASSERT_FALSE(beside);
  EXPECT_THAT(beside.error().message, HasSubstr(R"(step "car" can be undone but does not come)"));
  EXPECT_THAT(beside.error().advice, HasSubstr("let the pivot come after it"));
}

TEST(Document, N04_LimitsAreKept) {
  json many = json::parse(Read("smallest.json"));
  for (int i = 0; i < 100; ++i)
    many["steps"].push_back(
        {{"name", "s" + std::to_string(i)}, {"participant", "p"}, {"action", "do"}});
  EXPECT_THAT(ReadDocument(many.dump()).error().message, HasSubstr("101 steps"));
  many["steps"].erase(100);
  EXPECT_TRUE(ReadDocument(many.dump()));
  for (json& step : many["steps"]) step["input"] = std::string(20'000, 'x');
  EXPECT_THAT(ReadDocument(many.dump()).error().message, HasSubstr("the inputs of all steps have"));
  EXPECT_THAT(ReadDocument(std::string(3'000'000, ' ')).error().message,
              HasSubstr("at most 2097152 are allowed"));
  EXPECT_THAT(ReadDocument(std::string(100'000, '[')).error().message,
              HasSubstr("nested deeper than 64"));
}

// A chain the other way round, and everything after everything before it.
TEST(Document, ManyDependenciesTakeNoTime) {
  json chain = json::parse(R"({"saga": "chain", "steps": []})");
  for (int i = 0; i < 100; ++i) {
    json after = json::array();
    for (int j = i + 1; j < 100; ++j) after.push_back("s" + std::to_string(j));
    chain["steps"].push_back({{"name", "s" + std::to_string(i)},
                              {"participant", "p"},
                              {"action", "do"},
                              {"after", after}});
  }
  EXPECT_TRUE(ReadDocument(chain.dump()));
  chain["steps"][99]["after"] = {"s0"};
  EXPECT_THAT(ReadDocument(chain.dump()).error().message, HasSubstr("wait for each other: "));
}

void ExpectSane(const std::string& document) {
  const Result<Definition> read = ReadDocument(document);
  if (read) {
    EXPECT_TRUE(Check(*read));
    return;
  }
  EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(read.error().message.empty());
  for (const char c : read.error().message) ASSERT_TRUE(c >= ' ' && c < 127) << document;
}

TEST(Document, EveryMemberReplacedByAnythingIsReadOrRefused) {
  const json trip = json::parse(Read("trip.json"));
  const json members = trip.flatten();
  std::size_t documents = 0;
  for (const auto& [pointer, old] : members.items()) {
    for (json::json_pointer at(pointer); !at.empty(); at = at.parent_pointer()) {
      for (const char* value : {"null", "true", "-1", "1e99", "18446744073709551615", "\"\"",
                                "\"$result\"", "[]", "{}", "[[]]", R"({"$input": ""})"}) {
        json other = trip;
        other[at] = json::parse(value);
        ExpectSane(other.dump());
        ++documents;
      }
    }
  }
  EXPECT_GT(documents, 1'000U);
}

TEST(Document, BytesChangedAtRandomAreReadOrRefused) {
  const std::string trip = Read("trip.json");
  std::mt19937 random(4);
  std::size_t read = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string document = trip;
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
      const std::size_t at = random() % document.size();
      switch (random() % 4) {
        case 0: document[at] = static_cast<char>(random() % 256); break;
        case 1: document.erase(at, 1 + random() % 20); break;
        case 2: document.insert(at, document.substr(random() % document.size(), 10)); break;
        case 3: document[at] = document[random() % document.size()]; break;
      }
    }
    ExpectSane(document);
    read += ReadDocument(document) ? 1 : 0;
  }
  EXPECT_GT(read, 100U) << "nothing but refusals was tested";
}

}  // namespace
}  // namespace settle::coordinator::saga
