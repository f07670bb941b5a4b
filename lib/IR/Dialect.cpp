//===- Dialect.cpp - registration of the lowbit dialect -------------------===//

#include "Bytecode.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/GPUArchitecture.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "lowbit/IR/LowbitDialect.cpp.inc"
#include "lowbit/IR/LowbitEnums.cpp.inc"
#include "lowbit/Interfaces/AttrInterfaces.cpp.inc"
#include "lowbit/Interfaces/OpInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "lowbit/IR/LowbitAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "lowbit/IR/LowbitTypes.cpp.inc"

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitOps.cpp.inc"

namespace mlir::lowbit {

/// Appends every attribute of `AttrTs` that is a target; targets have no parameters.
template <typename... AttrTs> static void appendTargets(MLIRContext *context, SmallVectorImpl<Attribute> &targets) {
  auto append = [&](auto attr) {
    using AttrT = decltype(attr);
    if constexpr (std::is_base_of_v<QuantTargetAttrInterface::Trait<AttrT>, AttrT>)
      targets.push_back(AttrT::get(context));
  };
  (append(AttrTs()), ...);
}

void LowbitDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lowbit/IR/LowbitAttributes.cpp.inc"
      >();
  appendTargets<
#define GET_ATTRDEF_LIST
#include "lowbit/IR/LowbitAttributes.cpp.inc"
      >(getContext(), targets);
}

void LowbitDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "lowbit/IR/LowbitTypes.cpp.inc"
      >();
}

void LowbitDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "lowbit/IR/LowbitOps.cpp.inc"
      >();
  addBytecodeInterface(*this);
}

Operation *LowbitDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

Attribute LowbitDialect::parsePolicy(MLIRContext *context, StringRef text) {
  ScopedDiagnosticHandler silence(context, [](Diagnostic &) { return success(); });
  return ::mlir::parseAttribute(("#lowbit." + text).str(), context);
}

LogicalResult CodeType::verify(function_ref<InFlightDiagnostic()> emitError, NumberFormatAttrInterface format) {
  // The format asks for its code type, so ask it only for what does not lead back here.
  if (!format)
    return emitError() << "code type needs a number format such as `#lowbit.ternary`";
  return success();
}

} // namespace mlir::lowbit
