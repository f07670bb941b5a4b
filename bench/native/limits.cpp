//===- limits.cpp - what one core of this machine can do at most ----------===//
// Law: loops are assembly, so that no optimizer changes what is measured; the best of many short runs counts, and a machine without the
// instruction answers 0.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <immintrin.h>
#include <memory>
#include <string_view>

namespace {

using Clock = std::chrono::steady_clock;

// Sixteen independent chains: more than the product of latency and width of any unit here.
#define BENCH_TEXT_(x) #x
#define BENCH_TEXT(x) BENCH_TEXT_(x)
#define BENCH_TEN(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
#define BENCH_SIXTEEN(X) BENCH_TEN(X) X(10) X(11) X(12) X(13) X(14) X(15)

#define BENCH_LOOP(name, body)                                                                                                             \
  void name(long count) {                                                                                                                  \
    asm volatile("vpxord %%zmm30, %%zmm30, %%zmm30\n\tvpxord %%zmm31, %%zmm31, %%zmm31\n\t.p2align 6\n1:\n\t" body "dec %0\n\tjnz 1b"      \
                 : "+r"(count)                                                                                                             \
                 :                                                                                                                         \
                 : "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10", "zmm11", "zmm12", "zmm13",     \
                   "zmm14", "zmm15", "zmm20", "zmm21", "zmm22", "zmm23", "zmm24", "zmm25", "zmm26", "zmm27", "zmm28", "zmm29", "zmm30",    \
                   "zmm31", "cc");                                                                                                         \
  }

#define BENCH_DOT(i) "vpdpbusd %%zmm30, %%zmm31, %%zmm" BENCH_TEXT(i) "\n\t"
#define BENCH_FMA(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" BENCH_TEXT(i) "\n\t"
#define BENCH_BF16(i) "vdpbf16ps %%zmm30, %%zmm31, %%zmm" BENCH_TEXT(i) "\n\t"
// One register of products of bits: xor, count, add to one of ten sums.
#define BENCH_BITS(i)                                                                                                                      \
  "vpxorq %%zmm30, %%zmm31, %%zmm2" BENCH_TEXT(i) "\n\t"                                                                                   \
                                                  "vpopcntq %%zmm2" BENCH_TEXT(i) ", %%zmm2" BENCH_TEXT(                                   \
                                                      i) "\n\t"                                                                            \
                                                         "vpaddq %%zmm2" BENCH_TEXT(i) ", %%zmm" BENCH_TEXT(i) ", %%zmm" BENCH_TEXT(       \
                                                             i) "\n\t"

BENCH_LOOP(dotProducts, BENCH_SIXTEEN(BENCH_DOT))
BENCH_LOOP(multiplyAdds, BENCH_SIXTEEN(BENCH_FMA))
BENCH_LOOP(bf16Products, BENCH_SIXTEEN(BENCH_BF16))
BENCH_LOOP(bitCounts, BENCH_TEN(BENCH_BITS))

struct Limit {
  std::string_view name;
  bool available;
  void (*loop)(long);
  double operationsPerIteration;
};

/// A product and its addition are two operations.
const Limit *findLimit(std::string_view name) {
  __builtin_cpu_init();
  bool vnni = __builtin_cpu_supports("avx512vnni"), floats = __builtin_cpu_supports("avx512f");
  bool bf16 = __builtin_cpu_supports("avx512bf16"), counts = __builtin_cpu_supports("avx512vpopcntdq");
  static const Limit limits[] = {{"vpdpbusd", vnni, dotProducts, 16 * 128.},
                                 {"fma", floats, multiplyAdds, 16 * 32.},
                                 {"vdpbf16ps", bf16, bf16Products, 16 * 64.},
                                 {"xor+vpopcntq+add", counts, bitCounts, 10 * 1024.}};
  for (const Limit &limit : limits)
    if (limit.name == name && limit.available)
      return &limit;
  return nullptr;
}

/// Reads `numBytes`, a multiple of 512, once, from `streams` places at a time. Which of the forms is fastest differs from level to level:
/// prefetching takes DRAM to its limit and costs loads in the first cache; several streams help in the third.
template <int streams, bool prefetch> __attribute__((target("avx512f"))) void readAll(const char *data, size_t numBytes) {
  __m512i sums[8] = {};
  constexpr size_t lines = 8 / streams;
  for (size_t i = 0; i < numBytes / streams; i += lines * 64)
#pragma clang loop unroll(full)
    for (size_t line = 0; line < 8; ++line) {
      const char *address = data + line / lines * (numBytes / streams) + i + line % lines * 64;
      if (prefetch)
        _mm_prefetch(address + 4096, _MM_HINT_T0);
      sums[line] = _mm512_or_si512(sums[line], _mm512_load_si512(address));
    }
  for (__m512i sum : sums)
    asm volatile("" ::"v"(sum));
}

template <typename Function> double getSeconds(Function function) {
  Clock::time_point start = Clock::now();
  function();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

} // namespace

/// Operations a second of the loop called `name`, the best of `repeat` runs of about a quarter of a millisecond; 0 where there is none.
extern "C" double bench_limit(const char *name, int repeat) {
  const Limit *limit = findLimit(name);
  if (!limit)
    return 0;
  constexpr long count = 60000;
  double best = 1e9;
  for (int i = 0; i < repeat; ++i)
    best = std::min(best, getSeconds([&] { limit->loop(count); }));
  return count * limit->operationsPerIteration / best;
}

/// Bytes a second, read again and again from `numBytes` of memory that are kept between calls of the same size; 0 where AVX512
/// is missing.
extern "C" double bench_read_limit(size_t numBytes, int repeat) {
  static std::unique_ptr<char, decltype(&std::free)> data(nullptr, &std::free);
  static size_t size = 0;
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512f"))
    return 0;
  numBytes = (numBytes + 511) / 512 * 512;
  if (size != numBytes) {
    constexpr size_t page = 1 << 21;
    data.reset(static_cast<char *>(std::aligned_alloc(page, (numBytes + page - 1) / page * page)));
    if (!data)
      return 0;
    std::memset(data.get(), 1, numBytes);
    size = numBytes;
  }
  long passes = std::max<size_t>(1, (size_t(16) << 20) / numBytes);
  double best = 1e9;
  for (int i = 0; i < repeat; ++i)
    for (auto *read : {readAll<1, false>, readAll<1, true>, readAll<4, false>})
      best = std::min(best, getSeconds([&] {
                        for (long pass = 0; pass < passes; ++pass)
                          read(data.get(), numBytes);
                      }));
  return static_cast<double>(numBytes) * passes / best;
}
