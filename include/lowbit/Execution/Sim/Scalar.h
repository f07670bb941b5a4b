//===- Scalar.h - integer instructions of one lane ------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_SCALAR_H
#define LOWBIT_EXECUTION_SIM_SCALAR_H

#include <cstdint>

namespace mlir::lowbit::sim {

/// c plus four products of bytes; wraps.
uint32_t dp4a(bool aSigned, bool bSigned, uint32_t a, uint32_t b, uint32_t c);

/// c plus two products of a's 16-bit halves with b's low or high two bytes.
uint32_t dp2a(bool high, bool aSigned, bool bSigned, uint32_t a, uint32_t b, uint32_t c);

/// prmt: bytes of b:a. `Index` takes four selectors, whose bit 3 says to repeat the byte's sign; the others take one selector of 2 bits.
enum class Permute : uint8_t { Index, Forward4, Backward4, Replicate8, ClampLeft, ClampRight, Replicate16 };
uint32_t prmt(Permute mode, uint32_t a, uint32_t b, uint32_t selector);

/// Bit i of the result is bit abc of the table.
uint32_t lop3(uint32_t a, uint32_t b, uint32_t c, uint8_t table);

/// shf: the upper (left) or lower (right) word of high:low shifted; `wrap` takes the count modulo 32, else it stops at 32.
uint32_t funnelShift(bool left, bool wrap, uint32_t low, uint32_t high, uint32_t count);

/// shl, shr: 32 and more shifts everything out.
uint32_t shiftLeft(uint32_t a, uint32_t count);
uint32_t shiftRight(bool isSigned, uint32_t a, uint32_t count);

/// bfe; position and length are 8 bits. A field beyond the word is filled with zeros or its sign.
uint32_t extractField(bool isSigned, uint32_t a, uint32_t position, uint32_t length);

/// bfind: the highest bit that is not the sign, or all ones.
uint32_t findHighest(bool isSigned, uint32_t a);

uint32_t reverseBits(uint32_t a);
uint32_t multiplyHigh(bool isSigned, uint32_t a, uint32_t b);

/// cvt.sat of an integer to `width` bits; cvt.pack.sat puts two of them below the low half of c.
uint32_t saturate(bool toSigned, unsigned width, bool fromSigned, uint32_t a);
uint32_t packSaturated(bool toSigned, uint32_t a, uint32_t b, uint32_t c);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_SCALAR_H
