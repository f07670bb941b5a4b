//===- LowerReference.cpp - the meaning of the dialect --------------------===//

#include "lowbit/Conversion/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERREFERENCEPASS
#include "lowbit/Conversion/Passes.h.inc"

namespace {
struct LowerReferencePass final : impl::LowerReferencePassBase<LowerReferencePass> {
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::lowbit
