//===- ExposeSites.cpp - sites as results of the function -----------------===//
//
// Invariant: what the function returned before it returns still, first; an exposed value is the site's sum of products, before any
// epilogue.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_EXPOSESITESPASS
#include "lowbit/Transforms/Passes.h.inc"

/// The sum of `op` without its epilogue.
static Value exposeSum(ContractOp op) {
  if (!op.hasEpilogue())
    return op.getResult();
  OpBuilder builder(op);
  builder.setInsertionPointAfter(op);
  Location loc = op.getLoc();
  Value init = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, op.getInit()), op.getSumType());
  Attribute maps[3];
  llvm::copy(op.getIndexingMaps().getValue().take_front(3), maps);
  auto sum =
      ContractOp::create(builder, loc, init.getType(), op.getLhs(), op.getLhsScales(), op.getLhsZeros(), op.getRhs(), op.getRhsScales(),
                         op.getRhsZeros(), init, ValueRange(), builder.getArrayAttr(maps), op.getLhsSchemeAttr(), op.getRhsSchemeAttr());
  return sum.getResult();
}

/// What a named op sums up, or null where it is none that sums products.
static Value exposeSite(Operation *op) {
  if (auto contract = dyn_cast<ContractOp>(op))
    return exposeSum(contract);
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (linalgOp && linalgOp.getNumReductionLoops() > 0 && op->getNumResults() == 1)
    return op->getResult(0);
  return {};
}

static LogicalResult exposeSites(func::FuncOp function) {
  if (!function.isPublic() || function.isExternal())
    return success();
  if (!function.getBody().hasOneBlock())
    return function.emitOpError() << "has several blocks; expose sites before control flow is lowered";
  SmallVector<std::pair<StringAttr, Operation *>> sites;
  for (Operation &op : function.getBody().front())
    if (auto site = op.getAttrOfType<StringAttr>(kSiteAttr))
      sites.emplace_back(site, &op);
  Operation *exit = function.getBody().front().getTerminator();
  SmallVector<Value> values(exit->getOperands());
  Builder builder(function.getContext());
  for (auto [site, op] : sites) {
    Value value = exposeSite(op);
    if (!value)
      continue;
    NamedAttribute name = builder.getNamedAttr(kNameAttr, builder.getStringAttr("site:" + site.getValue()));
    if (failed(function.insertResult(function.getNumResults(), value.getType(), builder.getDictionaryAttr(name))))
      return failure();
    values.push_back(value);
  }
  exit->setOperands(values);
  return success();
}

namespace {
struct ExposeSitesPass final : impl::ExposeSitesPassBase<ExposeSitesPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(exposeSites(function)))
        return signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
