//===- Quantize.h - the two halves of quantization ------------------------===//
#ifndef LOWBIT_PIPELINES_QUANTIZE_H
#define LOWBIT_PIPELINES_QUANTIZE_H

#include "mlir/IR/Location.h"
#include <string>

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace mlir::lowbit {

/// From a float model to one that computes on the reals that codes stand for: sites have names and schemes, and the algorithms of `recipe`
/// have run. Failure after an error at `loc`: a recipe that is none, or an algorithm that is not there.
LogicalResult buildInsertCodesPipeline(OpPassManager &pm, const std::string &recipe, const std::string &stats, Location loc);

/// From there to one that computes on codes, its weights packed.
void buildFoldCodesPipeline(OpPassManager &pm);

/// What passes of both halves make, whatever the recipe.
void getQuantizeDialects(DialectRegistry &registry);

} // namespace mlir::lowbit

#endif // LOWBIT_PIPELINES_QUANTIZE_H
