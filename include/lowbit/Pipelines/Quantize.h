//===- Quantize.h - the two halves of quantization ------------------------===//
#ifndef LOWBIT_PIPELINES_QUANTIZE_H
#define LOWBIT_PIPELINES_QUANTIZE_H

#include "lowbit/Recipes/Recipe.h"
#include "mlir/IR/Location.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::lowbit {

/// From a float model to one that computes on the reals that codes stand for: sites have names and schemes, and algorithms have run.
/// `loaded` is what `recipe` says; without it, no algorithm is added. Failure after an error: an algorithm that is not there.
LogicalResult buildInsertCodesPipeline(OpPassManager &pm, const std::string &recipe, const std::string &stats, const Recipe *loaded,
                                       LocationAttr loc);

/// From there to one that computes on codes, its weights packed.
void buildFoldCodesPipeline(OpPassManager &pm);

} // namespace mlir::lowbit

#endif // LOWBIT_PIPELINES_QUANTIZE_H
