//===- RecordSignatures.h - names, shapes and types outlive lowering ------===//
//
// Names, shapes and element types are read from a function before it is lowered and stay with it as the attribute
//
//   lowbit.signature = {inputs = [{name = "ids", type = tensor<1x128xi64>}, …], outputs = […]}
//
// because the LLVM dialect keeps none of them. Names come from the argument and result attribute `lowbit.name`;
// `lowbit.type`, a type, refines a signless element type (`ui8` for codes that numpy should see as uint8).
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PIPELINES_RECORDSIGNATURES_H
#define LOWBIT_PIPELINES_RECORDSIGNATURES_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {

/// The attribute of a function that says what it takes and gives.
inline constexpr StringLiteral signatureAttrName = "lowbit.signature";

/// Puts the attribute on every public function with a body that has none.
void recordSignatures(ModuleOp module);

} // namespace mlir::lowbit

#endif // LOWBIT_PIPELINES_RECORDSIGNATURES_H
