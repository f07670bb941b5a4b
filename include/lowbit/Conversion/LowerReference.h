//===- LowerReference.h - the reference lowering, in parts ----------------===//
//
// `lowbit-lower-reference` is `convertCodeTypes` and then these patterns, greedily. Passes that lower some ops themselves
// leave the others to it.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_CONVERSION_LOWERREFERENCE_H
#define LOWBIT_CONVERSION_LOWERREFERENCE_H

namespace mlir {
class Operation;
class RewritePatternSet;
} // namespace mlir

namespace mlir::lowbit {

/// Replaces `!lowbit.code` by its storage type everywhere in and below `root`, constants included. The ops of the dialect are left
/// with storage types, which only the patterns below accept.
void convertCodeTypes(Operation *root);

/// quantize, dequantize.
void populateLowerQuantizePatterns(RewritePatternSet &patterns);
/// compute_scales.
void populateLowerScalesPatterns(RewritePatternSet &patterns);
/// fake_quant and its gradient.
void populateLowerFakeQuantPatterns(RewritePatternSet &patterns);
/// requantize.
void populateLowerRequantizePatterns(RewritePatternSet &patterns);
/// contract.
void populateLowerContractPatterns(RewritePatternSet &patterns);
/// to_bits, from_bits.
void populateLowerBitsPatterns(RewritePatternSet &patterns);
/// pack, unpack, lookup, and constants of codes that no memory can hold.
void populateLowerPackPatterns(RewritePatternSet &patterns);
/// All of the above.
void populateLowerReferencePatterns(RewritePatternSet &patterns);

} // namespace mlir::lowbit

#endif // LOWBIT_CONVERSION_LOWERREFERENCE_H
