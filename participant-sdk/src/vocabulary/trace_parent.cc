#include "settle/vocabulary/trace_parent.h"

namespace settle {
namespace {

// "00-" trace id "-" parent id "-" flags
constexpr std::size_t kTraceId = 3;
constexpr std::size_t kTraceIdSize = 32;
constexpr std::size_t kSpanId = 36;
constexpr std::size_t kSpanIdSize = 16;
constexpr std::size_t kFlags = 53;
constexpr std::size_t kSize = 55;

bool IsHex(std::string_view text) {  // capitals are not allowed
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

// All that a later version has in common with this one. Bits of its flags may mean something else.
std::string OfVersion00(std::string_view later) {
  const std::string_view flags = TraceFlagsOf(later);
  const bool sampled = std::string_view("13579bdf").find(flags[1]) != std::string_view::npos;
  return "00" + std::string(later.substr(2, kFlags - 2)) + (sampled ? "01" : "00");
}

std::string_view Part(std::string_view trace_parent, std::size_t at, std::size_t size) {
  return trace_parent.size() < kSize ? std::string_view() : trace_parent.substr(at, size);
}

}  // namespace

std::string_view TraceIdOf(std::string_view trace_parent) {
  return Part(trace_parent, kTraceId, kTraceIdSize);
}
std::string_view SpanIdOf(std::string_view trace_parent) {
  return Part(trace_parent, kSpanId, kSpanIdSize);
}
std::string_view TraceFlagsOf(std::string_view trace_parent) {
  return Part(trace_parent, kFlags, kSize - kFlags);
}

std::string TraceParentFrom(std::string_view header) {
  if (header.size() < kSize) return {};
  const std::string_view version = header.substr(0, 2);
  const bool dashes = header[2] == '-' && header[kSpanId - 1] == '-' && header[kFlags - 1] == '-';
  if (!dashes || !IsHex(version) || version == "ff") return {};
  if (!IsHex(TraceIdOf(header)) || IsZero(TraceIdOf(header))) return {};
  if (!IsHex(SpanIdOf(header)) || IsZero(SpanIdOf(header))) return {};
  if (!IsHex(TraceFlagsOf(header))) return {};
  if (version == "00") return header.size() == kSize ? std::string(header) : std::string();
  if (header.size() > kSize && header[kSize] != '-') return {};
  return OfVersion00(header);
}

}  // namespace settle
