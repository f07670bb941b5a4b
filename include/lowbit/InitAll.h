//===- InitAll.h - everything of ours, registered at once -----------------===//
#ifndef LOWBIT_INITALL_H
#define LOWBIT_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::lowbit {

/// The dialect and the external models that join foreign ops.
void registerAllDialects(DialectRegistry &registry);
/// All passes and pipelines.
void registerAllPasses();

} // namespace mlir::lowbit

#endif // LOWBIT_INITALL_H
