//===- Register.h - foreign ops join quantization -------------------------===//
#ifndef LOWBIT_EXTERNALMODELS_REGISTER_H
#define LOWBIT_EXTERNALMODELS_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace mlir::lowbit {

void registerLinalgModels(DialectRegistry &registry);
void registerTensorModels(DialectRegistry &registry);

/// All of them.
inline void registerExternalModels(DialectRegistry &registry) {
  registerLinalgModels(registry);
  registerTensorModels(registry);
}

/// The base of every pass that asks foreign ops for our interfaces. A pass plugin that is loaded without the dialect plugin would
/// otherwise find no interface on any op, and do nothing in silence.
template <typename GeneratedBase> struct PassWithModels : GeneratedBase {
  using GeneratedBase::GeneratedBase;
  void getDependentDialects(DialectRegistry &registry) const override {
    GeneratedBase::getDependentDialects(registry);
    registerExternalModels(registry);
  }
};

} // namespace mlir::lowbit

#endif // LOWBIT_EXTERNALMODELS_REGISTER_H
