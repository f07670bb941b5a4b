//===- binary.cpp - products of bits as one writes them by hand -----------===//
// Law: what intrinsics and templates reach with a day's work; a measure for generated code, no part of it.

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace {

constexpr int columns = 16; // of a register of 32-bit sums

/// A panel holds 16 columns: for every 32 bits of the reduction, a word of each.
template <int rows, int panels>
__attribute__((always_inline)) inline void multiplyTile(const uint32_t *a, const uint32_t *b, int32_t *c, long n, long words) {
  __m512i sums[rows][panels];
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; ++row)
#pragma clang loop unroll(full)
    for (int panel = 0; panel < panels; ++panel)
      sums[row][panel] = _mm512_setzero_si512();
  for (long word = 0; word < words; ++word) {
    __m512i right[panels];
#pragma clang loop unroll(full)
    for (int panel = 0; panel < panels; ++panel)
      right[panel] = _mm512_load_si512(b + (panel * words + word) * columns);
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; ++row)
#pragma clang loop unroll(full)
      for (int panel = 0; panel < panels; ++panel) {
        __m512i differing = _mm512_xor_si512(right[panel], _mm512_set1_epi32(static_cast<int32_t>(a[row * words + word])));
        sums[row][panel] = _mm512_add_epi32(sums[row][panel], _mm512_popcnt_epi32(differing));
      }
  }
  __m512i bits = _mm512_set1_epi32(static_cast<int32_t>(words * 32));
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; ++row)
#pragma clang loop unroll(full)
    for (int panel = 0; panel < panels; ++panel)
      _mm512_storeu_si512(c + row * n + panel * columns, _mm512_sub_epi32(bits, _mm512_slli_epi32(sums[row][panel], 1)));
}

struct Product {
  long m, n, words;
  const uint32_t *a, *b;
  int32_t *c;
};

template <int rows> void multiplyRows(const Product &product, long &row, long column) {
  for (; row + rows <= product.m; row += rows)
    multiplyTile<rows, 2>(product.a + row * product.words, product.b + column * product.words, product.c + row * product.n + column,
                          product.n, product.words);
}

} // namespace

/// C [m, n] i32 = K - 2 popcount(A xor B); bits set are -1. A [m, words] row-major, B in panels; n is a multiple of 64.
extern "C" void binary_matmul(void *context) {
  const Product &product = *static_cast<const Product *>(context);
  if (product.m == 1) {
    for (long column = 0; column < product.n; column += 4 * columns)
      multiplyTile<1, 4>(product.a, product.b + column * product.words, product.c + column, product.n, product.words);
    return;
  }
  for (long column = 0; column < product.n; column += 2 * columns) {
    long row = 0;
    multiplyRows<12>(product, row, column);
    multiplyRows<8>(product, row, column);
    multiplyRows<4>(product, row, column);
    multiplyRows<1>(product, row, column);
  }
}
