#include "saga_definition/references.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "saga_definition/json_text.h"

namespace settle::coordinator::saga {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::map<std::string, std::string> kResults{
    {"flight", R"({"seat": {"row": 12, "letter": "A"}, "prices": [120, 80], "a/b": 1})"},
    {"hotel", "null"},
    {"torn", "{"}};

Result<std::string> Resolve(const std::string& input, const std::string& saga_input = "{}") {
  return ResolveInput(input, saga_input, [](const std::string& step) {
    const auto known = kResults.find(step);
    return known == kResults.end() ? nullptr : &known->second;
  });
}

// A result of 64 KiB with a thousand references into it is read once and not a thousand times.
TEST(References, EachSourceIsReadOnceHoweverManyReferToIt) {
  std::string input = "[";
  for (int i = 0; i < 1'000; ++i) {
    input += (i == 0 ? "" : ",") + std::string(R"({"$result": "/)") +
             (i % 2 == 0 ? "flight" : "hotel") + R"(/price"})";
  }
  input += "]";
  const std::string result = R"({"price": 7, "rest": ")" + std::string(60'000, 'x') + "\"}";
  int read = 0;
  const Result<std::string> resolved =
      ResolveInput(input, "{}", [&](const std::string&) -> const std::string* {
        ++read;
        return &result;
      });
  ASSERT_TRUE(resolved) << resolved.error().message;
  EXPECT_EQ(resolved->substr(0, 9), "[7,7,7,7,");
  EXPECT_EQ(read, 2);
}

TEST(References, AreReplacedByWhatTheyPointTo) {
  EXPECT_EQ(*Resolve(R"({"at": {"$result": "/flight/seat/row"}})"), R"({"at":12})");
  EXPECT_EQ(*Resolve(R"([{"$result": "/flight/prices/1"}, {"$result": "/hotel"}])"), "[80,null]");
  EXPECT_EQ(*Resolve(R"({"$result": "/flight/a~1b"})"), "1");
  EXPECT_EQ(*Resolve(R"({"$input": "/customer"})", R"({"customer": {"id": 7}})"), R"({"id":7})");
  EXPECT_EQ(*Resolve(R"({"$input": ""})", "[1]"), "[1]");
  EXPECT_EQ(*Resolve(R"({"\u0024input": ""})", "[1]"), "[1]") << "a key may be spelt with escapes";
}

TEST(References, InputWithoutThemStaysAsItWasWritten) {
  EXPECT_EQ(*Resolve(R"({"amount": 1.10,  "n": 12345678901234567890123})"),
            R"({"amount": 1.10,  "n": 12345678901234567890123})");
}

TEST(References, AResultThatLooksLikeAReferenceIsNone) {
  EXPECT_EQ(*Resolve(R"({"$input": "/x"})", R"({"x": {"$input": "/y"}})"), R"({"$input":"/y"})");
}

TEST(References, WhatPointsToNothingIsNamed) {
  for (const auto& [input, what] : std::vector<std::pair<std::string, std::string>>{
           {R"({"$result": "/flight/price"})", "step flight has nothing at /price"},
           {R"({"$result": "/flight/prices/2"})", "step flight has nothing at /prices/2"},
           {R"({"$result": "/flight/prices/01"})", "step flight has nothing at /prices/01"},
           {R"({"$result": "/flight/prices/-"})", "step flight has nothing at /prices/-"},
           {R"({"$result": "/flight/prices/99999999999999999999"})", "has nothing at /prices/9"},
           {R"({"$result": "/flight/prices/x"})", "has nothing at /prices/x"},
           {R"({"$result": "/hotel/room"})", "step hotel has nothing at /room"},
           {R"({"$result": "/torn"})", "step torn has nothing at "},
           {R"({"$result": "/car"})", "the result of step car is not known"},
           {R"({"$input": "/customer"})", "the saga's input has nothing at /customer"},
       }) {
    const Result<std::string> resolved = Resolve(input);
    ASSERT_FALSE(resolved) << input << " became " << *resolved;
    EXPECT_EQ(resolved.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(resolved.error().message, HasSubstr(what));
  }
}

TEST(References, AnInputMustNotGrowWithoutBound) {
  std::string input = "[0";
  for (int i = 0; i < 20; ++i) input += R"(,{"$input": ""})";
  const Result<std::string> resolved = Resolve(input + "]", "\"" + std::string(30'000, 'x') + "\"");
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(resolved.error().message, HasSubstr("longer than 524288 bytes"));
}

TEST(References, NameEachStepOnce) {
  EXPECT_THAT(*StepsReferredTo(R"({"a": {"$result": "/x/1"}, "b": [{"$result": "/y"},
                                   {"$result": "/x/2"}], "c": {"$input": "/z"}})"),
              ElementsAre("x", "y"));
  EXPECT_THAT(*StepsReferredTo("{}"), IsEmpty());
}

TEST(References, WhatIsNoReferenceIsRefusedWithItsPlace) {
  for (const auto& [input, what] : std::vector<std::pair<std::string, std::string>>{
           {"{", "this is not JSON"},
           {"", "this is not JSON"},
           {R"({"a": {"$results": "/x"}})", R"("/a" has a key that begins with "$")"},
           {R"({"$result": "/x", "y": 1})", R"(the input has a key that begins with "$")"},
           {R"({"a": [0, {"$result": 7}]})", R"("/a/1": $result must be a JSON Pointer)"},
           {R"({"$result": ""})", "does not name a step"},
           {R"({"$result": "/"})", "does not name a step"},
           {R"({"$result": "x/y"})", "does not name a step"},
           {R"({"$result": "//y"})", "does not name a step"},
           {R"({"$result": "/x/~2"})", "is not a JSON Pointer"},
           {R"({"$input": "x"})", "is not a JSON Pointer"},
           {"{\"a\nb\": {\"$result\": 1}}", "this is not JSON"},
           {"{\"a\\u001b\": {\"$result\": 1}}", "/a\\x1b"},
       }) {
    const auto steps = StepsReferredTo(input);
    ASSERT_FALSE(steps) << input;
    EXPECT_EQ(steps.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(steps.error().message, HasSubstr(what)) << input;
  }
}

TEST(JsonText, N04_DeepTextIsRefusedBeforeItTakesStack) {
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']')));
  const auto deep = ParseJson(std::string(10'000'000, '['));
  ASSERT_FALSE(deep);
  EXPECT_THAT(deep.error().message, HasSubstr("nested deeper than 64"));
  EXPECT_TRUE(ParseJson("[\"" + std::string(100, '[') + "\\\"\"]"))
      << "brackets within a text are no nesting";
}

TEST(JsonText, WhatIsNoJsonIsRefusedAndEscaped) {
  for (const char* text : {"nul", "{\"a\":}", "\"\xff\"", "1 2", "{\"a\":1e999}", "'a'", "[1,]"}) {
    const auto json = ParseJson(text);
    ASSERT_FALSE(json) << text;
    EXPECT_THAT(json.error().message, HasSubstr("this is not JSON: "));
    EXPECT_THAT(json.error().message, testing::Not(HasSubstr("\xff")));
  }
}

// Inputs and results are business data, and errors go into logs.
TEST(JsonText, X04_WhatIsNoJsonIsNotRepeated) {
  for (const char* text : {"5ecret", "{\"pin\": 5ecret}", "{\"pin\": \"5ecret", "\"5ecret\n\"",
                           "{\"pin\": 5.5e5555}", "{\"5ecret\" 1}", "{\"a\": 1} 5ecret"}) {
    const auto json = ParseJson(text);
    ASSERT_FALSE(json) << text;
    EXPECT_THAT(json.error().message, testing::Not(HasSubstr("5ec"))) << text;
    EXPECT_THAT(json.error().message, testing::Not(HasSubstr("5.5e"))) << text;
  }
}

}  // namespace
}  // namespace settle::coordinator::saga
