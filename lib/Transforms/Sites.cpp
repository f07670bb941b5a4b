//===- Sites.cpp - why an op stays float ----------------------------------===//

#include "lowbit/Transforms/Sites.h"
#include "lowbit/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include <cmath>

namespace mlir::lowbit {

FloatAttr getSQNRAttr(MLIRContext *context, double signal, double noise) {
  // Codes that lose nothing have no finite ratio.
  constexpr double kLosslessDecibels = 999;
  double decibels = noise > 0 && signal > 0 ? 10 * std::log10(signal / noise) : kLosslessDecibels;
  return FloatAttr::get(Float32Type::get(context), static_cast<float>(std::min(decibels, kLosslessDecibels)));
}

void reportLeftInFloat(Operation *op, const Twine &reason) {
  std::string text = reason.str();
  op->setAttr(kFloatReasonAttr, StringAttr::get(op->getContext(), text));
  auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
  StringRef name = site ? site.getValue() : op->getName().getStringRef();
  remark::missed(op->getLoc(), getRemarkOptions("left-in-float", op))
      << remark::add("`{0}` stays float", name) << remark::reason("{0}", text);
}

} // namespace mlir::lowbit
