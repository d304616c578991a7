// The two values that keep an open transaction small.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "protocol/seldom.h"
#include "protocol/shared_text.h"

namespace settle::coordinator {
namespace {

using Numbers = std::vector<int>;

TEST(Seldom, ReadsAsEmptyAndIsMadeByTheFirstChange) {
  Seldom<Numbers> numbers;
  EXPECT_TRUE(numbers.OrEmpty().empty());
  EXPECT_FALSE(numbers.has_value()) << "reading makes nothing";
  numbers.Change().push_back(7);
  EXPECT_EQ(numbers.OrEmpty(), Numbers{7});
  EXPECT_TRUE(Seldom<Numbers>().OrEmpty().empty()) << "of another one nothing is changed";
}

TEST(Seldom, IsCopiedWithWhatItHas) {
  Seldom<Numbers> one = Numbers{1};
  Seldom<Numbers> copy = one;
  one->push_back(2);
  EXPECT_EQ(*copy, Numbers{1});
  copy = one;
  EXPECT_EQ(*copy, (Numbers{1, 2}));
  copy = Seldom<Numbers>();
  EXPECT_FALSE(copy);
}

TEST(Seldom, IsTakenOutAndLeftWithoutOne) {
  Seldom<Numbers> numbers = Numbers{1};
  EXPECT_EQ(*std::exchange(numbers, std::nullopt), Numbers{1});
  EXPECT_FALSE(numbers);
  numbers.emplace(2, 5);
  EXPECT_EQ(*numbers, (Numbers{5, 5}));
  numbers.reset();
  EXPECT_FALSE(numbers);
}

TEST(Seldom, CostsAPointerWhereThereIsNone) {
  EXPECT_EQ(sizeof(Seldom<std::map<int, Numbers>>), sizeof(void*));
}

TEST(SharedText, IsUsedAsAString) {
  const SharedText bank = "bank";
  EXPECT_EQ(bank, "bank");
  EXPECT_EQ(bank, std::string("bank"));
  EXPECT_NE(bank, SharedText("shop"));
  EXPECT_EQ("in " + bank + "!", "in bank!");
  const std::string& text = bank;
  EXPECT_EQ(text, "bank");
}

TEST(SharedText, ACopyIsTheSameText) {
  const SharedText one = std::string(100, 'x');
  SharedText copy = one;
  EXPECT_EQ(&copy.str(), &one.str());
  copy = "other";
  EXPECT_EQ(one, std::string(100, 'x')) << "another text, not that one changed";
  EXPECT_EQ(SharedText(std::string(100, 'x')), one) << "alike, if not the same";
}

TEST(SharedText, OfNothingIsEmptyAndOnePointer) {
  SharedText text = "";
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text, SharedText());
  text = "bank";
  text.clear();
  EXPECT_EQ(text.str(), "");
  EXPECT_EQ(sizeof text, sizeof(void*));
}

TEST(RecentTexts, GiveTheSameTextAgainUntilAnotherTookItsPlace) {
  RecentTexts texts;
  const SharedText one = texts.Of(std::string(100, 'x'));
  EXPECT_EQ(&texts.Of(std::string(100, 'x')).str(), &one.str());
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(texts.Of(std::to_string(i)), std::to_string(i));
  }
  EXPECT_EQ(texts.Of(one), one) << "the same words, if not the same text";
}

}  // namespace
}  // namespace settle::coordinator
