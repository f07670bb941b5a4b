//===- OutlineLoops.cpp - outermost loops as functions of their own -------===//
// Law: the loops run in their order and read and write the same buffers; only how much code shares one register file changes.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_OUTLINELOOPSPASS
#include "lowbit/Transforms/Passes.h.inc"

/// Whether `op` is made again rather than handed over: a constant, a global, a view or an index.
static bool isMadeAgain(Operation *op) {
  return op && isMemoryEffectFree(op) && op->getNumRegions() == 0 &&
         (op->hasTrait<OpTrait::ConstantLike>() || isa<memref::GetGlobalOp, ViewLikeOpInterface, affine::AffineApplyOp>(op));
}

namespace {
/// One loop on its way into a function.
class Outliner {
public:
  explicit Outliner(Operation *loop) : loop(loop) {
    SetVector<Value> used;
    getUsedValuesDefinedAbove(loop->getRegions(), used);
    for (Value operand : loop->getOperands())
      used.insert(operand);
    for (Value value : used)
      require(value);
  }

  void outline(func::FuncOp function, StringRef name) {
    OpBuilder builder(function);
    SmallVector<Type> types = llvm::map_to_vector(arguments, [](Value value) { return value.getType(); });
    auto outlined = func::FuncOp::create(builder, loop->getLoc(), name, builder.getFunctionType(types, {}));
    outlined.setPrivate();
    outlined->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
    Block *body = outlined.addEntryBlock();
    builder.setInsertionPointToStart(body);
    IRMapping mapping;
    mapping.map(arguments.getArrayRef(), body->getArguments());
    for (Operation *op : madeAgain)
      builder.clone(*op, mapping);
    builder.clone(*loop, mapping);
    func::ReturnOp::create(builder, loop->getLoc());
    builder.setInsertionPoint(loop);
    func::CallOp::create(builder, loop->getLoc(), outlined, arguments.getArrayRef());
    loop->erase();
  }

private:
  /// Operands come before what reads them.
  void require(Value value) {
    Operation *op = value.getDefiningOp();
    if (!isMadeAgain(op)) {
      arguments.insert(value);
      return;
    }
    if (madeAgain.contains(op))
      return;
    for (Value operand : op->getOperands())
      require(operand);
    madeAgain.insert(op);
  }

  Operation *loop;
  SetVector<Value> arguments;
  SetVector<Operation *> madeAgain;
};

struct OutlineLoopsPass final : impl::OutlineLoopsPassBase<OutlineLoopsPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (!function.isPublic() || function.isExternal() || !function.getBody().hasOneBlock())
        continue;
      SmallVector<Operation *> loops;
      for (Operation &op : function.getBody().front())
        if (isa<scf::ForOp, scf::ParallelOp>(op) && op.getNumResults() == 0)
          loops.push_back(&op);
      if (loops.size() < 2)
        continue;
      unsigned number = 0;
      for (Operation *loop : loops) {
        std::string name;
        do
          name = (function.getName() + "_loop_" + Twine(number++)).str();
        while (symbols.lookup(name));
        Outliner(loop).outline(function, name);
      }
    }
  }
};
} // namespace
} // namespace mlir::lowbit
