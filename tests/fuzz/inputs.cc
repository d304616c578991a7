#include "inputs.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>

namespace settle::fuzz {
namespace {

class Mutation {
 public:
  Mutation(const std::vector<std::string>& seeds, std::uint32_t number)
      : seeds_(seeds), chance_(number), bytes_(AnySeed()) {}

  std::string Take() {
    for (std::uint32_t left = 1 + Below(8); left > 0; --left) Change();
    return std::move(bytes_);
  }

 private:
  std::uint32_t Below(std::size_t end) {
    return static_cast<std::uint32_t>(chance_() % std::max<std::size_t>(end, 1));
  }
  const std::string& AnySeed() { return seeds_[Below(seeds_.size())]; }

  void Change() {
    const std::size_t at = Below(bytes_.size() + 1);
    switch (Below(8)) {
      case 0: return Overwrite(at, std::string(1, static_cast<char>(Below(256))));
      case 1:
        if (at < bytes_.size()) bytes_[at] = static_cast<char>(bytes_[at] ^ (1 << Below(8)));
        return;
      case 2: return Overwrite(at, ExtremeNumber());
      case 3: bytes_.erase(at, Below(16)); return;
      case 4: return Insert(at, bytes_.substr(at, Below(32)));
      case 5: return Insert(at, PieceOf(AnySeed()));
      case 6: return Overwrite(at, PieceOf(AnySeed()));
      default:
        if (Below(4) == 0) bytes_.resize(at);
        return;
    }
  }

  void Overwrite(std::size_t at, const std::string& piece) {
    if (at + piece.size() <= std::max(bytes_.size(), kInputMost))
      bytes_.replace(at, piece.size(), piece);
  }
  void Insert(std::size_t at, const std::string& piece) {
    if (bytes_.size() + piece.size() <= kInputMost) bytes_.insert(at, piece);
  }
  std::string PieceOf(const std::string& seed) {
    return seed.substr(Below(seed.size() + 1), Below(64));
  }

  // Of one, two, four or eight bytes, in either order: about zero, or about the greatest or least
  // that so many bytes hold.
  std::string ExtremeNumber() {
    const std::size_t size = std::size_t{1} << Below(4);
    const std::uint64_t about[] = {0, ~std::uint64_t{0}, std::uint64_t{1} << (8 * size - 1)};
    const std::uint64_t number = about[Below(std::size(about))] + Below(3) - 1;
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(number >> (8 * i));
    if (Below(2) == 0) std::reverse(bytes.begin(), bytes.end());
    return bytes;
  }

  const std::vector<std::string>& seeds_;
  std::minstd_rand chance_;
  std::string bytes_;
};

}  // namespace

std::vector<std::string> Seeds(const std::string& target) {
  const char* const source = std::getenv("SETTLE_SOURCE");
  if (source == nullptr) throw std::runtime_error("SETTLE_SOURCE is not set");
  const auto folder = std::filesystem::path(source) / "tests/fuzz/seeds" / target;
  std::vector<std::string> seeds;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (seeds.empty()) throw std::runtime_error("no seeds in " + folder.string());
  std::sort(seeds.begin(), seeds.end());
  return seeds;
}

std::string Variation(const std::vector<std::string>& seeds, std::uint32_t number) {
  return Mutation(seeds, number).Take();
}

}  // namespace settle::fuzz
